"""The readers: what they find, with which line, and what they refuse."""

from __future__ import annotations

import pytest
from render_intents import quickly

from provisioning.errors import UsageError
from provisioning.formats.registry import format_named, read_settings
from provisioning.formats.settings import FormatError

FLAT = b"#!version:1.0.0.1\n"
XML = b'<?xml version="1.0" encoding="UTF-8"?>\n'


def test_flat_settings_keep_line_and_value():
    file = read_settings(
        "key_value", FLAT + b"# note\n\naccount.1.label = A = B # c\nx=\n", "m.cfg"
    )
    assert [(s.key, s.value, s.line) for s in file.settings] == [
        ("account.1.label", "A = B # c", 4),
        ("x", "", 5),
    ]
    assert str(file.find("x").position) == "m.cfg:5"
    assert file.find("y") is None
    assert file.problems == ()


def test_flat_first_line_must_be_the_version():
    with pytest.raises(FormatError, match=r"m.cfg:1: the first line must be #!version"):
        read_settings("key_value", b"account.1.enable = 1\n", "m.cfg")


def test_flat_joined_lines_are_a_problem_at_their_line():
    text = FLAT + b"account.1.outbound_proxy.1.port = 5060account.1.x = 1 account.1.password = p\n"
    (problem,) = read_settings("key_value", text, "m.cfg").problems
    assert (problem.line, problem.text) == (2, "two settings on one line")


def test_flat_junk_and_a_missing_end_are_problems():
    file = read_settings("key_value", FLAT + b"nonsense\n= 5\nlast = 1", "m.cfg")
    assert [(p.line, p.text) for p in file.problems] == [
        (2, "neither a setting, a comment nor an include"),
        (3, "neither a setting, a comment nor an include"),
        (4, "the last line does not end"),
    ]


def test_flat_includes_are_listed():
    file = read_settings(
        "key_value", FLAT + b'include:config "a.cfg"\ninclude:config <b.cfg>\n', "m.boot"
    )
    assert file.includes == ("a.cfg", "b.cfg")


def test_a_key_written_twice_is_found_and_the_last_one_counts():
    # The message key works on line 1 only: the same index for every line.
    text = FLAT + b"voice_mail.number.1 = 1\nvoice_mail.number.1 = 2\n"
    file = read_settings("key_value", text, "m.cfg")
    ((first, second),) = file.duplicates
    assert (first.line, second.line) == (2, 3)
    assert file.find("voice_mail.number.1").value == "2"
    assert len(file.find_all("voice_mail.number.1")) == 2


def test_not_utf8_names_the_line():
    with pytest.raises(FormatError, match=r"m.cfg:2: not UTF-8"):
        read_settings("key_value", FLAT + "x = Müller".encode("latin-1"), "m.cfg")


SNOM = (
    XML
    + b"""<settings>
  <phone-settings e="2">
    <!-- note -->
    <user_name idx="1" perm="R">anna</user_name>
    <user_name idx="2" perm="R">M&#252;ller &amp; S</user_name>
    <language perm="R">Deu<!-- x -->tsch</language>
  </phone-settings>
  <functionKeys>
    <fkey idx="0" context="1" label="A" perm="R">line</fkey>
  </functionKeys>
</settings>
"""
)


def test_snom_elements_keep_index_line_and_attributes():
    file = read_settings("xml_elements", SNOM, "m.xml")
    second = file.find("user_name", 2)
    assert (second.value, second.line) == ("Müller & S", 6)
    assert file.find("user_name") is None
    assert file.find("language").value == "Deutsch"
    key = file.find("fkey", 0)
    assert (key.attribute("label"), key.attribute("context"), key.attribute("perm")) == (
        "A",
        "1",
        None,
    )


def test_snom_same_element_and_index_twice_is_a_duplicate():
    text = SNOM.replace(b'idx="2"', b'idx="1"')
    ((first, second),) = read_settings("xml_elements", text, "m.xml").duplicates
    assert (first.line, second.line) == (5, 6)


def test_snom_list_of_files():
    text = XML + b'<setting-files><file url="http://x/a.xml"/><file/></setting-files>'
    file = read_settings("xml_elements", text, "m.htm")
    assert file.includes == ("http://x/a.xml",)
    assert [problem.text for problem in file.problems] == ["expected <file url=.../>"]


def test_snom_oddities_are_problems():
    text = XML + (
        b"<settings><wrong/><phone-settings>\n<a idx='x'>1</a>\n<b><c/></b>\n"
        b"</phone-settings></settings>"
    )
    assert [(p.line, p.text) for p in read_settings("xml_elements", text, "m").problems] == [
        (2, "unknown section wrong"),
        (3, "idx is not a number in a"),
        (4, "elements inside b"),
    ]


def test_snom_another_root_is_not_the_layout():
    with pytest.raises(FormatError, match="root element config, expected settings"):
        read_settings("xml_elements", XML + b"<config/>", "m.xml")


POLY = (
    XML
    + b"""<PHONE_CONFIG>
  <reg
    reg.1.address="a@b"
    reg.1.label='x &quot;y&quot;'/>
  <mwi msg.mwi.1.subscribe="" msg.mwi.2.subscribe="a"/>
</PHONE_CONFIG>
"""
)


def test_poly_attributes_have_their_own_lines():
    file = read_settings("xml_attributes", POLY, "m.cfg")
    assert [(s.key, s.value, s.line) for s in file.settings] == [
        ("reg.1.address", "a@b", 4),
        ("reg.1.label", 'x "y"', 5),
        ("msg.mwi.1.subscribe", "", 6),
        ("msg.mwi.2.subscribe", "a", 6),
    ]


def test_poly_attribute_in_two_elements_is_a_duplicate():
    text = POLY.replace(b"msg.mwi.2.subscribe", b"reg.1.address")
    ((first, second),) = read_settings("xml_attributes", text, "m.cfg").duplicates
    assert (first.line, second.line) == (4, 6)


def test_poly_attribute_twice_in_one_element_is_not_xml():
    text = POLY.replace(b"msg.mwi.2.subscribe", b"msg.mwi.1.subscribe")
    with pytest.raises(FormatError, match="not well-formed XML"):
        read_settings("xml_attributes", text, "m.cfg")


def test_poly_master_file_lists_files():
    text = XML + b'<APPLICATION CONFIG_FILES="a.cfg, b.cfg,"/>'
    assert read_settings("xml_attributes", text, "m.cfg").includes == ("a.cfg", "b.cfg")


def test_poly_text_and_undotted_attributes_are_problems():
    text = XML + b'<c>text<d plain="1"/></c>'
    problems = read_settings("xml_attributes", text, "m.cfg").problems
    assert [problem.text for problem in problems] == [
        "text inside c",
        "attribute plain is no parameter",
    ]


GS = (
    XML
    + b"""<gs_provision version="1">
  <mac>000b82123456</mac>
  <config version="1">
    <P271>1</P271>
  </config>
  <config version="2">
    <item name="account.2"><part name="enable">Yes</part><part name="name">B</part></item>
    <item name="account.3.enable">No</item>
  </config>
</gs_provision>
"""
)


def test_grandstream_reads_items_parts_and_p_values():
    file = read_settings("grandstream_xml", GS, "m.xml")
    assert [(s.key, s.value, s.line) for s in file.settings] == [
        ("P271", "1", 5),
        ("account.2.enable", "Yes", 8),
        ("account.2.name", "B", 8),
        ("account.3.enable", "No", 9),
    ]


def test_grandstream_unknown_elements_are_problems():
    text = GS.replace(b"P271>", b"Q271>").replace(b"<mac>", b"<x/><mac>")
    assert [p.text for p in read_settings("grandstream_xml", text, "m").problems] == [
        "unknown section x",
        "Q271 is neither an item nor a P-value",
    ]


LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE settings [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<settings><phone-settings><x>&c;</x></phone-settings></settings>"""
EXTERNAL = b"""<?xml version="1.0"?>
<!DOCTYPE settings [<!ENTITY f SYSTEM "file:///etc/hostname">]>
<settings><phone-settings><x>&f;</x></phone-settings></settings>"""


@pytest.mark.parametrize("form", ["xml_elements", "xml_attributes", "grandstream_xml"])
@pytest.mark.parametrize("content", [LAUGHS, EXTERNAL, b"", b"\0", b"<a>", b"<a" * 100_000])
def test_hostile_xml_is_refused(form, content):
    with pytest.raises(FormatError):
        read_settings(form, content, "m.xml")


@pytest.mark.parametrize("form", ["xml_elements", "xml_attributes", "grandstream_xml"])
def test_deep_nesting_and_giant_files_are_refused(form):
    with pytest.raises(FormatError):
        read_settings(form, b"<a>" * 100_000 + b"</a>" * 100_000, "m.xml")
    with pytest.raises(FormatError, match="at most"):
        read_settings(form, b" " * (4 * 1024 * 1024 + 1), "m.xml")


@pytest.mark.parametrize(
    ("form", "content", "key", "shown"),
    [
        ("key_value", "a.b = geheim\na.c = x\n", "a.b", "a.b = ***\na.c = x\n"),
        (
            "xml_elements",
            '<p idx="1" perm="R">geheim</p><pp>x</pp>',
            "p",
            '<p idx="1" perm="R">***</p><pp>x</pp>',
        ),
        ("xml_attributes", '<r a.b="geheim" a.bc="x"/>', "a.b", '<r a.b="***" a.bc="x"/>'),
        (
            "grandstream_xml",
            '<item name="a.b">geheim</item><P34>x</P34>',
            "a.b",
            '<item name="a.b">***</item><P34>x</P34>',
        ),
        ("grandstream_xml", "<P34>geheim</P34><P3>x</P3>", "P34", "<P34>***</P34><P3>x</P3>"),
    ],
)
def test_secrets_are_masked_by_key(form, content, key, shown):
    assert format_named(form).mask(content, {key}) == shown
    assert format_named(form).mask(content, ()) == content


def test_unknown_format_names_the_known_ones():
    with pytest.raises(
        UsageError, match=r"no format 'ini'; known are .*grandstream_xml, .*key_value"
    ):
        format_named("ini")


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("key_value", FLAT + b"# note\n\na.b = 1 \nx=\n"),
        ("xml_elements", SNOM.replace(b"<!-- x -->", b"").replace(b"<!-- note -->", b"")),
        ("xml_attributes", POLY),
        ("grandstream_xml", XML + b'<gs_provision><mac/><config><item name="a">1</item>'
         b"</config></gs_provision>"),
    ],
)  # fmt: skip
def test_the_quick_scan_says_the_same_as_the_reader(form, content):
    scanned = format_named(form).scan(content)
    assert scanned
    assert scanned == quickly(read_settings(form, content, "x").values)


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("key_value", b"a = 1\n"),
        ("key_value", FLAT + b"a = 1"),
        ("key_value", FLAT + b"a = 1\na = 2\n"),
        ("key_value", FLAT + b"nonsense\n"),
        ("key_value", FLAT + b"a = 1 b.c = 2\n"),
        ("key_value", FLAT + b"a = \xff\n"),
        ("key_value", FLAT + b"a = 1\r\n"),
        ("xml_elements", SNOM[:-5]),
        ("xml_elements", XML + b"<other/>"),
        ("xml_elements", SNOM.replace(b'idx="2"', b'idx="1"')),
        ("xml_elements", SNOM.replace(b'idx="2"', b'idx="x"')),
        ("xml_elements", XML + b"<settings><strange/></settings>"),
        ("xml_attributes", XML + b"<APPLICATION/>"),
        ("xml_attributes", POLY.replace(b"msg.mwi.2.subscribe", b"reg.1.address")),
        ("xml_attributes", XML + b'<a b="1"/>'),
        ("xml_attributes", XML + b"<a>text</a>"),
        ("xml_attributes", XML + b"<a><b/>text</a>"),
        ("grandstream_xml", GS),
        ("grandstream_xml", XML + b"<gs_provision><x/></gs_provision>"),
        ("grandstream_xml", XML + b'<gs_provision><config><item name="a"/><item name="a"/>'
         b"</config></gs_provision>"),
        ("xml_elements", LAUGHS),
    ],
)  # fmt: skip
def test_the_quick_scan_leaves_everything_odd_to_the_reader(form, content):
    assert format_named(form).scan(content) is None
