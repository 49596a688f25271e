"""Real clean runs, then everything in them made wrong one at a time: no wrong verdict."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from peers import require_root

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "verdict"))
sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "oracles"))

import blindness  # found by the lines above, like the next ones
import wire_mutations
from composed import Composed, composed
from mutations import generate
from recording import Recording, record, undisturbed

from provisioning.intent import MwiMode
from rig.bench import Bench
from rig.demo_bench import demo_config
from rig.fault_trial.legal import CHANGES, replay
from rig.report.record import ScenarioRecord
from rig.run import run_scenario
from rig.scenarios import scenarios
from rig.verdict.oracles.finding import Severity
from rig.verdict.outcome import Outcome

NOTE = Severity.NOTE
pytestmark = pytest.mark.timeout(400)

SCENARIOS = (
    "busy",
    "unanswered",
    "dnd",
    "forward_beats_mailbox",
    "heard_by_portal",
    "two_mailboxes",
    "reboot",
    "alias_phone",
    "missed_call",
)
BY_WIRE = ("busy", "heard_by_portal", "two_mailboxes")


@pytest.mark.parametrize("capture", ["tap", "lo"])
def test_no_single_mutation_of_a_clean_run_gets_a_wrong_verdict(
    capture: str, tmp_path: Path
) -> None:
    if capture == "lo":
        require_root()
    names = SCENARIOS if capture == "tap" else BY_WIRE
    recordings = record(tmp_path, *names, capture=capture)
    mutations = [m for r in recordings.values() for m in generate(r)]
    assert len(mutations) >= 100 * len(names)
    assert sum(1 for m in mutations if m.fits) >= 50 * len(names)
    assert sum(1 for m in mutations if m.legal) >= 20 * len(names)
    assert sum(1 for m in mutations if m.blind) >= 5 * len(names)
    wrong = [f"{m.label}: {c}" for m in mutations if (c := m.complaint())]
    if capture == "tap":
        wrong += replayed(list(recordings.values()))
        wrong += unseen(list(recordings.values()))
    wrong += unexplained(list(recordings.values()))
    assert not wrong, "\n".join(wrong)


def unseen(recordings: list[Recording]) -> Iterator[str]:
    """What is wrong with verdicts of a rig that lost its sight; the tool tries far more."""
    tried: Counter[str] = Counter()
    for number, recording in enumerate(recordings):
        cases = list(blindness.generate(recording, step=8))
        for case in cases[number % 5 :: 5]:
            tried[case.family] += 1
            if complaint := case.complaint():
                yield complaint
    assert set(tried) == blindness.FAMILIES
    assert sum(tried.values()) >= 150


def unexplained(recordings: list[Recording]) -> Iterator[str]:
    """Clean runs in which the passive oracles find something, and faults that they do not name."""
    for recording in recordings:
        clean = wire_mutations.judged(recording.packets)
        yield from (f"{recording.name}, clean: {f}" for f in clean if f.severity is not NOTE)
    tried = wire_mutations.generate(recordings[0].packets, of_each=1)[::24]
    assert len(tried) >= 40
    clean = wire_mutations.judged(recordings[0].packets)
    for mutation in tried:
        if not wire_mutations.judge_mutation(mutation, clean).explained:
            yield f"{mutation.label}: neither named nor known to be legal"


def replayed(recordings: list[Recording]) -> Iterator[str]:
    """What is wrong with verdicts on clean runs with several legal changes at once."""
    tried: set[str] = set()
    for number in range(120):
        recording = recordings[number % len(recordings)]
        changes, verdict = replay(recording, number)
        tried |= set(changes)
        if verdict.findings or verdict.outcome is not Outcome.PASS:
            yield f"{recording.name} with {', '.join(changes)}: {verdict.sentence}"
    assert tried == {*CHANGES, "IPv6"}


async def run_once(fault: Composed, folder: Path) -> ScenarioRecord:
    """Run one composed fault on a bench of its own."""
    scenario = scenarios()[fault.seed.scenario]
    config = replace(demo_config(folder, seeds=(fault.seed,)), seconds_per_ring=0.6)
    if fault.callee:
        roles = {**config.scenario_roles, scenario.name: {"callee": fault.callee}}
        config = replace(config, scenario_roles=roles)
    if fault.unsolicited:
        config = replace(config, site=replace(config.site, mwi_mode=MwiMode.UNSOLICITED))
    async with Bench(config) as bench:
        return await run_scenario(bench, scenario)


async def run_composed(nth: int, folder: Path) -> str:
    """What is wrong with the verdict of one composed fault, or empty.

    Each attempt gets a fault made anew: one that strikes so many times would have struck already.
    """
    fault = composed()[nth]
    record = await undisturbed(
        lambda where: run_once(composed()[nth], where),
        folder,
        lambda record: "event loop stood still" not in record.sentence,
    )
    named = [(f["class"], f["component"]) for f in record.findings]
    if fault.legal:
        right = record.outcome is Outcome.PASS and not named
    else:
        wanted = (fault.seed.fault_class.value, fault.seed.component.value)
        right = record.outcome is Outcome.FAIL and named[:1] == [wanted]
    return "" if right else f"{fault.seed.name}: {record.outcome} {named} {record.sentence}"


@pytest.mark.parametrize("part", range(6))
async def test_composed_faults_are_named_from_evidence(part: int, tmp_path: Path) -> None:
    faults = range(part, len(composed()), 6)
    assert len(faults) >= 7
    runs = (run_composed(nth, tmp_path / str(nth)) for nth in faults)
    wrong = [complaint for complaint in await asyncio.gather(*runs) if complaint]
    assert not wrong, "\n".join(wrong)
