"""Writes what a trial found as a Markdown page: figures, confusion matrix, every fault by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rig.fault_trial.score import NOTHING, PairOutcome, Score, Tally
from rig.verdict.fault_class import FaultClass

Result = Mapping[str, Any]


HOW_IT_IS_SCORED = """\
Every seeded fault runs on a bench of its own, and its healthy twin with the same random number
and the fault left out. A fault scores 2 for class, component and proof, 1 for the class alone, 0
when it was missed; an alarm in a healthy run costs 1. Only the first finding counts. The proof is
right when a piece of evidence that the finding points at matches the pattern of the fault, or
else that of its class.
"""

WHAT_A_REPLAY_IS = """\
Replayed: a recorded clean run judged again, with one to four of these changes made to its
messages. No bench runs in a replay; it tries the verdict alone.
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What stands at the top of the page.

    Attributes:
        command: that made it.
        date: day of the run.
        machine: cores, Python, kernel.
        jobs: benches at once.
        state: digest of the program that ran; all results are of this one.
        minutes: how long the runs on benches took; None when they were ended in between.
        stalled: how many runs had to be run again because the rig was disturbed.
        slowest_s: longest stall of the rig's event loop among the runs that count, in seconds.
    """

    command: str
    date: str
    machine: str
    jobs: int
    state: str
    minutes: float | None
    stalled: int
    slowest_s: float


@dataclass(frozen=True, slots=True)
class Trial:
    """A whole trial.

    Attributes:
        facts: about the run.
        total: faults, healthy twins and clean runs on benches.
        clean: results of the clean runs on benches.
        replays: ``(scenario, changes, findings)`` of every replay of a recorded clean run.
        pairs: names of two faults, and what the verdict made of them.
    """

    facts: Facts
    total: Tally
    clean: Sequence[Result] = ()
    replays: Sequence[tuple[str, tuple[str, ...], tuple[str, ...]]] = ()
    pairs: Sequence[tuple[tuple[str, ...], PairOutcome, str]] = field(default=())

    @property
    def alarms(self) -> int:
        """False alarms, in runs and in replays."""
        return len(self.total.alarms) + sum(bool(found) for _, _, found in self.replays)


def page(trial: Trial) -> Iterator[str]:
    """The page, line by line."""
    facts, total = trial.facts, trial.total
    yield "# Trial of the verdicts"
    yield ""
    took = facts.minutes and f"; the runs on benches took {facts.minutes:.0f} minutes"
    yield f"Written by `{facts.command}` on {facts.date} ({facts.machine}; {facts.jobs} benches at"
    yield f"once{took or ''}). All of it is of one state of the program, `{facts.state}`."
    yield f"{facts.stalled} runs were run again because the rig itself was disturbed; among those"
    yield "that count, its event loop stood still for"
    yield f"{facts.slowest_s:.2f} s at most. Change nothing here by hand."
    yield ""
    yield HOW_IT_IS_SCORED
    yield from _table(("figure", "value"), _figures(trial))
    yield "## Confusion matrix"
    yield ""
    yield "Seeded class by row, first named class by column."
    yield ""
    yield from _matrix(total)
    yield "## By fault"
    yield ""
    heads = ("fault", "number", "seeded", "named", "component", "rule", "proof", "points")
    yield from _table(heads, (_row(score) for score in total.scores))
    yield from _by_component(total)
    yield from _alarms(trial)
    yield from _clean(trial)
    yield from _pairs(trial)


def _figures(trial: Trial) -> Iterator[tuple[str, str]]:
    total = trial.total
    count = len(total.scores)
    yield "seeded faults", str(count)
    yield "detected", _share(total, "detected")
    yield "right class, component and proof", _share(total, "right")
    yield "right proof", _share(total, "proven")
    yield "points", f"{total.points} of {2 * count}"
    yield "healthy runs on benches", str(total.healthy)
    yield "healthy runs replayed from recordings", str(len(trial.replays))
    yield "false alarms", str(trial.alarms)
    yield "healthy runs in which the rig could not tell", str(len(total.undecided))
    if trial.pairs:
        made = Counter(outcome for _, outcome, _ in trial.pairs)
        yield "pairs of faults", ", ".join(f"{made[one]} {one}" for one in PairOutcome)


def _share(total: Tally, attribute: str) -> str:
    held = sum(bool(getattr(score, attribute)) for score in total.scores)
    return f"{held} ({100 * total.share(attribute):.1f} %)"


def _matrix(total: Tally) -> Iterator[str]:
    matrix = total.matrix
    known = [fault.value for fault in FaultClass]
    rows = [one for one in known if any(seeded == one for seeded, _ in matrix)]
    columns = [one for one in (*known, NOTHING) if any(named == one for _, named in matrix)]
    cells = ([row, *(str(matrix[row, column] or "") for column in columns)] for row in rows)
    yield from _table(("", *columns), cells)


def _row(score: Score) -> tuple[str, ...]:
    seed = score.seed
    wanted = f"{seed.fault_class} ({seed.component})"
    beside = f" beside {', '.join(score.beside)}" if score.beside else ""
    named = f"{score.named}{beside}" if score.detected else f"{NOTHING} ({score.outcome})"
    named += f" in run {score.runs} of {seed.repeats}" if seed.repeats > 1 else ""
    proof = "right" if score.proven else "weak" if score.detected else ""
    return (f"`{seed.name}`", seed.id, wanted, named, score.component,
            f"`{score.rule}`" if score.rule else "", proof, str(score.points))  # fmt: skip


def _by_component(total: Tally) -> Iterator[str]:
    yield "## By component"
    yield ""
    rows = []
    for component in dict.fromkeys(score.seed.component for score in total.scores):
        own = [score for score in total.scores if score.seed.component is component]
        blamed = sum(score.component == component for score in own)
        rows.append((component, len(own), blamed, sum(score.points for score in own)))
    yield from _table(("component", "faults", "blamed rightly", "points"), rows)


def _alarms(trial: Trial) -> Iterator[str]:
    if not trial.alarms and not trial.total.undecided:
        return
    yield "## Healthy runs that were not silent"
    yield ""
    for result in (*trial.total.alarms, *trial.total.undecided):
        said = "; ".join((result["sentence"], *result["rules"]))
        yield f"- `{result['key']}`: {result['outcome']}: {said}"
    for name, changes, found in trial.replays:
        if found:
            yield f"- replay of {name} with {', '.join(changes)}: {'; '.join(found)}"
    yield ""


def _clean(trial: Trial) -> Iterator[str]:
    if not trial.clean and not trial.replays:
        return
    yield "## Clean runs"
    yield ""
    if trial.clean:
        yield "On benches, with one legal and rare thing built in:"
        yield ""
        by_oddity = Counter(", ".join(r["oddities"]) or "nothing" for r in trial.clean)
        quiet = Counter(
            ", ".join(r["oddities"]) or "nothing"
            for r in trial.clean
            if r["outcome"] == "pass" and not r["rules"]
        )
        rows = ((name, count, quiet[name]) for name, count in sorted(by_oddity.items()))
        yield from _table(("built in", "runs", "passed in silence"), rows)
    if trial.replays:
        yield WHAT_A_REPLAY_IS
        changed = Counter(change for _, changes, _ in trial.replays for change in changes)
        silent = Counter(c for _, changes, found in trial.replays if not found for c in changes)
        rows = ((name, count, silent[name]) for name, count in sorted(changed.items()))
        yield from _table(("change", "replays", "without a finding"), rows)


def _pairs(trial: Trial) -> Iterator[str]:
    if not trial.pairs:
        return
    yield "## Two faults at once"
    yield ""
    yield "A finding says which links of the chain it hides; a fault on one of them cannot be seen"
    yield "until the first is mended."
    yield ""
    rows = (
        (" and ".join(f"`{name}`" for name in names), outcome.value, said)
        for names, outcome, said in trial.pairs
    )
    yield from _table(("faults", "verdict", "named"), rows)


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    heads = list(heads)
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |"
    yield ""
