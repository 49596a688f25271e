"""The bench: platform, provisioning, handsets, capture and lamps on one timeline.

Opens everything in the order in which a real site comes up, collects every kind of evidence
while scenarios act, and hands it to the verdicts. Which driver stands behind a handset or
a capture is configuration; scenarios see the interfaces only.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self

from provisioning.device_profile import shipped_profiles
from provisioning.render import SiteFiles
from provisioning.transport.fetch_log import FetchRecord
from provisioning.transport.hook import ServerHook
from rig.bench_config import TAP, BenchConfig
from rig.bench_facts import firmware_said, handset_facts
from rig.bench_lamps import SETTLE_S
from rig.bench_phones import phones_registered
from rig.bench_places import OpenPlaces
from rig.bench_plan import IN_SOFTWARE
from rig.bench_power import PowerSteps
from rig.bench_provisioning import ProvisioningSteps
from rig.capture.correlate import Correlator
from rig.capture.live import WireCapture
from rig.capture.recorder import PacketRecorder
from rig.faults.chain import chained, chained_paths
from rig.faults.fax import FaxHook
from rig.faults.network import NetworkPath, SecondPort
from rig.handset.base import HandsetWithKeys
from rig.handset.drivers import HandsetPlace, make_handset
from rig.handset.emulated.hook import HandsetHook
from rig.handset.emulated.provisioned import FetchManner
from rig.handset.vendor.call_backs import CallBackReceiver
from rig.handset.vendor.description import vendors
from rig.handset.vendor.place import place_of
from rig.lamp.base import LateLampSensor
from rig.lamp.boards import LampBoards
from rig.loopback import (
    FIRST_HANDSET,
    OUTSIDE,
    PLATFORM,
    RELAY,
    SERVER,
    STRANGER,
    LoopbackPlan,
)
from rig.mail_sink import MailSink
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.mailbox_platform.embedded.mail.mail_config import MailConfig, StartTls
from rig.outside_line import OutsideLine
from rig.sip.matching import host_port
from rig.sip.tokens import SeededTokens, TokenSource
from rig.site_server import SiteServer, one_after_the_other
from rig.timeline import (
    Address,
    FetchSeen,
    LampSeen,
    LoopStalled,
    MailboxSeen,
    SipSeen,
    Tap,
    Timeline,
)
from rig.verdict.evidence import Addresses, Evidence, Expectation
from rig.verdict.provisioning_facts import ProvisioningExpectation
from rig.verdict.wire_rules import RunRules

HEARTBEAT_S = 0.1
STALL_S = 0.2
"""An event loop that comes back this much late is noted: instants near it are the rig's doing."""

_NATURE = {
    "emulated": "a desk phone in software, booted from its files",
    "softphone": "baresip, a real program",
    "sipp": "SIPp, a real program",
}

Progress = Callable[[str], None]


class Bench(PowerSteps, ProvisioningSteps):
    """One bench; use it as an asynchronous context manager.

    Attributes:
        config: what it is made of.
        roles: handset name by role.
        events: everything but packets, as it happens.
        recorder: the packets.
        platform: what the handsets register to.
        wire: the capture on an interface, if there is one.
        fax: lets the platform tell of a waiting fax.
        call_backs: takes what real phones tell by their URLs, or None.
        mail_sink: what the platform has mailed, or None without a sink.
        run_rules: what the oracles know of the wire, and have said of it.
    """

    def __init__(self, config: BenchConfig, *, progress: Progress | None = None) -> None:
        super().__init__(config)
        self.recorder = PacketRecorder()
        self._progress = progress or (lambda _: None)
        self._places: dict[str, HandsetPlace] = {}
        self._relays: dict[str, NetworkPath] = {}
        self._correlator = Correlator()
        self._correlated = 0
        self.wire: WireCapture | None = None
        self.fax = FaxHook()
        self.mail_sink: MailSink | None = None
        self.call_backs: CallBackReceiver | None = None
        self.run_rules = RunRules()
        self._stack = contextlib.AsyncExitStack()
        self._plan = LoopbackPlan(
            own_addresses=config.handset_addresses,
            ipv6=config.circumstances.ipv6,
            shared=config.host,
        )
        self._profiles = shipped_profiles()
        self._lab_places = OpenPlaces(config.places)
        self.lamp_boards = LampBoards(
            config.lamp_wiring,
            config.on_bench,
            profiles=lambda name: self._profiles.get(self.site.handset(name).model),
            url_of=self._lab_places.board_url,
        )
        self.stranger_host = self._plan.host(STRANGER)

    # -- life cycle ---------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Bring everything up: capture, platform, provisioning, handsets.

        Raises:
            RigError: something could not start; everything started is stopped again.
        """
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything in reverse order."""
        await self._stack.aclose()

    async def _open(self) -> None:
        self.config.out_dir.mkdir(parents=True, exist_ok=True)
        heart = asyncio.get_running_loop().create_task(self._beat())
        self._stack.callback(heart.cancel)
        if self.config.places:
            self._progress(f"takes places: {', '.join(self.config.places)}")
            self._stack.push_async_callback(self._lab_places.close)
            await self._lab_places.open()
        if self.config.capture != TAP:
            self._progress(f"capture on interface {self.config.capture}")
            own = self._own_traffic()
            # A marker must leave by the interface that is captured.
            to = next(iter(self.config.addresses.values()), self._plan.host(1))
            self.wire = WireCapture(self.config.capture, self.recorder, host=to, pcap_filter=own)
            await self.wire.start()
            self._stack.push_async_callback(self.wire.stop)
        await self._open_platform()
        await self._open_provisioning()
        self._stack.push_async_callback(self.lamp_boards.close)
        await self.lamp_boards.open()
        self._stack.push_async_callback(self.cameras.close)
        self.cameras.open()
        self._stack.push_async_callback(self.agents.close)
        await self.agents.open()
        await self._open_call_backs()
        await self._open_handsets()

    def _own_traffic(self) -> str:
        """Filter for what belongs to this bench; empty for everything, where nobody can tell."""
        hosts = [f"host {host}" for host in sorted({*self.config.addresses.values()})]
        if self._plan.prefix:
            return " or ".join((f"net {self._plan.prefix}.0/24", *hosts))
        return " or ".join((f"host {self.config.host}", *hosts)) if self.config.host else ""

    async def _beat(self) -> None:
        """Note when the rig's own event loop stood still, so that no product is blamed for it."""
        while True:
            due_at = self.clock() + HEARTBEAT_S
            await asyncio.sleep(HEARTBEAT_S)
            at = self.clock()
            if at - due_at >= STALL_S:
                self.events.append(LoopStalled(at=at, blocked_s=round(at - due_at, 3)))

    async def _open_platform(self) -> None:
        self._progress("mailbox platform")
        await self._open_outside()
        trunk = None if self.outside is None else self.outside.address
        hooks = [seed.platform for seed in self.config.seeds if seed.platform]
        self.platform = EmbeddedPlatform(
            self.site,
            host=self._plan.host(PLATFORM),
            port=self.site.registrar.port if self._plan.prefix else self.config.sip_port,
            store_dir=self.config.out_dir / "store",
            tap=self._tap(Tap.PLATFORM),
            hook=chained(PlatformHook, [self.fax, *hooks]),
            config=PlatformConfig(
                seconds_per_ring=self.config.seconds_per_ring,
                algorithms=self.config.digest_algorithms,
                warn_without_mail=False,
                token_seed=self.config.token_seed,
                api_port=0,
                trunk=trunk,
                trusted_peers=() if trunk is None else (trunk,),
                mail=await self._open_mail_sink(),
            ),
        )
        self.platform.subscribe(self._mailbox_changed)
        await self.platform.start()
        self._stack.push_async_callback(self.platform.stop)
        if self.outside is not None:
            self.outside.connect(self.platform.sip_address)

    async def _open_call_backs(self) -> None:
        if self.config.call_backs_at is not None:
            host, port = self.config.call_backs_at
            names = [entry.name for entry in self.site.handsets]
            self.call_backs = CallBackReceiver(self.events.append, names, host=host, port=port)
            await self.call_backs.open()
            self._stack.push_async_callback(self.call_backs.close)

    async def _open_outside(self) -> None:
        if self.config.outside:
            self.outside = OutsideLine()
            self._stack.push_async_callback(self.outside.close)
            own_host = bool(self._plan.prefix)
            await self.outside.open(self._plan.host(OUTSIDE), 5060 if own_host else 0)

    async def _open_mail_sink(self) -> MailConfig | None:
        if not self.config.mail_sink:
            return None
        self.mail_sink = sink = MailSink()
        host, port = await sink.open(self._plan.host(SERVER))
        self._stack.push_async_callback(sink.close)
        sender = f"mailbox@{self.site.domain}"
        return MailConfig(host=host, port=port, sender=sender, starttls=StartTls.NEVER)

    async def _open_provisioning(self) -> None:
        self._progress("provisioning servers")
        around = self.config.circumstances
        alters = [*(seed.file for seed in self.config.seeds), around.file]
        hooks = [seed.server for seed in self.config.seeds if seed.server]
        host = self._plan.host(SERVER)
        self.server = SiteServer(
            host,
            self._fetched,
            fetch_by=around.fetch_by,
            folder=around.folder,
            hook=chained(ServerHook, hooks),
            alter=one_after_the_other([alter for alter in alters if alter]),
            extra_files=around.extra_files,
            tap=self._tap(Tap.PLATFORM),
            tokens=self._tokens("provisioning"),
        )
        await self.server.start()
        self._stack.push_async_callback(self.server.stop)
        self.site = self.site.with_endpoints(
            registrar=self.platform.sip_address, provisioning_url=self.server.url
        )
        self.server.publish(self.site, self._profiles)

    @property
    def files(self) -> SiteFiles:
        """What was rendered."""
        return self.server.files

    async def _open_handsets(self) -> None:
        for number, entry in enumerate(self.site.handsets):
            if entry.name not in self.config.on_bench:
                continue
            place = await self._place(entry.name, FIRST_HANDSET + number)
            self._places[entry.name] = place
            driver = self.config.driver_of(entry.name)
            handset = make_handset(driver, place)
            self._handsets[entry.name] = handset
            self.lamp_of(entry.name).subscribe(self.events.append)
            if isinstance(handset, HandsetWithKeys):
                handset.on_feature = self.events.append
            self._stack.push_async_callback(handset.shut_down)
        self._stack.push_async_callback(self.close_ports)
        if not self.config.boot_at_start:
            return
        self._progress(f"{len(self._handsets)} handsets boot")
        await asyncio.gather(*(handset.boot() for handset in self._handsets.values()))
        await asyncio.gather(*(handset.wait_ready(20) for handset in self._handsets.values()))
        real = [name for name in self._handsets if self._is_real(name)]
        await phones_registered(self.platform, self.site, real, self.config.boot_limit_s)
        await asyncio.sleep(SETTLE_S)

    async def _place(self, name: str, number: int) -> HandsetPlace:
        struck = self.config.roles_for(self.config.seeds[0].scenario if self.config.seeds else "")
        roles = {role for role, handset in struck.items() if handset == name}
        registrar = await self._open_path(name, roles)
        around = self.config.circumstances
        given = (*(seed.handsets for seed in self.config.seeds), around.firmware)
        hooks = [
            hook for each in given for key, hook in each.items() if key in roles or key == name
        ]
        offered = self.server.url
        for seed in self.config.seeds:
            offered = seed.option_66(offered) if seed.option_66 else offered
        entry = self.site.handset(name)
        own = self.config.addresses.get(name, "")
        return HandsetPlace(
            name=name,
            profile=self._profiles.get(entry.model),
            intent=self.site.intent(name),
            host=own or self._plan.host(number),
            own_host=bool(own or self._plan.prefix),
            sip_port=5060 if own or self._plan.prefix else 0,
            tap=self._tap(Tap.HANDSET),
            registrar=registrar,
            hook=chained(HandsetHook, hooks),
            offered_url=offered,
            manner=FetchManner(
                tftp_options=around.tftp_options,
                timeout_s=min(10.0, self.config.boot_limit_s / 2),
                tap=self._datagram,
            ),
            work_dir=self.config.out_dir / "handsets" / name,
            phone=place_of(entry.control) if entry.control and self._is_real(name) else None,
            tokens=self._tokens(name),
        )

    async def _open_path(self, name: str, roles: set[str]) -> Address | None:
        """Where a handset sends to instead of the platform, if something stands between."""
        paths = [
            path
            for seed in self.config.seeds
            for key, path in seed.network.items()
            if key in roles or key == name
        ]
        if not paths:
            return None
        place = PLATFORM if any(isinstance(path, SecondPort) for path in paths) else RELAY
        relay = NetworkPath(
            self.platform.sip_address, host=self._plan.host(place), hook=chained_paths(paths)
        )
        await relay.start()
        self._stack.push_async_callback(relay.close)
        self._relays[name] = relay
        return relay.address

    def _tokens(self, name: str) -> TokenSource | None:
        seed = self.config.token_seed
        return SeededTokens(f"{seed}/{name}") if seed else None

    def _tap(self, tap: Tap) -> Callable[..., None] | None:
        return self.recorder.tap(tap) if self.config.capture == TAP else None

    # -- evidence -----------------------------------------------------------------------

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

    def _is_real(self, name: str) -> bool:
        """Whether a handset is none of software."""
        return self.config.driver_of(name) not in IN_SOFTWARE

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
