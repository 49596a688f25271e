"""A hand-written test on a bench: steps one by one, judged by the same rules as a scenario.

A test framework's test is not known beforehand, so expectations are gathered while it runs: each
step notes what it triggered, each assertion is an expectation about the last trigger.
It adds no rule of its own; :mod:`rig.verdict` judges.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from provisioning.secret import Secret
from rig.bench import Bench
from rig.bench_lamps import LAMP_MARGIN_S
from rig.errors import RigError
from rig.handset.base import HandsetCall
from rig.mailbox_platform.base import ForwardRule, MailboxOptions, UserServices
from rig.report.record import ScenarioRecord, scenario_record
from rig.run import judged
from rig.scenario_parts import OBSERVE_S, deposit, retrieve
from rig.timeline import ActionDone, MailboxSeen, SipSeen
from rig.trial_steps import CallMade, DiversionReason, ForwardCondition, Trigger
from rig.verdict.diversion_facts import DiversionCase, build_case
from rig.verdict.evidence import DiversionExpectation, Evidence, Expectation, LampExpectation
from rig.verdict.mwi_facts import AccountStory, NotifyStory, account_story

PORTAL_S = 10.0
READY_S = 20.0


class Trial:
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
        self.bench = bench
        self.name = name
        self.title = title or name
        self.requirements = requirements
        self.expectations: list[Expectation] = []
        self.started_at = bench.clock()
        self.first_packet = len(bench.recorder.packets)
        self.last_call: CallMade | None = None
        self._trigger = Trigger(self.started_at, "the start")
        self._services: dict[str, UserServices] = {}
        self._options: dict[str, MailboxOptions] = {}
        bench.cast("")

    async def reset(self) -> None:
        """Bring the bench back to the inventory and begin anew from here."""
        await self.bench.reset()
        self._services.clear()
        self._options.clear()
        self.expectations.clear()
        await self.bench.read_lamps()
        self.started_at = self.bench.clock()
        self._trigger = Trigger(self.started_at, "the start")

    # -- settings -----------------------------------------------------------------------

    async def set_mailbox_options(
        self, role: str, **changes: bool | int | str | None
    ) -> MailboxOptions:
        """Change single options of a role's mailbox; the others stay.

        Args:
            role: whose first account's mailbox.
            changes: fields of :class:`MailboxOptions`.
        """
        mailbox = self.watched_mailbox(role)
        before = self._options.get(mailbox) or self.bench.platform.default_options(mailbox)
        options = replace(before, **changes)  # type: ignore[arg-type]  # replace checks the names
        self._options[mailbox] = options
        await self.bench.mailbox_options(role, options)
        return options

    async def set_forwarding(
        self, role: str, when: ForwardCondition, target: str, *, rings: int = 3
    ) -> None:
        """Have the platform forward a role's calls to another role; empty target: no more."""
        number = self.bench.number_of(target) if target else ""
        rule = ForwardRule(active=bool(target), target=number, rings=rings)
        before = self._services_of(role)
        services = replace(before, **{when.value: rule})  # type: ignore[arg-type]  # its values are fields
        await self._set_services(role, services)

    async def clear_forwarding(self, role: str) -> None:
        """Switch forwarding and do-not-disturb of a role off, also those of the inventory."""
        await self._set_services(role, UserServices())

    async def set_do_not_disturb(self, role: str, *, on: bool) -> None:
        """Switch do-not-disturb of a role on the platform."""
        await self._set_services(role, replace(self._services_of(role), do_not_disturb=on))

    def _services_of(self, role: str) -> UserServices:
        number = self.bench.number_of(role)
        return self._services.get(number) or self.bench.platform.default_services(number)

    async def _set_services(self, role: str, services: UserServices) -> None:
        self._services[self.bench.number_of(role)] = services
        await self.bench.services(role, services)

    # -- steps --------------------------------------------------------------------------

    async def leave_message(self, caller: str, callee: str, *, account: int = 1) -> str:
        """Call, wait for the beep, speak, hang up.

        Returns:
            Why the caller gave up, or empty.
        """
        began = self.bench.clock()
        self.last_call = CallMade(caller, callee, began)
        ended = await deposit(self.bench, caller=caller, callee=callee, account=account)
        mailbox = self.watched_mailbox(callee, account)
        self._trigger = Trigger(ended, "the deposit", mailbox, notify=True)
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
        self._trigger = Trigger(began, "the call")
        return self.last_call

    async def missed_call(self, caller: str, callee: str, *, ring_s: float) -> None:
        """Let a phone ring for a while and give up."""
        began = self.bench.clock()
        self.last_call = CallMade(caller, callee, began)
        async with self._calling(caller, callee) as call:
            with contextlib.suppress(RigError):
                await call.wait_established(ring_s)
        self._trigger = Trigger(began, "the missed call")

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
        began = self.bench.clock()
        await retrieve(self.bench, role, account=account)
        mailbox = self.watched_mailbox(role, account)
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
        with self.bench.product_may_fail(role):
            await call.wait_established(PORTAL_S)
            heard = await call.wait_prompt("portal.", PORTAL_S)
            if pin is not None and heard == "portal.enter_pin":
                await call.send_digits(pin.reveal() + "#")
                while heard not in {"portal.main", "portal.bad_pin"}:
                    heard = await call.wait_prompt("portal.", PORTAL_S)
        await call.hang_up()
        return heard

    async def power_cycle(self, role: str) -> None:
        """Cut a handset's power and wait until it is ready again."""
        at = await self.bench.power_cycle(role)
        mailbox = self.watched_mailboxes(role).get(1, "")
        self._trigger = Trigger(at, "the power cut", mailbox, notify=bool(mailbox))

    # -- assertions ---------------------------------------------------------------------

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
        trigger = self._trigger
        account = int(lamp.partition(":")[2] or 1)
        watched = self.watched_mailboxes(role)
        mailbox = trigger.mailbox if trigger.mailbox in watched.values() else ""
        if lamp != "message" or not mailbox:
            mailbox = watched.get(account, "")
        await self.bench.wait_lamp(role, lit=lit, lamp=lamp, within_s=within_s)
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
                notify=trigger.notify and mailbox == trigger.mailbox,
                within_s=within_s,
                limit_source="the test",
                trigger=trigger.name,
            )
        )

    async def lamp_stays(
        self, role: str, *, lit: bool, for_s: float = OBSERVE_S, lamp: str = "message"
    ) -> ScenarioRecord:
        """Watch a lamp that must not change, and judge it."""
        # The margin of wait_lamp is part of the time that is watched.
        await self.bench.wait_lamp(
            role, lit=not lit, lamp=lamp, within_s=max(0.0, for_s - LAMP_MARGIN_S)
        )
        return await self.lamp(role, lit=lit, within_s=0.0, lamp=lamp)

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
        if not evidence.events(SipSeen, since=self.started_at):
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
        evidence = await self.bench.evidence(self.started_at, [])
        return account_story(evidence, evidence.handsets[self.bench.name_of(role)], account)

    async def mwi_state(self, role: str, account: int = 1) -> NotifyStory | None:
        """The last NOTIFY that an account got, or None."""
        notifies = (await self.account(role, account)).notifies
        return next((n for n in reversed(notifies) if n.summary is not None), None)

    async def diversion_case(self) -> DiversionCase:
        """Legs, greetings and ringing of the last call, as the wire shows them."""
        evidence = await self.bench.evidence(self.started_at, [])
        return build_case(evidence, self._expected_diversion())

    def watched_mailboxes(self, role: str) -> dict[int, str]:
        """Mailbox number that each account of a role watches: its own or the alias owner's."""
        entry = self.bench.site.handset(self.bench.name_of(role))
        owners = {
            i: self.bench.site.mailbox_owner(a.user) for i, a in enumerate(entry.accounts, 1)
        }
        return {index: owner.number for index, owner in owners.items() if owner is not None}

    def watched_mailbox(self, role: str, account: int = 1) -> str:
        """Mailbox number that one account of a role watches.

        Raises:
            RigError: none.
        """
        mailboxes = self.watched_mailboxes(role)
        if account not in mailboxes:
            raise RigError(f"account {account} of {self.bench.name_of(role)} has no mailbox")
        return mailboxes[account]

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
