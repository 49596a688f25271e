"""Chains, circles, trunks and forwarding keys on a bench: right ones pass, each fault is named.

Those that take long are left to ``phonerig faults run``.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from peers import require_root

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "verdict"))

from composed_diversion import composed_diversion  # found by the line above
from recording import undisturbed

from rig.bench import Bench
from rig.bench_config import BenchConfig
from rig.demo_bench import demo_config
from rig.faults.catalogue import find_seed
from rig.faults.seed import Seed
from rig.report.record import ScenarioRecord
from rig.run import run_scenario, run_scenarios
from rig.scenarios import scenarios
from rig.scenarios_diversion import bench_for, diversion_scenarios, with_feature_keys, with_trunk
from rig.verdict.outcome import Outcome

pytestmark = [pytest.mark.timeout(120), pytest.mark.waits]

LONG = {"forward_chain", "ring_times"}
"""Scenarios that wait for greetings or ringing; faults of theirs run below all the same."""


def is_undisturbed(record: ScenarioRecord) -> bool:
    return "event loop stood still" not in record.sentence


async def wrong_about(config: BenchConfig, names: Iterable[str]) -> list[str]:
    """What is found wrong with right scenarios on one bench."""
    async with Bench(config) as bench:
        records = [await run_scenario(bench, scenarios()[name]) for name in names]
    return [
        f"{record.name}: {record.outcome} {record.sentence} {record.told_rules}"
        for record in records
        if record.outcome is not Outcome.PASS or record.findings or record.told_rules
    ]


async def test_right_platforms_and_phones_pass(tmp_path: Path) -> None:
    base = with_trunk(demo_config(tmp_path))
    keys = with_feature_keys(replace(base, out_dir=tmp_path / "keys"))
    plain = {s.name for s in diversion_scenarios()} - LONG - {"feature_keys"}
    wrong = await asyncio.gather(wrong_about(base, plain), wrong_about(keys, ["feature_keys"]))
    assert not any(wrong), wrong


async def test_right_platforms_and_phones_pass_by_the_wire_alone(tmp_path: Path) -> None:
    require_root()
    config = with_trunk(demo_config(tmp_path, capture="lo"))
    wrong = await wrong_about(config, ["redirect_loop", "outside_call", "came_diverted"])
    assert not wrong


async def run_seed(make: Callable[[], Seed], folder: Path, capture: str = "tap") -> str:
    """What is wrong with the verdict on one seeded fault, or empty."""
    seed = make()

    async def once(where: Path) -> ScenarioRecord:
        seed = make()  # hooks remember what they have struck
        async with Bench(demo_config(where, capture=capture, seeds=(seed,))) as bench:
            return await run_scenario(bench, scenarios()[seed.scenario])

    record = await undisturbed(once, folder, is_undisturbed)
    named = [(f["class"], f["component"]) for f in record.findings]
    wanted = (seed.fault_class.value, seed.component.value)
    if record.outcome is Outcome.FAIL and named[:1] == [wanted]:
        return ""
    return f"{seed.name}: {record.outcome} {named} {record.sentence}"


async def complaints(
    seeds: list[Callable[[], Seed]], folder: Path, capture: str = "tap"
) -> list[str]:
    runs = (run_seed(make, folder / str(n), capture) for n, make in enumerate(seeds))
    return [complaint for complaint in await asyncio.gather(*runs) if complaint]


@pytest.mark.parametrize(
    "numbers", [("B35", "B46", "B49", "B50"), ("B40", "B44", "B67", "diversion-privacy-lost")]
)
async def test_a_fault_of_diversion_is_named(numbers: tuple[str, ...], tmp_path: Path) -> None:
    wrong = await complaints([partial(find_seed, number) for number in numbers], tmp_path)
    assert not wrong, "\n".join(wrong)


async def test_a_fault_of_diversion_is_named_from_the_wire_alone(tmp_path: Path) -> None:
    require_root()
    wrong = await complaints([partial(find_seed, "B115")], tmp_path, "lo")
    assert not wrong, "\n".join(wrong)


async def test_a_fault_that_nobody_has_listed_is_named(tmp_path: Path) -> None:
    def make(name: str) -> Seed:
        return next(seed for seed in composed_diversion() if seed.name == name)

    assert len(list(composed_diversion())) >= 10
    name = "every call to the trunk has a diverter"
    wrong = await complaints([partial(make, name)], tmp_path)
    assert not wrong, "\n".join(wrong)


async def test_a_fault_that_strikes_now_and_then_is_counted(tmp_path: Path) -> None:
    seed = find_seed("B34")
    assert (1 - 0.2) ** seed.repeats < 0.01
    scenario = scenarios()[seed.scenario]
    async with Bench(demo_config(tmp_path, seeds=(seed,))) as bench:
        record = await run_scenarios(bench, [scenario] * 3, title=seed.name)
    assert [s.outcome for s in record.scenarios] == [Outcome.FAIL, Outcome.PASS, Outcome.PASS]
    assert record.named_in("D1", "platform") == 1
    assert record.named_in("D1", "network") == 0


async def test_a_scenario_without_its_trunk_is_skipped(tmp_path: Path) -> None:
    async with Bench(demo_config(tmp_path)) as bench:
        record = await run_scenario(bench, scenarios()["outside_call"])
    assert record.outcome is Outcome.SKIPPED
    assert "no outside line" in record.sentence


def test_benches_are_fitted_to_their_scenarios(tmp_path: Path) -> None:
    config = demo_config(tmp_path)
    assert bench_for("busy", config) == config
    assert bench_for("tel_history", config).outside
    assert bench_for("ring_times", config).seconds_per_ring < config.seconds_per_ring
