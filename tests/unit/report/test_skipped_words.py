"""Why a scenario was not begun is said in German too."""

from __future__ import annotations

import pytest

from rig.report.record import ScenarioRecord
from rig.report.words import words
from rig.verdict.outcome import Outcome

REASONS = {
    "no handset plays twin": "kein Telefon spielt twin",
    "clara (callee) cannot lamp": "clara (callee) kann nicht lamp",
    "chef-1 (callee) diverts calls while busy by itself, as the inventory says": (
        "chef-1 (callee) leitet Anrufe bei Besetzt selbst um, wie es das Inventar will"
    ),
    "the first account of lena (callee) has no mailbox": (
        "das erste Konto von lena (callee) hat keinen Anrufbeantworter"
    ),
    "clara (alias) is no alias of the mailbox of anna": (
        "clara (alias) ist kein Alias des Anrufbeantworters von anna"
    ),
    "account 1 of anna (twin) does not show the mailbox of account 2": (
        "Konto 1 von anna (twin) zeigt den Anrufbeantworter von Konto 2 nicht"
    ),
    "account 1 of anna (twin) shows the mailbox of account 2 too": (
        "Konto 1 von anna (twin) zeigt auch den Anrufbeantworter von Konto 2"
    ),
    "no port feeds anna (callee) that the rig can switch": (
        "kein Anschluss, den der Prüfstand schalten kann, speist anna (callee)"
    ),
    "the bench has no outside line": "der Prüfstand hat keine Amtsleitung",
}


def skipped(sentence: str) -> ScenarioRecord:
    return ScenarioRecord(
        name="x",
        title="x",
        requirements=(),
        outcome=Outcome.SKIPPED,
        sentence=sentence,
        started_at=0.0,
        duration_s=0.0,
    )


@pytest.mark.parametrize("english", REASONS)
def test_each_reason_has_its_german_words(english: str) -> None:
    assert words("de").verdict(skipped(english)) == REASONS[english]
    assert words("en").verdict(skipped(english)) == english


def test_several_reasons_and_one_that_nobody_knows_stay_in_order() -> None:
    english = "no handset plays twin; something else; no handset plays alias"
    german = "kein Telefon spielt twin; something else; kein Telefon spielt alias"
    assert words("de").verdict(skipped(english)) == german
