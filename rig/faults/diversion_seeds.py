"""Seeded faults of call diversion: each makes one component wrong in one way."""

from __future__ import annotations

from dataclasses import replace

from rig.faults.handset_diversion import handset_diversion_seeds
from rig.faults.network_diversion import network_diversion_seeds
from rig.faults.platform_diversion import platform_diversion_seeds
from rig.faults.seed import Seed
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.sip.diversion import DiversionEntry
from rig.verdict.fault_class import Component, FaultClass


class _WrongReason(PlatformHook):
    """Writes ``no-answer`` for a busy callee, and the other way round for the rest."""

    def diversion(self, entries: list[DiversionEntry]) -> list[DiversionEntry]:
        if not entries:
            return entries
        wrong = "no-answer" if entries[0].reason != "no-answer" else "user-busy"
        return [replace(entries[0], reason=wrong), *entries[1:]]


def diversion_seeds() -> tuple[Seed, ...]:
    """Seeded faults of classes D1 to D8, freshly made."""
    return (
        Seed(
            name="wrong-diversion-reason",
            title="the platform writes a reason that does not fit what happened",
            component=Component.PLATFORM,
            fault_class=FaultClass.D2,
            scenario="busy",
            platform=_WrongReason(),
        ),
        *platform_diversion_seeds(),
        *handset_diversion_seeds(),
        *network_diversion_seeds(),
    )
