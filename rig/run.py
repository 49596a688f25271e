"""Runs scenarios on a bench, judges each and gathers the run record."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable

from rig.bench import Bench
from rig.bench_config import TAP
from rig.errors import PhonerigError
from rig.report.record import RunRecord, ScenarioRecord, event_data, scenario_record
from rig.scenario import Scenario
from rig.timeline import FetchSeen
from rig.verdict.evidence import Evidence, Expectation
from rig.verdict.finding import RigFault, Verdict
from rig.verdict.judge import judge
from rig.verdict.outcome import Outcome
from rig.verdict.said import said
from rig.verdict.wire_rules import RunRules, broken_rules

ScenarioDone = Callable[[ScenarioRecord], None]


async def run_scenarios(
    bench: Bench,
    scenarios: Iterable[Scenario],
    *,
    title: str,
    done: ScenarioDone | None = None,
) -> RunRecord:
    """Run scenarios one after the other.

    Args:
        bench: open.
        scenarios: what to run, in order.
        title: of the run, for reports.
        done: called after each, for progress.

    Returns:
        The finished record. A scenario that breaks the rig is an error in it, not an exception.
    """
    record = RunRecord(
        title=title,
        site=bench.site.name,
        capture=capture_in_words(bench),
        started_at=bench.clock(),
        duration_s=0.0,
        version=importlib.metadata.version("phonerig"),
        environment=bench.environment(),
        handsets=bench.inventory_rows(),
        losses=bench.losses(),
    )
    for scenario in scenarios:
        result = await run_scenario(bench, scenario)
        record.scenarios.append(result)
        if done is not None:
            done(result)
    record.fetches = [event_data(e) for e in bench.events if isinstance(e, FetchSeen)]
    record.duration_s = bench.clock() - record.started_at
    return record


async def run_scenario(bench: Bench, scenario: Scenario) -> ScenarioRecord:
    """Run one scenario, judge it, and bring the bench back to its start state."""
    bench.cast(scenario.name)
    missing = scenario.missing(bench)
    started_at = bench.clock()
    if missing:
        return ScenarioRecord(
            name=scenario.name,
            title=scenario.title,
            requirements=scenario.requirements,
            outcome=Outcome.SKIPPED,
            sentence="; ".join(missing),
            started_at=started_at,
            duration_s=0.0,
        )
    expectations: list[Expectation] = []
    trouble: RigFault | None = None
    try:
        await bench.reset()
        await bench.read_lamps()
        started_at = bench.clock()
        expectations = await scenario.run(bench)
    except (PhonerigError, TimeoutError, OSError) as error:
        # A peer that died or a time that ran out is the rig's trouble, never a traceback.
        why = str(error) or type(error).__name__
        trouble = RigFault(Outcome.ERROR, said("rig_not_carried_out", why=why))
    evidence = await bench.evidence(started_at, expectations)
    evidence.provoked = scenario.provokes
    verdict = judged(evidence, trouble, bench.run_rules)
    return scenario_record(
        scenario.name,
        scenario.title,
        scenario.requirements,
        evidence,
        verdict,
        bench.participants(evidence),
    )


def judged(evidence: Evidence, trouble: RigFault | None, run: RunRules | None = None) -> Verdict:
    """Judge, and let trouble of the rig outweigh what could not be done because of it.

    Args:
        evidence: of the scenario.
        trouble: of the rig.
        run: what the oracles know of the run already.
    """
    verdict = judge(evidence)
    verdict.broken_rules = broken_rules(evidence, run)
    if trouble is not None:
        verdict.rig_faults.insert(0, trouble)
    return verdict


def capture_in_words(bench: Bench) -> str:
    """How packets were taken, for reports."""
    if bench.config.capture == TAP:
        return "the SIP endpoints' own taps (no privilege needed)"
    return f"interface {bench.config.capture}, by a capture process of its own"
