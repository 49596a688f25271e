"""The two syntaxes of Gigaset: what is read, what is odd, what is refused and masked."""

from __future__ import annotations

import pytest
from render_intents import quickly

from provisioning.formats.registry import format_named, rule_of
from provisioning.formats.settings import FormatError
from provisioning.formats.value_rule import why_unfit

NVM = format_named("gigaset_nvm")
SYMB = format_named("gigaset_symb")


def nvm(inside):
    return f'<provisioning version="1.1"><nvm>\n{inside}\n</nvm></provisioning>'.encode()


def test_an_operation_and_its_parameters_are_settings_of_one_handset_each():
    content = nvm(
        '<oper name="DeleteNotProvisionedHS"/>'
        '<oper name="add_hs" value="00001"><param name="hs.RegStatus" value="ToReg"/></oper>'
        '<oper name="add_hs" value="00002"><param name="hs.RegStatus" value=""/></oper>'
        '<param name="SipAccount.00001.AuthName" value="a&amp;b"/>'
    )
    read = NVM.read(content, "x.xml")
    assert (read.problems, read.duplicates) == ((), [])
    assert quickly(read.values) == NVM.scan(content)
    assert read.values["add_hs.00001.hs.RegStatus", None] == "ToReg"
    assert read.values["add_hs.00002.hs.RegStatus", None] == ""
    assert read.values["SipAccount.00001.AuthName", None] == "a&b"


@pytest.mark.parametrize(
    "inside",
    [
        '<param value="1"/>',
        '<item name="x" value="1"/>',
        '<oper name="a" value="1"><oper name="b"/></oper>',
    ],
)
def test_what_is_no_setting_is_a_problem_and_the_quick_reader_gives_up(inside):
    content = nvm(inside)
    assert len(NVM.read(content, "x.xml").problems) == 1
    assert NVM.scan(content) is None


def test_a_setting_twice_and_a_section_too_many_are_not_passed_over():
    twice = nvm('<param name="a" value="1"/><param name="a" value="2"/>')
    assert len(NVM.read(twice, "x.xml").duplicates) == 1
    assert NVM.scan(twice) is None
    other = b"<provisioning><firmware/><nvm/></provisioning>"
    assert len(NVM.read(other, "x.xml").problems) == 1
    assert NVM.scan(other) is None
    for form in (NVM, SYMB):
        with pytest.raises(FormatError, match="root element settings"):
            form.read(b"<settings/>", "x.xml")


def test_only_the_values_of_secret_parameters_are_masked():
    text = nvm('<param name="a.Pass" value="geheim"/>\n<param name="b" value="offen"/>').decode()
    masked = NVM.mask(text, {"a.Pass"})
    assert "geheim" not in masked
    assert 'value="***"' in masked
    assert "offen" in masked
    assert NVM.mask(text, ()) == text


def test_cells_hold_latin_1_and_no_quote():
    rule = rule_of("gigaset_symb", 511)
    assert why_unfit("Müller 'ß'", rule) == ""
    assert "ends a value" in why_unfit('a"b', rule)
    assert "iso-8859-1" in why_unfit("日", rule)
    content = SYMB.encode(
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
        '<ProviderFrame><Provider><MAC_ADDRESS value="7C2F80000001"/>\n'
        '<SYMB_ITEM ID="X.a[0]" class="symb_item" value=\'"Müller"\'/>\n'
        "</Provider></ProviderFrame>\n"
    )
    assert "ü".encode("latin-1") in content
    assert SYMB.read(content, "x.xml").values == {("X.a[0]", None): '"Müller"'}
    assert SYMB.scan(content) == {"X.a[0]": '"Müller"'}
