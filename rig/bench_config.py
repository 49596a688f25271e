"""What a bench is made of: which site, which drivers, which capture, which limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from provisioning.inventory_site import Site
from provisioning.known_names import known_names
from rig.bench_agents import AgentLamps
from rig.bench_cameras import CameraPlace
from rig.errors import RigError, UsageError
from rig.faults.circumstances import Circumstances, together
from rig.faults.seed import Alteration
from rig.hardware.labgrid_place import LabgridPlace
from rig.hardware.power import PowerPort
from rig.lamp.wiring import LampWiring

TAP = "tap"
"""The capture that needs no privilege: the SIP endpoints' own taps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchConfig:
    """Settings of one bench.

    Attributes:
        site: the inventory.
        out_dir: folder for the store and for reports.
        roles: handset name by role (``caller``, ``callee``, ``target``, ``twin``, ``alias``).
        scenario_roles: other handsets for single roles, by scenario.
        drivers: driver by handset name; ``emulated`` where none is named.
        capture: ``tap`` or the name of a network interface.
        fetch_by: ``http`` or ``tftp``.
        seconds_per_ring: ringing cadence of the platform.
        digest_algorithms: what the platform offers for authentication, strongest first; some
            softphones give up when any offer is not MD5.
        lamp_limit_s: longest time from a trigger to the lamp.
        limit_source: where that limit comes from, for reports.
        blind_greeting_s: how long a caller that recognises no prompts waits for the beep.
        seeds: faults and oddities built in, to prove the verdicts.
        token_seed: makes branches, tags and Call-IDs repeatable; empty for random ones.
        mail_sink: take the platform's mail, for tests to look at; without it nothing is mailed.
        outside: a trunk, with a carrier at its far end that takes and places calls.
        boot_at_start: handsets boot when the bench is opened; else a scenario boots them.
        boot_limit_s: longest time that a scenario waits for a handset that it boots.
        power: what feeds a handset, by its name; handsets in software have a virtual port
            where none is named.
        power_off_s: how long a scenario leaves a handset without power.
        cameras: in which camera's picture the lamp of a real phone is, by its name.
        host: address on this computer for platform and servers; empty for loopback.
        sip_port: of the platform, where ``host`` is given.
        addresses: of handsets that have one of their own, by name.
        handset_addresses: own loopback address for each handset; False puts all on 127.0.0.1.
        call_backs_at: address and port at which real phones call back; None for nowhere.
        lamp_wiring: which lamps are seen, and which keys pressed, by lamp boards.
        agent_lamps: which lamps are seen by agents at other places.
        places: labgrid places that are held while the bench is up, by name.
    """

    site: Site
    out_dir: Path
    roles: Mapping[str, str]
    scenario_roles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    drivers: Mapping[str, str] = field(default_factory=dict)
    capture: str = TAP
    fetch_by: str = "http"
    seconds_per_ring: float = 1.0
    digest_algorithms: tuple[str, ...] = ("SHA-256", "MD5")
    lamp_limit_s: float = 2.0
    limit_source: str = "bench default"
    blind_greeting_s: float = 3.0
    seeds: tuple[Alteration, ...] = ()
    token_seed: str = ""
    mail_sink: bool = False
    outside: bool = False
    boot_at_start: bool = True
    boot_limit_s: float = 20.0
    power: Mapping[str, PowerPort] = field(default_factory=dict)
    power_off_s: float = 1.0
    cameras: Mapping[str, CameraPlace] = field(default_factory=dict)
    host: str = ""
    sip_port: int = 0
    addresses: Mapping[str, str] = field(default_factory=dict)
    handset_addresses: bool = True
    call_backs_at: tuple[str, int] | None = None
    lamp_wiring: LampWiring = field(default_factory=LampWiring)
    agent_lamps: AgentLamps | None = None
    places: Mapping[str, LabgridPlace] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what can be checked before anything starts.

        Raises:
            RigError: an unknown way to fetch, or a role that names no handset.
            UsageError: the lamp wiring or a driver names no handset.
        """
        if self.fetch_by not in {"http", "tftp"}:
            raise RigError(f"fetch_by is {self.fetch_by!r}; expected http or tftp")
        names = {handset.name for handset in self.site.handsets}
        castings = [self.roles, *self.scenario_roles.values(), *(s.roles for s in self.seeds)]
        for role, name in (pair for casting in castings for pair in casting.items()):
            if name not in names:
                raise RigError(
                    f"role {role} names handset {name!r}, which the inventory does not have; "
                    f"{known_names(name, sorted(names))}"
                )
        for name in sorted(set(self.drivers) - names):
            raise UsageError(
                f"drivers names handset {name!r}, which the inventory does not have; "
                f"{known_names(name, sorted(names))}"
            )
        for name in sorted(self.lamp_wiring.handsets - names):
            raise UsageError(
                f"the lamp wiring names handset {name!r}, which the inventory does not have; "
                f"{known_names(name, sorted(names))}"
            )

    def driver_of(self, handset: str) -> str:
        """Name of the driver behind a handset."""
        return self.drivers.get(handset, "emulated")

    def roles_for(self, scenario: str) -> dict[str, str]:
        """Who plays which role in a scenario."""
        roles = {**self.roles, **self.scenario_roles.get(scenario, {})}
        for seed in self.seeds:
            roles.update(seed.roles if seed.scenario == scenario else {})
        return roles

    @property
    def circumstances(self) -> Circumstances:
        """What the seeded faults need around them."""
        found = together(seed.circumstances for seed in self.seeds)
        return found if found.fetch_by else replace(found, fetch_by=self.fetch_by)

    @property
    def seeded_site(self) -> Site:
        """The inventory, as the seeded faults need it."""
        site = self.site
        for seed in self.seeds:
            site = seed.site(site) if seed.site else site
        return site

    @property
    def on_bench(self) -> frozenset[str]:
        """Names of the handsets that any scenario needs; all of the site if there are no roles."""
        if not self.roles:
            return frozenset(handset.name for handset in self.site.handsets)
        castings = [*self.scenario_roles.values(), *(seed.roles for seed in self.seeds)]
        others = (name for roles in castings for name in roles.values())
        return frozenset((*self.roles.values(), *others))
