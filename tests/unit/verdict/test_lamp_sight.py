"""A sensor that was blind, or looks at the neighbour's lamp, never decides about a phone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staging import CALLER, healthy, summary

from rig.lamp.board.channels import Blind
from rig.timeline import LampSeen, LampState
from rig.verdict.judge import judge
from rig.verdict.outcome import Outcome
from rig.verdict.said import german

BOARD = "serial:/dev/ttyUSB0"


def told(stage):
    verdict = judge(stage.evidence())
    return verdict.outcome, verdict.sentence, verdict.findings


@pytest.mark.parametrize(
    ("lost_at", "back_at"),
    [(2.0, 5.01), (5.005, 5.01), (6.0, 6.5), (6.0, None), (2.0, None)],
    ids=["until the edge", "at the edge", "after the edge", "for good", "from the start"],
)
@pytest.mark.parametrize("back_as", [LampState.SLOW, LampState.OFF])
def test_a_sensor_that_was_blind_while_the_lamp_was_judged_decides_nothing(
    lost_at, back_at, back_as
):
    stage = healthy()
    stage.events = [
        event
        for event in stage.events
        if not isinstance(event, LampSeen) or event.at < lost_at or back_at is None
    ]
    if back_at is None:
        stage.events = [e for e in stage.events if e.at < lost_at or not isinstance(e, LampSeen)]
    stage.lamp(lost_at, LampState.UNKNOWN)
    if back_at is not None:
        stage.lamp(back_at, back_as)
    outcome, sentence, findings = told(stage)
    assert outcome is Outcome.INCONCLUSIVE, sentence
    assert not findings
    assert "lamp sensor of anna" in sentence
    assert f"from {max(lost_at, 5.0):.3f} on" in sentence


@pytest.mark.parametrize("why", Blind)
def test_the_verdict_says_in_both_languages_why_the_sensor_was_blind(why):
    stage = healthy()
    stage.events = [event for event in stage.events if not isinstance(event, LampSeen)]
    reason = f"{why.value}: 7 of them"
    stage.events.append(
        LampSeen(at=2.0, handset="anna", lamp="message", state=LampState.UNKNOWN, reason=reason)
    )
    (fault,) = judge(stage.evidence()).rig_faults
    assert f"(it says: {reason}): check" in fault.sentence
    in_german = german(fault.sentence)
    assert why.value not in in_german
    assert "Lampensensor von anna" in in_german


def test_the_word_of_another_kind_of_sensor_is_quoted():
    stage = healthy()
    stage.events = [event for event in stage.events if not isinstance(event, LampSeen)]
    stage.events.append(
        LampSeen(at=2.0, handset="anna", lamp="message", state=LampState.UNKNOWN, reason="dusk")
    )
    (fault,) = judge(stage.evidence()).rig_faults
    assert "(it says: dusk)" in fault.sentence
    assert "(er meldet: dusk)" in german(fault.sentence)


def test_a_sensor_that_was_blind_before_and_saw_in_time_is_believed():
    stage = healthy()
    stage.lamp(1.0, LampState.UNKNOWN)
    stage.lamp(2.0, LampState.OFF)
    assert told(stage)[0] is Outcome.PASS


def crossed(stage):
    """The lamp of anna went on, and the sensor that is called emil's saw it."""
    stage.facts = replace(stage.facts, sensor=f"{BOARD}#0")
    stage.caller = replace(stage.caller, sensor=f"{BOARD}#1")
    stage.events = [e for e in stage.events if getattr(e, "state", None) is not LampState.SLOW]
    seen = {"handset": "emil", "lamp": "message", "sensor": f"{BOARD}#1"}
    stage.events.append(LampSeen(at=0.0, state=LampState.OFF, **seen))
    stage.events.append(LampSeen(at=5.01, state=LampState.SLOW, **seen))
    return stage


def test_exchanged_sensors_are_the_rigs_fault():
    outcome, sentence, findings = told(crossed(healthy()))
    assert outcome is Outcome.INCONCLUSIVE, sentence
    assert not findings
    assert f"are the sensors of {BOARD}#0 and {BOARD}#1 exchanged?" in sentence


def test_a_neighbour_that_was_told_so_itself_explains_nothing():
    stage = crossed(healthy())
    stage.notify(4.9, summary(1), to=CALLER, call_id="other", uri=f"sip:emil@{CALLER[0]}")
    assert told(stage)[0] is Outcome.FAIL


def test_a_neighbour_that_was_lit_before_explains_nothing():
    stage = crossed(healthy())
    stage.events = [replace(e, at=1.0) if e.at == 5.01 else e for e in stage.events]
    assert told(stage)[0] is Outcome.FAIL


@pytest.mark.parametrize("sensor", ["virtual", "serial:/dev/ttyUSB1#1"])
def test_sensors_of_different_boards_cannot_be_exchanged(sensor):
    stage = crossed(healthy())
    stage.caller = replace(stage.caller, sensor=sensor)
    assert told(stage)[0] is Outcome.FAIL


def test_a_lamp_that_went_on_by_itself_is_not_excused_by_its_neighbour():
    stage = healthy()
    stage.facts = replace(stage.facts, sensor=f"{BOARD}#0")
    stage.caller = replace(stage.caller, sensor=f"{BOARD}#1")
    stage.events.append(LampSeen(at=5.02, handset="emil", lamp="message", state=LampState.SLOW))
    outcome, sentence, _ = told(stage)
    assert outcome is Outcome.PASS, sentence
