"""Keywords about handsets: answering, calling, power, registration."""

from __future__ import annotations

from datetime import timedelta

from robot.api.deco import keyword

from rig.assertion import ProductFailure
from rig.handset.base import AnswerMode
from rig.robotlib.arguments import seconds
from rig.robotlib.component import Component
from rig.robotlib.session import Session

READY_S = 20.0


class HandsetKeywords(Component):
    """A handset is meant by its role on the bench or by its name in the inventory."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._off: set[str] = set()

    @keyword(tags=["handset"])
    def set_answer_mode(self, role: str, mode: AnswerMode) -> None:
        """Says what a handset does with calls from now on: ring, answer or busy."""
        self.session.run(self.bench.answer_mode(role, mode))

    @keyword(tags=["handset", "call"])
    def leave_message(self, from_: str = "caller", to: str = "callee", account: int = 1) -> None:
        """Calls, waits for the mailbox's beep, speaks, hangs up.

        Fails if the caller never got to leave it. Latencies count from the hanging up.

        | `Leave Message` | from=emil | to=anna |
        """
        reason = self.session.run(self.trial.leave_message(from_, to, account=account))
        if reason:
            raise ProductFailure(f"{from_} could not leave a message for {to}: {reason}")

    @keyword(tags=["handset", "call"])
    def call(
        self, from_: str = "caller", to: str = "callee", talk: timedelta = timedelta(seconds=0.6)
    ) -> int | None:
        """Calls, talks if somebody answers, hangs up; returns the final SIP status."""
        made = self.session.run(
            self.trial.call(from_, to, talk_s=seconds(talk)), takes_s=seconds(talk)
        )
        return made.status

    @keyword(tags=["handset", "call"])
    def call_should_end_with(self, status: int, from_: str = "caller", to: str = "callee") -> None:
        """Calls and asserts the final SIP status: 200 for an answer, 486 for busy."""
        seen = self.call(from_, to)
        if seen != status:
            raise ProductFailure(
                f"call from {from_} to {to}: expected status {status}, "
                f"seen {'none' if seen is None else seen}"
            )

    @keyword(tags=["handset", "call"])
    def miss_call(
        self,
        from_: str = "caller",
        to: str = "callee",
        ringing: timedelta = timedelta(seconds=0.8),
    ) -> None:
        """Lets a phone ring for a while and gives up."""
        self.session.run(
            self.trial.missed_call(from_, to, ring_s=seconds(ringing)), takes_s=seconds(ringing)
        )

    @keyword(tags=["handset", "power"])
    def power_cycle_handset(self, role: str) -> None:
        """Cuts the power without a goodbye; returns when the handset is registered again."""
        self.session.run(self.trial.power_cycle(role))

    @keyword(tags=["handset", "power"])
    def cut_power(self, role: str) -> None:
        """Cuts the power without a goodbye, and sees that the lamp goes dark; it stays off.

        `Restore Power`, `Reset Bench` or the end of the test gives it back. On a real bench the
        port that feeds the phone is named in the bench file.

        | `Cut Power`      | callee |     |            |
        | `Store Message`  | callee |     |            |
        | `Restore Power`  | callee |     |            |
        | `Lamp Should Be` | callee | lit | within=12s |
        """
        self.session.at_the_end(lambda: self._power_again(role))
        self.session.run(self.trial.cut_power(role))

    @keyword(tags=["handset", "power"])
    def restore_power(self, role: str) -> None:
        """Gives the power back that was cut; returns when the handset is up again."""
        self.session.run(self.trial.restore_power(role))

    @keyword(tags=["handset", "registration"])
    def log_off_handset(self, role: str) -> None:
        """Has a handset end its subscriptions and registrations, with its power on.

        `Log On Handset` or the end of the test brings it back. Needs the capability ``log_off``.
        """
        self.session.run(self.trial.log_off(role))
        self.session.at_the_end(lambda: self._on_again(role))
        self._off.add(self.bench.name_of(role))

    @keyword(tags=["handset", "registration"])
    def log_on_handset(self, role: str) -> None:
        """Has a handset register and subscribe again."""
        self._off.discard(self.bench.name_of(role))
        self.session.run(self.trial.log_on(role))

    async def _power_again(self, role: str) -> None:
        if self.bench.is_dark(role):
            await self.bench.restore_power(role)

    async def _on_again(self, role: str) -> None:
        name = self.bench.name_of(role)
        if name in self._off:
            self._off.discard(name)
            await self.bench.log_on(role)

    @keyword(tags=["handset", "registration"])
    def handset_should_be_registered(self, role: str, account: int = 1) -> None:
        """Asserts on the wire that an account's last REGISTER was accepted."""
        story = self.session.run(self.trial.account(role, account))
        self.session.demand_sight()
        if not story.registered:
            raise ProductFailure(
                f"account {account} of {role}: expected an accepted REGISTER, seen "
                f"{len(story.registers)} REGISTER requests, the last one not accepted"
            )

    @keyword(tags=["handset", "registration", "mwi"])
    def handset_should_have_subscribed(self, role: str, account: int = 1) -> None:
        """Asserts on the wire that an account subscribed to message-summary with success."""
        story = self.session.run(self.trial.account(role, account))
        self.session.demand_sight()
        if not any(s.status in {200, 202} for s in story.subscribes):
            answers = ", ".join(str(s.status) for s in story.subscribes) or "no SUBSCRIBE"
            raise ProductFailure(
                f"account {account} of {role}: expected a SUBSCRIBE answered 200, seen {answers}"
            )
