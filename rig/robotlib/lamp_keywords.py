"""Keywords about lamps and about the MWI state that is signalled to them."""

from __future__ import annotations

from datetime import timedelta

from robot.api import SkipExecution
from robot.api.deco import keyword

from rig.assertion import InconclusiveError, ProductFailure
from rig.robotlib.arguments import Lamp, seconds
from rig.robotlib.component import Component
from rig.sip.message_summary import Counts, MessageSummary
from rig.timeline import LampState


class LampKeywords(Component):
    """A lamp is ``message`` (the common one) or ``account:N`` (an account's icon)."""

    @keyword(tags=["lamp"])
    def get_lamp_state(self, role: str, lamp: str = "message") -> LampState:
        """Returns what the sensor sees now: off, lit, steady, slow, fast, pattern or unknown.

        ``lit`` is light whose pattern is not known yet. It waits for nothing: that a lamp does
        not go on is asserted by `Lamp Should Stay`.
        """
        return self.bench.lamp_of(role).state(self.trial.lamp_named(role, lamp))

    @keyword(tags=["lamp"])
    def get_lamp_sensor(self, role: str) -> str:
        """Returns the name of what tells a role's lamps: ``virtual``, ``serial:/dev/...#0``."""
        return self.bench.lamp_of(role).name

    @keyword(tags=["lamp", "bench"])
    def require_lamp_board(self, role: str, key: bool = False) -> None:  # noqa: FBT001, FBT002 - Robot
        """Skips the test before it starts unless a lamp board sees this role's lamp.

        With ``key=yes`` the board must also have a solenoid on its message key.

        | [Setup] | `Require Lamp Board` | callee |
        """
        if role not in self.bench.roles:
            raise SkipExecution(f"no handset plays {role} on this bench")
        name = self.bench.name_of(role)
        if self.bench.lamp_boards.sensor(name) is None:
            raise SkipExecution(f"no lamp board sees {name} ({role}) on this bench")
        if key and not self.bench.lamp_boards.presses(name):
            raise SkipExecution(f"no solenoid presses the message key of {name} ({role})")

    @keyword(tags=["lamp", "handset"])
    def press_message_key_by_solenoid(self, role: str = "callee") -> float:
        """Presses the message key with the solenoid on it; returns for how many seconds.

        What the phone does then is seen on the wire and at its lamp.
        """
        return self.session.run(self.bench.press_key(role))

    @keyword(tags=["lamp", "verdict"])
    def lamp_should_be(
        self,
        role: str,
        state: Lamp,
        within: timedelta = timedelta(seconds=2),
        lamp: str = "message",
        new: int | None = None,
        saved: int | None = None,
    ) -> None:
        """Waits for a lamp and asserts it, the NOTIFY and the mailbox behind it.

        ``within`` counts from the last step of this test that may move a lamp: deposit, hearing,
        call, power cut, the mailbox's option ``mwi``; from `Hang Up`, or from the change of the
        mailbox in the call, where it was led by hand. A lamp that is right already is watched
        until that time is over. The message of a failure names the fault, who is to blame, and
        the packet or lamp edge that proves it.

        | `Leave Message`  | from=emil | to=anna |           |
        | `Lamp Should Be` | anna      | lit     | within=2s |
        """
        within_s = seconds(within)
        record = self.session.run(
            self.trial.lamp(
                role, lit=state.value, within_s=within_s, lamp=lamp, new=new, saved=saved
            ),
            takes_s=within_s,
        )
        self.session.demand(record)

    @keyword(tags=["lamp"])
    def wait_for_lamp(
        self,
        role: str,
        state: Lamp,
        timeout: timedelta = timedelta(seconds=2),
        lamp: str = "message",
    ) -> None:
        """Waits until a lamp is lit or dark; fails after the timeout, without a diagnosis.

        A lamp that no sensor sees is inconclusive.
        """
        within_s = seconds(timeout)
        self.trial.lamp_named(role, lamp)
        if self.session.run(
            self.bench.wait_lamp(role, lit=state.value, lamp=lamp, within_s=within_s),
            takes_s=within_s,
        ):
            return
        seen = self.get_lamp_state(role, lamp)
        text = (
            f"lamp {lamp} of {role}: expected {state.word} within {within_s:g} s, "
            f"seen {seen.value}"
        )
        if seen is LampState.UNKNOWN:
            sensor = self.bench.lamp_of(role).name
            raise InconclusiveError(f"{text}: {sensor} does not see it; check sensor and cable")
        raise ProductFailure(text)

    @keyword(tags=["lamp", "verdict"])
    def lamp_should_stay(
        self,
        role: str,
        state: Lamp,
        for_: timedelta = timedelta(seconds=0.6),
        lamp: str = "message",
    ) -> None:
        """Watches a lamp that must not change, and asserts that it did not.

        One that was right before the last step must also have been so ever since. One that the
        step has to change is waited for, up to the bench's limit, before the watch begins.

        | `Miss Call`        | from=emil | to=anna |        |
        | `Lamp Should Stay` | anna      | dark    | for=1s |
        """
        for_s = for_.total_seconds()
        self.session.demand(
            self.session.run(
                self.trial.lamp_stays(role, lit=state.value, for_s=for_s, lamp=lamp), takes_s=for_s
            )
        )

    @keyword("MWI State Should Be", tags=["mwi"])
    def mwi_state_should_be(
        self,
        role: str,
        waiting: bool,  # noqa: FBT001 - Robot gives it by position: ``yes`` or ``no``
        counts: Counts | None = None,
        account: int = 1,
        within: timedelta = timedelta(seconds=2),
    ) -> None:
        """Asserts what the last NOTIFY said: the flag and, if given, ``new/saved``.

        Waits for it; a NOTIFY from before the last step of the test counts only when ``within``
        has passed since that without another. That is what was signalled; `Lamp Should Be`
        asserts what was seen.

        | `MWI State Should Be` | anna | yes | 1/0 |
        """

        def is_right(summary: MessageSummary) -> bool:
            said_so = summary.waiting == waiting
            return said_so and (counts is None or _same(counts, summary.voice))

        last = self.session.run(
            self.trial.mwi_settled(role, account, is_right, within_s=seconds(within)),
            takes_s=seconds(within),
        )
        self.session.demand_sight()
        if last is None or last.summary is None:
            raise ProductFailure(f"account {account} of {role}: expected a NOTIFY, seen none")
        seen = last.summary.voice
        if not is_right(last.summary):
            said = f"Messages-Waiting: {'yes' if last.summary.waiting else 'no'}"
            raise ProductFailure(
                f"account {account} of {role}: expected waiting {'yes' if waiting else 'no'}"
                f"{'' if counts is None else f' with {counts}'}, "
                f"seen {said} with {seen} in packet {last.first.number}"
            )


def _same(wanted: Counts, seen: Counts | None) -> bool:
    if seen is None:
        return False
    if wanted.urgent_new is None:
        return (wanted.new, wanted.saved) == (seen.new, seen.saved)
    return wanted == seen
