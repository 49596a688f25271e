"""One thing made wrong at a time: the verdict must name it, whatever the capture."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from peers import require_root

from rig.blocking import BlockingBench
from rig.demo_bench import demo_config
from rig.faults.catalogue import seeds
from rig.report.record import ScenarioRecord
from rig.scenarios import scenarios
from rig.verdict.outcome import Outcome

pytestmark = pytest.mark.timeout(120)


def run_with(name: str, folder: Path, capture: str) -> ScenarioRecord:
    seed = seeds()[name]
    with BlockingBench(demo_config(folder, capture=capture, seeds=(seed,))) as bench:
        return bench.run_scenario(scenarios()[seed.scenario])


@pytest.mark.parametrize("capture", ["tap", "lo"])
@pytest.mark.parametrize("name", list(seeds()))
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
