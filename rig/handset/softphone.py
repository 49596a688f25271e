"""A real softphone, baresip, as a handset: an independent witness of our signalling.

It is told its account directly (it has no provisioning), subscribes to message-summary, and
its events drive a lamp. What it hears is read from the recordings that it writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from provisioning.intent import AccountIntent, HandsetIntent, MwiMode, SipTransport
from rig.clock import Clock, now
from rig.errors import ProtocolError, RigError
from rig.handset.base import AnswerMode, HandsetCapability
from rig.handset.emulated.lamp_rule import LampRules, account_lamp, lamp_states, voice_waiting
from rig.handset.softphone_call import SoftphoneCall
from rig.handset.softphone_control import Event
from rig.handset.softphone_ear import SoftphoneEar, own_second
from rig.handset.softphone_program import SoftphoneProgram
from rig.lamp.virtual import VirtualLamp
from rig.sip.message_summary import parse_summary
from rig.timeline import Address

if TYPE_CHECKING:
    from rig.handset.drivers import HandsetPlace

_CAPABILITIES = frozenset(
    {
        HandsetCapability.REGISTER,
        HandsetCapability.MWI_SUBSCRIBE,
        HandsetCapability.CALL,
        HandsetCapability.ANSWER,
        HandsetCapability.BUSY,
        HandsetCapability.MESSAGE_KEY,
        HandsetCapability.SEND_DIGITS,
        HandsetCapability.HEAR_PROMPTS,
        HandsetCapability.LAMP,
        HandsetCapability.REBOOT,
    }
)
_READY_S = 10.0


class SoftphoneHandset:
    """Debian's baresip behind the handset interface; uses the first account it is told."""

    def __init__(
        self,
        name: str,
        intent: HandsetIntent,
        *,
        host: str = "127.0.0.1",
        registrar_override: Address | None = None,
        program: str = "baresip",
        clock: Clock = now,
    ) -> None:
        """Prepare without starting the program.

        Args:
            name: name in the inventory.
            intent: what it is told; only the first account is used.
            host: numeric local address for SIP, RTP and control.
            registrar_override: where SIP goes instead of the account's registrar.
            program: name or path of baresip.
            clock: gives the instants of lamp events.

        Raises:
            RigError: the intent has no account, or one that baresip cannot have here.
        """
        if not intent.accounts:
            raise RigError(f"{name}: a softphone needs an account")
        account = intent.accounts[0]
        if account.transport is SipTransport.TLS:
            raise RigError(f"{name}: this softphone driver speaks UDP and TCP, not TLS")
        if registrar_override is not None:
            host_part, port = registrar_override
            account = replace(account, registrar_host=host_part, registrar_port=port)
        self._name = name
        self._account: AccountIntent = account
        self._program = SoftphoneProgram(name, host, program)
        self._lamp = VirtualLamp(
            name, ("message", account_lamp(1)), name="baresip-event", clock=clock
        )
        self._clock = clock
        self._rules = LampRules()
        self._waiting: bool | None = None
        self._registered = asyncio.Event()
        self._refusal = ""
        self._calls: list[SoftphoneCall] = []
        self._mode = AnswerMode.RING
        self._tasks: set[asyncio.Task[None]] = set()
        self.on_incoming_call: Callable[[SoftphoneCall], None] | None = None
        self.summaries: list[bytes] = []

    @classmethod
    def at(cls, place: HandsetPlace) -> SoftphoneHandset:
        """Make one for a place on a bench; it is told the intent directly."""
        return cls(place.name, place.intent, host=place.host, registrar_override=place.registrar)

    @property
    def name(self) -> str:
        """Name in the inventory."""
        return self._name

    @property
    def capabilities(self) -> frozenset[HandsetCapability]:
        """What this driver can do."""
        return _CAPABILITIES

    @property
    def lamp(self) -> VirtualLamp:
        """The lamp that the program's message events drive."""
        return self._lamp

    @property
    def sip_address(self) -> Address:
        """Where it speaks SIP; port 0 before the boot."""
        return self._program.sip_address

    @property
    def calls(self) -> tuple[SoftphoneCall, ...]:
        """Calls that are not over."""
        return tuple(call for call in self._calls if not call.ended)

    async def boot(self) -> None:
        """Start the program, add the account, register; it subscribes by itself.

        Raises:
            RigError: not installed, does not come up, or registration is refused.
        """
        self._registered.clear()
        self._refusal = ""
        self._waiting = None
        await self._program.start(self._take)
        await self.command("uanew", self._account_line())
        await self.wait_ready(_READY_S)

    async def wait_ready(self, timeout_s: float) -> None:
        """Wait until the account is registered.

        Raises:
            RigError: not registered in time; says what the registrar answered.
        """
        try:
            await asyncio.wait_for(self._registered.wait(), timeout_s)
        except TimeoutError:
            reason = self._refusal or "no answer"
            raise RigError(
                f"{self._name}: {self._account.aor} not registered within {timeout_s:g} s at "
                f"{self._account.registrar_host}:{self._account.registrar_port}: {reason}"
            ) from None

    async def power_cycle(self) -> None:
        """Kill the program without a goodbye and start it again; lamps are dark in between."""
        await self.lose_power()
        await self.boot()

    async def lose_power(self) -> None:
        """Kill the program without a goodbye; it is silent and dark until it is booted."""
        await self._program.kill()
        self._forget_calls()
        self._lamp.go_dark()

    async def shut_down(self) -> None:
        """Let the program leave with its goodbyes, then remove it. Safe to call twice."""
        for task in tuple(self._tasks):
            task.cancel()
        await self._program.quit()
        self._forget_calls()
        self._lamp.go_dark()

    async def dial(self, number: str, *, account: int = 1) -> SoftphoneCall:
        """Place a call; returns as soon as the program dials.

        Raises:
            RigError: no such account, or the program refuses.
        """
        self._check_account(account)
        await own_second(self._program.heard_folder, self._clock)
        call = SoftphoneCall(self._name, self.command, outgoing=True, ear=self._new_ear())
        self._calls.append(call)
        target = number.replace("#", "%23")
        await self.command("dial", f"sip:{target}@{self._account.domain}")
        return call

    async def press_message_key(self, *, account: int = 1) -> SoftphoneCall:
        """Dial the number that the account has for its mailbox.

        Raises:
            RigError: it has none.
        """
        if not self._account.voicemail_number:
            raise RigError(f"{self._name}: account {account} has no voicemail number")
        return await self.dial(self._account.voicemail_number, account=account)

    async def set_answer_mode(self, mode: AnswerMode) -> None:
        """Say what happens with incoming calls from now on."""
        self._mode = mode

    async def set_dnd(self, *, on: bool, account: int = 1) -> None:
        """Not possible: the packaged baresip has no do-not-disturb.

        Raises:
            RigError: when switched on.
        """
        self._check_account(account)
        if on:
            raise RigError(f"{self._name}: this softphone has no do-not-disturb")

    async def command(self, command: str, params: str = "") -> str:
        """Give the program a command.

        Raises:
            RigError: it does not run, does not answer, or refuses.
        """
        if self._program.control is None:
            raise RigError(f"{self._name}: the softphone does not run; boot it first")
        answer = await self._program.control.command(command, params)
        if not answer.ok:
            shown = "" if command == "uanew" else f": {answer.text.strip()}"
            raise RigError(f"{self._name}: the softphone refused {command}{shown}")
        return answer.text

    def _account_line(self) -> str:
        account = self._account
        transport = ";transport=tcp" if account.transport is SipTransport.TCP else ""
        outbound = f"sip:{account.registrar_host}:{account.registrar_port}{transport}"
        subscribes = account.mwi.mode is MwiMode.SUBSCRIBE
        return (
            f"<sip:{account.user}@{account.domain}{transport}>"
            f";auth_user={account.auth_user};auth_pass={account.password.reveal()}"
            f';outbound="{outbound}";regint={account.register_expires_s}'
            f";mwi={'yes' if subscribes else 'no'};answermode=manual"
            ";audio_codecs=PCMU/8000/1,PCMA/8000/1"
        )

    def _check_account(self, account: int) -> None:
        if account != 1:
            raise RigError(f"{self._name}: has account 1 only, not {account}")

    def _new_ear(self) -> SoftphoneEar:
        return SoftphoneEar(self._name, self._program.heard_folder)

    def _forget_calls(self) -> None:
        for call in self.calls:
            call.take({"type": "CALL_CLOSED", "param": ""})
        self._calls.clear()

    def _take(self, event: Event) -> None:
        kind = str(event.get("type", ""))
        if kind == "REGISTER_OK":
            self._registered.set()
        elif kind == "REGISTER_FAIL":
            self._refusal = str(event.get("param", ""))
            self._registered.clear()
        elif kind == "MWI_NOTIFY":
            self._show(str(event.get("param", "")).encode())
        elif kind.startswith("CALL_"):
            self._take_call(kind, event)

    def _show(self, body: bytes) -> None:
        self.summaries.append(body)
        try:
            summary = parse_summary(body)
        except ProtocolError:
            return
        self._waiting = voice_waiting(summary, before=self._waiting)
        for lamp, state in lamp_states({1: self._waiting}, 0, self._rules).items():
            self._lamp.show(lamp, state)

    def _take_call(self, kind: str, event: Event) -> None:
        call_id = event.get("id")
        if not call_id:
            return
        if kind == "CALL_INCOMING":
            call = SoftphoneCall(self._name, self.command, outgoing=False, ear=self._new_ear())
            self._calls.append(call)
            call.take(event)
            self._answer(call)
            return
        for call in self._calls:
            mine = call.call_id == call_id
            if mine or (call.outgoing and not call.call_id and not call.ended):
                call.take(event)
                return

    def _answer(self, call: SoftphoneCall) -> None:
        if self.on_incoming_call is not None:
            self.on_incoming_call(call)
        action = {AnswerMode.ANSWER: "accept", AnswerMode.BUSY: "hangup"}.get(self._mode)
        if action is None:
            return

        async def act() -> None:
            await self.command(action)

        task = asyncio.get_running_loop().create_task(act())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
