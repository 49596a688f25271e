"""The built-in bench: who plays which role on the demo site."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from provisioning.inventory import load_site
from provisioning.resources import demo_site_dir
from rig.bench_config import TAP, BenchConfig
from rig.faults.seed import Alteration
from rig.scenarios import PROVISIONING_CASES
from rig.scenarios_diversion import bench_for

ROLES = {
    "caller": "emil",
    "callee": "anna",
    "target": "frida",
    "twin": "anna",
    "alias": "lena",
    "other": "david",
    "next": "clara",
}

CALLEES = {
    "unanswered": "clara",
    "all_calls": "greta",
    "dnd": "david",
    "forward_beats_mailbox": "clara",
    "heard_by_portal": "greta",
    "reboot": "clara",
    "missed_call": "david",
    "message_while_away": "clara",
    "platform_restart": "greta",
    "phone_calls": "david",
    "message_by_feature": "greta",
    "message_next_door": "clara",
    "call_forward": "david",
    "message_after_quiet": "greta",
    "two_messages": "clara",
    "power_cut": "david",
    "emptied_without_power": "clara",
}
"""Whose phone is under test where it is not Anna's: every vendor has its turn."""


def scenario_roles() -> dict[str, dict[str, str]]:
    """Roles that differ from :data:`ROLES`, by scenario."""
    return {scenario: {"callee": callee} for scenario, callee in CALLEES.items()}


def demo_config(
    out_dir: Path,
    *,
    capture: str = TAP,
    fetch_by: str = "http",
    seeds: tuple[Alteration, ...] = (),
    drivers: Mapping[str, str] | None = None,
) -> BenchConfig:
    """Settings of the built-in bench.

    Args:
        out_dir: folder for the store.
        capture: ``tap`` or an interface.
        fetch_by: ``http`` or ``tftp``.
        seeds: faults to build in.
        drivers: driver by handset name.
    """
    site = load_site(demo_site_dir() / "site.yaml")
    config = BenchConfig(
        site=site,
        out_dir=out_dir,
        roles=ROLES,
        scenario_roles=scenario_roles(),
        drivers=drivers or {},
        capture=capture,
        fetch_by=fetch_by,
        seeds=seeds,
        boot_at_start=not starts_off(seeds),
    )
    for seed in seeds:
        config = bench_for(seed.scenario, config)
    return config


def starts_off(seeds: Iterable[Alteration]) -> bool:
    """Whether handsets stay off until a scenario boots them: a fault may keep them from it."""
    return any(seed.scenario in PROVISIONING_CASES for seed in seeds)
