"""Keywords about lamps and about the MWI state that is signalled to them."""

from __future__ import annotations

from datetime import timedelta

from robot.api import SkipExecution
from robot.api.deco import keyword

from rig.assertion import ProductFailure
from rig.robotlib.arguments import Lamp
from rig.robotlib.component import Component
from rig.sip.message_summary import Counts
from rig.timeline import LampState


class LampKeywords(Component):
    """A lamp is ``message`` (the common one) or ``account:N`` (an account's icon)."""

    @keyword(tags=["lamp"])
    def get_lamp_state(self, role: str, lamp: str = "message") -> LampState:
        """Returns what the sensor sees now: off, lit, steady, slow, fast, pattern or unknown.

        ``lit`` is light whose pattern is not known yet.
        """
        return self.bench.lamp_of(role).state(lamp)

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

        ``within`` counts from the last deposit, hearing or power cut of this test. The message
        of a failure names the fault, who is to blame, and the packet or lamp edge that proves it.

        | `Leave Message`  | from=emil | to=anna |           |
        | `Lamp Should Be` | anna      | lit     | within=2s |
        """
        record = self.session.run(
            self.trial.lamp(
                role,
                lit=state.value,
                within_s=within.total_seconds(),
                lamp=lamp,
                new=new,
                saved=saved,
            )
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
        """Waits until a lamp is lit or dark; fails after the timeout, without a diagnosis."""
        there = self.session.run(
            self.bench.wait_lamp(
                role, lit=state.value, lamp=lamp, within_s=timeout.total_seconds()
            )
        )
        if not there:
            seen = self.get_lamp_state(role, lamp).value
            raise ProductFailure(
                f"lamp {lamp} of {role}: expected {state.word} within "
                f"{timeout.total_seconds():g} s, seen {seen}"
            )

    @keyword(tags=["lamp", "verdict"])
    def lamp_should_stay(
        self,
        role: str,
        state: Lamp,
        for_: timedelta = timedelta(seconds=0.6),
        lamp: str = "message",
    ) -> None:
        """Watches a lamp that must not change, and asserts that it did not.

        | `Miss Call`        | from=emil | to=anna |        |
        | `Lamp Should Stay` | anna      | dark    | for=1s |
        """
        self.session.demand(
            self.session.run(
                self.trial.lamp_stays(role, lit=state.value, for_s=for_.total_seconds(), lamp=lamp)
            )
        )

    @keyword("MWI State Should Be", tags=["mwi"])
    def mwi_state_should_be(
        self,
        role: str,
        waiting: bool,  # noqa: FBT001 - Robot gives it by position: ``yes`` or ``no``
        counts: Counts | None = None,
        account: int = 1,
    ) -> None:
        """Asserts what the last NOTIFY said: the flag and, if given, ``new/saved``.

        That is what was signalled; `Lamp Should Be` asserts what was seen.

        | `MWI State Should Be` | anna | yes | 1/0 |
        """
        last = self.session.run(self.trial.mwi_state(role, account))
        if last is None or last.summary is None:
            raise ProductFailure(f"account {account} of {role}: expected a NOTIFY, seen none")
        seen = last.summary.voice
        wrong = last.summary.waiting != waiting or (counts is not None and not _same(counts, seen))
        if wrong:
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
