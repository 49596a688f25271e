"""What the passive oracles say of a run's own capture becomes part of its verdict."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from staging import Stage

sys.path.insert(0, str(Path(__file__).parents[1] / "oracles"))

from talk import Talk

from rig.report.record import scenario_record
from rig.run import judged
from rig.scenarios import scenarios
from rig.timeline import CaptureHealth, LoopStalled, Tap, Timeline
from rig.verdict.evidence import Evidence
from rig.verdict.finding import RigFault, Verdict
from rig.verdict.measurement import Limit, Measurement
from rig.verdict.oracles.catalogue import oracle_texts
from rig.verdict.oracles.engine import CaptureEnd, judge_capture
from rig.verdict.oracles.finding import Severity
from rig.verdict.outcome import Outcome
from rig.verdict.wire_rules import KNOWN_OTHERWISE, RunRules, broken_rules

NO_LINE_END = b"Messages-Waiting: no\r\nVoice-Message: 0/0 (0/0)"


def evidence(talk: Talk, *more: object, started_at: float = 0.0) -> Evidence:
    """A scenario during which there was this talk, and some silence."""
    end = talk.now + 5.0
    timeline = Timeline([])
    health = CaptureHealth(at=end, tap=Tap.WIRE, packets=9, dropped=0, running=True)
    timeline.merge(*talk.events(), health, *more)  # type: ignore[arg-type]  # events
    stage = replace(Stage().evidence(), timeline=timeline)
    return replace(stage, started_at=started_at, ended_at=end)


def fine() -> Talk:
    return Talk().healthy()


def bad_body() -> Talk:
    return Talk().register().subscribe().notify(body=NO_LINE_END)


def names(verdict: Verdict) -> list[tuple[str, Severity]]:
    return [(rule.oracle, rule.severity) for rule in verdict.broken_rules]


def test_a_healthy_talk_breaks_no_rule() -> None:
    assert not [r for r in broken_rules(evidence(fine())) if r.severity is not Severity.NOTE]


def refused() -> Talk:
    talk = Talk()
    asked = talk.ask("REGISTER", rows=("Contact: <sip:anna@192.0.2.10>", "Expires: 600"))
    talk.answer(asked, 403)
    return talk


def test_what_the_scenario_provoked_is_a_note_in_it_and_not_said_again_after_it() -> None:
    case = evidence(refused())
    assert [r.severity for r in broken_rules(case) if r.oracle == "reg-refused"] == [
        Severity.WARNING
    ]
    wanted = replace(case, provoked=frozenset({"reg-refused"}))
    run = RunRules()
    assert [r.severity for r in broken_rules(wanted, run) if r.oracle == "reg-refused"] == [
        Severity.NOTE
    ]
    assert not [r for r in broken_rules(case, run) if r.oracle == "reg-refused"]


def test_who_must_be_told_of_messages_is_no_question_where_an_inventory_says_it() -> None:
    case = evidence(Talk().register().wait(4))
    capture = judge_capture(case.timeline.events, CaptureEnd(at=case.ended_at))
    assert "mwi-never" in {finding.oracle for finding in capture}
    assert not {finding.oracle for finding in broken_rules(case)} & KNOWN_OTHERWISE
    assert oracle_texts().keys() >= KNOWN_OTHERWISE


def test_every_provoked_oracle_exists() -> None:
    provoked = {name for scenario in scenarios().values() for name in scenario.provokes}
    assert provoked
    assert provoked <= oracle_texts().keys()


def test_a_fault_on_the_wire_fails_a_run_that_has_what_it_expects() -> None:
    verdict = judged(evidence(bad_body()), None)
    assert names(verdict) == [("summary-line-end", Severity.FAULT)]
    verdict.measurements.append(Measurement("m", 0, limit=Limit("<=", 1, "x")))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.sentence.startswith("a rule is broken on the wire: message summary to anna")
    assert "RFC 3842 5.2" in verdict.sentence


def test_a_warning_is_told_and_changes_nothing() -> None:
    mild = [
        replace(rule, severity=Severity.WARNING) for rule in broken_rules(evidence(bad_body()))
    ]
    right = [Measurement("m", 0, limit=Limit("<=", 1, "x"))]
    verdict = Verdict(measurements=right, broken_rules=mild)
    assert mild
    assert verdict.outcome is Outcome.PASS
    assert not verdict.wire_faults


def test_the_heaviest_is_told_first() -> None:
    talk = Talk().subscribe(granted=900, wish=600).notify().wait(5).notify(body=NO_LINE_END)
    ranks = [rule.severity.rank for rule in broken_rules(evidence(talk))]
    assert len(set(ranks)) > 1
    assert ranks == sorted(ranks, reverse=True)


def test_a_rig_that_is_blind_blames_no_rule() -> None:
    verdict = judged(evidence(bad_body()), RigFault(Outcome.ERROR, "the capture broke"))
    assert verdict.outcome is Outcome.ERROR
    assert verdict.sentence == "the capture broke"


def test_what_happened_before_the_scenario_counts_and_is_told_once_in_a_run() -> None:
    run = RunRules()
    late = evidence(bad_body(), started_at=1000.0)
    assert [r.oracle for r in broken_rules(late, run)] == ["summary-line-end"]
    assert broken_rules(late, run) == []
    assert [r.oracle for r in broken_rules(late)] == ["summary-line-end"]


def test_what_comes_after_the_scenario_is_not_told_yet() -> None:
    one = evidence(bad_body())
    before = min(event.at for event in one.timeline.events)
    assert broken_rules(replace(one, ended_at=before)) == []


@pytest.mark.parametrize(("blocked_s", "severity"), [(0.1, "warning"), (0.6, "note")])
def test_a_rig_that_stood_still_notes_what_was_not_there(blocked_s: float, severity: str) -> None:
    talk = Talk().register().subscribe().wait(33).alive()
    stall = LoopStalled(at=talk.now, blocked_s=blocked_s)
    found = {r.oracle: r.severity for r in broken_rules(evidence(talk, stall))}
    assert "sub-no-notify" in found
    assert (found["sub-no-notify"] == Severity.NOTE) == (severity == "note")


def test_without_a_wire_there_is_nothing_to_say() -> None:
    assert broken_rules(replace(evidence(bad_body()), needs_wire=False)) == []


def test_the_record_says_who_sent_it_and_both_languages_do() -> None:
    one = evidence(bad_body())
    verdict = judged(one, None)
    record = scenario_record("s", "t", (), one, verdict, {"192.0.2.1:5060": "platform"})
    (rule,) = record.told_rules
    assert rule["clause"] == "RFC 3842 5.2"
    assert rule["sender"]
    assert rule["packets"]
    assert rule["sentence"] != rule["de"]["sentence"]
    assert rule["remedy"] != rule["de"]["remedy"]
