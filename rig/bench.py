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
from provisioning.transport.hook import ServerHook
from rig.bench_config import TAP, BenchConfig
from rig.bench_evidence import EvidenceSteps
from rig.bench_lamps import SETTLE_S
from rig.bench_phones import phones_registered
from rig.bench_places import OpenPlaces
from rig.bench_plan import IN_SOFTWARE
from rig.bench_power import PowerSteps
from rig.bench_provisioning import ProvisioningSteps
from rig.capture.live import WireCapture
from rig.faults.chain import chained, chained_paths
from rig.faults.fax import FaxHook
from rig.faults.network import NetworkPath, SecondPort
from rig.handset.base import HandsetWithKeys
from rig.handset.drivers import HandsetPlace, make_handset
from rig.handset.emulated.hook import HandsetHook
from rig.handset.emulated.provisioned import FetchManner
from rig.handset.vendor.call_backs import CallBackReceiver
from rig.handset.vendor.place import place_of
from rig.lamp.boards import LampBoards
from rig.loopback import (
    FIRST_HANDSET,
    OUTSIDE,
    PLATFORM,
    RELAY,
    SERVER,
    STRANGER,
)
from rig.mail_sink import MailSink
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.mailbox_platform.embedded.mail.mail_config import MailConfig, StartTls
from rig.outside_line import OutsideLine
from rig.sip.tokens import SeededTokens, TokenSource
from rig.site_server import SiteServer, one_after_the_other
from rig.timeline import (
    Address,
    LoopStalled,
    Tap,
)

HEARTBEAT_S = 0.1
STALL_S = 0.2
"""An event loop that comes back this much late is noted: instants near it are the rig's doing."""

Progress = Callable[[str], None]


class Bench(PowerSteps, ProvisioningSteps, EvidenceSteps):
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
        self._progress = progress or (lambda _: None)
        self.fax = FaxHook()
        self.mail_sink: MailSink | None = None
        self.call_backs: CallBackReceiver | None = None
        self._stack = contextlib.AsyncExitStack()
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

    def _is_real(self, name: str) -> bool:
        """Whether a handset is none of software."""
        return self.config.driver_of(name) not in IN_SOFTWARE
