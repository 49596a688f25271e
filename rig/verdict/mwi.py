"""Judges one lamp expectation: measures it, and gathers the case that the rules look at.

Source: RFC 3842 and RFC 6665 for what must be on the wire; the inventory for what the
mailbox, the account and the lamp are meant to be.
"""

from __future__ import annotations

from dataclasses import dataclass

from rig.sip.message import Request
from rig.timeline import LampSeen, LampState, MailboxSeen, SipSeen
from rig.verdict.evidence import Evidence, HandsetFacts, LampExpectation
from rig.verdict.measurement import Limit, Measurement
from rig.verdict.mwi_facts import (
    AccountStory,
    NotifyStory,
    account_story,
    lamp_state,
    mailbox_truth,
    truths_around,
)

NOTIFY_LIMIT_S = 1.0
TRUTH_SLACK_S = 0.25
"""A NOTIFY may speak of the state just before or just after a change that is this close."""


@dataclass(frozen=True, slots=True)
class MissedCall:
    """A call that the handset rang for and nobody answered.

    Attributes:
        invite: the INVITE that rang it.
        ended_at: when it stopped ringing.
    """

    invite: SipSeen
    ended_at: float


@dataclass(frozen=True, slots=True)
class LampCase:
    """Everything the rules may ask about one lamp.

    Attributes:
        evidence: of the scenario.
        expectation: what must be true.
        handset: facts of the handset.
        account: index of the account behind the lamp.
        story: what was seen of that account.
        state: what the lamp did at the end.
        edges: its changes after the trigger.
        trigger_at: when the trigger happened, by the packet if there is one.
        truth: what the mailbox held at the end.
        missed_calls: after the trigger.
    """

    evidence: Evidence
    expectation: LampExpectation
    handset: HandsetFacts
    account: int
    story: AccountStory
    state: LampState
    edges: tuple[LampSeen, ...]
    trigger_at: float
    truth: MailboxSeen | None
    missed_calls: tuple[MissedCall, ...]

    @property
    def dark(self) -> bool:
        """The lamp should be lit and is off."""
        return self.expectation.lit and self.state is LampState.OFF

    @property
    def false_light(self) -> bool:
        """The lamp should be off and is lit."""
        return not self.expectation.lit and self.state.lit

    @property
    def after(self) -> tuple[NotifyStory, ...]:
        """NOTIFYs sent between the trigger and the instant that is judged."""
        return tuple(n for n in self.before_end if n.first.at >= self.expectation.since)

    @property
    def before_end(self) -> tuple[NotifyStory, ...]:
        """NOTIFYs sent before the instant that is judged."""
        return tuple(n for n in self.story.notifies if n.first.at <= self.expectation.until)

    @property
    def last_arrived(self) -> NotifyStory | None:
        """The last NOTIFY that reached the phone and that it accepted."""
        taken = [n for n in self.before_end if n.arrived and n.answer_status in {200, 202}]
        return taken[-1] if taken else None

    def truthful(self, notify: NotifyStory) -> bool:
        """Whether a NOTIFY agrees with the mailbox at the time it was sent."""
        if notify.summary is None:
            return True
        truths = truths_around(
            self.evidence, self.expectation.mailbox, notify.first.at, TRUTH_SLACK_S
        )
        return not truths or any(agrees(notify, truth) for truth in truths)

    def outdated(self, notify: NotifyStory) -> bool:
        """Whether the last NOTIFY differs from a mailbox that has been at rest since."""
        truth = self.truth
        if truth is None or notify.summary is None:
            return False
        at_rest = self.expectation.until - truth.at > TRUTH_SLACK_S
        return at_rest and notify.first.at >= truth.at and not agrees(notify, truth)


def agrees(notify: NotifyStory, truth: MailboxSeen) -> bool:
    """Whether flag and counts of a NOTIFY are those of a mailbox.

    The saved and urgent counts may be absent; the flag must be ``yes`` exactly when there are
    new messages (R64: partly heard keeps the lamp; only saved ones do not light it).
    """
    summary = notify.summary
    if summary is None:
        return False
    if summary.waiting != (truth.new > 0):
        return False
    voice = summary.voice
    return voice is None or (voice.new == truth.new and voice.saved in {truth.saved, None})


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
    return LampCase(
        evidence=evidence,
        expectation=expectation,
        handset=handset,
        account=account,
        story=account_story(evidence, handset, account),
        state=lamp_state(evidence, handset.name, expectation.lamp, expectation.until),
        edges=edges,
        trigger_at=_trigger_at(evidence, expectation),
        truth=mailbox_truth(evidence, expectation.mailbox, expectation.until),
        missed_calls=_missed_calls(evidence, handset, expectation.since),
    )


def measure(case: LampCase) -> list[Measurement]:
    """Measure one lamp expectation.

    Returns:
        Lamp state, lamp latency, NOTIFY latency and counts, each with its limit.
    """
    wanted = case.expectation
    name = f"{wanted.handset}.{wanted.lamp}"
    measurements = [_state(case, name)]
    if case.truth is not None or wanted.new is not None:
        measurements += _counts(case)
    if wanted.notify:
        measurements += [_notify_latency(case), *_signalled(case)]
    latency = _lamp_latency(case, name)
    return [*measurements, latency] if latency else measurements


def _state(case: LampCase, name: str) -> Measurement:
    wanted = "lit" if case.expectation.lit else "off"
    if case.state is LampState.UNKNOWN:
        value, note = None, f"sensor {case.handset.sensor or 'none'} says nothing"
    else:
        value, note = ("lit" if case.state.lit else "off"), f"pattern {case.state}"
    limit = Limit("==", wanted, f"{case.expectation.mailbox} holds {_new(case)} new")
    return Measurement(f"lamp_state[{name}]", value, limit=limit, note=note)


def _new(case: LampCase) -> str:
    if case.truth is not None:
        return str(case.truth.new)
    return "?" if case.expectation.new is None else str(case.expectation.new)


def _lamp_latency(case: LampCase, name: str) -> Measurement | None:
    wanted = case.expectation
    before = lamp_state(case.evidence, wanted.handset, wanted.lamp, wanted.since)
    if before.lit == wanted.lit:
        return None  # nothing to change: there is no latency
    edge = next((e for e in case.edges if e.state.lit == wanted.lit), None)
    word = "on" if wanted.lit else "off"
    limit = Limit("<=", wanted.within_s, wanted.limit_source)
    if edge is None:
        return Measurement(
            f"lamp_{word}_latency_s[{name}]", None, "s", limit, note="the lamp did not change"
        )
    return Measurement(
        f"lamp_{word}_latency_s[{name}]",
        round(edge.at - case.trigger_at, 6),
        "s",
        limit,
        where=f"lamp edge at {edge.at:.3f}",
        note=f"from {wanted.trigger} to the edge, sensor {edge.sensor}",
    )


def _notify_latency(case: LampCase) -> Measurement:
    wanted = case.expectation
    limit = Limit("<=", NOTIFY_LIMIT_S, "phonerig default")
    name = f"notify_latency_s[{wanted.handset}]"
    right = [n for n in case.after if n.summary is not None and n.summary.waiting == wanted.lit]
    candidates = right or list(case.after)
    if not candidates:
        return Measurement(name, None, "s", limit, note="no NOTIFY after the trigger")
    return Measurement(
        name,
        round(candidates[0].first.at - case.trigger_at, 6),
        "s",
        limit,
        where=f"packet {candidates[0].first.number}",
        note=f"from {wanted.trigger} to the first transmission",
    )


def _counts(case: LampCase) -> list[Measurement]:
    wanted, truth = case.expectation, case.truth
    result = []
    for word, limit, value in (
        ("new", wanted.new, truth.new if truth else None),
        ("saved", wanted.saved, truth.saved if truth else None),
    ):
        if limit is not None:
            result.append(
                Measurement(
                    f"mailbox_{word}[{wanted.mailbox}]",
                    value,
                    limit=Limit("==", limit, "what was done"),
                    note="by the platform's own word",
                )
            )
    return result


def _signalled(case: LampCase) -> list[Measurement]:
    last = next((n for n in reversed(case.after) if n.summary is not None), None)
    if last is None or last.summary is None or last.summary.voice is None or not case.truth:
        return []
    return [
        Measurement(
            f"signalled_new[{case.handset.name}]",
            last.summary.voice.new,
            limit=Limit("==", case.truth.new, f"mailbox {case.expectation.mailbox}"),
            where=f"packet {last.first.number}",
        )
    ]


def _trigger_at(evidence: Evidence, expectation: LampExpectation) -> float:
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


def _missed_calls(
    evidence: Evidence, handset: HandsetFacts, since: float
) -> tuple[MissedCall, ...]:
    calls: dict[str, SipSeen] = {}
    missed: list[MissedCall] = []
    for seen in evidence.events(SipSeen, since=since):
        message = seen.message
        if isinstance(message, Request):
            if not any(o.destination in handset.sip_addresses for o in seen.observations):
                continue
            if message.method == "INVITE":
                calls.setdefault(message.call_id, seen)
            elif message.method == "CANCEL" and message.call_id in calls:
                missed.append(MissedCall(invite=calls.pop(message.call_id), ended_at=seen.at))
    return tuple(missed)
