"""The order in which a reader gets findings: the heaviest first, what says the same once."""

from __future__ import annotations

from rig.capture.findings import CaptureFinding, in_order
from rig.verdict.oracles.finding import Severity


def found(
    packet: int, text: str, severity: Severity = Severity.NOTE, **more: int
) -> CaptureFinding:
    return CaptureFinding(packet, "RFC 1", text, severity, oracle=text, **more)


def test_what_says_the_same_is_one_line() -> None:
    [one] = in_order([found(n, "a") for n in range(1, 31)])
    assert (one.packet, one.packets, one.count) == (1, (2, 3, 4, 5, 6, 7, 8, 9), 30)


def test_another_weight_or_text_is_another_line() -> None:
    findings = [found(1, "a"), found(2, "b"), found(3, "a", Severity.FAULT)]
    assert [(f.packet, f.count) for f in in_order(findings)] == [(3, 1), (1, 1), (2, 1)]


def test_the_heaviest_come_first_and_mere_counts_last() -> None:
    findings = [
        found(0, "more"),
        found(1, "note"),
        found(2, "warning", Severity.WARNING),
        found(3, "fault", Severity.FAULT),
    ]
    assert [f.text for f in in_order(findings)] == ["fault", "warning", "note", "more"]


def test_the_cause_comes_before_what_it_causes() -> None:
    findings = [
        found(31, "request-waiting", Severity.WARNING),
        found(32, "refused-port", Severity.WARNING),
        found(9, "fault", Severity.FAULT),
    ]
    assert [f.packet for f in in_order(findings)] == [9, 32, 31]


def test_a_place_in_both_languages() -> None:
    one = in_order([found(n, "a") for n in (3, 4)])[0]
    assert one.place("en") == "packet 3 (and 4; 2 times)" == one.where
    assert one.place("de") == "Paket 3 (und 4; 2-mal)"
    assert found(0, "a").place("de") == "der Mitschnitt"
