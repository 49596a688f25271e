"""A phone's own word is told beside its lamp, and never decides."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staging import healthy

from rig.timeline import LampSeen, LampState, PhoneSaid
from rig.verdict.judge import judge
from rig.verdict.outcome import Outcome


def with_word(stage, *, waiting, at=5.02, handset="anna"):
    stage.events.append(
        PhoneSaid(at=at, handset=handset, what="mwi", waiting=waiting, client="10.0.0.9")
    )
    return stage


def dark(stage):
    """The sensor sees no light at all."""
    stage.events = [e for e in stage.events if not isinstance(e, LampSeen) or not e.state.lit]
    return stage


def unseen(stage):
    """No sensor stands before the lamp."""
    stage.events = [e for e in stage.events if not isinstance(e, LampSeen)]
    return stage


def word_of(verdict):
    return [m for m in verdict.measurements if m.name.startswith("phone_word")]


def test_without_a_word_nothing_is_said_of_one():
    verdict = judge(healthy().evidence())
    assert verdict.outcome is Outcome.PASS
    assert word_of(verdict) == []


def test_a_word_that_agrees_is_told():
    verdict = judge(with_word(healthy(), waiting=True).evidence())
    (word,) = word_of(verdict)
    assert (verdict.outcome, word.name, word.value) == (
        Outcome.PASS,
        "phone_word[anna]",
        "waiting",
    )
    assert word.note == "agrees with the lamp sensor: lit"
    assert word.where.startswith("call-back at 5.02")


def test_a_word_that_disagrees_is_told_and_the_sensor_decides():
    verdict = judge(with_word(healthy(), waiting=False).evidence())
    (word,) = word_of(verdict)
    assert word.note == "disagrees with the lamp sensor, which ranks first: lit"
    assert verdict.outcome is Outcome.PASS

    verdict = judge(with_word(dark(healthy()), waiting=True).evidence())
    (word,) = word_of(verdict)
    assert word.note == "disagrees with the lamp sensor, which ranks first: off"
    assert verdict.outcome is Outcome.FAIL
    (finding,) = verdict.findings
    assert finding.rule == "lamp_contradicts"
    assert "call-back of anna: messages wait" in [str(proof) for proof in finding.proofs]


def test_a_word_is_no_lamp_where_none_was_seen():
    verdict = judge(with_word(unseen(healthy()), waiting=True).evidence())
    (word,) = word_of(verdict)
    assert word.note == "no sensor sees the lamp, and the phone's own word is no lamp"
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.findings == []


@pytest.mark.parametrize(
    "odd",
    [{"at": 4.0}, {"handset": "emil"}, {"waiting": None}],
    ids=["before the trigger", "another phone's", "about something else"],
)
def test_words_that_do_not_count(odd):
    stage = with_word(healthy(), **{"waiting": False} | odd)
    assert word_of(judge(stage.evidence())) == []


def test_a_word_of_the_whole_phone_says_nothing_of_one_accounts_icon():
    stage = with_word(healthy(), waiting=True)
    stage.expectations = [replace(wanted, lamp="account:1") for wanted in stage.expectations]
    assert word_of(judge(stage.evidence())) == []


def test_the_last_word_counts():
    stage = with_word(with_word(healthy(), waiting=False), waiting=True, at=5.03)
    assert word_of(judge(stage.evidence()))[0].value == "waiting"


def test_unknown_is_a_state_of_the_lamp_and_not_of_the_phone():
    stage = with_word(healthy(), waiting=True)
    stage.lamp(5.5, LampState.UNKNOWN)
    verdict = judge(stage.evidence())
    assert verdict.outcome is Outcome.INCONCLUSIVE
