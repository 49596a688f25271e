"""The XML of Mitel 5300: users by place, keys by line, what is odd, what is masked."""

from __future__ import annotations

import pytest
from render_intents import quickly

from provisioning.formats.registry import format_named
from provisioning.formats.settings import FormatError

MN = format_named("mitel_mn")
FILE = """<Parameter Model="5330e">
<sntp>ntp.example</sntp>
<pkDescription>
<Key Line="2" Fea="7" Des="a &amp; b"></Key>
</pkDescription>
<user_list>
<User State="1" ID="anna" Pwd="geheim" RegPort="5060"></User>
<User State="0" ID="" Pwd=""></User>
</user_list>
</Parameter>
"""


def test_users_are_called_by_place_and_keys_by_line():
    read = MN.read(FILE.encode(), "x.cfg")
    assert (read.problems, read.duplicates) == ((), [])
    assert quickly(read.values) == MN.scan(FILE.encode())
    assert read.values["user[1].ID", None] == "anna"
    assert read.values["user[2].State", None] == "0"
    assert read.values["key[2].Des", None] == "a & b"
    assert read.values["sntp", None] == "ntp.example"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<sntp>ntp.example</sntp>", "<sntp><ip>1.2.3.4</ip></sntp>"),
        ("<User State", "<Person State"),
        ('<Key Line="2"', "<Key"),
    ],
)
def test_what_is_no_setting_is_a_problem_and_the_quick_reader_gives_up(old, new):
    text = FILE.replace(old, new, 1)
    if "Person" in new:
        text = text.replace("</User>", "</Person>", 1)
    assert MN.read(text.encode(), "x.cfg").problems
    assert MN.scan(text.encode()) is None


def test_a_key_twice_is_not_passed_over():
    text = FILE.replace("</pkDescription>", '<Key Line="2" Fea="6"/></pkDescription>')
    assert MN.read(text.encode(), "x.cfg").duplicates
    assert MN.scan(text.encode()) is None


def test_another_root_is_another_file():
    with pytest.raises(FormatError, match="root element settings"):
        MN.read(b"<settings/>", "x.cfg")
    assert MN.scan(b"<settings/>") is None


def test_only_the_values_of_secret_settings_are_masked():
    masked = MN.mask(FILE, {"user[1].Pwd", "sntp"})
    assert 'Pwd="***" RegPort="5060"' in masked
    assert "<sntp>***</sntp>" in masked
    assert "geheim" not in masked
    assert "anna" in masked
    assert MN.mask(FILE, ()) == FILE
