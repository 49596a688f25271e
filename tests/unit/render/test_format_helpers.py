"""Flat and XML syntaxes described by data: read, scanned, masked and refused alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from render_intents import quickly

from provisioning.errors import UsageError
from provisioning.formats.flat import FlatSyntax, flat_format
from provisioning.formats.registry import format_named, known_formats
from provisioning.formats.settings import FormatError
from provisioning.formats.value_rule import why_unfit
from provisioning.formats.xml_attribute_tree import AttributeTree, attribute_tree_format
from provisioning.formats.xml_named import XmlSyntax, xml_format

COLON = flat_format(FlatSyntax(separator=":", key="[a-z][a-z0-9 ]*"))
QUOTED = flat_format(
    FlatSyntax(separator="=", header="# Standard #", quote='"', encoding="cp1252", newline="\r\n")
)
SET = flat_format(FlatSyntax(separator=" ", prefix="SET ", comments=("##",)))
NAMED = xml_format(XmlSyntax(root="provisioning", name="name", value="value"))
TAGS = xml_format(XmlSyntax(root="flat-profile"))
NESTED = xml_format(XmlSyntax(root="sys", nested=True, index="index", ignored=frozenset({"v"})))

TREE = attribute_tree_format(
    AttributeTree(root="all", index={"user": "id"}, named={"setting": ("id", "value")})
)
LISTED = xml_format(XmlSyntax(root="sys", nested=True, id_tag="ID"))
SPACED = xml_format(
    XmlSyntax(root="Msg", name="name", index="index", ignored=frozenset({"Do"}), namespace="urn:x")
)


def both(form, text):
    """What both readers say; they must agree on what is not odd."""
    content = text.encode(form.encoding)
    read = form.read(content, "f")
    scanned = form.scan(content)
    odd = bool(read.problems or read.duplicates or read.includes)
    assert (scanned is None) is odd, (read, scanned)
    if scanned is not None:
        assert scanned == quickly(read.values)
    return read


@pytest.mark.parametrize(
    ("form", "text", "values"),
    [
        (
            COLON,
            "# c\nsip line1 vmail : *97\nadmin password: a: b\n",
            [("sip line1 vmail", "*97"), ("admin password", "a: b")],
        ),
        (
            QUOTED,
            '# Standard #\r\nVM_NUMBER_1="*97"\r\nX=""\r\nN="Zoë = €"\r\n',
            [("VM_NUMBER_1", "*97"), ("X", ""), ("N", "Zoë = €")],
        ),
        (
            SET,
            "## c\nSET SNTPSRVR ntp.example\nSET EMPTY\n",
            [("SNTPSRVR", "ntp.example"), ("EMPTY", "")],
        ),
        (
            NAMED,
            '<provisioning><nvm><param name="A.1" value="x &amp; y"/></nvm></provisioning>',
            [("A.1", "x & y")],
        ),
        (
            TAGS,
            '<flat-profile><Proxy_1_ ua="na">h</Proxy_1_>\n<Empty/></flat-profile>',
            [("Proxy_1_", "h"), ("Empty", "")],
        ),
        (
            NESTED,
            '<sys><v>9</v><sip><line index="2"><Num>*97</Num></line></sip></sys>',
            [("sip.line[2].Num", "*97")],
        ),
        (
            LISTED,
            "<sys><L><E><ID>K1</ID><Num>1</Num></E>\n<E><ID>K2</ID><Num>2</Num></E></L></sys>",
            [("L.E[K1].Num", "1"), ("L.E[K2].Num", "2")],
        ),
        (
            SPACED,
            '<Msg xmlns="urn:x"><Do/><L><I name="k" index="2">1</I><I name="e">4</I></L></Msg>',
            [("k[2]", "1"), ("e", "4")],
        ),
        (SPACED, '<Msg><Item name="key" index="1">25</Item></Msg>', [("key[1]", "25")]),
    ],
)
def test_settings_come_back_by_name(form, text, values):
    read = both(form, text)
    assert [(item.key, item.value) for item in read.settings] == values
    assert read.problems == ()


@pytest.mark.parametrize(
    ("form", "text", "line"),
    [
        (COLON, "ok: 1\nno setting\n", 2),
        (COLON, "ok: 1", 1),
        (COLON, "OK: 1\n", 1),
        (QUOTED, "# Standard #\r\nA=1\r\n", 2),
        (QUOTED, '# Standard #\r\nA="1"2"\r\n', 2),
        (QUOTED, '# Standard #\r\nA="\r\n', 2),
        (SET, "GET A 1\n", 1),
        (NAMED, '<provisioning>\n<param value="1"/></provisioning>', 2),
        (NESTED, "<sys><a>text<b>1</b></a></sys>", 1),
        (NESTED, "<sys><a><b>1</b>text</a></sys>", 1),
    ],
)  # fmt: skip
def test_what_a_handset_would_not_read_is_a_problem_with_its_line(form, text, line):
    assert [problem.line for problem in both(form, text).problems] == [line]


def test_a_name_given_twice_is_seen():
    twice = "<E><ID>K1</ID><Num>1</Num></E>"
    assert both(LISTED, f"<sys><L>{twice}{twice}</L></sys>").duplicates
    (pair,) = both(TAGS, "<flat-profile>\n<A>1</A>\n<A>2</A></flat-profile>").duplicates
    assert (pair[0].line, pair[1].line) == (2, 3)
    assert both(COLON, "a: 1\na: 2\n").duplicates


def test_header_root_and_encoding_are_strict():
    with pytest.raises(FormatError, match="the first line must be # Standard #"):
        QUOTED.read(b'A="1"\r\n', "f")
    with pytest.raises(FormatError, match="root element x, expected sys"):
        NESTED.read(b"<x/>", "f")
    with pytest.raises(FormatError, match=r"root element \{urn:y\}Msg, expected Msg"):
        SPACED.read(b'<Msg xmlns="urn:y"/>', "f")
    with pytest.raises(FormatError, match="not UTF-8"):
        COLON.read(b"a: \xff\n", "f")
    assert QUOTED.scan(b'A="1"\r\n') is None
    assert NESTED.scan(b"<x/>") is None
    assert SPACED.scan(b'<Msg xmlns="urn:y"/>') is None
    assert COLON.scan(b"a: \xff\n") is None


def test_secrets_are_masked_by_name():
    assert COLON.mask("a b: s: x\nc: 1\n", ["a b"]) == "a b: ***\nc: 1\n"
    assert QUOTED.mask('P="s x"\r\nQ="1"\r\n', ["P"]) == 'P="***"\r\nQ="1"\r\n'
    assert SET.mask("SET P s x\nSET PP 1\n", ["P"]) == "SET P ***\nSET PP 1\n"
    named = (
        '<provisioning>\n<param name="P" value="s"/>\n<param name="Q" value="1"/></provisioning>'
    )
    assert NAMED.mask(named, ["P"]) == named.replace('"s"', '"***"')
    nested = '<sys>\n<l index="1"><P>s</P></l>\n<l index="2"><P>t</P></l></sys>'
    assert NESTED.mask(nested, ["l[1].P"]) == nested.replace(">s<", ">***<")
    listed = "<sys><L><E><ID>K1</ID>\n<P>s</P></E>\n<E><ID>K2</ID>\n<P>t</P></E></L></sys>"
    assert LISTED.mask(listed, ["L.E[K2].P"]) == listed.replace(">t<", ">***<")
    assert TAGS.mask("<flat-profile/>", ["P"]) == "<flat-profile/>"


def test_what_a_syntax_cannot_hold_is_refused_with_the_place():
    assert why_unfit('a"b', QUOTED.rule) == 'character " at 2 ends a value in this syntax'
    rule = QUOTED.rule.__class__(encoding="cp1252")
    assert why_unfit("a日", rule) == (
        "character U+65E5 at 2 is not in cp1252, the encoding of the file"
    )
    assert why_unfit("Zoë €", rule) == ""


def test_a_file_is_written_in_its_encoding_and_with_its_line_ends():
    assert QUOTED.encode('N="Zoë €"\n') == b'N="Zo\xeb \x80"\r\n'


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0xFF), max_size=30))
def test_any_value_that_is_not_refused_comes_back_from_a_quoted_file(value):
    rule = QUOTED.rule.__class__(forbidden='"', encoding="cp1252")
    if why_unfit(value, rule):
        return
    content = QUOTED.encode(f'# Standard #\nA="{value}"\n')
    assert QUOTED.scan(content) == {"A": value}
    assert QUOTED.read(content, "f").values == {("A", None): value}


def test_every_format_is_found_by_the_name_of_its_module():
    assert {"key_value", "xml_elements", "xml_attributes", "grandstream_xml"} <= set(
        known_formats()
    )
    for name in known_formats():
        assert format_named(name).encode("a\n").strip() == b"a"
    for name in ("settings", "registry", "flat", "../x", "os", ""):
        with pytest.raises(UsageError, match="no format"):
            format_named(name)


TREE_TEXT = (
    '<all><setting id="pin" value="1"/><users>\n<user id="0" name="Zo\u00eb" secret="a &lt; b">'
    '<host port="5060"/></user><user secret="" id="1"/></users><empty/></all>'
)


def test_attributes_are_settings_of_their_element_and_of_those_around_it():
    read = both(TREE, TREE_TEXT)
    assert [(item.key, item.value, item.line) for item in read.settings] == [
        ("pin", "1", 1),
        ("user[0].name", "Zo\u00eb", 2),
        ("user[0].secret", "a < b", 2),
        ("user[0].host.port", "5060", 2),
        ("user[1].secret", "", 2),
    ]


def test_an_attribute_tree_tells_what_is_odd():
    assert both(TREE, "<all><user id='0'>text</user></all>").problems
    assert both(TREE, "<all><user id='0' a='1'/>text</all>").problems
    assert both(TREE, "<all><user id='0' a='1'/><user id='0' a='2'/></all>").duplicates
    with pytest.raises(FormatError, match="root element other, expected all"):
        TREE.read(b"<other/>", "f")
    assert TREE.scan(b"<other/>") is None


def test_secrets_of_an_attribute_tree_are_masked_whatever_the_quotes():
    text = TREE_TEXT.replace('"1"', "'1'", 1)
    masked = TREE.mask(text, ("user[0].secret", "pin"))
    assert 'id="pin" value="***"' in masked
    assert masked.count('secret="***"') == 2
    assert TREE.mask(text, ()) == text
