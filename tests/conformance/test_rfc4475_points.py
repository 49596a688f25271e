"""RFC 4475 with our own messages: one for each of its 49 points."""

from __future__ import annotations

import pytest
from conformance.rfc4475_points import BY_NAME, POINTS, SDP, Point, judge

from rig.sip.digest import DigestJudge, DigestVerifier
from rig.sip.framing import StreamFramer
from rig.sip.lint import lint
from rig.sip.message import Request, Response
from rig.sip.parser import parse_message

FLAWLESS = {
    *("intmeth", "esc01", "escnull", "esc02", "lwsdisp", "wsinv", "semiuri", "transports"),
    *("mpart01", "unreason", "noreason", "unkscm", "novelsc", "unksm2", "bext01", "invut"),
    *("regaut01", "zeromf", "cparam01", "cparam02", "regescrt", "sdp01"),
}
"""Points whose message has no fault of its own: hard to read, or hard to serve, but right."""


def _request(name: str) -> Request:
    message = parse_message(BY_NAME[name].message)
    assert isinstance(message, Request)
    return message


def test_all_49_points_are_there() -> None:
    assert len(POINTS) == 49
    assert len(BY_NAME) == 49


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_class_of_action(point: Point) -> None:
    result, message = judge(point.message)
    assert result.action == point.action, result.reason
    if point.action == "reject":
        assert result.status in point.statuses
        assert isinstance(message, Request)
        answer = Response.to_request(message, result.status, headers=result.headers, to_tag="t")
        assert parse_message(answer.to_bytes()) is not None
    else:
        assert result.status is None


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_lint_is_silent_only_where_nothing_is_wrong(point: Point) -> None:
    _, message = judge(point.message)
    findings = [] if message is None else lint(message)
    if point.name in FLAWLESS:
        assert findings == []
    elif message is not None:
        assert findings, "a fault went unseen"


def test_blanks_folds_and_escapes_are_read_as_one_value() -> None:
    message = _request("wsinv")
    assert message.from_.display_name == 'A \\ "B"'
    assert message.from_.tag == "a1"
    assert message.to.param("x") == "1"
    assert (message.cseq.number, message.max_forwards) == (7, 70)
    assert [via.host for via in message.vias] == ["192.0.2.7", "b.example.org"]
    assert message.via.branch == "z9hG4bK-a"
    assert message.headers.get("Subject") == ""
    assert message.headers.get("New-Fangled") == ",;;, more"


def test_nul_in_a_quoted_string_is_kept() -> None:
    assert _request("intmeth").to.display_name == "NUL:\x00 BEL:\x07"


def test_escapes_do_not_become_structure() -> None:
    message = _request("esc01")
    assert message.headers.get("To") == "<sip:bert@example.org>"
    contact = message.contacts[0].uri
    assert contact.user == "an%6Ea"
    assert contact.user_unescaped == "anna"
    assert contact.has_param("lr")
    assert contact.param("qa") == "1"


def test_escaped_nul_does_not_cut_the_user_part() -> None:
    message = _request("escnull")
    first, second = (contact.uri for contact in message.contacts)
    assert (first.user_unescaped, second.user_unescaped) == ("\x00", "\x00\x00")
    assert not first.equivalent(second)
    assert message.to.uri.user_unescaped == "nul-\x00-tail"


def test_method_and_header_names_are_not_decoded() -> None:
    message = _request("esc02")
    assert message.method == "%49NVITE"
    assert len(message.contacts) == 1


def test_octets_after_the_body_are_ignored_in_a_datagram() -> None:
    message = _request("dblreq")
    assert message.method == "REGISTER"
    assert message.body == b""


def test_two_messages_on_a_stream() -> None:
    framer = StreamFramer()
    framer.feed(BY_NAME["dblreq"].message)
    frames = [framer.next_message(), framer.next_message(), framer.next_message()]
    assert [frame.split(b" ", 1)[0] if frame else None for frame in frames] == [
        b"REGISTER",
        b"INVITE",
        None,
    ]


def test_parameters_in_the_user_part_belong_to_the_user() -> None:
    uri = _request("semiuri").uri
    assert uri == "sip:b;p=u%40v@example.org"


def test_binary_body_is_kept_octet_for_octet() -> None:
    assert b"\x00\xff\r\n\r\n\x80" in _request("mpart01").body


def test_length_beyond_the_datagram_still_lets_us_answer() -> None:
    result, message = judge(BY_NAME["clerr"].message)
    assert result.status == 400
    assert message is not None
    assert message.call_id == "point@192.0.2.7"


def test_length_beyond_the_stream_waits() -> None:
    framer = StreamFramer()
    framer.feed(BY_NAME["clerr"].message)
    assert framer.next_message() is None
    assert framer.pending_bytes == len(BY_NAME["clerr"].message)


def test_refusals_carry_what_the_rfc_wants() -> None:
    assert judge(BY_NAME["bext01"].message)[0].headers == (("Unsupported", "foo, bar, x"),)
    assert dict(judge(BY_NAME["invut"].message)[0].headers)["Accept"] == (
        "application/sdp, multipart/mixed"
    )
    assert "INVITE" in dict(judge(BY_NAME["esc02"].message)[0].headers)["Allow"]


def test_unknown_authorization_scheme_counts_as_none() -> None:
    verifier = DigestVerifier(DigestJudge("r", lambda _: None, lambda: "nonce"))
    assert verifier.verify(_request("regaut01"), 0.0).outcome == "missing"


def test_parameter_belongs_to_header_or_uri_by_the_brackets() -> None:
    outside = _request("cparam01").contacts[0]
    inside = _request("cparam02").contacts[0]
    assert (outside.param("odd"), outside.uri.has_param("odd")) == ("", False)
    assert (inside.param("odd"), inside.uri.has_param("odd")) == (None, True)


def test_escaped_header_of_a_contact_is_kept() -> None:
    assert _request("regescrt").contacts[0].uri.header("Route") == "<sip:p.example.org>"


def test_rfc_2543_request_is_read_to_the_end() -> None:
    message = _request("inv2543")
    assert message.body == SDP
    assert message.via.branch is None
    assert message.from_.tag is None
