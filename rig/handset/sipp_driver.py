"""SIPp behind the handset interface: a caller that we did not write.

It can call and hang up, nothing else. SIPp plays a scenario that is fixed before it starts, so
the time between the answer and BYE is fixed too: long enough for greeting, beep and message.
``hang_up`` waits for that BYE; latencies measured from ``hang_up`` are therefore too long by
up to :data:`SLACK_S`, never too short.
"""

from __future__ import annotations

import asyncio
from typing import NoReturn

from rig.clock import Clock, now
from rig.errors import RigError
from rig.handset.base import AnswerMode, HandsetCapability
from rig.handset.drivers import HandsetPlace
from rig.handset.sipp_caller import SippCaller, SippRun
from rig.lamp.base import LampListener
from rig.loopback import free_port
from rig.timeline import Address, LampState

TALK_S = 5.0
SLACK_S = 0.8
_POLL_S = 0.02


class NoLamp:
    """What SIPp has instead of a lamp: nothing, and it says so."""

    name = "none"

    def state(self, lamp: str = "message") -> LampState:
        """Unknown, whatever is asked."""
        del lamp
        return LampState.UNKNOWN

    def subscribe(self, listener: LampListener) -> None:
        """Nothing will ever change."""
        del listener


class SippCall:
    """A call that SIPp places."""

    def __init__(self, run: SippRun, clock: Clock) -> None:
        self._run = run
        self._clock = clock
        self._over = False

    @property
    def established(self) -> bool:
        """Whether the far side has answered and SIPp has not ended."""
        return not self._over and self.final_status == 200

    @property
    def final_status(self) -> int | None:
        """SIP status that ended or established it; None while it rings."""
        return self._run.final_status()

    @property
    def heard(self) -> tuple[str, ...]:
        """SIPp listens to nothing."""
        return ()

    async def wait_established(self, timeout_s: float) -> None:
        """Wait for the answer.

        Raises:
            RigError: refused, or not answered in time.
        """
        deadline = self._clock() + timeout_s
        while self._clock() < deadline:
            status = self.final_status
            if status == 200:
                return
            if status is not None:
                raise RigError(f"the call was answered {status}")
            await asyncio.sleep(_POLL_S)
        raise RigError(f"the call was not answered within {timeout_s:g} s")

    async def wait_ended(self, timeout_s: float) -> None:
        """Wait until the scenario is over."""
        await asyncio.wait_for(self._run.finish(), timeout_s)
        self._over = True

    async def send_digits(self, digits: str) -> None:
        """Not possible: the scenario is fixed."""
        self._cannot(f"send {len(digits)} digits")

    async def speak(self, duration_s: float) -> None:
        """The voice is part of the scenario: let the time pass."""
        await asyncio.sleep(duration_s)

    async def wait_prompt(self, prompt: str, timeout_s: float) -> str:
        """Not possible: SIPp hears nothing."""
        del timeout_s
        self._cannot(f"hear {prompt}")

    async def hang_up(self) -> None:
        """Wait until SIPp has sent the BYE of its scenario."""
        await self._run.finish()
        self._over = True

    def _cannot(self, what: str) -> NoReturn:
        raise RigError(f"SIPp cannot {what} during a call: its scenario is fixed")


class SippHandset:
    """SIPp in the role of a caller.

    Args:
        place: where it stands on the bench; its first account places the calls.
    """

    def __init__(self, place: HandsetPlace, *, clock: Clock = now) -> None:
        account = place.intent.accounts[0]
        self._name = place.name
        self._clock = clock
        self._registrar = place.registrar or (account.registrar_host, account.registrar_port)
        port = place.sip_port or free_port(place.host)
        self._address: Address = (place.host, port)
        self._caller = SippCaller(
            user=account.user,
            domain=account.domain,
            host=place.host,
            auth_user=account.auth_user,
            password=account.password,
            port=port,
        )
        self._lamp = NoLamp()
        self._calls: list[SippCall] = []

    @classmethod
    def at(cls, place: HandsetPlace) -> SippHandset:
        """Make one for a place on a bench."""
        return cls(place)

    @property
    def name(self) -> str:
        """Name in the inventory."""
        return self._name

    @property
    def capabilities(self) -> frozenset[HandsetCapability]:
        """It can place calls."""
        return frozenset({HandsetCapability.CALL})

    @property
    def lamp(self) -> NoLamp:
        """It has none."""
        return self._lamp

    @property
    def sip_address(self) -> Address:
        """Where its calls come from."""
        return self._address

    async def boot(self) -> None:
        """Nothing to do: SIPp is started for each call."""

    async def wait_ready(self, timeout_s: float) -> None:
        """A caller that does not register is ready at once."""
        del timeout_s

    async def power_cycle(self) -> None:
        """Nothing is kept between calls."""

    async def shut_down(self) -> None:
        """Wait for calls that are not over."""
        for call in self._calls:
            await call.hang_up()
        self._calls.clear()

    async def dial(self, number: str, *, account: int = 1) -> SippCall:
        """Start SIPp with a call."""
        if account != 1:
            raise RigError(f"{self._name}: SIPp calls from its first account, not {account}")
        run = await self._caller.begin(number, self._registrar, talk_s=TALK_S + SLACK_S)
        call = SippCall(run, self._clock)
        self._calls.append(call)
        return call

    async def press_message_key(self, *, account: int = 1) -> SippCall:
        """Not possible: it has no keys."""
        raise RigError(f"{self._name}: SIPp has no message key (account {account})")

    async def set_answer_mode(self, mode: AnswerMode) -> None:
        """It is never called, so it does not matter."""

    async def set_dnd(self, *, on: bool, account: int = 1) -> None:
        """It is never called, so it does not matter."""
