"""A hand-written test on a bench: steps one by one, judged by the same rules as a scenario.

A test framework's test is not known beforehand, so expectations are gathered while it runs: each
step notes what it triggered, each assertion is an expectation about the last trigger.
It adds no rule of its own; :mod:`rig.verdict` judges.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from provisioning.secret import Secret
from rig.bench import Bench
from rig.errors import RigError
from rig.handset.base import HandsetCall
from rig.report.record import ScenarioRecord, scenario_record
from rig.run import judged
from rig.scenario_parts import deposit, hung_up_when_cut_off, retrieve
from rig.sip.message_summary import MessageSummary
from rig.timeline import ActionDone, MailboxSeen, SipSeen
from rig.trial_lamps import LampTrial
from rig.trial_steps import (
    CALL,
    POWER_CUT,
    START,
    CallMade,
    DiversionReason,
    Trigger,
    as_seen_by,
)
from rig.verdict.diversion_facts import DiversionCase, build_case
from rig.verdict.evidence import DiversionExpectation, Evidence, Expectation
from rig.verdict.finding import RigFault
from rig.verdict.mwi_facts import AccountStory, NotifyStory, account_story
from rig.verdict.rig_health import capture_faults

PORTAL_S = 10.0
READY_S = 20.0


class Trial(LampTrial):
    """One test, from its start to its verdict.

    Attributes:
        bench: open.
        name: machine name, for the record.
        title: one sentence, for the record.
        requirements: identifiers of the guide's requirements.
        expectations: gathered so far.
        started_at: instant from which events belong to it.
        first_packet: how many packets were taken before it began.
        last_call: made by it, or None.
    """

    def __init__(
        self, bench: Bench, name: str, *, title: str = "", requirements: tuple[str, ...] = ()
    ) -> None:
        super().__init__(bench)
        self.name = name
        self.title = title or name
        self.requirements = requirements
        self.expectations: list[Expectation] = []
        self.started_at = bench.clock()
        self.first_packet = len(bench.recorder.packets)
        self.last_call: CallMade | None = None
        bench.cast("")

    async def reset(self) -> None:
        """Bring the bench back to the inventory and begin anew from here."""
        await self.bench.reset()
        self.expectations.clear()
        self._untold.clear()
        await self.bench.read_lamps()
        self.started_at = self.bench.clock()
        self._trigger = Trigger(self.started_at, START)

    # -- steps --------------------------------------------------------------------------

    async def leave_message(self, caller: str, callee: str, *, account: int = 1) -> str:
        """Call, wait for the beep, speak, hang up.

        Returns:
            Why the caller gave up, or empty.
        """
        mailbox = self.watched_mailboxes(callee).get(self.account_of(callee, account), "")
        began = self.bench.clock()
        self.last_call = CallMade(caller, callee, began)
        ended = await deposit(self.bench, caller=caller, callee=callee, account=account)
        self._trigger = Trigger(ended, "the deposit", mailbox, notify=True, began=began)
        return self._gave_up(began)

    async def call(self, caller: str, callee: str, *, talk_s: float = 0.6) -> CallMade:
        """Call, talk if somebody answers, hang up.

        Returns:
            The call with its final status.
        """
        began = self.bench.clock()
        async with self._calling(caller, callee) as call:
            with contextlib.suppress(RigError):
                await call.wait_established(20 * self.bench.config.seconds_per_ring + PORTAL_S)
                await call.speak(talk_s)
        self.last_call = CallMade(caller, callee, began, call.final_status)
        self._trigger = Trigger(began, CALL, done_at=self.bench.clock())
        return self.last_call

    async def missed_call(self, caller: str, callee: str, *, ring_s: float) -> None:
        """Let a phone ring for a while and give up."""
        began = self.bench.clock()
        self.last_call = CallMade(caller, callee, began)
        async with self._calling(caller, callee) as call:
            with contextlib.suppress(RigError):
                await call.wait_established(ring_s)
        self._trigger = Trigger(began, "the missed call", done_at=self.bench.clock())

    @contextlib.asynccontextmanager
    async def _calling(self, caller: str, callee: str) -> AsyncIterator[HandsetCall]:
        call = await self.bench.dial(caller, self.bench.number_of(callee))
        try:
            yield call
        finally:
            await self.bench.hang_up(caller, call)

    async def hear_messages(self, role: str, *, account: int = 1) -> str:
        """Press the message key, log in with the inventory's PIN, hear every new message.

        Returns:
            Why the handset gave up, or empty.
        """
        mailbox = self.watched_mailbox(role, account)
        began = self.bench.clock()
        await retrieve(self.bench, role, account=account)
        heard_at = self.bench.mailbox_changed_at(mailbox, began)
        self._trigger = Trigger(heard_at, "the hearing", mailbox, notify=heard_at > began)
        return self._gave_up(began)

    async def portal_answer(self, role: str, *, pin: Secret | None = None) -> str:
        """Press the message key and hear what the portal says first.

        Args:
            role: whose key.
            pin: sent when the portal asks for it; None hangs up at the question.

        Returns:
            Identifier of the prompt: the first one, or the one after the PIN; empty if the
            portal said nothing.
        """
        handset = self.bench.role(role)
        self.bench.note(handset.name, "presses the message key", key="message_key")
        call = await handset.press_message_key()
        heard = ""
        async with hung_up_when_cut_off(call):
            with self.bench.product_may_fail(role):
                await call.wait_established(PORTAL_S)
                heard = await call.wait_prompt("portal.", PORTAL_S)
                if pin is not None and heard == "portal.enter_pin":
                    await call.send_digits(pin.reveal() + "#")
                    while heard not in {"portal.main", "portal.bad_pin"}:
                        heard = await call.wait_prompt("portal.", PORTAL_S)
        await call.hang_up()
        return heard

    async def hang_up(self, role: str, call: HandsetCall, *, began: float) -> None:
        """End a call that was led by hand; what it has changed is the mailboxes' word.

        Args:
            role: who made it.
            call: established or not.
            began: instant of dialling.
        """
        at = await self.bench.hang_up(role, call)
        self._trigger = Trigger(at, CALL, began=began, done_at=self.bench.clock())

    async def power_cycle(self, role: str) -> None:
        """Cut a handset's power and wait until it is ready again."""
        at = await self.bench.power_cycle(role)
        mailbox = self.watched_mailboxes(role).get(1, "")
        self._trigger = Trigger(
            at, POWER_CUT, mailbox, notify=bool(mailbox), done_at=self.bench.clock()
        )

    async def cut_power(self, role: str) -> None:
        """Cut a handset's power; it stays off."""
        cut = await self.bench.cut_power(role)
        self._trigger = Trigger(cut.at, POWER_CUT, done_at=self.bench.clock())

    async def restore_power(self, role: str) -> None:
        """Give a handset its power back and wait until it is up."""
        self._told_anew("the power-on", role, await self.bench.restore_power(role))

    async def log_off(self, role: str) -> None:
        """Have a handset end its subscriptions and registrations; it stays on."""
        at = await self.bench.log_off(role)
        self._trigger = Trigger(at, "the log-off", done_at=self.bench.clock())

    async def log_on(self, role: str) -> None:
        """Have a handset register and subscribe again."""
        self._told_anew("the log-on", role, await self.bench.log_on(role))

    async def store_message(self, role: str, *, account: int = 1) -> None:
        """Have a message get into a mailbox without a call."""
        mailbox = self.watched_mailbox(role, account)
        at = self.bench.put_message(role, account)
        self._trigger = Trigger(at, "the storing of the message", mailbox, notify=True, began=at)

    async def empty_mailbox(self, role: str, *, account: int = 1) -> None:
        """Delete every message of a mailbox, as an owner does by a page."""
        mailbox = self.watched_mailbox(role, account)
        at = await self.bench.clear_mailbox(role, account)
        self._trigger = Trigger(at, "the emptying", mailbox, notify=True, began=at)

    def _told_anew(self, step: str, role: str, at: float) -> None:
        mailbox = self.watched_mailboxes(role).get(1, "")
        self._trigger = Trigger(
            at, step, mailbox, notify=bool(mailbox), done_at=self.bench.clock()
        )

    # -- assertions ---------------------------------------------------------------------

    async def diverted(
        self,
        reason: DiversionReason,
        *,
        greeting: str = "",
        rings: int | None = None,
        target: str = "",
    ) -> ScenarioRecord:
        """Judge how the last call was diverted.

        Args:
            reason: why.
            greeting: prompt that the caller must have heard, or empty.
            rings: how often the callee must have rung before, or None.
            target: role that must have got the call; empty for the mailbox.
        """
        expectation = replace(
            self._expected_diversion(),
            reason=reason.value,
            cause=reason.cause,
            greeting=greeting,
            rang=reason.by_handset,
            ring_s=None if rings is None else rings * self.bench.config.seconds_per_ring,
            target_names=self.bench.names_of(target) if target else (),
        )
        return await self._judge(expectation)

    async def record(self) -> ScenarioRecord:
        """Judge everything that was expected so far."""
        return self._record(await self._evidence(self.expectations))

    async def _judge(self, expectation: Expectation) -> ScenarioRecord:
        self.expectations.append(expectation)
        return self._record(await self._evidence([expectation]))

    async def _evidence(self, expectations: list[Expectation]) -> Evidence:
        evidence = await self.bench.evidence(self.started_at, expectations)
        if evidence.events(SipSeen, since=self.started_at):
            return evidence
        if any(isinstance(e, ActionDone) and e.at < self.started_at for e in self.bench.events):
            evidence.quiet = True  # earlier tests have used the bench; what they met is theirs
        else:
            # Nothing has happened yet: how the bench came up is what this test is about.
            evidence.started_at = evidence.timeline.events[0].at
        return evidence

    def _record(self, evidence: Evidence) -> ScenarioRecord:
        return scenario_record(
            self.name,
            self.title,
            self.requirements,
            evidence,
            judged(evidence, None, self.bench.run_rules),
            self.bench.participants(evidence),
        )

    # -- look-ups -----------------------------------------------------------------------

    async def counts(self, role: str) -> MailboxSeen:
        """What a role's mailbox holds, by the platform's own word."""
        return await self.bench.platform.counts(self.watched_mailbox(role))

    async def account(self, role: str, account: int = 1) -> AccountStory:
        """Registration, subscriptions and NOTIFYs of an account, since the bench came up."""
        self.account_of(role, account)
        evidence = await self.bench.evidence(self.started_at, [])
        return account_story(evidence, evidence.handsets[self.bench.name_of(role)], account)

    async def mwi_state(self, role: str, account: int = 1) -> NotifyStory | None:
        """The last NOTIFY that an account got, or None."""
        notifies = (await self.account(role, account)).notifies
        return next((n for n in reversed(notifies) if n.summary is not None), None)

    async def mwi_settled(
        self,
        role: str,
        account: int,
        is_right: Callable[[MessageSummary], bool],
        *,
        within_s: float,
    ) -> NotifyStory | None:
        """The last NOTIFY that an account got, when there has been time for the right one.

        One from before the last step counts only when its time is over too: what must not be
        told might be told yet.

        Args:
            role: whose.
            account: its position.
            is_right: whether it is what is waited for.
            within_s: from now on for the right one, from the step on for a wrong one.
        """
        deadline = self.bench.clock() + within_s
        while True:
            last = await self.mwi_state(role, account)
            now = self.bench.clock()
            watched = self.watched_mailboxes(role)
            trigger = as_seen_by(self._trigger, watched.values(), self.bench.events, lit=False)
            if last is not None and last.summary is not None and is_right(last.summary):
                rests = trigger.name == START or now >= trigger.over_at + within_s
                if rests or last.first.at >= trigger.at:
                    return last
            elif now >= deadline:
                return last
            await self.bench.sleep(0.05)

    async def wire_faults(self) -> list[RigFault]:
        """What the capture of this test has missed so far; empty if it was whole."""
        return capture_faults(await self._evidence([]))

    async def diversion_case(self) -> DiversionCase:
        """Legs, greetings and ringing of the last call, as the wire shows them."""
        evidence = await self.bench.evidence(self.started_at, [])
        return build_case(evidence, self._expected_diversion())

    def _expected_diversion(self) -> DiversionExpectation:
        if self.last_call is None:
            raise RigError("no call was made in this test: make one before asking about it")
        call = self.last_call
        return DiversionExpectation(
            caller=self.bench.name_of(call.caller),
            callee=self.bench.name_of(call.callee),
            callee_names=self.bench.names_of(call.callee),
            since=call.began_at,
            until=self.bench.clock(),
            target_names=(),
            reason="",
            cause=0,
            headers=self.bench.diversion_headers,
        )

    def _gave_up(self, since: float) -> str:
        reasons = [
            e.what
            for e in self.bench.events
            if isinstance(e, ActionDone) and e.key == "gave_up" and e.at >= since
        ]
        return "; ".join(reasons)
