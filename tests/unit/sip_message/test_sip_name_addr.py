from __future__ import annotations

import pytest

from rig.sip.errors import MessageError
from rig.sip.name_addr import CSeq, NameAddr, Via
from rig.sip.uri import Uri


def test_name_with_quotes_escapes_and_brackets_inside() -> None:
    value = NameAddr.parse('"A \\"<b>\\" \\\\"<sip:a@h;x>;tag=1;y="q;\\"r"')
    assert value.display_name == 'A "<b>" \\'
    assert str(value.uri) == "sip:a@h;x"
    assert value.tag == "1"
    assert value.param("y") == 'q;"r'
    assert NameAddr.parse(str(value)) == value


def test_instance_parameter_with_brackets_in_quotes() -> None:
    text = '<sip:a@h>;+sip.instance="<urn:uuid:1>";reg-id=1'
    value = NameAddr.parse(text)
    assert value.param("+sip.instance") == "<urn:uuid:1>"
    assert str(value) == text
    bare = NameAddr.parse('sip:a@h;+sip.instance="<urn:uuid:1>"')
    assert bare.param("+sip.instance") == "<urn:uuid:1>"


def test_parameters_without_brackets_belong_to_the_header() -> None:
    value = NameAddr.parse("sip:a@h ; tag = 9 ;x")
    assert str(value.uri) == "sip:a@h"
    assert value.tag == "9"
    assert value.param("x") == ""
    assert str(value) == "<sip:a@h>;tag=9;x"


def test_display_names_are_quoted_only_when_needed() -> None:
    uri = Uri.parse("sip:a@h")
    assert str(NameAddr("Anna B", uri)) == "Anna B <sip:a@h>"
    assert str(NameAddr("B, Anna", uri)) == '"B, Anna" <sip:a@h>'
    assert str(NameAddr("\u00c4nne", uri)) == '"\u00c4nne" <sip:a@h>'


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"open <sip:a@h>',
        '"Anna" sip:a@h',
        "<sip:a@h",
        "<>",
        "<sip:a@h>;;",
        "<sip:a@h>;tag=a b",
        '<sip:a@h>;tag="a',
        "<sip:a@h>tag=1",
        "sip:a@h?x=1",
        "sip:a,b@h",
        "Anna",
    ],
)
def test_malformed_addresses_are_refused(text: str) -> None:
    with pytest.raises(MessageError):
        NameAddr.parse(text)


def test_params_can_be_set_and_removed() -> None:
    value = NameAddr.parse("<sip:a@h>;expires=5")
    assert str(value.with_param("tag", "x").with_param("Expires", "6")) == (
        "<sip:a@h>;Expires=6;tag=x"
    )
    assert value.without_param("EXPIRES").params == ()


def test_via() -> None:
    via = Via.parse("SIP / 2.0 / UDP  [2001:db8::9] : 5070 ; branch = z9hG4bKx;rport ;ttl=1")
    assert (via.transport, via.host, via.port) == ("UDP", "[2001:db8::9]", 5070)
    assert via.branch == "z9hG4bKx"
    assert via.has_usable_branch
    assert via.rport is None
    assert via.param("rport") == ""
    answered = via.with_param("rport", "5099").with_param("received", "2001:db8::8")
    assert (answered.rport, answered.received) == (5099, "2001:db8::8")
    assert Via.parse(str(answered)) == answered
    assert not Via.parse("SIP/2.0/UDP h;branch=z9hG4bK").has_usable_branch
    assert not Via.parse("SIP/2.0/UDP h").has_usable_branch
    assert Via.parse("SIP/7.0/UDP h").protocol == "SIP/7.0"


@pytest.mark.parametrize(
    "text",
    ["", "SIP/2.0/UDP", "SIP/2.0 h", "SIP/2.0/UDP h:x", "SIP/2.0/UDP h x", "SIP/2.0/UDP h;"],
)
def test_malformed_via_is_refused(text: str) -> None:
    with pytest.raises(MessageError):
        Via.parse(text)


def test_rport_that_is_no_number_is_refused_when_asked_for() -> None:
    with pytest.raises(MessageError, match="rport"):
        _ = Via.parse("SIP/2.0/UDP h;rport=x").rport


def test_cseq() -> None:
    assert CSeq.parse(" 0009\t INVITE ") == CSeq(9, "INVITE")
    assert str(CSeq(2**31 - 1, "BYE")) == "2147483647 BYE"


@pytest.mark.parametrize(
    "text",
    ["", "INVITE", "1", "-1 INVITE", "2147483648 A", "1 A B", "\u0661 A", "9" * 5000 + " A"],
)
def test_malformed_cseq_is_refused(text: str) -> None:
    with pytest.raises(MessageError):
        CSeq.parse(text)
