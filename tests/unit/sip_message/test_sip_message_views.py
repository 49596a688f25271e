from __future__ import annotations

import pytest

from rig.sip.errors import MessageError
from rig.sip.header import Headers
from rig.sip.message import REASONS, Request, Response
from rig.sip.parser import parse_message

ROWS = [
    ("Via", "SIP/2.0/UDP h1;branch=z9hG4bK1"),
    ("v", "SIP/2.0/UDP h2;branch=z9hG4bK2"),
    ("From", "<sip:a@h>;tag=1"),
    ("t", "sip:b@h"),
    ("Call-ID", "c@h"),
    ("CSeq", "4 NOTIFY"),
    ("o", "message-summary ; ID = 7"),
    ("Content-Type", " Application / Simple-Message-Summary ;charset=utf-8"),
    ("Expires", "99999999999"),
    ("Max-Forwards", "70"),
    ("Contact", "<sip:a@1>, <sip:a@2>;q=0.5"),
]


def test_views() -> None:
    request = Request("NOTIFY", "sip:b@h", ROWS)
    assert request.via.host == "h1"
    assert [via.host for via in request.vias] == ["h1", "h2"]
    assert request.from_.tag == "1"
    assert request.to.tag is None
    assert request.call_id == "c@h"
    assert (request.cseq.number, request.cseq.method) == (4, "NOTIFY")
    assert request.event == ("message-summary", {"id": "7"})
    assert request.content_type == "application/simple-message-summary"
    assert request.expires == 2**32 - 1
    assert request.max_forwards == 70
    assert [contact.param("q") for contact in request.contacts] == [None, "0.5"]
    assert not request.is_wildcard_contact
    assert len(request.address_list("Contact")) == 2


def test_absent_headers() -> None:
    request = Request("OPTIONS", "sip:b@h")
    assert (request.event, request.expires, request.max_forwards) == (None, None, None)
    assert (request.contacts, request.content_type) == ([], "")
    for view in ("via", "vias", "from_", "to", "call_id", "cseq"):
        with pytest.raises(MessageError, match="missing"):
            getattr(request, view)


def test_malformed_headers_raise_only_when_asked() -> None:
    request = Request(
        "OPTIONS",
        "sip:b@h",
        [("To", '"x'), ("Expires", "soon"), ("Call-ID", ""), ("Route", "<"), ("Event", "a;;")],
    )
    for view in ("to", "expires", "call_id", "event"):
        with pytest.raises(MessageError):
            getattr(request, view)
    with pytest.raises(MessageError, match="Route"):
        request.address_list("Route")


def test_views_follow_changed_rows() -> None:
    request = Request("NOTIFY", "sip:b@h", ROWS)
    assert request.via.host == "h1"
    request.headers.insert_first("Via", "SIP/2.0/TCP h0")
    assert request.via.host == "h0"
    request.headers = Headers([("Via", "SIP/2.0/TCP h9")])
    assert request.via.host == "h9"


def test_lists_from_views_are_the_callers_own() -> None:
    request = Request("NOTIFY", "sip:b@h", ROWS)
    request.vias.clear()
    assert len(request.vias) == 2


def test_wildcard_contact() -> None:
    request = Request("REGISTER", "sip:h", [("m", "*")])
    assert request.is_wildcard_contact
    assert request.contacts == []


def test_content_length_is_made_right_unless_told_otherwise() -> None:
    rows = [("L", "99"), ("A", "b"), ("Content-Length", "7")]
    request = Request("MESSAGE", "sip:b@h", rows, b"abc")
    assert request.to_bytes() == b"MESSAGE sip:b@h SIP/2.0\r\nL: 3\r\nA: b\r\n\r\nabc"
    assert request.to_bytes(keep_content_length=True) == (
        b"MESSAGE sip:b@h SIP/2.0\r\nL: 99\r\nA: b\r\nContent-Length: 7\r\n\r\nabc"
    )
    assert Request("A", "b").to_bytes() == b"A b SIP/2.0\r\nContent-Length: 0\r\n\r\n"
    assert Request("A", "b").to_bytes(keep_content_length=True) == b"A b SIP/2.0\r\n\r\n"


def test_what_is_wrong_is_written_as_wrong() -> None:
    rows = [("Bad Name ", "folded\r\n value"), ("", "\udcff")]
    request = Request("IN VITE", "<sip:x>", rows, version="SIP/9.9")
    assert request.to_bytes(keep_content_length=True) == (
        b"IN VITE <sip:x> SIP/9.9\r\nBad Name : folded\r\n value\r\n: \xff\r\n\r\n"
    )


def test_answer_copies_what_every_answer_copies() -> None:
    request = Request("NOTIFY", "sip:b@h", [*ROWS, ("Timestamp", "54")])
    answer = Response.to_request(
        request,
        489,
        to_tag="mine",
        headers=[("Allow-Events", "x")],
        body=b"b",
        content_type="text/plain",
    )
    assert answer.reason == "Bad Event"
    assert list(answer.headers) == [
        ("Via", "SIP/2.0/UDP h1;branch=z9hG4bK1"),
        ("Via", "SIP/2.0/UDP h2;branch=z9hG4bK2"),
        ("From", "<sip:a@h>;tag=1"),
        ("To", "sip:b@h;tag=mine"),
        ("Call-ID", "c@h"),
        ("CSeq", "4 NOTIFY"),
        ("Allow-Events", "x"),
        ("Content-Type", "text/plain"),
    ]
    trying = Response.to_request(request, 100, "Hold On", to_tag="mine")
    assert (trying.reason, trying.to.tag) == ("Hold On", None)
    assert trying.headers.get("Timestamp") == "54"
    assert trying.is_provisional
    assert not trying.is_success
    assert answer.to_bytes().startswith(b"SIP/2.0 489 Bad Event\r\n")


def test_present_to_tag_wins_even_in_a_malformed_to() -> None:
    tagged = Request("BYE", "sip:b@h", [("To", "<sip:b@h>;tag=theirs")])
    assert Response.to_request(tagged, 200, to_tag="mine").to.tag == "theirs"
    broken = Request("BYE", "sip:b@h", [("To", '"x <sip:b@h> ; tag = t')])
    assert Response.to_request(broken, 400, to_tag="mine").headers.get("To") == (
        '"x <sip:b@h> ; tag = t'
    )


def test_equality_and_copies() -> None:
    request = Request("NOTIFY", "sip:b@h", ROWS, b"x")
    other = request.copy()
    assert other == request
    other.headers.add("A", "b")
    assert other != request
    response = Response(200, "OK", ROWS)
    assert response.copy() == response
    assert response != request
    assert request != response
    assert response.is_success
    assert "200" in repr(response)
    assert "NOTIFY" in repr(request)


def test_reasons_cover_what_the_rig_answers() -> None:
    assert all(100 <= status < 700 and reason for status, reason in REASONS.items())
    assert Response(299).to_bytes() == b"SIP/2.0 299 \r\nContent-Length: 0\r\n\r\n"
    assert parse_message(Response(299).to_bytes()) is not None
