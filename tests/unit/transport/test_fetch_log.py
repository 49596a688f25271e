"""The record of fetches: bounded, heard, and safe to print."""

from __future__ import annotations

import logging

import pytest

from provisioning.identity import Certainty, Identification
from provisioning.transport.fetch_log import FetchLog, FetchRecord, printable


def record(path: str = "/a.cfg", user_agent: str = "") -> FetchRecord:
    return FetchRecord(
        at=10.0,
        transport="http",
        client=("192.0.2.7", 1024),
        path=path,
        handset="",
        status=404,
        octets=0,
        duration_s=0.0015,
        user_agent=user_agent,
    )


def test_a_record_reads_as_one_line() -> None:
    assert str(record(user_agent="Yealink SIP-T46U")) == (
        "http 192.0.2.7:1024 /a.cfg handset=- status=404 octets=0 duration_s=0.002 "
        "model=? mac=? firmware=? sure=unknown "
        '"Yealink SIP-T46U"'
    )


@pytest.mark.parametrize(
    "hostile",
    ["a\r\nb", "a\x1b[2Jb", "a\x00b", "a\u2028b", "a\x85b", "a\udcffb", "a\u202eb", "a\x7fb"],
)
def test_nothing_a_client_sends_leaves_its_line(hostile: str) -> None:
    line = str(record(path=hostile, user_agent=hostile))
    assert line.isprintable()
    assert len(line.splitlines()) == 1
    assert line.encode("utf-8")


def test_escapes_are_unambiguous() -> None:
    assert printable('a"\\n') == 'a\\"\\\\n'
    assert printable("a\n") == "a\\n"


def test_the_log_is_bounded_and_counts_what_it_forgot() -> None:
    log = FetchLog(max_records=3)
    for number in range(5):
        log.add(record(path=str(number)))
    assert [kept.path for kept in log.records] == ["2", "3", "4"]
    assert log.forgotten == 2


def test_listeners_hear_everything_until_they_stop() -> None:
    log = FetchLog()
    heard: list[FetchRecord] = []
    stop = log.listen(heard.append)
    log.add(record())
    stop()
    stop()
    log.add(record())
    assert heard == [record()]
    assert len(log.records) == 2


def test_a_failing_listener_is_logged_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    log = FetchLog()
    heard: list[FetchRecord] = []

    def fail(_: FetchRecord) -> None:
        raise LookupError("listener's own fault")

    log.listen(fail)
    log.listen(heard.append)
    log.add(record())
    assert heard == [record()]
    assert "a fetch listener failed" in caplog.text


def test_each_record_says_who_it_was_and_a_mismatch_is_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    conflict = Identification("", Certainty.CONFLICT, (), None, "", ("one\n", "other"))
    asked: list[tuple[str, ...]] = []

    def identify(*clues: str) -> Identification:
        asked.append(clues)
        return conflict

    log = FetchLog(identify=identify)
    log.add(record(user_agent="x"))
    assert asked == [("192.0.2.7", "/a.cfg", "x", "")]
    assert log.records[0].identity is conflict
    assert "sure=conflict" in str(log.records[0])
    assert caplog.messages == ["mismatch in a fetch by 192.0.2.7: one\\n; other"]


def test_who_cannot_be_identified_is_logged_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = FetchLog(identify=lambda *clues: 1 / 0)  # type: ignore[arg-type,return-value]  # breaks on purpose
    log.add(record())
    assert log.records == (record(),)
    assert "nobody could say who fetched" in caplog.text


def test_records_go_to_the_log_as_one_safe_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "provisioning.transport.fetch_log"):
        FetchLog().add(record(path="/a\nforged line"))
    assert caplog.messages == [str(record(path="/a\nforged line"))]
    assert "\n" not in caplog.messages[0]
