"""What a hand-written test asserts of lamps: that one is as it must be, and that one stays so.

Each assertion is an expectation about the last step that may have moved the lamp.
"""

from __future__ import annotations

from abc import abstractmethod

from rig.bench_lamps import LAMP_MARGIN_S
from rig.errors import UsageError
from rig.report.record import ScenarioRecord
from rig.scenario_parts import OBSERVE_S
from rig.timeline import LampSeen, LampState
from rig.trial_settings import TrialSettings
from rig.trial_steps import POWER_CUT, START, Trigger, as_seen_by
from rig.verdict.evidence import Expectation, LampExpectation


class LampTrial(TrialSettings):
    """The part of a test that looks at lamps."""

    @abstractmethod
    async def _judge(self, expectation: Expectation) -> ScenarioRecord:
        """Judge one expectation and keep it for the whole verdict."""

    async def lamp(
        self,
        role: str,
        *,
        lit: bool,
        within_s: float,
        lamp: str = "message",
        new: int | None = None,
        saved: int | None = None,
    ) -> ScenarioRecord:
        """Wait for a lamp and judge it, the NOTIFY and the mailbox behind it.

        Args:
            role: whose lamp.
            lit: what it must be.
            within_s: limit, seconds from the last trigger.
            lamp: ``message`` or ``account:N``.
            new: messages not heard that the mailbox must hold, or None.
            saved: heard messages, likewise.
        """
        self.lamp_named(role, lamp)
        if new is not None or saved is not None:
            self.watched_mailbox(role)
        if await self.bench.wait_lamp(role, lit=lit, lamp=lamp, within_s=within_s):
            await self._watch_unmoved(role, lit=lit, lamp=lamp, within_s=within_s)
        mailbox, trigger = self._told_by(role, lamp, lit=lit)
        told = self._told(mailbox)
        return await self._judge(
            LampExpectation(
                handset=self.bench.name_of(role),
                lamp=lamp,
                lit=lit,
                since=trigger.at,
                until=self.bench.clock(),
                mailbox=mailbox,
                new=new,
                saved=saved,
                notify=trigger.notify and mailbox == trigger.mailbox and told,
                told=told,
                past_known=mailbox not in self._untold,
                within_s=within_s,
                limit_source="the test",
                trigger=trigger.name,
            )
        )

    async def _watch_unmoved(self, role: str, *, lit: bool, lamp: str, within_s: float) -> None:
        """Give a lamp that is right already, and has not moved since, time to become wrong."""
        name = self.bench.name_of(role)
        moved = any(
            (e.handset, e.lamp) == (name, lamp) and e.at >= self._trigger.at
            for e in self.bench.events
            if isinstance(e, LampSeen)
        )
        if moved or self._trigger.name == START:
            return
        ends_at = self._trigger.over_at + within_s
        left_s = ends_at - self.bench.clock()
        if left_s > 0:
            await self.bench.wait_lamp(
                role, lit=not lit, lamp=lamp, within_s=left_s - LAMP_MARGIN_S
            )
            left_s = max(0.0, ends_at - self.bench.clock())
            await self.bench.wait_lamp(role, lit=lit, lamp=lamp, within_s=left_s)

    def _told_by(self, role: str, lamp: str, *, lit: bool) -> tuple[str, Trigger]:
        """The mailbox behind a lamp, and what the last trigger means for it."""
        own = self.watched_mailboxes(role)
        if lamp != "message":
            own = {1: own.get(int(lamp.partition(":")[2]), "")}
        trigger = as_seen_by(self._trigger, own.values(), self.bench.events, lit=lit)
        if trigger.mailbox in own.values():
            return trigger.mailbox, trigger
        return own.get(1, ""), trigger

    async def lamp_stays(
        self, role: str, *, lit: bool, for_s: float = OBSERVE_S, lamp: str = "message"
    ) -> ScenarioRecord:
        """Watch a lamp that must not change, and judge it.

        A lamp that was right when the last step began must have been so all the time since; one
        that the step has changed must be right when the watch begins.

        Raises:
            UsageError: nothing is seen in no time.
        """
        if for_s <= 0:
            raise UsageError(f"a watch of {for_s:g} s sees nothing; give more than 0 s")
        self.lamp_named(role, lamp)
        left_s = self._trigger.over_at + self.bench.config.lamp_limit_s - self.bench.clock()
        await self.bench.wait_lamp(
            role, lit=lit, lamp=lamp, within_s=max(0.0, left_s) - LAMP_MARGIN_S
        )
        began = self.bench.clock()
        # The margin of wait_lamp is part of the time that is watched.
        await self.bench.wait_lamp(
            role, lit=not lit, lamp=lamp, within_s=max(0.0, for_s - LAMP_MARGIN_S)
        )
        mailbox, trigger = self._told_by(role, lamp, lit=lit)
        shown = self.shown_at(role, lamp, trigger.at)
        kept = trigger.name != POWER_CUT and (shown is LampState.UNKNOWN or shown.lit == lit)
        return await self._judge(
            LampExpectation(
                handset=self.bench.name_of(role),
                lamp=lamp,
                lit=lit,
                since=trigger.at if kept else began,
                until=self.bench.clock(),
                mailbox=mailbox,
                notify=False,
                told=self._told(mailbox),
                past_known=mailbox not in self._untold,
                within_s=0.0,
                limit_source="the test",
                trigger=trigger.name if kept else "the beginning of the watch",
            )
        )
