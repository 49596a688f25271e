"""What a bench file says, read and checked: handsets, sensors, power, taps, platform, limits.

Must not know how the file is written. Nothing in here is opened yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from provisioning.inventory_site import Site
from rig.agent.config import WatchConfig
from rig.bench_agents import AgentLamps, AgentPlace
from rig.bench_cameras import CameraPlace
from rig.bench_config import TAP, BenchConfig
from rig.capture.remote import RemoteOptions
from rig.hardware.labgrid_place import LabgridPlace
from rig.hardware.power import PowerPort
from rig.lamp.wiring import LampWiring

ROLES = ("callee", "caller", "target", "twin", "alias", "other", "next")
"""Roles that scenarios know; the first two must be cast."""
IN_SOFTWARE = frozenset({"emulated", "softphone", "sipp"})
"""Drivers whose handsets have no lamp that a camera could see, and no cable."""


@dataclass(frozen=True, slots=True)
class TapPlan:
    """Where packets can be taken.

    Attributes:
        name: in the bench file.
        interface: here, or on the host that ``ssh`` names.
        ssh: ``USER@HOST[:PORT]``; empty for an interface here.
        remote: how to log in there.
    """

    name: str
    interface: str
    ssh: str = ""
    remote: RemoteOptions = field(default_factory=RemoteOptions)


@dataclass(frozen=True, slots=True)
class HandsetPlan:
    """One handset on the bench.

    Attributes:
        name: in the inventory.
        driver: that moves it.
        address: its own; empty where the bench gives it one.
        lamp: in which camera's picture its lamp is; None for none.
        port: what feeds it; None for a virtual port or none.
        agent: which agent elsewhere sees its lamp; None for none.
    """

    name: str
    driver: str
    address: str = ""
    lamp: CameraPlace | None = None
    port: PowerPort | None = None
    agent: AgentPlace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPlan:
    """One bench.

    Attributes:
        file: where it is described.
        site: the inventory.
        handsets: by name.
        roles: handset by role.
        taps: by name.
        wiring: which lamps are seen by lamp boards.
        watch: broker and agents at other places; None for none.
        places: labgrid places that are held while the bench is up, by name.
        capture: what a run takes packets by: ``tap`` or the name of a tap.
        host: address on this computer for platform and servers; empty for loopback.
        sip_port: of the platform.
        call_backs_port: at which real phones call back; None for nowhere, 0 for any.
        outside: the platform has a trunk, with a carrier at its far end.
        lamp_limit_s: longest time from a trigger to the lamp.
        limit_source: where that limit stands.
        boot_limit_s: longest time until a handset is up.
        power_off_s: how long a power cut lasts.
    """

    file: Path
    site: Site
    handsets: Mapping[str, HandsetPlan]
    roles: Mapping[str, str]
    taps: Mapping[str, TapPlan]
    wiring: LampWiring = field(default_factory=LampWiring)
    watch: WatchConfig | None = None
    places: Mapping[str, LabgridPlace] = field(default_factory=dict)
    capture: str = TAP
    host: str = ""
    sip_port: int = 5060
    call_backs_port: int | None = None
    outside: bool = False
    lamp_limit_s: float = 2.0
    limit_source: str = "bench default"
    boot_limit_s: float = 120.0
    power_off_s: float = 10.0

    @property
    def ports(self) -> dict[str, PowerPort]:
        """What feeds a handset, by its name."""
        return {h.name: h.port for h in self.handsets.values() if h.port is not None}

    @property
    def cameras(self) -> dict[str, CameraPlace]:
        """In which camera's picture a handset's lamp is, by its name."""
        return {h.name: h.lamp for h in self.handsets.values() if h.lamp is not None}

    @property
    def agent_lamps(self) -> AgentLamps | None:
        """Which lamps agents see; None when none does."""
        places = {h.name: h.agent for h in self.handsets.values() if h.agent is not None}
        return AgentLamps(self.watch, places) if self.watch and places else None

    def config(self, out_dir: Path, *, boot_at_start: bool = True) -> BenchConfig:
        """Settings of a run on this bench.

        Args:
            out_dir: folder for the store and for reports.
            boot_at_start: handsets boot when the bench is opened.
        """
        return BenchConfig(
            site=self.site,
            out_dir=out_dir,
            roles=self.roles,
            drivers={h.name: h.driver for h in self.handsets.values()},
            capture=TAP if self.capture == TAP else self.taps[self.capture].interface,
            lamp_limit_s=self.lamp_limit_s,
            limit_source=self.limit_source,
            boot_at_start=boot_at_start,
            boot_limit_s=self.boot_limit_s,
            power=self.ports,
            power_off_s=self.power_off_s,
            cameras=self.cameras,
            lamp_wiring=self.wiring,
            agent_lamps=self.agent_lamps,
            places=self.places,
            host=self.host,
            outside=self.outside,
            call_backs_at=None
            if self.call_backs_port is None
            else (self.host or "127.0.0.1", self.call_backs_port),
            sip_port=self.sip_port,
            addresses={h.name: h.address for h in self.handsets.values() if h.address},
        )
