"""The bench: platform, provisioning, handsets, capture and lamps on one timeline.

Opens everything in the order in which a real site comes up, collects every kind of evidence
while scenarios act, and hands it to the verdicts. Which driver stands behind a handset or
a capture is configuration; scenarios see the interfaces only.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from provisioning.device_profile import load_profiles
from provisioning.render import SiteFiles, render_site
from provisioning.resources import device_profiles_dir
from provisioning.transport.content import SiteContent
from provisioning.transport.fetch_log import FetchLog, FetchRecord
from provisioning.transport.serve import ProvisioningServer
from rig import clock
from rig.bench_config import TAP, BenchConfig
from rig.bench_facts import handset_facts
from rig.capture.correlate import Correlator
from rig.capture.live import WireCapture
from rig.capture.recorder import PacketRecorder
from rig.errors import RigError
from rig.faults.network import NetworkPath
from rig.handset.base import AnswerMode, Handset, HandsetCall
from rig.handset.drivers import HandsetPlace, make_handset
from rig.lamp.base import LampSensor
from rig.loopback import FIRST_HANDSET, PLATFORM, RELAY, SERVER, LoopbackPlan
from rig.mailbox_platform.base import (
    MailboxOptions,
    UserServices,
    options_in_words,
    services_in_words,
)
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.timeline import (
    ActionDone,
    Address,
    FetchSeen,
    LampSeen,
    LoopStalled,
    MailboxSeen,
    Tap,
    Timeline,
    TimelineEvent,
)
from rig.verdict.evidence import Evidence, Expectation

LAMP_MARGIN_S = 0.6
SETTLE_S = 0.25

HEARTBEAT_S = 0.1
STALL_S = 0.2
"""An event loop that comes back this much late is noted: instants near it are the rig's doing."""

_MODES = {
    AnswerMode.RING: "rings",
    AnswerMode.ANSWER: "answers calls",
    AnswerMode.BUSY: "is busy",
}
_NATURE = {
    "emulated": "a desk phone in software, booted from its files",
    "softphone": "baresip, a real program",
    "sipp": "SIPp, a real program",
}

Progress = Callable[[str], None]


class Bench:
    """One bench; use it as an asynchronous context manager.

    Attributes:
        config: what it is made of.
        roles: handset name by role.
        events: everything but packets, as it happens.
        recorder: the packets.
        platform: what the handsets register to.
        wire: the capture on an interface, if there is one.
    """

    def __init__(self, config: BenchConfig, *, progress: Progress | None = None) -> None:
        self.config = config
        self.roles = dict(config.roles)
        self.events: list[TimelineEvent] = []
        self.recorder = PacketRecorder()
        self.clock = clock.now
        self.site = config.site
        self.files: SiteFiles
        self.platform: EmbeddedPlatform
        self._progress = progress or (lambda _: None)
        self._handsets: dict[str, Handset] = {}
        self._places: dict[str, HandsetPlace] = {}
        self._relays: dict[str, NetworkPath] = {}
        self._log = FetchLog()
        self._content = SiteContent({})
        self._correlator = Correlator()
        self._correlated = 0
        self.wire: WireCapture | None = None
        self._stack = contextlib.AsyncExitStack()
        self._plan = LoopbackPlan(own_addresses=config.handset_addresses)
        self._profiles = load_profiles(device_profiles_dir())

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
        if self.config.capture != TAP:
            self._progress(f"capture on interface {self.config.capture}")
            own = "" if self._plan.prefix == "127.0.0" else f"net {self._plan.prefix}.0/24"
            self.wire = WireCapture(
                self.config.capture, self.recorder, host=self._plan.host(1), pcap_filter=own
            )
            await self.wire.start()
            self._stack.push_async_callback(self.wire.stop)
        await self._open_platform()
        await self._open_provisioning()
        await self._open_handsets()

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
        hooks = [seed.platform for seed in self.config.seeds if seed.platform]
        self.platform = EmbeddedPlatform(
            self.site,
            host=self._plan.host(PLATFORM),
            port=0 if self._plan.prefix == "127.0.0" else 5060,
            store_dir=self.config.out_dir / "store",
            tap=self._tap(Tap.PLATFORM),
            hook=hooks[0] if hooks else PlatformHook(),
            config=PlatformConfig(
                seconds_per_ring=self.config.seconds_per_ring,
                algorithms=self.config.digest_algorithms,
            ),
        )
        self.platform.subscribe(self._mailbox_changed)
        await self.platform.start()
        self._stack.push_async_callback(self.platform.stop)

    async def _open_provisioning(self) -> None:
        self._progress("provisioning servers")
        self._log.listen(self._fetched)
        host = self._plan.host(SERVER)
        server = ProvisioningServer(self._content, self._log, host=host, tftp_port=0, http_port=0)
        await server.start()
        self._stack.push_async_callback(server.stop)
        by_http = self.config.fetch_by == "http"
        address = server.http_address if by_http else server.tftp_address
        self.site = self.site.with_endpoints(
            registrar=self.platform.sip_address,
            provisioning_url=f"{self.config.fetch_by}://{address[0]}:{address[1]}",
        )
        self.files = render_site(self.site, self._profiles)
        alters = [seed.file for seed in self.config.seeds if seed.file]
        self._content.replace(self.files)
        self._content.alter = alters[0] if alters else None

    async def _open_handsets(self) -> None:
        for number, entry in enumerate(self.site.handsets):
            if entry.name not in self.config.on_bench:
                continue
            place = await self._place(entry.name, FIRST_HANDSET + number)
            self._places[entry.name] = place
            driver = self.config.driver_of(entry.name)
            handset = make_handset(driver, place)
            self._handsets[entry.name] = handset
            handset.lamp.subscribe(self.events.append)
            self._stack.push_async_callback(handset.shut_down)
        self._progress(f"{len(self._handsets)} handsets boot")
        await asyncio.gather(*(handset.boot() for handset in self._handsets.values()))
        await asyncio.gather(*(handset.wait_ready(20) for handset in self._handsets.values()))
        await asyncio.sleep(SETTLE_S)

    async def _place(self, name: str, number: int) -> HandsetPlace:
        struck = self.config.roles_for(self.config.seeds[0].scenario if self.config.seeds else "")
        roles = {role for role, handset in struck.items() if handset == name}
        registrar: Address | None = None
        for seed in self.config.seeds:
            for key, hook in seed.network.items():
                if key in roles or key == name:
                    relay = NetworkPath(
                        self.platform.sip_address, host=self._plan.host(RELAY), hook=hook
                    )
                    await relay.start()
                    self._stack.push_async_callback(relay.close)
                    self._relays[name] = relay
                    registrar = relay.address
        hooks = [
            hook
            for seed in self.config.seeds
            for key, hook in seed.handsets.items()
            if key in roles or key == name
        ]
        entry = self.site.handset(name)
        return HandsetPlace(
            name=name,
            profile=self._profiles.get(entry.model),
            intent=self.site.intent(name),
            host=self._plan.host(number),
            sip_port=0 if self._plan.prefix == "127.0.0" else 5060,
            tap=self._tap(Tap.HANDSET),
            registrar=registrar,
            hook=hooks[0] if hooks else None,
            work_dir=self.config.out_dir / "handsets" / name,
        )

    def _tap(self, tap: Tap) -> Callable[..., None] | None:
        return self.recorder.tap(tap) if self.config.capture == TAP else None

    # -- evidence -----------------------------------------------------------------------

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

    def cast(self, scenario: str) -> None:
        """Give the roles to the handsets that play them in a scenario."""
        self.roles = self.config.roles_for(scenario)

    def note(self, actor: str, what: str, *, key: str = "") -> float:
        """Put an action of the rig on the timeline.

        Returns:
            Its instant.
        """
        at = self.clock()
        self.events.append(ActionDone(at=at, actor=actor, what=what, key=key))
        return at

    @property
    def taps(self) -> frozenset[Tap]:
        """Where packets are taken."""
        if self.config.capture != TAP:
            return frozenset({Tap.WIRE})
        return frozenset({Tap.PLATFORM, Tap.HANDSET})

    async def evidence(self, started_at: float, expectations: list[Expectation]) -> Evidence:
        """Everything known up to now, ready to be judged.

        Args:
            started_at: when the scenario began.
            expectations: what must be true.
        """
        if self.wire is not None:
            await self.wire.catch_up()
        ended_at = self.clock()
        fresh = self.recorder.packets[self._correlated :]
        self._correlator.feed_all(sorted(fresh, key=lambda packet: packet.at))
        self._correlated = len(self.recorder.packets)
        timeline = Timeline(list(self.events))
        timeline.merge(*self._correlator.events(), *self.recorder.health(self.taps, ended_at))
        return Evidence(
            timeline=timeline,
            started_at=started_at,
            ended_at=ended_at,
            handsets={
                name: handset_facts(
                    handset,
                    self._places[name],
                    self.files.of_handset(name).fitted,
                    self.site,
                    self._content,
                    [e for e in self.events if isinstance(e, FetchSeen) and e.handset == name],
                )
                for name, handset in self._handsets.items()
            },
            platform_addresses=frozenset(
                {self.platform.sip_address, self.platform.voicemail_address}
            ),
            voicemail_addresses=frozenset({self.platform.voicemail_address}),
            taps=self.taps,
            expectations=expectations,
        )

    def participants(self, evidence: Evidence) -> dict[str, str]:
        """Names for addresses: of ``host:port``, and of hosts that have one participant."""
        names = {f"{h}:{p}": "platform" for h, p in evidence.platform_addresses}
        names |= {f"{h}:{p}": "mailbox" for h, p in evidence.voicemail_addresses}
        names |= {f"{r.address[0]}:{r.address[1]}": "network" for r in self._relays.values()}
        own_hosts = self._plan.prefix != "127.0.0"
        for name, facts in evidence.handsets.items():
            names |= {f"{h}:{p}": name for h, p in facts.sip_addresses}
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
            "handsets": ", ".join(
                f"{name} ({_NATURE.get(name, 'own driver')})" for name in drivers
            ),
            "mailbox platform": f"{self.platform.name}: emulated, over real SIP and RTP sockets",
            "provisioning": f"real files by real {self.config.fetch_by.upper()}",
            "lamps": ", ".join(sorted({h.lamp.name for h in self._handsets.values()})),
        }

    def inventory_rows(self) -> list[dict[str, str]]:
        """The handsets on the bench, for reports."""
        return [
            {
                "name": name,
                "model": place.intent.model,
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

    def read_lamps(self) -> None:
        """Ask every sensor what it sees now, so that a lamp that never changes is known too."""
        at = self.clock()
        for name, handset in self._handsets.items():
            accounts = [f"account:{a.index}" for a in self._places[name].intent.accounts]
            self.events += [
                LampSeen(
                    at=at,
                    handset=name,
                    lamp=lamp,
                    state=handset.lamp.state(lamp),
                    sensor=handset.lamp.name,
                )
                for lamp in ("message", *accounts)
            ]

    def stop_capture(self, reason: str) -> None:
        """End the capture for good: the rig goes blind, and must say so."""
        for tap in self.taps:
            self.recorder.stop(tap, reason)

    # -- what scenarios ask and do ------------------------------------------------------

    def name_of(self, role: str) -> str:
        """Name of the handset that plays a role; the name of a handset means itself.

        Raises:
            RigError: nobody does.
        """
        name = self.roles.get(role, role)
        if name not in self._handsets:
            raise RigError(
                f"no handset plays {role}; roles: {', '.join(self.roles)}; "
                f"handsets: {', '.join(self._handsets)}"
            )
        return name

    def role(self, role: str) -> Handset:
        """The handset that plays a role.

        Raises:
            RigError: nobody does.
        """
        return self._handsets[self.name_of(role)]

    @property
    def handsets(self) -> tuple[Handset, ...]:
        """Every handset on the bench."""
        return tuple(self._handsets.values())

    def number_of(self, role: str, account: int = 1) -> str:
        """Number of a role's account, in normal form."""
        return self.site.handset(self.name_of(role)).accounts[account - 1].user

    def names_of(self, role: str, account: int = 1) -> tuple[str, ...]:
        """User parts that mean a role's account: AOR user, number, extension."""
        user = self.site.users[self.number_of(role, account)]
        return tuple(dict.fromkeys(n for n in (user.sip_user, user.number, user.extension) if n))

    def mailbox_of(self, role: str, account: int = 1) -> str:
        """Number of the mailbox of a role's account, or empty."""
        number = self.number_of(role, account)
        return number if self.site.users[number].mailbox is not None else ""

    def pin_of(self, role: str, account: int = 1) -> str:
        """PIN that opens the mailbox which a role's message key reaches."""
        number = self.number_of(role, account)
        owner = self.site.users[number]
        if owner.mailbox is None:
            owner = next(
                u for u in self.site.users.values() if u.mailbox and number in u.mailbox.aliases
            )
        if owner.mailbox is None:
            raise RigError(f"{number} has no mailbox and is nobody's alias")
        return owner.mailbox.pin.reveal()

    @property
    def diversion_headers(self) -> tuple[str, ...]:
        """Which headers the platform is set to write."""
        config = self.platform.config
        wanted = (
            ("Diversion", config.send_diversion),
            ("History-Info", config.send_history_info),
        )
        return tuple(name for name, on in wanted if on)

    def audible(self, greeting: str) -> str:
        """A greeting that must be heard, or nothing where the caller's audio is not captured."""
        if Tap.WIRE in self.taps or self.config.driver_of(self.roles["caller"]) == "emulated":
            return greeting
        return ""

    async def dial(self, role: str, number: str) -> HandsetCall:
        """Have a role dial a number."""
        handset = self.role(role)
        self.note(handset.name, f"dials {number}", key="dial")
        return await handset.dial(number)

    async def hang_up(self, role: str, call: HandsetCall) -> float:
        """Have a role hang up.

        Returns:
            The instant just before.
        """
        at = self.note(self.role(role).name, "hangs up", key="hang_up")
        await call.hang_up()
        return at

    @contextlib.contextmanager
    def product_may_fail(self, role: str) -> Iterator[None]:
        """Note that a step did not succeed and go on: whether that is a fault is judged later."""
        try:
            yield
        except RigError as error:
            self.note(self.role(role).name, f"gives up: {error}", key="gave_up")

    async def answer_mode(self, role: str, mode: AnswerMode) -> None:
        """Say what a role does with incoming calls."""
        handset = self.role(role)
        self.note(handset.name, f"{_MODES[mode]} from now on", key="answer_mode")
        await handset.set_answer_mode(mode)

    async def mailbox_options(self, role: str, options: MailboxOptions) -> None:
        """Set the options of a role's first mailbox."""
        self.note("platform", f"{self.name_of(role)}: {options_in_words(options)}")
        await self.platform.set_mailbox_options(self.mailbox_of(role), options)

    async def services(self, role: str, services: UserServices) -> None:
        """Set forwarding and do-not-disturb of a role's first account."""
        self.note("platform", f"{self.name_of(role)}: {services_in_words(services)}")
        await self.platform.set_services(self.number_of(role), services)

    def mailbox_changed_at(self, mailbox: str, after: float) -> float:
        """When a mailbox last changed after an instant; that instant if it did not."""
        changes = [
            e.at
            for e in self.events
            if isinstance(e, MailboxSeen)
            and e.mailbox == mailbox
            and e.at > after
            and e.cause != "query"
        ]
        return changes[-1] - 0.005 if changes else after

    async def wait_lamp(
        self, role: str, *, lit: bool, lamp: str = "message", within_s: float | None = None
    ) -> bool:
        """Wait until a lamp is as it must be, at most a little over the limit.

        Args:
            role: whose lamp.
            lit: what it must be.
            lamp: ``message`` or ``account:N``.
            within_s: limit; None for that of the bench.

        Returns:
            Whether it got there. Judging is the verdict's business.
        """
        sensor: LampSensor = self.role(role).lamp
        limit_s = self.config.lamp_limit_s if within_s is None else within_s
        deadline = self.clock() + limit_s + LAMP_MARGIN_S
        while self.clock() < deadline:
            if sensor.state(lamp).lit == lit:
                await asyncio.sleep(SETTLE_S)
                return True
            await asyncio.sleep(0.01)
        return False

    async def sleep(self, duration_s: float) -> None:
        """Let time pass: the scenario observes that nothing happens."""
        await asyncio.sleep(duration_s)

    async def reset(self) -> None:
        """Bring mailboxes, options and answer modes back to the inventory."""
        for number, user in self.site.users.items():
            await self.platform.set_services(number, self.platform.default_services(number))
            if user.mailbox is not None:
                await self.platform.clear_mailbox(number)
                options = self.platform.default_options(number)
                await self.platform.set_mailbox_options(number, options)
        for handset in self._handsets.values():
            await handset.set_answer_mode(AnswerMode.RING)
        await asyncio.sleep(SETTLE_S)
