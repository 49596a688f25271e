"""Scores what a trial found; pure functions on plain data.

2 points: right class and component, and the proof points at the right message, lamp or line. 1
point: right class, but another component or a weak proof. 0: missed. -1: an alarm on a healthy
system. Only what is named first counts, so naming many classes is no way to score; a fault that
strikes two phones is named on each, and each finding's proof may be the one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rig.faults.seed import Seed
from rig.verdict.fault_class import class_texts

Result = Mapping[str, Any]

NOTHING = "none"
"""Column of the matrix for a fault that was not named."""


class PairOutcome(StrEnum):
    """What a verdict made of two faults at once."""

    BOTH = "both named"
    MASKED = "one named, the other said to be hidden"
    MISSED = "one missed"


@dataclass(frozen=True, slots=True)
class Score:
    """One seeded fault, judged.

    Attributes:
        seed: the fault.
        named: class that the verdict named first, or ``none``.
        component: whom it blamed, or empty.
        rule: which rule spoke, or empty.
        proven: its proof points at the right place.
        beside: classes named beside the right one.
        points: 2, 1 or 0.
        outcome: of the run.
        runs: how often the scenario was run until the fault struck.
    """

    seed: Seed
    named: str
    component: str
    rule: str
    proven: bool
    beside: tuple[str, ...]
    points: int
    outcome: str
    runs: int = 1

    @property
    def detected(self) -> bool:
        """Whether the run failed and something was named."""
        return self.named != NOTHING

    @property
    def right(self) -> bool:
        """Right class, component and proof."""
        return self.points == 2


def score_fault(seed: Seed, result: Result) -> Score:
    """Score one run with a seeded fault.

    Args:
        seed: the fault.
        result: of :func:`rig.fault_trial.play.play_shot`.
    """
    findings = result["findings"] if result["outcome"] == "fail" else []
    if not findings:
        return Score(seed, NOTHING, "", "", False, (), 0, result["outcome"], result["runs"])
    first = findings[0]
    right_class = first["class"] == seed.fault_class.value
    alike = [
        f for f in findings if (f["class"], f["component"]) == (first["class"], first["component"])
    ]
    proofs = [proof for finding in alike for proof in finding["proofs"]]
    proven = right_class and points_at(proofs, proof_pattern(seed))
    whole = right_class and first["component"] == seed.component.value and proven
    return Score(
        seed=seed,
        named=first["class"],
        component=first["component"],
        rule=first["rule"],
        proven=proven,
        beside=tuple(f["class"] for f in findings if f["class"] != seed.fault_class.value),
        points=2 if whole else int(right_class),
        outcome=result["outcome"],
        runs=result["runs"],
    )


def proof_pattern(seed: Seed) -> str:
    """What its proof must look like: the seed's own pattern, or that of its class."""
    return seed.proof or class_texts()[seed.fault_class].proof


def points_at(proofs: Iterable[str], pattern: str) -> bool:
    """Whether one of the pieces of evidence that a finding points at is the right one."""
    return any(re.search(pattern, proof, re.MULTILINE) for proof in proofs)


def score_pair(seeds: tuple[Seed, Seed], result: Result, alone: Mapping[str, str]) -> PairOutcome:
    """Score a run with two faults.

    Args:
        seeds: the faults.
        result: of the run.
        alone: link on which each fault was named when alone, as ``table.link``, by name.

    Returns:
        Both named; or one, and the verdict says that it hides the link of the other.
    """
    named = {(f["class"], f["component"]) for f in result["findings"]}
    wanted = [(seed.fault_class.value, seed.component.value) in named for seed in seeds]
    if all(wanted):
        return PairOutcome.BOTH
    hidden = {link for finding in result["findings"] for link in finding["hidden"]}
    missing = [s for s, found in zip(seeds, wanted, strict=True) if not found]
    if any(wanted) and all(alone.get(seed.name, "") in hidden for seed in missing):
        return PairOutcome.MASKED
    return PairOutcome.MISSED


@dataclass(slots=True)
class Tally:
    """A trial in figures.

    Attributes:
        scores: of every seeded fault.
        alarms: healthy runs with a finding, with a broken rule above a note, or that failed.
        undecided: healthy runs in which the rig could not tell.
        healthy: how many healthy runs there were.
    """

    scores: list[Score] = field(default_factory=list)
    alarms: list[Result] = field(default_factory=list)
    undecided: list[Result] = field(default_factory=list)
    healthy: int = 0

    @property
    def points(self) -> int:
        """Sum of points; each false alarm takes one away."""
        return sum(score.points for score in self.scores) - len(self.alarms)

    @property
    def matrix(self) -> Counter[tuple[str, str]]:
        """How often a class was seeded and another named."""
        return Counter((score.seed.fault_class.value, score.named) for score in self.scores)

    def share(self, attribute: str) -> float:
        """Share of the faults of which something holds: ``detected``, ``proven`` or ``right``."""
        held = sum(bool(getattr(score, attribute)) for score in self.scores)
        return held / len(self.scores) if self.scores else 0.0


def tally(results: Iterable[Result], seeds: Mapping[str, Seed]) -> Tally:
    """Add up the results of faults, healthy twins and clean runs."""
    total = Tally()
    for result in results:
        if result["kind"] == "fault":
            if result["names"][0] in seeds:
                total.scores.append(score_fault(seeds[result["names"][0]], result))
        elif result["kind"] in {"healthy", "clean"}:
            total.healthy += 1
            if result["findings"] or result["rules"] or result["outcome"] == "fail":
                total.alarms.append(result)
            elif result["outcome"] != "pass":
                total.undecided.append(result)
    return total
