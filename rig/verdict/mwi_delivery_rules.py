"""Rules on the way of a NOTIFY: asked for, sent, addressed, arrived, accepted.

Covers: RFC 6665 (subscription and NOTIFY), RFC 3261 sections 12.2 (dialogs) and 17.1.2
(retransmission).
"""

from __future__ import annotations

from rig.errors import ProtocolError
from rig.sip.message import Response
from rig.sip.subscription_state import SUBSCRIPTION_ENDING_STATUSES, SubscriptionStateValue
from rig.timeline import SipSeen
from rig.verdict.finding import Proof
from rig.verdict.mwi import LampCase
from rig.verdict.mwi_address import contact_source, misaddressed
from rig.verdict.mwi_facts import NotifyStory, SubscribeStory
from rig.verdict.mwi_lifecycle_rules import asked_other, refused_subscribe
from rig.verdict.mwi_measure import NOTIFY_LIMIT_S
from rig.verdict.mwi_standing_rules import ended_before
from rig.verdict.mwi_way import request_of
from rig.verdict.phrase import Phrase, Word, phrase
from rig.verdict.proofs import absence, answered, mailbox, packet, summary_line
from rig.verdict.rule_book import Found, found
from rig.verdict.said import said
from rig.verdict.sources import at_platform

REFUSED_BODY = frozenset({400, 406, 413, 415, 422, 488, 500})
"""Answers that speak about what the NOTIFY carries, not about its dialog."""


BAD_EXTENSION = 420
"""Who asks for an extension that nobody knows is as much to blame. Source: RFC 3261 8.2.2.3."""

REPEATED = 3
"""So many answers to one NOTIFY, and it is no single loss."""

UNANSWERED_S = 0.5
"""A request without an answer for so long (T1 of RFC 3261 section 17) is unanswered."""

UNDECIDED_S = 2 * UNANSWERED_S
"""A NOTIFY that was sent once and so shortly before the end may still be on its way, or be sent
again: the first repetition comes after T1, on a busy machine later."""


def subscribe_refused(case: LampCase) -> Found | None:
    """The platform refused the subscription, and nothing repaired it."""
    last = refused_subscribe(case)
    if last is None or asked_other(case, last):
        return None
    answer = said("subscribe_how", how=answered(last.status))
    return found(packet(last.seen, answer), status=last.status or 0)


def subscribe_unanswered(case: LampCase) -> Found | None:
    """The phone asks again and again, and the platform does not answer."""
    last = _unanswered(case)
    if last is None or not at_platform(last.seen, case.evidence):
        return None
    return found(packet(last.seen, "SUBSCRIBE"), _no_answer(last))


def subscribe_lost(case: LampCase) -> Found | None:
    """The phone asks again and again, and the network swallows it."""
    last = _unanswered(case)
    if last is None or at_platform(last.seen, case.evidence):
        return None
    return found(packet(last.seen, "SUBSCRIBE"), _no_answer(last))


def _unanswered(case: LampCase) -> SubscribeStory | None:
    last = case.story.subscribes[-1] if case.story.subscribes else None
    if not case.deaf or case.after or last is None or last.status is not None:
        return None
    return last if case.expectation.until - last.seen.at >= UNANSWERED_S else None


def _no_answer(subscribe: SubscribeStory) -> Proof:
    return absence(said("subscribe_answer"), subscribe.seen.at)


def never_subscribed(case: LampCase) -> Found | None:
    """The file says subscribe, the phone did not."""
    mode = next((a.mwi.mode for a in case.handset.intent.accounts if a.index == case.account), "")
    if not case.deaf or mode != "subscribe" or case.story.subscribes or case.after:
        return None
    return found(absence(said("summary_subscribe"), case.expectation.until))


def subscription_ended(case: LampCase) -> Found | None:
    """The phone's own subscription was ended by the platform, or its NOTIFY says no state."""
    newest = next((s for s in reversed(case.story.subscribes) if s.granted), None)
    for notify in case.after:
        if not notify.solicited:
            continue
        if not notify.state:
            return _lifecycle(notify, phrase("no_state"))
        alive = newest is not None and (request_of(newest.seen).call_id == notify.request.call_id)
        if notify.state == "terminated" and alive and not _asked_to_end(case, notify):
            return _lifecycle(notify, phrase("ends_wanted"))
        if alive and _without_time(notify) and not _asked_to_end(case, notify):
            return _lifecycle(notify, phrase("no_time_left"))
    before = ended_before(case)
    if before is None:
        return None
    seen, state = before
    proofs = (packet(seen, state), *mailbox(case.truth))
    return found(*proofs, what=phrase("ends_wanted"))


def _without_time(notify: NotifyStory) -> bool:
    """Whether it says that the subscription goes on, and leaves it no time."""
    try:
        value = SubscriptionStateValue.of(notify.request)
    except ProtocolError:
        return False
    return not value.terminated and value.expires_s == 0


def told_after_end(case: LampCase) -> Found | None:
    """The platform goes on in a dialog that it has ended itself."""
    ended: dict[str, NotifyStory] = {}
    for notify in case.story.notifies:
        last = ended.get(notify.request.call_id)
        if last is not None and case.in_window(notify):
            return found(
                packet(notify.first, said("notify_how", how=answered(notify.answer_status))),
                packet(last.first, last.request.headers.get("Subscription-State") or ""),
            )
        if notify.solicited and notify.state == "terminated":
            ended[notify.request.call_id] = notify
    return None


def _asked_to_end(case: LampCase, notify: NotifyStory) -> bool:
    return any(
        s.expires_s == 0 and request_of(s.seen).call_id == notify.request.call_id
        for s in case.story.subscribes
    )


def _lifecycle(notify: NotifyStory, what: Phrase) -> Found:
    state = notify.request.headers.get("Subscription-State") or said(
        "no_header", header="Subscription-State"
    )
    return found(packet(notify.first, state), what=what)


def notify_missing(case: LampCase) -> Found | None:
    """The mailbox changed, nobody was told."""
    if not case.untold or not case.expectation.notify:
        return None
    truth = case.truth
    if truth is None or (truth.new > 0) != case.expectation.lit:
        return None
    if case.false_light and case.missed_calls:
        return None
    asked = [r for r in case.story.registers if r.at > truth.at and not r.retransmission]
    return found(
        *(packet(r, said("no_notify_follows")) for r in asked[-1:]),
        *mailbox(truth),
        absence(said("notify_after", trigger=Word(case.expectation.trigger)), truth.at),
        mailbox=truth.mailbox,
        new=truth.new,
    )


def notify_late(case: LampCase) -> Found | None:
    """Told, but long after the mailbox changed."""
    told = case.first_right
    if not case.expectation.notify or told is None:
        return None
    late_s = told.first.at - case.asked_at
    if late_s <= NOTIFY_LIMIT_S:
        return None
    return found(
        packet(told.first, summary_line(told)),
        *mailbox(case.truth),
        late_s=late_s,
        trigger=Word(case.expectation.trigger),
        limit_s=NOTIFY_LIMIT_S,
    )


def undecided(case: LampCase) -> NotifyStory | None:
    """The last NOTIFY, if the run ended before anybody can say what became of it."""
    last = case.after[-1] if case.after else None
    if last is None or last.answer is not None or last.transmissions > 1:
        return None
    return last if case.evidence.ended_at - last.first.at < UNDECIDED_S else None


def _sent(what: str, times: int) -> str:
    return said("sent_times", what=what, times=times)


def notify_lost(case: LampCase) -> Found | None:
    """Sent by the platform, never seen at the phone."""
    if not case.after or undecided(case):
        return None
    last = case.after[-1]
    if last.arrived or last.answer is not None:
        return None
    return found(
        packet(last.first, _sent(summary_line(last), last.transmissions)),
        absence(said("notify_at_phone"), last.first.at),
        certain=last.arrived is False,
        times=last.transmissions,
    )


def answer_lost(case: LampCase) -> Found | None:
    """The phone answers again and again, and the platform never hears it."""
    for notify in case.story.notifies:
        if not case.evidence.started_at <= notify.first.at <= case.expectation.until:
            continue
        answers = [
            s
            for s in case.evidence.events(SipSeen)
            if isinstance(s.message, Response) and s.transaction == notify.first.transaction
        ]
        heard = any(
            o.destination in case.evidence.platform_addresses
            for s in answers
            for o in s.observations
        )
        if len(answers) < REPEATED or heard:
            continue
        return found(
            packet(answers[0], _sent(f"{notify.answer_status}", len(answers))),
            packet(notify.first, _sent(summary_line(notify), notify.transmissions)),
            absence(said("answers_at_platform"), answers[0].at),
            times=notify.transmissions,
        )
    return None


def notify_unanswered(case: LampCase) -> Found | None:
    """It arrived, perhaps again and again, and the phone says nothing."""
    last = case.after[-1] if case.after else None
    if last is None or last.answer is not None or any(n.accepted for n in case.after):
        return None
    if undecided(case):
        return None
    if not case.ill and last.transmissions < 2:
        return None
    return found(
        packet(last.first, _sent(summary_line(last), last.transmissions)),
        absence(said("notify_answer"), last.first.at),
        times=last.transmissions,
    )


def notify_misaddressed(case: LampCase) -> Found | None:
    """Wrong Request-URI, To, dialog, sequence, package, transport or destination."""
    for notify in case.telling:
        fault = misaddressed(case, notify)
        if fault is None:
            continue
        header, what = fault
        return found(packet(notify.first, header), *_how_it_subscribed(notify), what=what)
    return None


def sent_to_private_contact(case: LampCase) -> Found | None:
    """Behind NAT: sent to the Contact as written, not to where the phone's requests come from."""
    for notify in case.telling:
        known = contact_source(case, notify)
        if known is None or notify.answer is not None or notify.arrived:
            continue
        request, contact = known
        sources = {
            o.source
            for o in request.observations
            if o.destination in case.evidence.platform_addresses
        }
        to = notify.first.observations[0].destination
        if to != contact or not sources or contact in sources:
            continue
        host, port = min(sources)
        return found(
            packet(notify.first, said("sent_to", address=f"{to[0]}:{to[1]}")),
            packet(request, said("comes_from", address=f"{host}:{port}")),
            contact=f"{to[0]}:{to[1]}",
            source=f"{host}:{port}",
        )
    return None


def _how_it_subscribed(notify: NotifyStory) -> tuple[Proof, ...]:
    seen: SipSeen | None = notify.subscribe
    return () if seen is None else (packet(seen, said("its_subscribe")),)


def notify_excess(case: LampCase) -> Found | None:
    """The same state twice in one dialog, though nothing happened in between."""
    pair = _told_twice(case)
    return _twice(*pair) if pair is not None and not _two_dialogs(*pair) else None


def notify_in_two_dialogs(case: LampCase) -> Found | None:
    """The same state once in each of two dialogs, though nothing happened in between."""
    pair = _told_twice(case)
    return _twice(*pair) if pair is not None and _two_dialogs(*pair) else None


def _told_twice(case: LampCase) -> tuple[NotifyStory, NotifyStory] | None:
    last: NotifyStory | None = None
    for notify in case.after:
        if (
            last is not None
            and _same_news(last, notify)
            and not case.something_between(last.first.at, notify.first.at)
        ):
            return last, notify
        last = notify
    return None


def _two_dialogs(first: NotifyStory, second: NotifyStory) -> bool:
    return first.request.call_id != second.request.call_id


def _twice(first: NotifyStory, second: NotifyStory) -> Found:
    return found(
        packet(second.first, summary_line(second)), packet(first.first, said("said_before"))
    )


def _same_news(one: NotifyStory, two: NotifyStory) -> bool:
    return bool(one.request.body) and one.request.body == two.request.body


def notify_body_refused(case: LampCase) -> Found | None:
    """The phone refuses a NOTIFY because of what it carries, or while it does something else."""
    last = _refused(case)
    if last is None or last.answer_status in SUBSCRIPTION_ENDING_STATUSES:
        return None
    return _refusal(last) if last.solicited or last.answer_status in REFUSED_BODY else None


def notify_without_dialog_refused(case: LampCase) -> Found | None:
    """The phone demands a dialog of a NOTIFY that has none."""
    last = _refused(case)
    return _refusal(last) if last and not last.solicited and last.answer_status == 481 else None


def unsolicited_notify_refused(case: LampCase) -> Found | None:
    """The phone takes no unsolicited NOTIFY at all."""
    last = _refused(case)
    if last is None or last.solicited or last.answer_status in REFUSED_BODY | {481}:
        return None
    return _refusal(last)


def subscription_forgotten(case: LampCase) -> Found | None:
    """The phone refuses a NOTIFY of its own subscription."""
    last = _refused(case)
    if last is None or not last.solicited:
        return None
    return _refusal(last) if last.answer_status in SUBSCRIPTION_ENDING_STATUSES else None


def _refused(case: LampCase) -> NotifyStory | None:
    refused = [n for n in case.telling if n.answer_status and n.answer_status >= 300]
    return None if not refused or any(n.accepted for n in case.after) else refused[-1]


def _refusal(notify: NotifyStory) -> Found:
    status = notify.answer_status or 0
    kind = phrase("notify" if notify.solicited else "unsolicited_notify")
    return found(
        packet(notify.first, said("notify_how", how=answered(status))),
        certain=status != BAD_EXTENSION,
        status=status,
        kind=kind,
    )
