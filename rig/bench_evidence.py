"""What a bench has seen: packets and events on one timeline for verdicts, facts for reports."""

from __future__ import annotations

from provisioning.render import SiteFiles
from provisioning.transport.fetch_log import FetchRecord
from rig.bench_config import BenchConfig
from rig.bench_facts import firmware_said, handset_facts
from rig.bench_steps import BenchSteps
from rig.capture.correlate import Correlator
from rig.capture.live import WireCapture
from rig.capture.recorder import PacketRecorder
from rig.faults.network import NetworkPath
from rig.handset.drivers import HandsetPlace
from rig.handset.vendor.description import vendors
from rig.lamp.base import LateLampSensor
from rig.loopback import PLATFORM, RELAY, LoopbackPlan
from rig.sip.matching import host_port
from rig.site_server import SiteServer
from rig.timeline import (
    Address,
    CaptureHealth,
    FetchSeen,
    LampSeen,
    MailboxSeen,
    SipSeen,
    Timeline,
)
from rig.verdict.evidence import Addresses, Evidence, Expectation
from rig.verdict.provisioning_facts import ProvisioningExpectation
from rig.verdict.wire_rules import RunRules

_NATURE = {
    "emulated": "a desk phone in software, booted from its files",
    "softphone": "baresip, a real program",
    "sipp": "SIPp, a real program",
}


class EvidenceSteps(BenchSteps):
    """The part of a bench that looks: it gathers what was seen, and judges nothing.

    Attributes:
        server: what serves the files.
        recorder: the packets.
        wire: the capture on an interface, if there is one.
        run_rules: what the oracles know of the wire, and have said of it.
    """

    server: SiteServer

    def __init__(self, config: BenchConfig) -> None:
        super().__init__(config)
        self.recorder = PacketRecorder()
        self.wire: WireCapture | None = None
        self.run_rules = RunRules()
        self._places: dict[str, HandsetPlace] = {}
        self._relays: dict[str, NetworkPath] = {}
        self._correlator = Correlator()
        self._correlated = 0
        self._plan = LoopbackPlan(
            own_addresses=config.handset_addresses,
            ipv6=config.circumstances.ipv6,
            shared=config.host,
        )

    @property
    def files(self) -> SiteFiles:
        """What was rendered."""
        return self.server.files

    async def sip(self, since: float) -> list[SipSeen]:
        """SIP messages that were seen since an instant, up to now."""
        await self._correlate()
        events = self._correlator.events()
        return [e for e in events if isinstance(e, SipSeen) and e.at >= since]

    async def _correlate(self) -> float:
        """Take everything that was captured up to now; gives that instant."""
        if self.wire is not None:
            await self.wire.catch_up()
        at = self.clock()
        fresh = self.recorder.packets[self._correlated :]
        self._correlator.feed_all(sorted(fresh, key=lambda packet: packet.at))
        self._correlated = len(self.recorder.packets)
        return at

    async def capture_health(self) -> list[CaptureHealth]:
        """What each capture says of itself, once all that was sent up to now has come through."""
        at = await self._correlate()
        return self.recorder.health(self.taps, at)

    def stands_alone(self, name: str) -> bool:
        """Whether nobody else on the bench uses a handset's address."""
        return self._places[name].own_host

    def _mailbox_changed(self, change: MailboxSeen) -> None:
        self.events.append(change)

    def _fetched(self, record: FetchRecord) -> None:
        self.events.append(
            FetchSeen(
                at=record.at,
                transport=record.transport,
                client=record.client,
                path=record.path,
                handset=record.handset,
                status=record.status,
                octets=record.octets,
                duration_s=record.duration_s,
                user_agent=record.user_agent,
            )
        )

    async def evidence(self, started_at: float, expectations: list[Expectation]) -> Evidence:
        """Everything known up to now, ready to be judged.

        Args:
            started_at: when the scenario began.
            expectations: what must be true.
        """
        await self.lamps_decided()
        ended_at = await self._correlate()
        timeline = Timeline(list(self.events))
        timeline.merge(*self._correlator.events(), *self.recorder.health(self.taps, ended_at))
        deep = {e.handset for e in expectations if isinstance(e, ProvisioningExpectation)}
        return Evidence(
            timeline=timeline,
            started_at=started_at,
            ended_at=ended_at,
            handsets={
                name: handset_facts(
                    handset,
                    self._places[name],
                    self.site,
                    self.server,
                    self.events,
                    sensor=self.lamp_of(name).name,
                    in_depth=name in deep,
                )
                for name, handset in self._handsets.items()
            },
            platform_addresses=frozenset(
                {self.platform.sip_address, self.platform.voicemail_address, *self._doors()}
            ),
            voicemail_addresses=frozenset({self.platform.voicemail_address}),
            outside=Addresses(() if self.outside is None else (self.outside.address,)),
            taps=self.taps,
            expectations=expectations,
        )

    def _doors(self) -> set[Address]:
        """Further ports of the platform itself."""
        host = self.platform.sip_address[0]
        own_hosts = bool(self._plan.prefix)
        return {a for r in self._relays.values() for a in r.sides if own_hosts and a[0] == host}

    def participants(self, evidence: Evidence) -> dict[str, str]:
        """Names for addresses: of ``host:port``, and of hosts that have one participant."""
        names = {host_port(a): "platform" for a in evidence.platform_addresses}
        names |= {host_port(a): "mailbox" for a in evidence.voicemail_addresses}
        names |= {host_port(r.address): "network" for r in self._relays.values()}
        names |= {host_port(a): "outside" for a in evidence.outside}
        names[host_port(self.server.sip_address)] = "provisioning server"
        own_hosts = bool(self._plan.prefix)
        for name, facts in evidence.handsets.items():
            names |= {host_port(a): name for a in facts.sip_addresses}
            if own_hosts:
                names |= {host: name for host, _ in facts.sip_addresses}
        if own_hosts:
            names[self._plan.host(PLATFORM)] = "mailbox"  # its audio; SIP ports are named above
            names[self._plan.host(RELAY)] = "network"
        return names

    def environment(self) -> dict[str, str]:
        """What is emulated and what is real, by part."""
        drivers = sorted({self.config.driver_of(n) for n in self._handsets})
        return {
            "handsets": ", ".join(f"{name} ({self._nature(name)})" for name in drivers),
            "mailbox platform": f"{self.platform.name}: emulated, over real SIP and RTP sockets",
            "provisioning": f"real files by real {self.config.fetch_by.upper()}",
            "lamps": ", ".join(sorted({self.lamp_of(name).name for name in self._handsets})),
        }

    def _nature(self, driver: str) -> str:
        """What stands behind a driver, for reports."""
        if driver in vendors():
            return "a real phone, by its vendor's interface"
        return _NATURE.get(driver, "own driver")

    def _fetches_of(self, name: str) -> list[FetchSeen]:
        """What one handset has fetched so far, in order."""
        return [e for e in self.events if isinstance(e, FetchSeen) and e.handset == name]

    def inventory_rows(self) -> list[dict[str, str]]:
        """The handsets on the bench, for reports."""
        return [
            {
                "name": name,
                "model": place.intent.model,
                "firmware": firmware_said(place.profile, self._fetches_of(name)),
                "driver": self.config.driver_of(name),
                "address": f"{place.host}:{self._handsets[name].sip_address[1]}",
                "maturity": str(place.profile.maturity),
            }
            for name, place in self._places.items()
        ]

    def losses(self) -> list[dict[str, str]]:
        """What models on the bench cannot express."""
        return [
            {"handset": name, **loss.to_json()}
            for name, losses in self.files.losses.items()
            if name in self._handsets
            for loss in losses
        ]

    async def read_lamps(self) -> None:
        """Ask every sensor what it sees, so that a lamp that never changes is known too.

        The word of a late sensor is good up to an instant that is past by the time it is given; it
        must not be dated later, or it would outlive a loss of sight in between.
        """
        decided_at = await self.lamps_decided()
        for name in self._handsets:
            sensor = self.lamp_of(name)
            at = decided_at if isinstance(sensor, LateLampSensor) else self.clock()
            accounts = [f"account:{a.index}" for a in self._places[name].intent.accounts]
            self.events += [
                LampSeen(
                    at=at,
                    handset=name,
                    lamp=lamp,
                    state=sensor.state(lamp),
                    sensor=sensor.name,
                    reason=sensor.reason(lamp) if isinstance(sensor, LateLampSensor) else "",
                )
                for lamp in ("message", *accounts)
            ]

    def stop_capture(self, reason: str) -> None:
        """End the capture for good: the rig goes blind, and must say so."""
        for tap in self.taps:
            self.recorder.stop(tap, reason)
