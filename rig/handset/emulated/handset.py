"""An emulated handset: boots as its model does, and knows nothing but what it fetched.

Everything it does follows from the files that the provisioning server gave it, read back by
the parser of the vendor's own syntax, and from the facts of its model's profile. It holds no fault
code; seeded faults come in by its :class:`HandsetHook`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from provisioning.address import Mac
from provisioning.device_profile import Profile
from provisioning.intent import AccountIntent, HandsetIntent, SipTransport
from provisioning.secret import Secret
from rig.clock import Clock, now
from rig.errors import RigError
from rig.handset.base import AnswerMode, HandsetCapability
from rig.handset.emulated.account import EmulatedAccount
from rig.handset.emulated.boot import lamp_rules, resolve
from rig.handset.emulated.call import EmulatedCall
from rig.handset.emulated.call_log import LoggedCall
from rig.handset.emulated.desk import DeskActions
from rig.handset.emulated.dispatcher import RequestDispatcher
from rig.handset.emulated.hook import HandsetHook
from rig.handset.emulated.incoming_rule import DND_STATUSES, Decision, Treatment, decide
from rig.handset.emulated.keys import ServiceKeys
from rig.handset.emulated.lamp_rule import LampRules, lamp_states
from rig.handset.emulated.provisioned import FetchManner, ProvisioningClient
from rig.handset.emulated.resync_rule import ResyncGuard
from rig.lamp.virtual import VirtualLamp
from rig.sip.errors import MessageError
from rig.sip.feature_event import FeatureWord
from rig.sip.tokens import TokenSource
from rig.sip_transport.stack import IncomingRequest, PacketTap, SipStack
from rig.timeline import Address, FeatureSeen

if TYPE_CHECKING:
    from rig.handset.drivers import HandsetPlace

_READY_S = 20.0
_GOODBYE_S = 2.0
_REACTION_S = 0.1
_CAPABILITIES = frozenset(HandsetCapability)

logger = logging.getLogger("phonerig.handset")


class EmulatedHandset(DeskActions, ServiceKeys):
    """One emulated handset of a given model.

    Attributes:
        intent: what it read from its files; None before the first boot.
        files: what it fetches, and what came of it.
        call_log: every call since it was made, oldest first; power cycles keep it.
        missed_calls: missed and not looked at yet.
        dnd_status: final status while do-not-disturb is on.
        call_waiting: whether a second call rings; busy otherwise.
        on_incoming_call: called with every call that rings or is answered.
        on_feature: called when a forwarding or do-not-disturb key shows something else.
    """

    def __init__(  # noqa: PLR0913 - a handset stands in one place with all its sides
        self,
        name: str,
        profile: Profile,
        mac: Mac,
        *,
        provisioning_url: str,
        host: str = "127.0.0.1",
        sip_port: int = 0,
        tap: PacketTap | None = None,
        hook: HandsetHook | None = None,
        registrar_override: Address | None = None,
        manner: FetchManner | None = None,
        tokens: TokenSource | None = None,
        clock: Clock = now,
    ) -> None:
        """Unpack it without switching it on.

        Args:
            name: name in the inventory.
            profile: of its model.
            mac: its address.
            provisioning_url: what DHCP or a technician told it: ``http``, ``https`` or ``tftp``.
            host: its own numeric address, e.g. ``127.0.10.4``.
            sip_port: 0 for any.
            tap: told of every SIP and RTP packet at its port.
            hook: makes it misbehave; None for a well-behaved handset.
            registrar_override: where SIP goes instead of what the files say (a relay).
            manner: how it fetches.
            tokens: source of branches, tags and Call-IDs; random by default.
            clock: gives instants.
        """
        self._name = name
        self._profile = profile
        self._hook = hook or HandsetHook()
        self._host = host
        self._sip_port = sip_port
        self._tap = tap
        self._registrar = registrar_override
        self._tokens = tokens
        self._clock = clock
        self._stack: SipStack | None = None
        self._accounts: dict[int, EmulatedAccount] = {}
        self._rules = LampRules()
        self._lamp = VirtualLamp(name, clock=clock)
        self._mode = AnswerMode.RING
        self._calls: list[EmulatedCall] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._life = asyncio.Lock()
        self._following: asyncio.Task[None] | None = None
        self._address: Address = (host, sip_port)
        self.intent: HandsetIntent | None = None
        self.files = ProvisioningClient(
            profile, mac, provisioning_url, host, self._hook, manner or FetchManner()
        )
        self.call_log: list[LoggedCall] = []
        self.missed_calls = 0
        self.dnd_status = DND_STATUSES[0]
        self.call_waiting = False
        self.on_incoming_call: Callable[[EmulatedCall], None] | None = None
        self.on_feature: Callable[[FeatureSeen], None] | None = None

    @classmethod
    def at(cls, place: HandsetPlace) -> EmulatedHandset:
        """Make one for a place on a bench; of the intent only MAC and URL are looked at."""
        return cls(
            place.name,
            place.profile,
            place.intent.mac,
            provisioning_url=place.offered_url or place.intent.provisioning.url,
            host=place.host,
            sip_port=place.sip_port,
            tap=place.tap,
            hook=place.hook,
            registrar_override=place.registrar,
            manner=place.manner,
            tokens=place.tokens,
        )

    @property
    def name(self) -> str:
        """Name in the inventory."""
        return self._name

    @property
    def capabilities(self) -> frozenset[HandsetCapability]:
        """What this driver can do: everything."""
        return _CAPABILITIES

    @property
    def lamp(self) -> VirtualLamp:
        """Its LEDs."""
        return self._lamp

    @property
    def sip_address(self) -> Address:
        """Where it speaks SIP; port 0 before the first boot if any will do."""
        return self._address

    @property
    def fetched(self) -> tuple[str, ...]:
        """Names of the files of the last boot, in order."""
        return self.files.fetched

    @property
    def accounts(self) -> dict[int, EmulatedAccount]:
        """Enabled accounts by index."""
        return dict(self._accounts)

    @property
    def calls(self) -> tuple[EmulatedCall, ...]:
        """Calls that are not over."""
        return tuple(self._calls)

    # -- life ---------------------------------------------------------------------------------

    async def boot(self) -> None:
        """Fetch files in the model's order, register, subscribe.

        Raises:
            RigError: it could not get ready; names the step, and the file if there is one.
        """
        async with self._life:
            await self._boot()

    async def _boot(self) -> None:
        if self._stack is not None:
            raise RigError(f"{self._name}: is on already; power_cycle() boots it again")
        try:
            self.intent = await self.files.boot()
        except RigError as error:
            raise RigError(f"{self._name}: {error}") from error
        self._rules = lamp_rules(self._profile, self.intent.lamp)
        accounts = self.intent.accounts
        stack = SipStack(
            product=f"{self._profile.hardware.name} {self._profile.firmware.sample}",
            tap=self._tap,
            tokens=self._tokens,
            clock=self._clock,
        )
        wants_tcp = any(account.transport is not SipTransport.UDP for account in accounts)
        await self._listen(stack, tcp=wants_tcp)
        self._stack = stack
        self._address = stack.address
        stack.outgoing_filter = self._hook.outgoing
        stack.incoming_filter = self._hook.incoming
        self._hook.send = stack.send_octets
        self._hook.crash = self._crash
        stack.on_request = RequestDispatcher(
            self._accounts,
            on_call=self._invited,
            on_resync=self._resync,
            heeds=self._hook.heeds,
            guard=ResyncGuard(
                self._profile.resync, self._profile.hardware.name, self._password_of
            ),
        ).take
        for intent in accounts:
            await self._open_account(intent, stack)
        self._show("boot")
        for account in self._accounts.values():
            account.start()
        await self._wait_registered(_READY_S)

    async def _listen(self, stack: SipStack, *, tcp: bool) -> None:
        """Open its port: after a reboot the one that it had, as a phone's file would say."""
        former = self._sip_port or self._address[1]
        try:
            await stack.listen(self._host, former, tcp=tcp)
        except RigError:
            if self._sip_port or not former:
                raise
            await stack.listen(self._host, tcp=tcp)  # somebody has taken it meanwhile

    def _password_of(self, user: str) -> Secret | None:
        """Password of an account by its user name for digest."""
        accounts = (account.intent for account in self._accounts.values())
        return next((each.password for each in accounts if each.auth_user == user), None)

    async def _open_account(self, intent: AccountIntent, stack: SipStack) -> None:
        if intent.transport is SipTransport.TLS:
            raise RigError(f"{self._name}: account {intent.index} wants TLS; use udp or tcp")
        registrar = self._registrar or await resolve(*intent.next_hop)
        sync = self.intent is not None and bool(self.intent.calls.feature_key_sync)
        account = EmulatedAccount(intent, stack, registrar, self._hook, feature_key_sync=sync)
        account.on_change = self._learnt
        account.features.on_shown = partial(self._feature_shown, intent.index)
        self._accounts[intent.index] = account

    async def wait_ready(self, timeout_s: float) -> None:
        """Wait until it has followed the last resync and every enabled account is registered.

        Raises:
            RigError: one is not in time; says which and why.
        """
        deadline = self._clock() + timeout_s
        if self._following is not None:
            await asyncio.wait({self._following}, timeout=timeout_s)
        await self._wait_registered(deadline - self._clock())

    async def _wait_registered(self, timeout_s: float) -> None:
        deadline = self._clock() + timeout_s
        for index, account in self._accounts.items():
            try:
                await account.wait_registered(max(0.0, deadline - self._clock()))
            except RigError as error:
                raise RigError(f"{self._name}: account {index}: register: {error}") from error

    async def power_cycle(self) -> None:
        """Cut the power without a goodbye and boot again; the lamps go dark in between."""
        async with self._life:
            await self._cut()
            await self._boot()

    async def lose_power(self) -> None:
        """Go dark and silent without a goodbye, until it is booted."""
        async with self._life:
            await self._cut()

    async def restart(self) -> None:
        """Restart as after ``check-sync``: with goodbyes, then the whole boot."""
        async with self._life:
            await self._leave()
            await self._boot()

    async def refresh(self) -> None:
        """Fetch again as after ``check-sync;reboot=false``; restart if a file has changed."""
        if await self.files.changed():
            await self.restart()

    async def shut_down(self) -> None:
        """Leave: hang up, unsubscribe, unregister, close. Safe to call twice."""
        async with self._life:
            await self._leave()

    async def _leave(self) -> None:
        for call in self.calls:
            await self._quietly(call.hang_up())
        await asyncio.gather(
            *(self._quietly(account.stop()) for account in self._accounts.values())
        )
        await self._cut(goodbye=True)

    async def _cut(self, *, goodbye: bool = False) -> None:
        for task in tuple(self._tasks):
            if task is not asyncio.current_task():
                task.cancel()
        for call in self.calls:
            call.drop()
        self._calls.clear()
        for account in self._accounts.values():
            await account.drop()
        self._accounts.clear()
        stack, self._stack = self._stack, None
        if stack is not None:
            await (stack.close() if goodbye else stack.abort())
        self.missed_calls = 0
        self._lamp.go_dark()

    async def _quietly(self, goodbye: Coroutine[Any, Any, None]) -> None:
        """A goodbye that nobody answers must not keep a handset from leaving."""
        try:
            await asyncio.wait_for(goodbye, _GOODBYE_S)
        except (RigError, TimeoutError) as error:
            logger.info("%s: goodbye unanswered: %s", self._name, error)

    def _feature_shown(self, account: int, word: FeatureWord) -> None:
        if self.on_feature is not None:
            self.on_feature(
                FeatureSeen(
                    at=self._clock(), handset=self._name, account=account, service=word.service,
                    active=word.active, target=word.target,
                )
            )  # fmt: skip
        if word.service == "always":
            self._show("forward_on" if word.active else "forward_off")

    # -- lamps --------------------------------------------------------------------------------

    def _learnt(self, _: EmulatedAccount) -> None:
        self._show("notify")

    def _show(self, cause: str) -> None:
        waiting = {index: account.waiting for index, account in self._accounts.items()}
        for lamp, state in lamp_states(waiting, self.missed_calls, self._rules).items():
            self._lamp.show(lamp, self._hook.lamp(lamp, state, cause))

    # -- calls --------------------------------------------------------------------------------

    async def dial(self, number: str, *, account: int = 1) -> EmulatedCall:
        """Place a call; returns as soon as the INVITE is out.

        Raises:
            RigError: the handset is off or has no such account.
        """
        source = self._account(account)
        call = self._new_call(account, outgoing=True)
        target = number.replace("#", "%23")
        await call.place(source, self._running(), f"sip:{target}@{source.intent.domain}")
        return call

    async def press_message_key(self, *, account: int = 1) -> EmulatedCall:
        """Dial the voicemail number that the account was told.

        Raises:
            RigError: it was told none.
        """
        number = self._account(account).intent.voicemail_number
        if not number:
            raise RigError(f"{self._name}: account {account} was told no voicemail number")
        return await self.dial(self._hook.message_key(number), account=account)

    def _running(self) -> SipStack:
        if self._stack is None:
            raise RigError(f"{self._name}: is off; boot it first")
        return self._stack

    def _account(self, index: int) -> EmulatedAccount:
        self._running()
        if index not in self._accounts:
            known = ", ".join(map(str, self._accounts)) or "none"
            raise RigError(f"{self._name}: no account {index}; it has {known}")
        return self._accounts[index]

    def _new_call(self, account: int, *, outgoing: bool) -> EmulatedCall:
        call = EmulatedCall(self._name, self._host, account, outgoing=outgoing, tap=self._tap)
        call.on_ended = self._call_ended
        self._calls.append(call)
        return call

    def _call_ended(self, call: EmulatedCall) -> None:
        if call not in self._calls:
            return
        self._calls.remove(call)
        logged = call.logged()
        self.call_log.append(logged)
        if logged.missed:
            self.missed_calls += 1
            self._hook.on_missed_call()
            self._show("missed_call")

    # -- what arrives -------------------------------------------------------------------------

    def _invited(self, incoming: IncomingRequest, account: EmulatedAccount) -> None:
        decision = decide(
            account.diverts,
            self._mode,
            dnd=account.dnd,
            dnd_status=self.dnd_status,
            in_call=bool(self._calls) and not self.call_waiting,
        )
        call = self._new_call(account.intent.index, outgoing=False)
        try:
            call.take(incoming, account)
        except MessageError as error:
            self._calls.remove(call)
            incoming.respond(error.status_hint or 400)
            return
        if decision.treatment is Treatment.REJECT:
            call.reject(decision.status)
        elif decision.treatment is Treatment.DIVERT:
            call.divert(decision)
        else:
            call.ring()
            if self.on_incoming_call is not None:
                self.on_incoming_call(call)
            self._begin(self._treat(call, decision))

    async def _treat(self, call: EmulatedCall, decision: Decision) -> None:
        if decision.treatment is Treatment.ANSWER:
            await asyncio.sleep(_REACTION_S)
            if call.ringing:
                await call.answer()
        elif decision.delay_s:
            await asyncio.sleep(decision.delay_s)
            if call.ringing:
                call.divert(decision)

    def _crash(self) -> None:
        self._begin(self.power_cycle())

    def _resync(self, reboot: bool) -> None:  # noqa: FBT001 - what the event says
        self._following = self._begin(self.restart() if reboot else self.refresh())

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning("%s: %s", self._name, error)
