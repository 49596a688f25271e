"""Seeded faults of message waiting that need a side of a component which no other test uses.

Each runs on a bench of its own, all at once; beside them a healthy bench plays the scenarios in
which they show. ``phonerig faults trial`` runs every seed.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "verdict"))

from recording import undisturbed  # found by the line above

from rig.bench import Bench
from rig.demo_bench import demo_config
from rig.faults.catalogue import find_seed
from rig.faults.seed import AlterSite
from rig.faults.sites import by_tcp
from rig.report.record import ScenarioRecord
from rig.run import run_scenario
from rig.scenarios import scenarios
from rig.verdict.outcome import Outcome

pytestmark = pytest.mark.timeout(120)

SEEDS = ("B31", "B32", "B62", "B112")
HEALTHY = ("message_while_away", "two_phones", "stranger", "call_forward")


async def struck(number: str, folder: Path) -> ScenarioRecord:
    seed = find_seed(number)
    async with Bench(demo_config(folder, seeds=(seed,))) as bench:
        return await run_scenario(bench, scenarios()[seed.scenario])


async def seed_complaint(number: str, folder: Path) -> str:
    """What is wrong with the verdict about a seed, or empty."""
    record = await undisturbed(
        lambda where: struck(number, where),
        folder,
        lambda record: "event loop stood still" not in record.sentence,
    )
    seed = find_seed(number)
    named = [(f["class"], f["component"]) for f in record.findings]
    right = named == [(seed.fault_class.value, seed.component.value)]
    right = right and record.outcome is Outcome.FAIL
    return "" if right else f"{number}: {record.outcome} {named} {record.sentence}"


async def healthy_complaint(folder: Path, names: tuple[str, ...], site: AlterSite) -> str:
    """What a healthy bench with some inventory is blamed for, or empty."""
    config = demo_config(folder)
    async with Bench(replace(config, site=site(config.site))) as bench:
        records = [await run_scenario(bench, scenarios()[name]) for name in names]
    return "; ".join(
        f"{r.name}: {r.outcome} {r.sentence} {r.told_rules}"
        for r in records
        if r.outcome is not Outcome.PASS or r.findings or r.told_rules
    )


async def test_each_is_named_and_a_healthy_bench_is_not_blamed(tmp_path: Path) -> None:
    runs = [seed_complaint(number, tmp_path / number) for number in SEEDS]
    runs.append(healthy_complaint(tmp_path / "healthy", HEALTHY, lambda site: site))
    runs.append(healthy_complaint(tmp_path / "tcp", ("boots_then_message",), by_tcp))
    found = await asyncio.gather(*runs)
    wrong = [complaint for complaint in found if complaint]
    assert not wrong, "\n".join(wrong)
