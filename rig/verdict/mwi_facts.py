"""What the timeline says about message waiting on one account: pure look-ups, no judgement.

Covers: RFC 3842 (message summary), RFC 6665 (subscription and NOTIFY).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from rig.errors import ProtocolError
from rig.sip.lint import LintFinding
from rig.sip.message import Request
from rig.sip.message_summary import MEDIA_TYPE, MessageSummary, lint_summary, parse_summary
from rig.timeline import BadSipSeen, LampSeen, LampState, MailboxSeen, SipSeen, Tap
from rig.verdict.evidence import Evidence, HandsetFacts
from rig.verdict.mwi_way import (
    answered_between,
    arrived_answers,
    content_of,
    damaged_instead,
    dialog_of,
    differing,
    expires_of,
    final_answers,
    request_of,
    state_of,
    status_of,
    stray_answer,
    to_tag_of,
    with_other_status,
)
from rig.verdict.sources import at_phone

PACKAGE = "message-summary"

_PRIVATE_LINE = re.compile(rb"^X-[^\r\n]*\r?\n", re.MULTILINE | re.IGNORECASE)
"""A line that says of itself that it is private: tolerated, unlike others that have no place."""


@dataclass(frozen=True, slots=True)
class NotifyStory:
    """One NOTIFY with everything that became of it.

    Attributes:
        first: its first transmission.
        transmissions: how often it was sent.
        solicited: it belongs to a subscription that was seen.
        summary: its body, or None if that cannot be read.
        body_error: why it cannot be read, or empty.
        faults: grammar faults of the body.
        arrived: whether it was seen at the phone's port; None if nobody looked there.
        answer: final response, or None.
        subscribe: the SUBSCRIBE that opened its dialog, or None.
        altered: its sighting at the phone's port with another body than was sent, or None.
        readdressed: its sighting there with another dialog, package or sequence, or None.
        restated: its sighting there with another state of its subscription, or None.
        damaged: what arrived there instead and is no SIP message any more, or None.
        answered_between: something on the way answered it, and the phone never got it.
        stray: an answer of the phone that no transaction layer takes for one: another branch.
    """

    first: SipSeen
    transmissions: int
    solicited: bool
    summary: MessageSummary | None
    body_error: str
    faults: tuple[LintFinding, ...]
    arrived: bool | None
    answer: SipSeen | None
    subscribe: SipSeen | None = None
    altered: SipSeen | None = None
    readdressed: SipSeen | None = None
    restated: SipSeen | None = None
    damaged: BadSipSeen | None = None
    answered_between: bool = False
    stray: SipSeen | None = None

    @property
    def request(self) -> Request:
        """The NOTIFY."""
        return request_of(self.first)

    @property
    def state(self) -> str:
        """``active``, ``pending``, ``terminated``, what else was written, or empty."""
        return state_of(self.request)

    @property
    def accepted(self) -> bool:
        """Whether the phone took it: it arrived and was answered by 200 or 202."""
        return bool(self.arrived) and self.answer_status in {200, 202}

    @property
    def heeded(self) -> bool:
        """Whether the phone may have taken it: it got there, and was not refused so far."""
        return self.arrived is not False and (self.answer is None or self.accepted)

    @property
    def answer_status(self) -> int | None:
        """Status of the final response."""
        return None if self.answer is None else status_of(self.answer)


@dataclass(frozen=True, slots=True)
class SubscribeStory:
    """One SUBSCRIBE and its final response.

    Attributes:
        seen: the request.
        status: of the final response, or None.
        expires_s: granted duration; 0 ends it; None if unknown.
        to_tag: the platform's tag of the dialog that it opened; None if unknown.
        altered: the final response as it came to the phone with another status, or None.
        arrived_s: duration that the response names as it came to the phone; None if unknown.
    """

    seen: SipSeen
    status: int | None
    expires_s: int | None
    to_tag: str | None = None
    altered: SipSeen | None = None
    arrived_s: int | None = None

    @property
    def granted(self) -> bool:
        """Whether it opened or kept a subscription."""
        return self.status in {200, 202} and self.expires_s != 0


@dataclass(frozen=True, slots=True)
class AccountStory:
    """Message waiting of one account on one handset, up to the end of the scenario.

    Attributes:
        user: user part of its AOR.
        registered: the last REGISTER was accepted.
        registers: REGISTER requests seen.
        subscribes: SUBSCRIBE requests for message-summary, in order.
        notifies: NOTIFY requests for message-summary, in order.
    """

    user: str
    registered: bool
    registers: tuple[SipSeen, ...]
    subscribes: tuple[SubscribeStory, ...]
    notifies: tuple[NotifyStory, ...]


def account_story(evidence: Evidence, handset: HandsetFacts, account: int) -> AccountStory:
    """Collect what was seen of one account.

    Args:
        evidence: of the scenario.
        handset: which one.
        account: index of the account, from 1.
    """
    users = {a.user for a in handset.intent.accounts if a.index == account}
    messages = evidence.events(SipSeen)
    answers = final_answers(messages)
    registers = [m for m in messages if _from_handset(m, "REGISTER", handset, users)]
    subscribes = [
        m
        for m in messages
        if _from_handset(m, "SUBSCRIBE", handset, users) and _package(m) == PACKAGE
    ]
    dialogs: dict[str, SipSeen] = {}
    for message in subscribes:
        dialogs.setdefault(request_of(message).call_id, message)
    arrived = arrived_answers(messages, handset)
    stories = tuple(
        _subscribe_story(m, answers, arrived) for m in subscribes if not m.retransmission
    )
    last = next((m for m in reversed(registers) if not m.retransmission), None)
    accepted = {
        request_of(m).call_id
        for m in registers
        if (answer := answers.get(m.transaction)) and status_of(answer) == 200
    }
    return AccountStory(
        user=next(iter(users), ""),
        registered=last is not None and request_of(last).call_id in accepted,
        registers=tuple(registers),
        subscribes=stories,
        notifies=_notifies(evidence, handset, users, dialogs, answers),
    )


def _notifies(
    evidence: Evidence,
    handset: HandsetFacts,
    users: set[str],
    dialogs: dict[str, SipSeen],
    answers: dict[str, SipSeen],
) -> tuple[NotifyStory, ...]:
    groups: dict[str, list[SipSeen]] = {}
    for message in evidence.events(SipSeen):
        request = message.message
        if not isinstance(request, Request) or request.method != "NOTIFY":
            continue
        if not is_summary(message):
            continue
        if request.call_id in dialogs or _addressed_to(message, handset, users):
            groups.setdefault(message.transaction, []).append(message)
    covered = Tap.WIRE in evidence.taps or (Tap.HANDSET in evidence.taps and handset.own_tap)
    stories = (
        _notify_story(group, handset, dialogs, answers, covered=covered)
        for group in groups.values()
    )
    return tuple(
        story
        if story.accepted
        else replace(
            story,
            damaged=damaged_instead(evidence, handset, story.request),
            stray=stray_answer(evidence, handset, story.first) if story.answer is None else None,
        )
        for story in stories
    )


def _notify_story(
    group: list[SipSeen],
    handset: HandsetFacts,
    dialogs: dict[str, SipSeen],
    answers: dict[str, SipSeen],
    *,
    covered: bool,
) -> NotifyStory:
    first = group[0]
    request = request_of(first)
    summary: MessageSummary | None = None
    body_error = ""
    faults: tuple[LintFinding, ...] = ()
    if request.body:
        faults = tuple(lint_summary(_PRIVATE_LINE.sub(b"", request.body)))
        try:
            summary = parse_summary(request.body)
        except ProtocolError as error:
            body_error = str(error)
    answer = answers.get(first.transaction)
    there = [message for message in group if at_phone(message, handset)]
    solicited = request.call_id in dialogs
    between = covered and solicited and not there and answered_between(answer, handset)
    known = bool(there) or (answer is not None and not between)
    arrived = True if known else (False if covered else None)
    return NotifyStory(
        first=first,
        transmissions=len(group),
        solicited=solicited,
        summary=summary,
        body_error=body_error,
        faults=faults,
        arrived=arrived,
        answer=answer,
        subscribe=dialogs.get(request.call_id),
        altered=differing(there, request, content_of),
        readdressed=differing(there, request, dialog_of),
        restated=differing(there, request, state_of),
        answered_between=between,
    )


def is_summary(message: SipSeen) -> bool:
    """Whether a NOTIFY is about waiting messages, by its package or else by what it carries."""
    request = request_of(message)
    return (
        _package(message) == PACKAGE
        or request.content_type == MEDIA_TYPE
        or request.body[:40].lower().startswith(b"messages-waiting")
    )


def _subscribe_story(
    message: SipSeen, answers: dict[str, SipSeen], arrived: dict[str, SipSeen]
) -> SubscribeStory:
    answer = answers.get(message.transaction)
    if answer is None:
        return SubscribeStory(seen=message, status=None, expires_s=None)
    told, there = expires_of(answer), arrived.get(message.transaction)
    return SubscribeStory(
        seen=message,
        status=status_of(answer),
        expires_s=expires_of(message) if told is None else told,
        to_tag=to_tag_of(answer),
        altered=with_other_status(answer, there),
        arrived_s=None if there is None else expires_of(there),
    )


def _from_handset(message: SipSeen, method: str, handset: HandsetFacts, users: set[str]) -> bool:
    request = message.message
    if not isinstance(request, Request) or request.method != method:
        return False
    if not any(o.source in handset.sip_addresses for o in message.observations):
        return False
    try:
        return request.from_.uri.user in users
    except ProtocolError:
        return False


def _addressed_to(message: SipSeen, handset: HandsetFacts, users: set[str]) -> bool:
    request = request_of(message)
    try:
        user = request.to.uri.user
    except ProtocolError:
        user = None
    own = {a.user for a in handset.intent.accounts}
    if user not in users and (user in own or _user_of(request.uri) not in users):
        return False
    if any(o.destination in handset.sip_addresses for o in message.observations):
        return True
    host_port = request.uri.partition("@")[2].partition(";")[0].rstrip(">")
    return any(f"{host}:{port}" == host_port for host, port in handset.sip_addresses)


def _user_of(uri: str) -> str:
    return uri.partition(":")[2].partition("@")[0].partition(";")[0]


def _package(message: SipSeen) -> str:
    try:
        event = request_of(message).event
    except ProtocolError:
        return ""
    return event[0] if event else ""


def lamp_state(evidence: Evidence, handset: str, lamp: str, at: float) -> LampState:
    """What a lamp did at an instant, by its sensor.

    Returns:
        The last state seen before ``at``; unknown if the sensor never said anything.
    """
    state = LampState.UNKNOWN
    for event in evidence.events(LampSeen):
        if event.at > at:
            break
        if event.handset == handset and event.lamp == lamp:
            state = event.state
    return state


def boxes_of(handset: HandsetFacts, account: int, mailbox: str) -> tuple[str, ...]:
    """Mailboxes whose counts an account is told as one sum, the given one first."""
    also = handset.also.get(account, ()) if handset.mailboxes.get(account) == mailbox else ()
    return (mailbox, *also)


def truths_of(evidence: Evidence, boxes: tuple[str, ...]) -> list[MailboxSeen]:
    """Every state of some mailboxes, by the platform's own word, counts added, in order."""
    latest: dict[str, MailboxSeen] = {}
    truths: list[MailboxSeen] = []
    for event in evidence.events(MailboxSeen):
        if event.mailbox in boxes:
            latest[event.mailbox] = event
            truths.append(_sum(event, boxes[0], list(latest.values())))
    return truths


def _sum(event: MailboxSeen, mailbox: str, parts: list[MailboxSeen]) -> MailboxSeen:
    if parts == [event]:
        return event
    return replace(
        event,
        mailbox=mailbox,
        new=sum(part.new for part in parts),
        saved=sum(part.saved for part in parts),
        urgent_new=sum(part.urgent_new for part in parts),
        urgent_saved=sum(part.urgent_saved for part in parts),
    )


def mailbox_truth(evidence: Evidence, boxes: tuple[str, ...], at: float) -> MailboxSeen | None:
    """What mailboxes held together at an instant, by the platform's own word."""
    before = [truth for truth in truths_of(evidence, boxes) if truth.at <= at]
    return before[-1] if before else None


def truths_around(
    evidence: Evidence, boxes: tuple[str, ...], at: float, slack_s: float
) -> list[MailboxSeen]:
    """Every state that mailboxes had together within ``slack_s`` of an instant."""
    truths = truths_of(evidence, boxes)
    inside = [truth for truth in truths if at - slack_s < truth.at <= at + slack_s]
    before = [truth for truth in truths if truth.at <= at - slack_s]
    return before[-1:] + inside
