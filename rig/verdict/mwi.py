"""Gathers the case of one lamp: everything that measurements and rules look at.

Source: RFC 3842 and RFC 6665 for what must be on the wire; the inventory for what the
mailbox, the account and the lamp are meant to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rig.sip.message import Request, Response
from rig.timeline import ActionDone, LampSeen, LampState, MailboxSeen, PhoneSaid, SipSeen
from rig.verdict.evidence import Evidence, HandsetFacts, LampExpectation
from rig.verdict.lamp_sight import blind_since
from rig.verdict.mwi_calls import MissedCall, missed_calls, rings
from rig.verdict.mwi_facts import (
    AccountStory,
    NotifyStory,
    account_story,
    boxes_of,
    lamp_state,
    mailbox_truth,
    truths_around,
)
from rig.verdict.rule_table import Source
from rig.verdict.sources import sources_about

NEWS_SLACK_S = 0.05
"""The platform's word about a mailbox may come this much after the NOTIFY about it."""

RING_TAIL_S = 0.05
"""A lamp may show a call this much longer than it rings; later it is a missed call's doing."""

TRUTH_SLACK_S = 0.25
"""A NOTIFY may speak of the state just before or just after a change that is this close."""


@dataclass(frozen=True, slots=True)
class LampCase:
    """Everything the rules may ask about one lamp.

    Attributes:
        evidence: of the scenario.
        expectation: what must be true.
        handset: facts of the handset.
        account: index of the account behind the lamp.
        story: what was seen of that account.
        stories: what was seen of every account of the handset, by index.
        state: what the lamp did at the end; unknown if its sensor was blind in between.
        edges: what its sensor said after the trigger.
        changes: where it really changed, since the scenario began.
        trigger_at: when the trigger happened, by the packet if there is one.
        truth: what the mailbox held at the end.
        missed_calls: after the trigger.
        rings: when the handset rang, from and until.
        unexpected_lamps: lamps of accounts of the handset that no expectation is about.
        blind_since: when the sensor lost sight of the lamp; None if it never did.
        phone_said: the phone's own last word since the trigger, which ranks below its lamp.
    """

    evidence: Evidence
    expectation: LampExpectation
    handset: HandsetFacts
    account: int
    story: AccountStory
    stories: Mapping[int, AccountStory]
    state: LampState
    edges: tuple[LampSeen, ...]
    changes: tuple[LampSeen, ...]
    trigger_at: float
    truth: MailboxSeen | None
    missed_calls: tuple[MissedCall, ...]
    rings: tuple[tuple[float, float], ...]
    unexpected_lamps: tuple[str, ...]
    blind_since: float | None = None
    phone_said: PhoneSaid | None = None

    @property
    def subject(self) -> str:
        """The handset that it is about."""
        return self.handset.name

    @property
    def sources(self) -> frozenset[Source]:
        """Which evidence there is."""
        seen = sources_about(self.evidence, self.handset)
        seen |= set() if self.state is LampState.UNKNOWN else {Source.LAMP_SENSOR}
        return seen | (set() if self.truth is None else {Source.MAILBOX_TRUTH})

    @property
    def boxes(self) -> tuple[str, ...]:
        """Mailboxes whose counts the account is told as one sum."""
        return boxes_of(self.handset, self.account, self.expectation.mailbox)

    @property
    def dark(self) -> bool:
        """The lamp should be lit and is off."""
        return self.expectation.lit and self.state is LampState.OFF

    @property
    def false_light(self) -> bool:
        """The lamp should be off and is lit."""
        return not self.expectation.lit and self.state.lit

    @property
    def untold(self) -> bool:
        """A NOTIFY must have followed the change of the mailbox, and none did."""
        return self.expectation.notify and not self.news

    @property
    def deaf(self) -> bool:
        """The lamp is dark though it must be lit, or nobody told the phone what it must know."""
        return self.dark or self.untold

    @property
    def ill(self) -> bool:
        """The lamp is wrong, or right without having been told."""
        return self.dark or self.false_light or self.untold

    @property
    def news(self) -> tuple[NotifyStory, ...]:
        """NOTIFYs after the trigger that can speak of the mailbox as it is in the end."""
        changed_at = self.truth.at if self.truth else self.expectation.since
        return tuple(n for n in self.after if n.first.at >= changed_at - NEWS_SLACK_S)

    @property
    def first_right(self) -> NotifyStory | None:
        """The first NOTIFY after the trigger that says what the lamp must show."""
        lit = self.expectation.lit
        return next((n for n in self.news if n.summary and n.summary.waiting == lit), None)

    @property
    def asked_at(self) -> float:
        """The instant from which the platform's haste counts.

        That is the trigger; or, if the mailbox has not changed since, the phone's own last
        SUBSCRIBE or REGISTER before it was told.
        """
        told = self.first_right
        if told is None or (self.truth is not None and self.truth.at > self.expectation.since):
            return self.trigger_at
        story = self.story
        asked = [s.seen.at for s in story.subscribes] + [r.at for r in story.registers]
        return max([self.trigger_at, *(at for at in asked if at <= told.first.at)])

    @property
    def settling(self) -> LampSeen | None:
        """The change after the trigger that brought the lamp to what it must be, for good."""
        since = [c for c in self.changes if c.at + c.latency_s >= self.expectation.since]
        return since[-1] if since and since[-1].state.lit == self.expectation.lit else None

    def in_window(self, notify: NotifyStory) -> bool:
        """Whether a NOTIFY was sent between the trigger and the instant that is judged."""
        return self.expectation.since <= notify.first.at <= self.expectation.until

    def ringing_at(self, at: float) -> bool:
        """Whether the handset rang at an instant: many use the same lamp for both."""
        return any(start <= at <= end + RING_TAIL_S for start, end in self.rings)

    def something_between(self, start: float, end: float) -> bool:
        """Whether anything between two instants is a reason to tell the phone again."""
        story = self.story
        asked = [s.seen.at for s in story.subscribes] + [r.at for r in story.registers]
        asked += [
            e.at
            for e in self.evidence.events(MailboxSeen)
            if e.mailbox in self.boxes and e.cause != "query"
        ]
        asked += [e.at for e in self.evidence.events(ActionDone) if e.actor == "platform"]
        return any(start < at <= end + NEWS_SLACK_S for at in asked)

    @property
    def after(self) -> tuple[NotifyStory, ...]:
        """NOTIFYs sent between the trigger and the instant that is judged."""
        return tuple(n for n in self.before_end if n.first.at >= self.expectation.since)

    @property
    def earlier(self) -> tuple[NotifyStory, ...]:
        """NOTIFYs sent in the scenario before the trigger."""
        start, since = self.evidence.started_at, self.expectation.since
        return tuple(n for n in self.story.notifies if start <= n.first.at < since)

    @property
    def past_is_known(self) -> bool:
        """Whether it is known what a NOTIFY had to say before the trigger.

        It is not where the mailbox is asked now and then only, nor where it was not to be told
        for a part of the scenario.
        """
        asked = any(
            e.cause == "query" and e.mailbox in self.boxes
            for e in self.evidence.events(MailboxSeen)
        )
        untold = any(
            isinstance(e, LampExpectation) and e.mailbox in self.boxes and not e.told
            for e in self.evidence.expectations
        )
        return self.expectation.past_known and not asked and not untold

    @property
    def telling(self) -> tuple[NotifyStory, ...]:
        """The NOTIFYs that explain why the phone knows or does not know.

        Those after the trigger; if there is none, the last one before it, if the phone refused
        it: a platform may give a subscription up after that.
        """
        if self.after:
            return self.after
        before = [n for n in self.before_end if n.first.at < self.expectation.since][-1:]
        return tuple(n for n in before if n.answer_status and n.answer_status >= 300)

    @property
    def before_end(self) -> tuple[NotifyStory, ...]:
        """NOTIFYs sent before the instant that is judged."""
        return tuple(n for n in self.story.notifies if n.first.at <= self.expectation.until)

    @property
    def last_arrived(self) -> NotifyStory | None:
        """The last NOTIFY that reached the phone and that it accepted."""
        until = self.expectation.until
        taken = [
            n for n in self.before_end if n.accepted and (n.answer is None or n.answer.at <= until)
        ]
        return taken[-1] if taken else None

    def truthful(self, notify: NotifyStory) -> bool:
        """Whether a NOTIFY agrees with the mailbox at the time it was sent."""
        if notify.summary is None:
            return True
        if not self.expectation.told:
            return not notify.summary.waiting
        truths = truths_around(self.evidence, self.boxes, notify.first.at, TRUTH_SLACK_S)
        return not truths or any(agrees(notify, truth) for truth in truths)

    def outdated(self, notify: NotifyStory) -> bool:
        """Whether the last NOTIFY differs from a mailbox that has been at rest since."""
        truth = self.truth
        if truth is None or notify.summary is None or not self.expectation.told:
            return False
        at_rest = self.expectation.until - truth.at > TRUTH_SLACK_S
        return at_rest and notify.first.at >= truth.at and not agrees(notify, truth)


def agrees(notify: NotifyStory, truth: MailboxSeen) -> bool:
    """Whether flag and counts of a NOTIFY are those of a mailbox.

    The saved and urgent counts may be absent; the flag must be ``yes`` exactly when there are
    new messages (R64: partly heard keeps the lamp; only saved ones do not light it), of the
    voice or of another class that the NOTIFY counts.

    Source: RFC 3842 section 5.2.
    """
    summary = notify.summary
    if summary is None:
        return False
    waits = truth.new > 0 or any(counts.new for counts in summary.others.values())
    if summary.waiting != waits:
        return False
    voice = summary.voice
    if voice is None:
        return True
    urgent = voice.urgent_new is None or (
        (voice.urgent_new, voice.urgent_saved or 0) == (truth.urgent_new, truth.urgent_saved)
    )
    saved = voice.saved is None or voice.saved == truth.saved
    return urgent and saved and voice.new == truth.new


def build_case(evidence: Evidence, expectation: LampExpectation) -> LampCase:
    """Gather what the rules need for one expectation."""
    handset = evidence.handsets[expectation.handset]
    account = _account_of(handset, expectation)
    edges = tuple(
        event
        for event in evidence.events(LampSeen, since=expectation.since)
        if event.handset == handset.name
        and event.lamp == expectation.lamp
        and event.at <= expectation.until
    )
    indices = {a.index for a in handset.intent.accounts} | {account}
    stories = {i: account_story(evidence, handset, i) for i in sorted(indices)}
    blind = blind_since(evidence, expectation)
    seen = lamp_state(evidence, handset.name, expectation.lamp, expectation.until)
    return LampCase(
        evidence=evidence,
        expectation=expectation,
        handset=handset,
        account=account,
        story=stories[account],
        stories=stories,
        state=seen if blind is None else LampState.UNKNOWN,
        edges=edges,
        changes=changes_of(evidence, handset.name, expectation.lamp, expectation.until)
        if blind is None
        else (),
        trigger_at=_trigger_at(evidence, expectation, stories[account].registers),
        truth=mailbox_truth(
            evidence,
            boxes_of(handset, account, expectation.mailbox),
            expectation.until,
        ),
        missed_calls=missed_calls(evidence, handset, expectation.since),
        rings=rings(evidence, handset),
        unexpected_lamps=_unexpected_lamps(evidence, handset.name),
        phone_said=_phone_said(evidence, expectation),
        blind_since=blind,
    )


def _phone_said(evidence: Evidence, expectation: LampExpectation) -> PhoneSaid | None:
    """The phone's own last word on waiting messages since the trigger.

    An older one proves nothing: no vendor calls back when messages are gone. The word is of the
    whole phone, so it says nothing of the icon of one account.
    """
    if expectation.lamp != "message":
        return None
    words = [
        said
        for said in evidence.events(PhoneSaid, since=expectation.since)
        if said.handset == expectation.handset
        and said.waiting is not None
        and said.at <= expectation.until
    ]
    return words[-1] if words else None


def _trigger_at(
    evidence: Evidence, expectation: LampExpectation, registers: Iterable[SipSeen]
) -> float:
    if expectation.registered_by:
        asked = {r.transaction for r in registers if r.at >= expectation.since}
        accepted = (
            seen.at
            for seen in evidence.events(SipSeen, since=expectation.since)
            if isinstance(seen.message, Response)
            and seen.message.status == 200
            and seen.transaction in asked
        )
        return next(accepted, expectation.since)
    caller = evidence.handsets.get(expectation.hung_up_by)
    if caller is None:
        return expectation.since
    for seen in evidence.events(SipSeen, since=expectation.since):
        if not isinstance(seen.message, Request) or seen.message.method != "BYE":
            continue
        if any(o.source in caller.sip_addresses for o in seen.observations):
            return seen.at
    return expectation.since


def _account_of(handset: HandsetFacts, expectation: LampExpectation) -> int:
    if expectation.lamp.startswith("account:"):
        return int(expectation.lamp.partition(":")[2])
    for index, mailbox in handset.mailboxes.items():
        if mailbox == expectation.mailbox:
            return index
    return 1


def changes_of(evidence: Evidence, handset: str, lamp: str, until: float) -> tuple[LampSeen, ...]:
    """Where a lamp went on or out: readings that repeat it, and other patterns, are none."""
    lit = lamp_state(evidence, handset, lamp, evidence.started_at).lit
    changes = []
    for event in evidence.events(LampSeen, since=evidence.started_at):
        if (event.handset, event.lamp) != (handset, lamp):
            continue
        if event.at <= until and event.state.lit != lit:
            lit = event.state.lit
            changes.append(event)
    return tuple(changes)


def _unexpected_lamps(evidence: Evidence, handset: str) -> tuple[str, ...]:
    expected = {
        e.lamp
        for e in evidence.expectations
        if isinstance(e, LampExpectation) and e.handset == handset
    }
    seen = {e.lamp for e in evidence.events(LampSeen) if e.handset == handset}
    return tuple(sorted(lamp for lamp in seen - expected if lamp.startswith("account:")))
