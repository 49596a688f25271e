from __future__ import annotations

import pytest

from rig.sip.diversion import DiversionEntry, parse_diversions
from rig.sip.diversion_cause import (
    CAUSE_MEANINGS,
    CAUSE_TO_REASON,
    DIVERSION_REASONS,
    REASON_TO_CAUSES,
    agree,
    cause_of,
    reason_of,
)
from rig.sip.errors import MessageError
from rig.sip.header import Headers
from rig.sip.history_info import HistoryEntry, lint_history, parse_history
from rig.sip.name_addr import NameAddr
from rig.sip.uri import Uri


def test_diversions_newest_first_over_rows_and_commas() -> None:
    headers = Headers(
        [
            ("Diversion", '"C, D" <sip:c@h>;reason=No-Answer;counter=2;x=1, <tel:+492>'),
            ("diversion", '<sip:a@h>;reason="send_to_vm";privacy=FULL;screen=yes;limit=5'),
        ]
    )
    newest, middle, oldest = parse_diversions(headers)
    assert (newest.reason, newest.counter) == ("no-answer", 2)
    assert newest.name_addr.display_name == "C, D"
    assert newest.name_addr.params == (("x", "1"),)
    assert (middle.name_addr.uri.number, middle.reason, middle.counter) == ("+492", "", None)
    assert (oldest.reason, oldest.privacy, oldest.screen, oldest.limit) == (
        "send_to_vm",
        "full",
        "yes",
        5,
    )


def test_diversion_text() -> None:
    entry = DiversionEntry(
        NameAddr.parse("<sip:b@h>"), "user-busy", counter=1, limit=0, privacy="off", screen="no"
    )
    assert str(entry) == "<sip:b@h>;reason=user-busy;counter=1;limit=0;privacy=off;screen=no"
    assert DiversionEntry.parse(str(entry)) == entry
    odd = DiversionEntry(NameAddr.parse("<sip:b@h>"), "two words")
    assert DiversionEntry.parse(str(odd)) == odd


@pytest.mark.parametrize("counter", ["x", "-1", "99999999999", "1.5", "\u0661"])
def test_unreadable_counter_is_none(counter: str) -> None:
    assert DiversionEntry.parse(f"<sip:b@h>;counter={counter}").counter is None


def test_malformed_diversion_names_its_place() -> None:
    headers = Headers([("Diversion", "<sip:a@h>, <sip:b@h")])
    with pytest.raises(MessageError, match="entry 2"):
        parse_diversions(headers)


def test_cause_table_is_complete_and_agrees_with_itself() -> None:
    assert set(REASON_TO_CAUSES) == set(DIVERSION_REASONS)
    assert set(CAUSE_TO_REASON) == set(CAUSE_MEANINGS)
    for cause, reason in CAUSE_TO_REASON.items():
        assert agree(reason, cause)
    assert cause_of("Unconditional") == 302
    assert cause_of("send_to_vm") == 404
    assert reason_of(487) == "deflection"
    assert reason_of(999) == "unknown"
    assert not agree("user-busy", 408)


def _history(*entries: str) -> Headers:
    return Headers([("History-Info", ", ".join(entries))])


def test_history_entries() -> None:
    first, second, third = parse_history(
        _history(
            "<sip:b@h?Reason=SIP%3Bcause%3D486%3Btext%3D%22Busy%22&Privacy=history>;index=1",
            "<sip:vm@h;cause=408?Reason=Q.850%3Bcause%3D019>;index=1.1;mp=1",
            "<sip:x@h;cause=abc?Reason=Q.850%3Bcause%3D019>;index=1.1.1;rc=1.1;np=q",
        )
    )
    assert (first.index, first.cause, first.privacy) == ((1,), 486, "history")
    assert first.reason_header == 'SIP;cause=486;text="Busy"'
    assert (second.index, second.cause, second.mp, second.rc) == ((1, 1), 408, (1,), None)
    assert (third.cause, third.rc, third.np) == (None, (1, 1), None)
    assert str(first.uri.aor) == "sip:b@h"


def test_made_history_entry_reads_back() -> None:
    entry = HistoryEntry.make(
        Uri.parse("sip:vm@h"),
        (1, 2),
        cause=302,
        reason='SIP;cause=302;text="a b"',
        target_param=("mp", (1, 1)),
    )
    assert HistoryEntry.parse(str(entry)) == entry
    assert (entry.cause, entry.mp, entry.index) == (302, (1, 1), (1, 2))
    assert entry.reason_header == 'SIP;cause=302;text="a b"'
    assert str(HistoryEntry.make(Uri.parse("sip:a@h"), (1,))) == "<sip:a@h>;index=1"
    both = HistoryEntry.make(Uri.parse("sip:a@h?Privacy=history"), (1,), reason="SIP;cause=486")
    assert (both.privacy, both.cause) == ("history", 486)
    odd = HistoryEntry.make(Uri.parse("sip:a?b@h"), (1,), reason="SIP;cause=486")
    assert (odd.uri.user, odd.cause) == ("a?b", 486)


@pytest.mark.parametrize("entry", ["<sip:b@h>", "<sip:b@h>;index=", "<sip:b@h>;index=1..2", "<"])
def test_malformed_history_names_its_place(entry: str) -> None:
    with pytest.raises(MessageError, match="entry 1"):
        parse_history(_history(entry))
    assert lint_history(_history(entry))


GOOD = (
    "<sip:b@h>;index=1",
    "<sip:c@h;cause=302>;index=1.1;mp=1",
    "<sip:d@h>;index=1.2;rc=1",
    "<sip:e@h;cause=486>;index=1.2.1;np=1.2",
)


def test_good_history_has_no_findings() -> None:
    assert lint_history(_history(*GOOD), "sip:e@h;user=phone") == []
    assert lint_history(Headers()) == []


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        (("<sip:b@h>;index=2",), "first entry must be 1"),
        (("<sip:b@h>;index=0",), "count from 1"),
        ((*GOOD, "<sip:f@h>;index=1.2.1"), "twice"),
        ((*GOOD, "<sip:f@h>;index=1.1.1"), "ascending"),
        ((*GOOD, "<sip:f@h>;index=1.4.1"), "parent 1.4 is missing"),
        ((*GOOD, "<sip:f@h>;index=1.4"), "1.3 is missing"),
        ((*GOOD, "<sip:f@h>;index=1.3;mp=1;rc=1"), "at most one"),
        ((*GOOD, "<sip:f@h>;index=1.3;mp=1.9"), "no index of an earlier"),
        ((*GOOD, "<sip:f@h>;index=1.3;mp"), "no index of an earlier"),
        ((*GOOD, "<sip:f@h;cause=302;cause=302>;index=1.3"), "cause stands there twice"),
        ((*GOOD, "<sip:f@h;cause=999>;index=1.3"), "cause is '999'"),
        ((*GOOD, "<sip:f@h;cause=abc>;index=1.3"), "cause is 'abc'"),
        ((*GOOD, "<sip:f@h;cause>;index=1.3"), "cause is ''"),
    ],
)
def test_each_fault_of_the_tree_is_named(entries: tuple[str, ...], text: str) -> None:
    findings = lint_history(_history(*entries))
    assert any(text in finding.text for finding in findings), findings


def test_last_entry_must_lead_to_the_request_uri() -> None:
    assert "last entry" in lint_history(_history(*GOOD), "sip:other@h")[0].text
    assert "Request-URI" in lint_history(_history(*GOOD), "nonsense")[0].text
