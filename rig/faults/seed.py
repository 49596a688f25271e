"""A seeded fault: one thing made wrong on purpose, behind the hook of its component.

Seeds exist to prove the verdicts. Nothing in here is visible to them: the rules see packets,
files, lamps and the mailbox's own word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from provisioning.inventory_site import Site
from provisioning.transport.hook import ServerHook
from rig.faults.circumstances import NOTHING_SPECIAL, AlterFile, Circumstances
from rig.faults.network import PassPacket
from rig.handset.emulated.hook import HandsetHook
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.verdict.fault_class import Component, FaultClass

AlterSite = Callable[[Site], Site]
"""The inventory, set so that a fault can show; nothing is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alteration:
    """One thing that is other than usual, ready to be built into a bench.

    Attributes:
        name: for the command line, e.g. ``notify-lost``.
        title: what is altered, in one clause.
        scenario: a scenario in which it shows.
        roles: other handsets for single roles, where it needs their model.
        site: what the inventory must be for it to matter, e.g. unsolicited MWI; the
            healthy twin of a run has the same.
        platform: hook of the embedded platform.
        handsets: hooks of handsets, by role or name.
        network: what a handset's path to the platform does, by role or name.
        file: what happens to files on their way to the handset.
        server: hook of the provisioning server.
        option_66: what the network makes of the URL that DHCP offers.
        circumstances: what must be so for the fault to show; no fault by itself.
    """

    name: str
    title: str
    scenario: str
    roles: Mapping[str, str] = field(default_factory=dict)
    site: AlterSite | None = None
    platform: PlatformHook | None = None
    handsets: Mapping[str, HandsetHook] = field(default_factory=dict)
    network: Mapping[str, PassPacket] = field(default_factory=dict)
    file: AlterFile | None = None
    server: ServerHook | None = None
    option_66: Callable[[str], str] | None = None
    circumstances: Circumstances = NOTHING_SPECIAL

    def healed(self) -> Self:
        """The same inventory, parts and circumstances without the fault."""
        return replace(
            self,
            platform=None,
            handsets={},
            network={},
            file=None,
            server=None,
            option_66=None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed(Alteration):
    """One fault.

    Attributes:
        component: what is really to blame.
        fault_class: the class that the verdict must name.
        id: its number among the faults known from the field, e.g. ``B25``; empty for one of ours.
        source: address of the page where the fault was met; empty for one of ours.
        repeats: how often the scenario must run until a fault that strikes only now and then
            has shown, with 99 % certainty or more.
        proof: pattern that the evidence which the verdict points at must match, where its class
            alone does not say which message, lamp or line that is.
    """

    component: Component
    fault_class: FaultClass
    id: str = ""
    source: str = ""
    proof: str = ""
    repeats: int = 1
