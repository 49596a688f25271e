from __future__ import annotations

import pytest

from rig.sip.errors import MessageError
from rig.sip.lint import LintFinding, ScreenResult, lint, screen, screen_error
from rig.sip.message import Request, Response
from rig.sip.parser import parse_message

METHODS = ("ACK", "CANCEL", "INVITE", "NOTIFY", "REGISTER")
TYPES = ("application/sdp",)


def _request(method: str = "NOTIFY", body: bytes = b"", **changes: str | None) -> Request:
    rows = {
        "Via": "SIP/2.0/UDP h;branch=z9hG4bK1",
        "Max-Forwards": "70",
        "From": "<sip:a@h>;tag=1",
        "To": "<sip:b@h>",
        "Call-ID": "c",
        "CSeq": f"1 {method}",
    }
    for name, value in changes.items():
        key = name.replace("_", "-")
        if value is None:
            del rows[key]
        else:
            rows[key] = value
    return Request(method, "sip:b@h", list(rows.items()), body)


def _screen(request: Request) -> ScreenResult:
    return screen(request, methods=METHODS, extensions=("Timer",), content_types=TYPES)


def test_good_request_is_accepted_and_clean() -> None:
    assert _screen(_request()).action == "accept"
    assert lint(_request()) == []
    assert _screen(_request()).phrase == ""


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call_ID", "CSeq"])
def test_missing_mandatory_header(name: str) -> None:
    request = _request(**{name: None})
    assert _screen(request).status == 400
    assert any("missing" in finding.text for finding in lint(request))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"Contact": "*"}, "RFC 3261 10.2.2"),
        ({"Event": "a;;"}, "parameter"),
        ({"CSeq": "1 BYE"}, "CSeq method"),
        ({"Max_Forwards": "x"}, "Max-Forwards"),
        ({"Contact": '"'}, "Contact"),
    ],
)
def test_faults_are_400(changes: dict[str, str], text: str) -> None:
    result = _screen(_request(**changes))
    assert (result.action, result.status) == ("reject", 400)
    assert text in result.reason
    assert result.phrase == "Bad Request"


def test_known_methods_get_405_others_501() -> None:
    assert _screen(_request("PUBLISH")).status == 405
    assert _screen(_request("FLY")).status == 501
    assert _screen(_request("notify")).status == 501


def test_request_uri() -> None:
    for uri, status in (("sips:b@h", None), ("tel:+491", None), ("im:x", 416), ("bert", 400)):
        request = _request()
        request.uri = uri
        assert _screen(request).status == status


def test_version_of_a_made_request() -> None:
    request = _request()
    request.version = "SIP/3.0"
    assert _screen(request).status == 505
    assert [finding.clause for finding in lint(request)] == ["RFC 3261 7.1"]


def test_required_extensions() -> None:
    assert _screen(_request(Require="timer")).action == "accept"
    result = _screen(_request(Require="timer, 100rel"))
    assert (result.status, result.headers) == (420, (("Unsupported", "100rel"),))
    assert _screen(_request("CANCEL", Require="100rel")).action == "accept"


def test_bodies() -> None:
    assert _screen(_request(body=b"x", Content_Type="Application/SDP;a=b")).action == "accept"
    assert _screen(_request(body=b"x", Content_Type="a/b")).status == 415
    optional = "render;handling=Optional"
    assert (
        _screen(_request(body=b"x", Content_Type="a/b", Content_Disposition=optional)).action
        == "accept"
    )
    packed = _screen(_request(body=b"x", Content_Type="application/sdp", Content_Encoding="gzip"))
    assert (packed.status, packed.headers) == (415, (("Accept-Encoding", "identity"),))
    assert _screen(_request(Content_Type="a/b")).action == "accept"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/sdp;q=1", None),
        ("*/*", None),
        ("Application/*", None),
        ("text/x", 406),
        ("", 406),
    ],
)
def test_accept_of_an_invite(accept: str, status: int | None) -> None:
    assert _screen(_request("INVITE", Accept=accept)).status == status
    assert _screen(_request("NOTIFY", Accept=accept)).status is None


def test_ack_is_never_answered() -> None:
    result = _screen(_request("ACK", To='"'))
    assert (result.action, result.status) == ("discard", None)


def test_responses() -> None:
    good = Response.to_request(_request("INVITE"), 200, to_tag="x")
    assert screen(good, methods=METHODS).action == "accept"
    assert lint(good) == []
    for name in ("Via", "CSeq"):
        broken = good.copy()
        broken.headers.remove(name)
        assert screen(broken, methods=METHODS).action == "discard"
    good.version = "SIP/1.0"
    assert screen(good, methods=METHODS).action == "discard"


def test_parse_errors_are_screened_alike() -> None:
    with pytest.raises(MessageError) as caught:
        parse_message(b"OPTIONS sip:b@h SIP/9.0\r\nTo: x\r\n\r\n")
    assert screen_error(caught.value).status == 505
    assert screen_error(MessageError("x", status_hint=None)).action == "discard"
    assert screen_error(MessageError("no partial")).action == "discard"


GOOD = (
    b"INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
    b"From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
    b"Content-Type: a/b\r\nContent-Length: 2\r\n\r\nhi"
)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (b"c\r\n", b"c\n", "LF alone"),
        (b"Call-ID: c", b"Call-ID: c\rd", "CR without LF"),
        (b"Call-ID: c", b"Call-ID: \xff", "not UTF-8"),
        (b"hi", b"hixx", "2 octets after the body"),
        (b"INVITE sip", b"INVITE  sip", "first line"),
        (b"Max-Forwards: 70\r\n", b"", "Max-Forwards is missing"),
        (b";tag=1", b"", "no tag"),
        (b"z9hG4bK1", b"1", "no RFC 3261 branch"),
        (b"Content-Type: a/b\r\n", b"", "without Content-Type"),
        (b"Call-ID: c", b"Call-ID: c\r\nExpires: 99999999999", "Expires"),
        (b"Call-ID: c", b"Call-ID: c\r\nExpires: 1\r\nExpires: 1", "Expires stands there 2 times"),
        (b"Call-ID: c", b"Call-ID: c\r\nB[]d: 1", "no token"),
        (b"<sip:b@h>", b"< sip:b@h>", "blank inside"),
        (b"<sip:b@h>", b"B@rt <sip:b@h>", "must be quoted"),
        (b"CSeq: 1 INVITE", b"CSeq: 1 BYE", "CSeq method"),
        (b"h;branch=z9hG4bK1", b"h;branch=z9hG4bK", "cookie and nothing else"),
        (b"INVITE sip:b@h", b"INVITE sip:b@h?a=b", "Request-URI carries headers"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nl: 2", "Content-Length 2 times"),
    ],
)
def test_one_fault_one_finding(old: bytes, new: bytes, text: str) -> None:
    assert lint(parse_message(GOOD)) == []
    findings = lint(parse_message(GOOD.replace(old, new, 1)))
    assert len(findings) == 1, findings
    assert text in findings[0].text
    assert findings[0].clause.startswith("RFC ")


def test_wrong_length_of_a_made_message_is_seen() -> None:
    findings = lint(_request(Content_Length="9", Content_Type="a/b", body=b"x"))
    assert [finding.clause for finding in findings] == ["RFC 3261 20.14"]


def test_finding_prints_its_clause() -> None:
    assert str(LintFinding("RFC 1 2", "bad")) == "bad (RFC 1 2)"
