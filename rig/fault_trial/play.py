"""Runs one shot on a bench of its own, and again if the rig itself was disturbed."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from rig.bench import Bench
from rig.demo_bench import demo_config
from rig.errors import PhonerigError
from rig.fault_trial.shot import Kind, Shot
from rig.faults.catalogue import find_seed
from rig.faults.oddities import oddities
from rig.faults.seed import Alteration
from rig.report.record import ScenarioRecord
from rig.run import run_scenario
from rig.scenarios import scenarios
from rig.timeline import LoopStalled
from rig.verdict.outcome import Outcome
from rig.verdict.rig_health import STALL_LIMIT_S

TRIES = 4
"""A run in which the rig's own event loop stood still says nothing; it is run again."""

RING_S = 0.6
"""A short ringing cadence saves time and is no fault."""

Result = dict[str, Any]
"""What came of a shot, as plain data."""


def play_shot(shot: Shot) -> Result:
    """Run a shot to its end.

    Args:
        shot: which.

    Returns:
        Its outcome, findings, and what the rig thinks of itself.
    """
    return asyncio.run(play(shot))


async def play(shot: Shot) -> Result:
    """Run a shot; see :func:`play_shot`."""
    result: Result = {}
    for tries in range(1, TRIES + 1):
        with tempfile.TemporaryDirectory(prefix="phonerig-") as folder:
            try:
                result = await _once(shot, Path(folder))
            except PhonerigError as error:
                result = _blank(shot) | {"outcome": "error", "sentence": str(error)}
        result["tries"] = tries
        if result["stall_s"] < STALL_LIMIT_S and result["outcome"] != Outcome.ERROR:
            break
    return result


def alterations(shot: Shot) -> tuple[Alteration, ...]:
    """What is built into the bench of a shot, freshly made."""
    faults: list[Alteration] = [find_seed(name) for name in shot.names]
    if shot.kind is Kind.HEALTHY:
        faults = [fault.healed() for fault in faults]
    known = oddities()
    odd = [replace(known[name], scenario=shot.scenario) for name in shot.oddities]
    return (*faults, *odd)


async def _once(shot: Shot, folder: Path) -> Result:
    config = replace(
        demo_config(folder, seeds=alterations(shot)),
        seconds_per_ring=RING_S,
        token_seed=str(shot.number),
    )
    most = repeats(shot)
    async with Bench(config) as bench:
        started_at = bench.clock()
        records: list[ScenarioRecord] = []
        while not records or (records[-1].outcome is Outcome.PASS and len(records) < most):
            records.append(await run_scenario(bench, scenarios()[shot.scenario]))
        stalls = [
            event.blocked_s
            for event in bench.events
            if isinstance(event, LoopStalled) and event.at >= started_at
        ]
    kept = {"stall_s": max(stalls, default=0.0), "runs": len(records)}
    return result_of(shot, records[-1]) | kept


def repeats(shot: Shot) -> int:
    """How often the scenario runs until something shows: a fault may strike only now and then."""
    return max((find_seed(name).repeats for name in shot.names), default=1)


def _blank(shot: Shot) -> Result:
    return {
        "key": shot.key,
        "kind": shot.kind.value,
        "names": list(shot.names),
        "scenario": shot.scenario,
        "oddities": list(shot.oddities),
        "findings": [],
        "rules": [],
        "stall_s": 0.0,
        "runs": 0,
        "seconds": 0.0,
    }


def result_of(shot: Shot, record: ScenarioRecord) -> Result:
    """What of a record the trial keeps."""
    return _blank(shot) | {
        "outcome": record.outcome.value,
        "sentence": record.sentence,
        "seconds": round(record.duration_s, 2),
        "findings": [_finding(finding, record) for finding in record.findings],
        "rules": [f"{rule['severity']} {rule['oracle']}" for rule in record.told_rules],
    }


def _finding(finding: dict[str, Any], record: ScenarioRecord) -> dict[str, Any]:
    messages = {e["number"]: e["text"] for e in record.events if e["kind"] == "sip"}
    proofs = []
    for proof in finding["proofs"]:
        proofs.append(f"{proof['kind']}: {proof['where']}: {proof['text']}")
        message = proof["message"] or messages.get(proof["packet"], "")
        proofs += [message.replace("\r\n", "\n")] if message else []
    kept = ("class", "component", "rule", "handset", "certain", "sentence", "hidden")
    return {key: finding[key] for key in kept} | {"proofs": proofs}
