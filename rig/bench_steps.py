"""What scenarios and hand-written tests ask of a bench and do with it.

Every act is put on the timeline; nothing is judged here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator

from provisioning.inventory_site import Site
from provisioning.secret import Secret
from rig import clock
from rig.bench_agents import OpenAgents
from rig.bench_cameras import OpenCameras
from rig.bench_config import TAP, BenchConfig
from rig.bench_lamps import SETTLE_S, BenchLamps
from rig.errors import RigError
from rig.handset.base import (
    AnswerMode,
    DeskHandset,
    Handset,
    HandsetCall,
    HandsetWithKeys,
)
from rig.mailbox_platform.base import (
    MailboxOptions,
    UserServices,
    options_in_words,
    services_in_words,
)
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.outside_line import OutsideLine
from rig.sip.matching import host_port
from rig.sip_transport.call import Call
from rig.sip_transport.client_registration import RegistrationClient
from rig.sip_transport.stack import IncomingRequest, SipStack
from rig.timeline import MailboxSeen, Tap, TimelineEvent

MESSAGE_AUDIO = bytes(8000)
"""Half a second of silence: what lies in a mailbox when nobody has spoken into it."""

_MODES = {
    AnswerMode.RING: "rings",
    AnswerMode.ANSWER: "answers calls",
    AnswerMode.BUSY: "is busy",
}


class BenchSteps(BenchLamps):
    """The half of a bench that scenarios see.

    Attributes:
        config: what the bench is made of.
        roles: handset name by role.
        events: everything but packets, as it happens.
        site: the inventory, with the addresses of this bench.
        platform: what the handsets register to.
        clock: tells the time.
        stranger_host: address of somebody who is no handset of the site.
        outside: the far side of the trunk, or None without one.
    """

    platform: EmbeddedPlatform
    stranger_host = "127.0.0.1"

    def __init__(self, config: BenchConfig) -> None:
        self.config = config
        self.roles = dict(config.roles)
        self.events: list[TimelineEvent] = []
        self.site: Site = config.seeded_site
        self.clock: Callable[[], float] = clock.now
        self._handsets: dict[str, Handset] = {}
        self.cameras = OpenCameras(config.cameras, config.on_bench)
        self.agents = OpenAgents(config.agent_lamps, config.on_bench)
        self.outside: OutsideLine | None = None

    def cast(self, scenario: str) -> None:
        """Give the roles to the handsets that play them in a scenario."""
        self.roles = self.config.roles_for(scenario)

    @property
    def taps(self) -> frozenset[Tap]:
        """Where packets are taken."""
        if self.config.capture != TAP:
            return frozenset({Tap.WIRE})
        return frozenset({Tap.PLATFORM, Tap.HANDSET})

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

    async def call_from_outside(
        self, number: str, *, caller: str, headers: Iterable[tuple[str, str]] = ()
    ) -> Call:
        """Have somebody outside call a number by the trunk.

        Raises:
            RigError: the bench has no trunk.
        """
        if self.outside is None:
            raise RigError("the bench has no outside line; switch it on in its configuration")
        self.note("outside", f"dials {number}", key="dial")
        return await self.outside.call(number, caller=caller, headers=headers)

    def keys(self, role: str) -> HandsetWithKeys:
        """The forwarding keys of a role's handset.

        Raises:
            RigError: its driver has none.
        """
        handset = self.role(role)
        if not isinstance(handset, HandsetWithKeys):
            raise RigError(f"{handset.name}: its driver cannot press forwarding keys")
        return handset

    async def press_forwarding(self, role: str, target: str, *, service: str = "always") -> None:
        """Press a role's forwarding key; an empty target switches the forwarding off."""
        what = f"forwards to {target}" if target else "forwards no more"
        self.note(self.name_of(role), f"presses the key: {what}", key=f"feature:{service}")
        await self.keys(role).set_forwarding(target, service=service)

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

    async def log_off(self, role: str) -> float:
        """Have a role log off: no subscription, no registration, and the power stays on.

        Returns:
            The instant just before.
        """
        desk = self._desk(role)
        at = self.note(desk.name, "logs off", key="log_off")
        await desk.log_off()
        return at

    async def log_on(self, role: str) -> float:
        """Have a role log on again; likewise."""
        desk = self._desk(role)
        at = self.note(desk.name, "logs on", key="log_on")
        await desk.log_on()
        return at

    def _desk(self, role: str) -> DeskHandset:
        handset = self.role(role)
        if not isinstance(handset, DeskHandset):
            raise RigError(f"{handset.name}: its driver cannot log off")
        return handset

    def put_message(self, role: str, account: int = 1) -> float:
        """Have a message get into a role's mailbox without a call, as a recording feature does.

        Returns:
            The instant just before.
        """
        mailbox = self.mailbox_of(role, account)
        at = self.note("platform", f"a message is stored in mailbox {mailbox}", key="store")
        self.platform.store.add(mailbox, self.number_of("caller"), MESSAGE_AUDIO)
        return at

    async def clear_mailbox(self, role: str, account: int = 1) -> float:
        """Have every message of a role's mailbox deleted.

        Returns:
            The instant just before.
        """
        mailbox = self.mailbox_of(role, account)
        at = self.note("platform", f"mailbox {mailbox} is emptied", key="clear")
        await self.platform.clear_mailbox(mailbox)
        return at

    async def restart_platform(self) -> float:
        """Stop the platform and start it again: messages stay, registrations do not.

        Returns:
            The instant just before.
        """
        at = self.note("platform", "restarts", key="restart")
        await self.platform.restart()
        return at

    async def stranger_registers(self, role: str) -> float:
        """Have somebody who knows a role's number, and not its password, try to register.

        Returns:
            The instant just before.
        """
        user = self.site.users[self.number_of(role)]
        stack = SipStack(product="stranger")
        await stack.listen(self.stranger_host, tcp=False)
        stack.on_request = _agree
        at = self.note("a stranger", f"tries to register as {user.sip_user}", key="stranger")
        client = RegistrationClient(
            stack,
            stack.flow_to(self.platform.sip_address),
            aor=f"sip:{user.sip_user}@{self.site.domain}",
            contact=f"<sip:{user.sip_user}@{host_port(stack.address)}>",
            username=user.auth_user,
            password=Secret("not the password"),
        )
        client.start()
        await asyncio.sleep(SETTLE_S)
        await client.stop(unregister=False)
        await stack.close()
        return at

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


def _agree(incoming: IncomingRequest) -> None:
    """A stranger takes whatever it is told."""
    incoming.respond(200)
