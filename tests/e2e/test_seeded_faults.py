"""One thing made wrong at a time: the verdict must name it, whatever the capture."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from peers import require_root

from rig.bench import Bench
from rig.blocking import BlockingBench
from rig.demo_bench import demo_config
from rig.faults.catalogue import seeds
from rig.faults.seed import Seed
from rig.report.record import ScenarioRecord
from rig.run import run_scenario
from rig.scenarios import scenarios
from rig.verdict.outcome import Outcome

pytestmark = [pytest.mark.timeout(120), pytest.mark.waits]


OTHERS: dict[str, tuple[str, ...]] = {
    "mwi-subscription-missing": ("unanswered", "heard_by_portal", "reboot"),
    "yes-with-nothing-new": ("heard_by_portal",),
    "notify-lost": ("unanswered", "dnd", "reboot"),
    "lamp-stuck-off": ("unanswered", "dnd", "reboot"),
    "lamp-by-missed-call": ("missed_call",),
    "wrong-diversion-reason": ("unanswered", "all_calls", "dnd", "forward_beats_mailbox"),
}
"""Seeded faults that are run here, and other scenarios in which each shows as well.

`phonerig faults trial` runs them all.
"""


def run_with(name: str, folder: Path, capture: str) -> ScenarioRecord:
    seed = seeds()[name]
    with BlockingBench(demo_config(folder, capture=capture, seeds=(seed,))) as bench:
        return bench.run_scenario(scenarios()[seed.scenario])


@pytest.mark.parametrize("capture", ["tap", "lo"])
@pytest.mark.parametrize("name", list(OTHERS))
def test_a_seeded_fault_is_named(name: str, capture: str, tmp_path: Path) -> None:
    if capture == "lo":
        require_root()
    seed = seeds()[name]
    record = run_with(name, tmp_path, capture)
    assert record.outcome is Outcome.FAIL, record.sentence
    named = [(f["class"], f["component"]) for f in record.findings]
    assert named == [(seed.fault_class.value, seed.component.value)]
    proofs = record.findings[0]["proofs"]
    assert proofs
    assert record.findings[0]["remedy"]
    packets = [proof["packet"] for proof in proofs if proof["packet"]]
    numbers = {e["number"] for e in record.events if e["kind"] == "sip"}
    assert set(packets[:1]) <= numbers or seed.fault_class.value == "P4"


VENDORS = {"anna": "Yealink", "clara": "Snom", "david": "Grandstream", "greta": "Poly"}


async def run_struck(seed: Seed, scenario: str, callee: str, folder: Path) -> str:
    """Strike another phone or another scenario; what is wrong with the verdict, or empty."""
    config = demo_config(folder, seeds=(replace(seed, scenario=scenario),))
    roles = {**config.scenario_roles, scenario: {"callee": callee}}
    config = replace(config, scenario_roles=roles, seconds_per_ring=0.6)
    async with Bench(config) as bench:
        record = await run_scenario(bench, scenarios()[scenario])
    named = [(f["class"], f["component"]) for f in record.findings]
    if named == [(seed.fault_class.value, seed.component.value)]:
        return ""
    return f"{callee} in {scenario}: {record.outcome} {named} {record.sentence}"


@pytest.mark.parametrize("name", list(OTHERS))
async def test_a_seeded_fault_is_named_on_every_vendor_and_in_other_scenarios(
    name: str, tmp_path: Path
) -> None:
    seed = seeds()[name]
    cases = [(seed.scenario, callee) for callee in VENDORS]
    cases += [(other, "clara") for other in OTHERS[name] if other != seed.scenario]
    runs = (
        run_struck(seeds()[name], scenario, callee, tmp_path / str(n))
        for n, (scenario, callee) in enumerate(cases)
    )
    wrong = [complaint for complaint in await asyncio.gather(*runs) if complaint]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ["lamp-stuck-off", "lamp-by-missed-call", "notify-lost"])
async def test_a_fault_of_a_phone_that_is_not_under_test_fails_nothing(
    name: str, tmp_path: Path
) -> None:
    seed = seeds()[name]
    struck = replace(
        seed,
        handsets=dict.fromkeys(["greta"] * len(seed.handsets), *seed.handsets.values()),
        network=dict.fromkeys(["greta"] * len(seed.network), *seed.network.values()),
    )
    async with Bench(demo_config(tmp_path, seeds=(struck,))) as bench:
        record = await run_scenario(bench, scenarios()["busy"])
    assert record.outcome is Outcome.PASS, record.sentence
    assert not record.findings


def test_a_capture_stopped_in_the_middle_never_passes(tmp_path: Path) -> None:
    with BlockingBench(demo_config(tmp_path)) as bench:
        bench.bench.stop_capture("stopped by the test")
        record = bench.run_scenario(scenarios()["busy"])
    assert record.outcome is Outcome.ERROR
    assert "stopped by the test" in record.sentence


def test_a_capture_process_that_is_killed_never_passes(tmp_path: Path) -> None:
    require_root()
    with BlockingBench(demo_config(tmp_path, capture="lo")) as bench:
        wire = bench.bench.wire
        assert wire is not None
        assert wire.pid is not None
        os.kill(wire.pid, signal.SIGKILL)
        record = bench.run_scenario(scenarios()["missed_call"])
    assert record.outcome is Outcome.ERROR
    assert "capture" in record.sentence


def test_a_capture_that_is_frozen_never_passes(tmp_path: Path) -> None:
    require_root()
    with BlockingBench(demo_config(tmp_path, capture="lo")) as bench:
        wire = bench.bench.wire
        assert wire is not None
        assert wire.pid is not None
        os.kill(wire.pid, signal.SIGSTOP)
        try:
            record = bench.run_scenario(scenarios()["missed_call"])
        finally:
            os.kill(wire.pid, signal.SIGCONT)
    assert record.outcome is Outcome.ERROR
    assert "marker" in record.sentence
