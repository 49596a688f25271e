"""The same scenarios with programs that are not ours: baresip as the phone, SIPp as the caller.

Each test has a network namespace of its own where it may, and judges from the wire there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from peers import require_peer

from rig.bench import Bench
from rig.demo_bench import demo_config
from rig.handset.netns import own_network_namespace
from rig.report.record import ScenarioRecord
from rig.run import run_scenario
from rig.scenarios import scenarios
from rig.verdict.outcome import Outcome

pytestmark = pytest.mark.timeout(120)

PHONE = "greta"
CALLER = "emil"


async def run(folder: Path, name: str, drivers: dict[str, str]) -> ScenarioRecord:
    """One scenario on a bench in which real programs stand behind some handsets."""
    root = os.geteuid() == 0
    config = demo_config(folder, capture="lo" if root else "tap", drivers=drivers)
    config = replace(
        config,
        scenario_roles={},
        roles={**config.roles, "callee": PHONE, "caller": CALLER},
        digest_algorithms=("MD5",),
    )
    async with Bench(config) as bench:
        record = await run_scenario(bench, scenarios()[name])
        if "sipp" not in drivers.values():
            assert bench.platform.internal_errors == 0
    return record


def namespace() -> contextlib.AbstractContextManager[None]:
    """A namespace of its own as root, the machine's otherwise."""
    return own_network_namespace() if os.geteuid() == 0 else contextlib.nullcontext()


@pytest.mark.parametrize(
    "name",
    ["busy", "unanswered", "all_calls", "dnd", "forward_beats_mailbox", "heard_by_portal",
     "reboot", "missed_call"],
)  # fmt: skip
def test_baresip_is_the_phone(name: str, tmp_path: Path) -> None:
    require_peer("baresip")
    with namespace():
        record = asyncio.run(run(tmp_path, name, {PHONE: "softphone"}))
    assert record.outcome is Outcome.PASS, record.sentence
    assert not record.findings
    assert not record.told_rules


@pytest.mark.parametrize("name", ["busy", "unanswered", "all_calls", "dnd"])
def test_sipp_is_the_caller(name: str, tmp_path: Path) -> None:
    require_peer("sipp")
    with namespace():
        record = asyncio.run(run(tmp_path, name, {CALLER: "sipp"}))
    assert record.outcome is Outcome.PASS, record.sentence
    assert not record.findings
    assert not record.told_rules


def test_sipp_calls_baresip(tmp_path: Path) -> None:
    require_peer("sipp")
    require_peer("baresip")
    with namespace():
        record = asyncio.run(run(tmp_path, "busy", {CALLER: "sipp", PHONE: "softphone"}))
    assert record.outcome is Outcome.PASS, record.sentence


def test_what_a_driver_cannot_do_is_skipped_before_it_starts(tmp_path: Path) -> None:
    require_peer("baresip")
    with namespace():
        record = asyncio.run(run(tmp_path, "two_mailboxes", {"anna": "softphone"}))
    assert record.outcome is Outcome.SKIPPED
    assert "several_accounts" in record.sentence
    assert not record.measurements
