"""Seeded faults of message waiting, gathered from the modules of their components."""

from __future__ import annotations

from dataclasses import replace

from rig.faults.compose import NOTIFY, alter, on_platform, summary
from rig.faults.mwi_config import config_seeds
from rig.faults.mwi_handset import handset_seeds
from rig.faults.mwi_network import network_seeds
from rig.faults.mwi_platform import platform_seeds
from rig.faults.seed import Seed
from rig.verdict.fault_class import Component, FaultClass


def mwi_seeds() -> tuple[Seed, ...]:
    """Seeded faults of classes M1 to M11, freshly made."""
    return (
        Seed(
            name="yes-with-nothing-new",
            id="B07",
            source="https://github.com/fusionpbx/fusionpbx/commit/1c6f58ca03",
            title="the platform says Messages-Waiting: yes with 0 new messages",
            component=Component.PLATFORM,
            fault_class=FaultClass.M5,
            scenario="heard_by_portal",
            platform=on_platform(alter(NOTIFY, summary(lambda told: replace(told, waiting=True)))),
        ),
        *platform_seeds(),
        *handset_seeds(),
        *network_seeds(),
        *config_seeds(),
    )
