"""The trail of diversions: both headers, continued, counted, switched."""

from __future__ import annotations

import pytest

from rig.mailbox_platform.embedded.calls.diversion_headers import DiversionStep, DiversionTrail
from rig.mailbox_platform.embedded.calls.invite_builder import number_addr
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.sip.diversion import parse_diversions
from rig.sip.header import Headers
from rig.sip.history_info import lint_history, parse_history
from rig.sip.uri import Uri

FIRST = Uri.parse("sip:101@pbx.example")
HOOK = PlatformHook()


def step(number: str, target: str, reason: str, cause: int, status: int | None) -> DiversionStep:
    return DiversionStep(
        party=number_addr(number, "Doe, Jane", "pbx.example"),
        target=Uri.parse(target),
        reason=reason,
        cause=cause,
        status=status,
    )


def headers_of(trail: DiversionTrail, **switches: bool) -> Headers:
    return Headers(trail.rows(PlatformConfig(**switches), HOOK))


def test_a_call_that_nobody_diverted_has_no_rows() -> None:
    trail = DiversionTrail.of_call(Headers(), FIRST)
    assert headers_of(trail) == Headers()
    assert trail.count == 0


def test_one_diversion_in_both_spellings() -> None:
    trail = DiversionTrail.of_call(Headers(), FIRST)
    trail.add(step("101", "sip:vm@127.0.0.1:5", "user-busy", 486, 486))
    headers = headers_of(trail)
    assert headers.get_all("Diversion") == [
        '"Doe, Jane" <sip:101@pbx.example>;reason=user-busy;counter=1;privacy=off'
    ]
    assert headers.get_all("History-Info") == [
        "<sip:101@pbx.example?Reason=SIP%3Bcause%3D486>;index=1",
        "<sip:vm@127.0.0.1:5;cause=486>;index=1.1;mp=1",
    ]


def test_a_handset_that_was_not_asked_leaves_no_reason() -> None:
    trail = DiversionTrail.of_call(Headers(), FIRST)
    trail.add(step("101", "sip:102@pbx.example", "unconditional", 302, None))
    assert parse_history(headers_of(trail))[0].reason_header is None


def test_chain_is_newest_first_and_deepest_last() -> None:
    trail = DiversionTrail.of_call(Headers(), FIRST)
    trail.add(step("101", "sip:102@pbx.example", "unconditional", 302, None))
    trail.add(step("102", "sip:vm@127.0.0.1", "no-answer", 408, 408))
    headers = headers_of(trail)
    assert [e.reason for e in parse_diversions(headers)] == ["no-answer", "unconditional"]
    entries = parse_history(headers)
    assert [e.index for e in entries] == [(1,), (1, 1), (1, 1, 1)]
    assert [e.mp for e in entries] == [None, (1,), (1, 1)]
    assert entries[1].uri.param("cause") == "302"
    assert entries[1].reason_header == "SIP;cause=408"
    assert lint_history(headers, str(entries[-1].uri)) == []
    assert trail.count == 2


def test_received_rows_are_continued() -> None:
    received = Headers(
        [
            ("Diversion", "<sip:1@x>;reason=away;counter=3, <sip:2@x>;reason=unknown"),
            ("History-Info", "<sip:2@x>;index=1, <sip:101@pbx.example;cause=302>;index=1.2"),
        ]
    )
    trail = DiversionTrail.of_call(received, FIRST)
    assert trail.count == 4
    trail.add(step("101", "sip:vm@127.0.0.1", "user-busy", 486, 486))
    headers = headers_of(trail)
    assert [e.name_addr.uri.user for e in parse_diversions(headers)] == ["101", "1", "2"]
    assert [e.index for e in parse_history(headers)] == [(1,), (1, 2), (1, 2, 1)]


def test_received_history_that_ends_elsewhere_gets_our_target_first() -> None:
    received = Headers([("History-Info", "<sip:2@x>;index=1")])
    trail = DiversionTrail.of_call(received, FIRST)
    trail.add(step("101", "sip:vm@127.0.0.1", "user-busy", 486, 486))
    assert [(e.uri.user, e.index) for e in parse_history(headers_of(trail))] == [
        ("2", (1,)),
        ("101", (1, 1)),
        ("vm", (1, 1, 1)),
    ]


@pytest.mark.parametrize("row", ["<sip:1@x", "@@", "", "<sip:1@x>;counter=x"])
def test_damaged_rows_do_not_stop_the_call(row: str) -> None:
    trail = DiversionTrail.of_call(Headers([("Diversion", row), ("History-Info", row)]), FIRST)
    trail.add(step("101", "sip:vm@127.0.0.1", "user-busy", 486, 486))
    assert parse_diversions(headers_of(trail))[0].reason == "user-busy"
    assert trail.count <= 2


def test_each_header_can_be_switched_off() -> None:
    trail = DiversionTrail.of_call(Headers(), FIRST)
    trail.add(step("101", "sip:vm@127.0.0.1", "user-busy", 486, 486))
    assert "Diversion" not in headers_of(trail, send_diversion=False)
    assert "History-Info" not in headers_of(trail, send_history_info=False)
