"""Diversion, do-not-disturb, busy: which one wins."""

from __future__ import annotations

import pytest

from provisioning.intent import DivertIntent, DivertsIntent
from rig.handset.base import AnswerMode
from rig.handset.emulated.incoming_rule import Decision, Treatment, decide

ALWAYS = DivertsIntent(always=DivertIntent(True, "201"))
BUSY = DivertsIntent(busy=DivertIntent(True, "202"))
LATE = DivertsIntent(no_answer=DivertIntent(True, "203", 15))
ALL = DivertsIntent(ALWAYS.always, BUSY.busy, LATE.no_answer)
NONE = DivertsIntent()
DIVERTED = Treatment.DIVERT


@pytest.mark.parametrize(
    ("diverts", "mode", "dnd", "in_call", "expected"),
    [
        (NONE, AnswerMode.RING, False, False, Decision(Treatment.RING)),
        (NONE, AnswerMode.ANSWER, False, False, Decision(Treatment.ANSWER)),
        (NONE, AnswerMode.BUSY, False, False, Decision(Treatment.REJECT, 486)),
        (NONE, AnswerMode.ANSWER, False, True, Decision(Treatment.REJECT, 486)),
        (NONE, AnswerMode.ANSWER, True, False, Decision(Treatment.REJECT, 480)),
        (ALL, AnswerMode.BUSY, True, True, Decision(DIVERTED, 302, "201", "unconditional")),
        (BUSY, AnswerMode.RING, False, True, Decision(DIVERTED, 302, "202", "user-busy")),
        (BUSY, AnswerMode.BUSY, False, False, Decision(DIVERTED, 302, "202", "user-busy")),
        (BUSY, AnswerMode.BUSY, True, False, Decision(Treatment.REJECT, 480)),
        (BUSY, AnswerMode.RING, False, False, Decision(Treatment.RING)),
        (
            LATE,
            AnswerMode.RING,
            False,
            False,
            Decision(Treatment.RING, 302, "203", "no-answer", 15),
        ),
        (LATE, AnswerMode.ANSWER, False, False, Decision(Treatment.ANSWER)),
    ],
)
def test_the_strongest_rule_wins(diverts, mode, dnd, in_call, expected):
    assert decide(diverts, mode, dnd=dnd, dnd_status=480, in_call=in_call) == expected


def test_an_enabled_diversion_without_a_target_diverts_nothing():
    empty = DivertIntent(True, "")
    diverts = DivertsIntent(empty, empty, empty)
    decision = decide(diverts, AnswerMode.RING, dnd=False, dnd_status=486, in_call=False)
    assert decision == Decision(Treatment.RING)
