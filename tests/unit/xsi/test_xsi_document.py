"""Documents as XML and JSON: round trips, and everything hostile refused."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.mailbox_platform.xsi_document import (
    MAX_DEPTH,
    MAX_OCTETS,
    NAMESPACE,
    XML_HEADER,
    DocumentError,
    Element,
    from_json,
    from_xml,
    leaf,
    to_json,
    to_xml,
)

NAMES = st.sampled_from(["active", "processing", "messageInfo", "read", "a-b.c_1"])
TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=40
)
LEAVES = st.builds(Element, NAMES, TEXTS) | st.builds(
    Element, NAMES, nil=st.just(True), type=st.sampled_from(["", "SomeEvent"])
)


def _grouped(children: list[Element]) -> tuple[Element, ...]:
    """Equal names side by side: all the order that JSON keeps."""
    names = list(dict.fromkeys(child.name for child in children))
    return tuple(sorted(children, key=lambda child: names.index(child.name)))


TREES = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        Element,
        NAMES,
        children=st.lists(inner, min_size=1, max_size=4).map(_grouped),
        type=st.sampled_from(["", "SomeEvent"]),
    ),
    max_leaves=12,
)


@given(TREES, st.sampled_from(["", "xsi"]))
def test_xml_gives_back_what_was_written(tree, prefix):
    assert from_xml(to_xml(tree, prefix=prefix)) == tree


@given(TREES)
def test_json_gives_back_what_was_written(tree):
    assert from_json(to_json(tree)) == tree


@given(st.text(max_size=60))
def test_any_text_at_all_makes_a_document_that_another_parser_reads(text):
    written = to_xml(Element("a", children=(Element("name", text.replace("\r", "")),)))
    read = ET.fromstring(written).findtext(f"{{{NAMESPACE}}}name")
    legal = all(c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff") for c in text)
    if legal and not {"\ufffe", "\uffff"} & set(text) and "\r" not in text:
        assert read == text
    else:
        assert read is not None


@given(st.binary(max_size=200))
def test_octets_are_read_or_refused_but_never_crash(octets):
    for read in (from_xml, from_json):
        try:
            found: object = read(octets)
        except DocumentError as error:
            found = error
        assert isinstance(found, Element) or str(found)


def test_the_spelling_that_clients_know():
    tree = Element(
        "VoiceMessaging", children=(leaf("active", value=True), Element("phone", nil=True))
    )
    assert to_xml(tree) == (
        b'<?xml version="1.0" encoding="UTF-8"?>'
        b'<VoiceMessaging xmlns="http://schema.broadsoft.com/xsi" '
        b'xmlns:xs="http://www.w3.org/2001/XMLSchema-instance">'
        b'<active>true</active><phone xs:nil="true"/></VoiceMessaging>'
    )
    event = Element("Event", type="SubscriptionEvent", children=(leaf("eventID", "1"),))
    assert to_xml(event, prefix="xsi") == XML_HEADER + (
        b'<xsi:Event xmlns:xsi="http://schema.broadsoft.com/xsi" '
        b'xmlns:xsi1="http://www.w3.org/2001/XMLSchema-instance" '
        b'xsi1:type="xsi:SubscriptionEvent"><xsi:eventID>1</xsi:eventID></xsi:Event>'
    )


def test_json_of_no_one_and_two_elements_of_a_list():
    def listed(count: int) -> object:
        infos = tuple(Element("info", children=(leaf("n", i),)) for i in range(count))
        return json.loads(to_json(Element("list", children=infos)))["list"].get("info")

    assert listed(0) is None
    assert listed(1) == {"n": {"$": "0"}}
    assert listed(2) == [{"n": {"$": "0"}}, {"n": {"$": "1"}}]


@pytest.mark.parametrize(
    "text",
    [
        '{"S": {"active": {"$": "true"}}}',
        '{"S": {"active": {"$": true}}}',
        '{"S": {"active": true}}',
        '{"S": {"@xmlns": {"$": "x"}, "active": {"$": "true"}}}',
    ],
)
def test_json_leaves_in_every_form(text):
    assert from_json(text.encode()) == Element("S", children=(leaf("active", value=True),))


@pytest.mark.parametrize("text", ['{"S":{"p":{"@nil":"true"}}}', '{"S":{"p":null}}',
                                  '{"S":{"p":{"@xsi:nil":{"$":true}}}}'])  # fmt: skip
def test_json_nil_in_every_form(text):
    assert from_json(text.encode()) == Element("S", children=(Element("p", nil=True),))


LAUGHS = b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><S><active>&b;</active></S>'
XXE = b'<?xml version="1.0"?><!DOCTYPE S [<!ENTITY x SYSTEM "file:///etc/passwd">]><S>&x;</S>'


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (LAUGHS, "document type"),
        (XXE, "document type"),
        (XXE.decode().encode("utf-16"), "NUL"),
        (XXE.decode().encode("utf-16-le"), "NUL"),
        (b"<!doctype S><S/>", "document type"),
        (b"<S>&x;</S>", "well-formed"),
        (b"<S><active>true</S>", "well-formed"),
        (b"", "well-formed"),
        (b"\xff<S/>", "well-formed"),
        (b'<S xmlns="urn:other"/>', "namespace"),
        (b"<S>" * (MAX_DEPTH + 1) + b"</S>" * (MAX_DEPTH + 1), "deeper"),
        (b"<S>" * 10_000, "well-formed"),
        (b"<S>" + b"x" * MAX_OCTETS + b"</S>", "octets"),
        (b"<S>\0</S>", "NUL"),
    ],
)
def test_hostile_xml_is_refused_in_words(body, says):
    with pytest.raises(DocumentError, match=says):
        from_xml(body)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"[" * 50_000, "not JSON"),
        (b'{"S":' * 20 + b"1" + b"}" * 20, "deeper"),
        (b'{"S": {"a": NaN}}', "not JSON"),
        (b'{"S": {"a": 1.5}}', "float"),
        (b'{"S": {"a": 1, "a": 2}}', "twice"),
        (b'{"S": 1, "T": 2}', "root"),
        (b'{"S": [1]}', "list"),
        (b'{"S": {"a b": 1}}', "name"),
        (b'{"S": {"a": {"$": [1]}}}', "list"),
        (b'"S"', "root"),
        (b"\xff", "not JSON"),
        (b'{"S": "' + b"x" * MAX_OCTETS + b'"}', "octets"),
    ],
)
def test_hostile_json_is_refused_in_words(body, says):
    with pytest.raises(DocumentError, match=says):
        from_json(body)


def test_a_faulty_document_is_not_repeated_in_the_message():
    with pytest.raises(DocumentError) as caught:
        from_xml(b"<S>secret-147258</T>")
    assert "147258" not in str(caught.value)
