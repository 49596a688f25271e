from __future__ import annotations

import pytest

from rig.sip.errors import MessageError
from rig.sip.uri import Uri


@pytest.mark.parametrize(
    "text",
    [
        "sip:h",
        "sip:100@h.test:5062;transport=tcp;lr",
        "sips:a%20b:pw@h?Replaces=x%3B1&Reason=y",
        "sip:user;par=u%40x@h",
        "sip:a@[2001:db8::1]:5060;x",
        "sip:phone-2.x1@pbx1",
        "sip:a@under_score.test",
        "tel:+49-30-123;phone-context=example.test",
        "urn:service:sos",
        "isbn:2983792873",
        "sip:1_u.~(to-be!s)&i+t$/c?,/;;*:p&w=1@h",
    ],
)
def test_text_survives(text: str) -> None:
    assert str(Uri.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip",
        "sip:@h",
        "sip:a@",
        "sip:a b@h",
        "sip:a@h;;",
        "sip:a@h;",
        "sip:a@h:99999",
        "sip:a@h:",
        "sip:a@h@x@y",
        "sip:a@ho<st",
        "1sip:a@h",
        "<sip:a@h>",
        "tel:1 2",
        "urn:a b",
        "*",
    ],
)
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(MessageError) as caught:
        Uri.parse(text)
    assert caught.value.status_hint == 400


def test_parts() -> None:
    uri = Uri.parse("SIP:al%69ce:pw@Host.Test:5070;Transport=TCP;lr;m=%41?Subject=a%20b&X=")
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == (
        "sip",
        "al%69ce",
        "pw",
        "Host.Test",
        5070,
    )
    assert uri.user_unescaped == "alice"
    assert uri.aor == "sip:alice@host.test"
    assert uri.param("transport") == "TCP"
    assert uri.param("LR") == ""
    assert uri.param("m") == "A"
    assert uri.param("x") is None
    assert uri.header("subject") == "a b"
    assert uri.header("x") == ""
    assert uri.header("y") is None
    assert Uri.parse("sip:h.test").aor == "sip:h.test"


def test_params_are_replaced_in_place_and_removed() -> None:
    uri = Uri.parse("sip:a@h;x=1;y")
    assert str(uri.with_param("X", "2")) == "sip:a@h;X=2;y"
    assert str(uri.with_param("lr", None)) == "sip:a@h;x=1;y;lr"
    assert str(uri.without_param("x")) == "sip:a@h;y"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("tel:+49-30-(1)23", "+4930123"),
        ("sip:+49.30@h", "+4930"),
        ("sip:%2B4930;phone-context=x@h", "+4930"),
        ("sip:a.b@h", "a.b"),
        ("sip:12-3@h;user=phone", "123"),
        ("sip:%2A97@h", "*97"),
    ],
)
def test_number(text: str, number: str) -> None:
    assert Uri.parse(text).number == number


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("sip:%61lice@Example.test;transport=TCP", "sip:alice@example.test;Transport=tcp", True),
        ("sip:a@h", "sip:a@h;newparam=5", True),
        ("sip:a@h;security=on", "sip:a@h;security=off", False),
        ("sip:a@h;maddr=x", "sip:a@h", False),
        ("sip:A@h", "sip:a@h", False),
        ("sip:a@h", "sip:a@h:5060", False),
        ("sip:a@h", "sips:a@h", False),
        ("sip:a@h?x=1&y=2", "sip:a@h?y=2&x=1", True),
        ("sip:a@h?x=1", "sip:a@h", False),
        ("tel:+49-1", "tel:+491", True),
        ("tel:+491;x=1", "tel:+491", False),
        ("tel:+491", "sip:+491@h", False),
        ("urn:a:b", "urn:a:b", True),
    ],
)
def test_equivalence_by_rfc_3261_19_1_4(one: str, other: str, same: bool) -> None:
    assert Uri.parse(one).equivalent(Uri.parse(other)) is same
    assert Uri.parse(other).equivalent(Uri.parse(one)) is same


def test_address_host_has_no_brackets() -> None:
    assert Uri.parse("sip:a@[::1]").address_host == "::1"
    assert Uri.parse("sip:a@h").address_host == "h"
