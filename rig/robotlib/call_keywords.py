"""Keywords about one call in hand: press keys, listen, hang up."""

from __future__ import annotations

from datetime import timedelta

from robot.api.deco import keyword

from provisioning.secret import Secret
from rig.assertion import ProductFailure
from rig.errors import RigError, UsageError
from rig.handset.base import HandsetCall
from rig.robotlib.arguments import seconds
from rig.robotlib.component import Component
from rig.robotlib.session import Session
from rig.timeline import SipSeen

ANSWER_S = 20.0
LISTEN = timedelta(seconds=15)


class CallKeywords(Component):
    """One call at a time; a test that ends before `Hang Up` hangs up by itself.

    Prompts are named as on the voice portal's page: ``portal.main``, ``deposit.transfer``,
    ``greeting.busy``, ``beep``. A beginning is enough: ``portal.``.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._call: HandsetCall | None = None
        self._role = ""
        self._began = 0.0

    @keyword(tags=["portal", "call"])
    def call_the_portal(self, role: str = "callee") -> None:
        """Dials the voice portal from any phone and waits for the answer."""
        self._dial(role, self.bench.site.voice_portal_number)

    @keyword(tags=["mailbox", "call"])
    def call_and_wait(self, from_: str = "caller", to: str = "callee") -> None:
        """Calls and waits for the answer, of the phone or of its mailbox."""
        self._dial(from_, self.bench.number_of(to))

    @keyword(tags=["call"])
    def press_keys(self, keys: str) -> None:
        """Presses keys of the telephone, by RFC 4733: digits, ``*`` and ``#``."""
        self.session.run(self._held.send_digits(keys))

    @keyword("Enter PIN", tags=["portal", "call"])
    def enter_pin(self, pin: Secret | None = None) -> None:
        """Types a PIN and ``#``; by default that of the inventory for the mailbox of the phone."""
        text = pin.reveal() if pin is not None else self.bench.pin_of(self._role)
        self.session.run(self._held.send_digits(f"{text}#"))

    @keyword(tags=["call"])
    def should_hear(self, *prompts: str, within: timedelta = LISTEN) -> None:
        """Waits for prompts, one after the other.

        | `Should Hear` | portal.message | portal.end_of_messages |
        """
        for prompt in prompts:
            try:
                self.session.run(
                    self._held.wait_prompt(prompt, seconds(within)), takes_s=seconds(within)
                )
            except RigError as error:
                raise ProductFailure(f"{self._role}: {error}") from error

    @keyword(tags=["call"])
    def hear_next(self, beginning: str = "", within: timedelta = LISTEN) -> str:
        """Waits for the next prompt that begins so; returns its name."""
        try:
            return self.session.run(
                self._held.wait_prompt(beginning, seconds(within)), takes_s=seconds(within)
            )
        except RigError as error:
            raise ProductFailure(f"{self._role}: {error}") from error

    @keyword(tags=["call"])
    def speak(self, time: timedelta = timedelta(seconds=1.2)) -> None:
        """Speaks into the call."""
        self.session.run(self._held.speak(seconds(time)), takes_s=seconds(time))

    @keyword(tags=["call"])
    def hang_up(self) -> None:
        """Ends the call."""
        call, self._call = self._held, None
        self.session.run(self.trial.hang_up(self._role, call, began=self._began))

    @keyword(tags=["call", "verdict"])
    def handset_should_have_rung(self, role: str, within: timedelta = LISTEN) -> None:
        """Waits until a call has reached a handset in this test, on the wire."""
        rang = self.session.run(self._invited(role, seconds(within)), takes_s=seconds(within))
        self.session.demand_sight()
        if not rang:
            raise ProductFailure(f"{role}: expected an INVITE, seen none")

    @keyword(tags=["call", "verdict"])
    def handset_should_not_have_rung(self, role: str) -> None:
        """Asserts that no call has reached a handset in this test up to now."""
        rang = self.session.run(self._invited(role, 0.0))
        self.session.demand_sight()
        if rang:
            raise ProductFailure(f"{role}: expected no INVITE, seen one")

    def _dial(self, role: str, number: str) -> None:
        if self._call is not None:
            raise UsageError(f"{self._role} has a call in hand already: Hang Up first")
        self._role = self.bench.name_of(role)
        self._began = self.bench.clock()
        self._call = call = self.session.run(self.bench.dial(role, number))
        self.session.at_the_end(self._drop)
        try:
            self.session.run(call.wait_established(ANSWER_S))
        except RigError as error:
            self.session.run(self._drop())
            raise ProductFailure(f"{role} called {number}: {error}") from error

    async def _drop(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            await call.hang_up()

    async def _invited(self, role: str, limit_s: float) -> bool:
        """Whether the platform has sent a handset an INVITE since the test began."""
        deadline = self.bench.clock() + limit_s
        while True:
            evidence = await self.bench.evidence(self.trial.started_at, [])
            addresses = evidence.handsets[self.bench.name_of(role)].sip_addresses
            for seen in evidence.events(SipSeen, since=self.trial.started_at):
                method = getattr(seen.message, "method", "")
                if method == "INVITE" and seen.destination in addresses:
                    return True
            if self.bench.clock() >= deadline:
                return False
            await self.bench.sleep(0.05)

    @property
    def _held(self) -> HandsetCall:
        if self._call is None:
            raise UsageError(
                "there is no call in hand: use Call The Portal or Call And Wait first"
            )
        return self._call
