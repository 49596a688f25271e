"""Every oracle speaks in its story, names packets, clause and remedy, and is silent beside it."""

from __future__ import annotations

import re

import pytest
from stories_calls import CALL_STORIES
from stories_mwi import MWI_STORIES
from talk import Talk

from rig.verdict.oracles.catalogue import oracle_texts
from rig.verdict.oracles.finding import OracleFinding, Severity

STORIES = MWI_STORIES | CALL_STORIES
OTHERS = {"summary-line", "oracle-more"}
"""Catch-alls: a kind that no text has yet, and findings beyond the bound (tested on its own)."""


BESIDE = {
    "sub-no-back-off": ("sub-refused",),
    "notify-after-end": ("sub-ended-early",),
}
"""What is rightly said in the silent story of another oracle."""


def told(findings: list[OracleFinding]) -> str:
    return "\n".join(f"{f.severity} {f.oracle} {f.packets}: {f}" for f in findings)


def test_every_oracle_has_a_story() -> None:
    assert set(STORIES) == set(oracle_texts()) - OTHERS


@pytest.mark.parametrize("oracle", STORIES)
def test_it_speaks(oracle: str) -> None:
    findings = STORIES[oracle][0](Talk()).findings()
    mine = [f for f in findings if f.oracle == oracle]
    assert mine, told(findings)
    text = oracle_texts()[oracle]
    first = mine[0]
    assert first.certain
    assert first.severity.rank >= Severity(text.severity).rank or oracle == "sip-syntax"
    assert first.packets
    assert first.clause.startswith("RFC ")
    assert first.fault_class is text.fault_class
    for words in (first.sentence, first.sentence_de, first.remedy, first.remedy_de):
        assert words
        assert "{" not in words
    assert first.sentence != first.sentence_de or oracle == "sip-syntax"
    assert not re.search(r"[0-9]\.[0-9]+ s\b", first.sentence_de)


@pytest.mark.parametrize("oracle", STORIES)
def test_it_is_silent_beside_it(oracle: str) -> None:
    findings = STORIES[oracle][1](Talk()).findings()
    weight = oracle_texts()[oracle].severity
    loud = [
        f
        for f in findings
        if (f.severity is not Severity.NOTE or (f.oracle == oracle and f.severity is weight))
        and f.oracle not in BESIDE.get(oracle, ())
    ]
    assert not loud, told(loud)
