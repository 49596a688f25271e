"""Rules on the way of a NOTIFY: asked for, sent, addressed, arrived, accepted.

Covers: RFC 6665 (subscription and NOTIFY), RFC 3261 sections 12.2 (dialogs) and 17.1.2
(retransmission).
"""

from __future__ import annotations

from rig.timeline import MailboxSeen, SipSeen
from rig.verdict.fault_class import Component, FaultClass
from rig.verdict.finding import Finding, Proof
from rig.verdict.mwi import LampCase, agrees
from rig.verdict.mwi_address import misaddressed
from rig.verdict.mwi_facts import NotifyStory, account_story, request_of
from rig.verdict.mwi_measure import NOTIFY_LIMIT_S
from rig.verdict.proofs import absence, mailbox, packet, summary_line

REFUSED_BODY = frozenset({400, 406, 415, 422, 500})
"""Answers that speak about what the NOTIFY carries, not about its dialog."""


UNANSWERED_S = 0.5
"""A request without an answer for so long (T1 of RFC 3261 section 17) is unanswered."""


def subscribe_refused(case: LampCase) -> Finding | None:
    """M7: the platform refused the subscription and nothing repaired it."""
    stories = [s for s in case.story.subscribes if s.status not in {401, 407}]
    if not case.deaf or not stories or case.after:
        return None
    last = stories[-1]
    if last.status is None or last.status < 300:
        return None
    return Finding(
        FaultClass.M7,
        Component.PLATFORM,
        f"the platform answers {last.status} to the SUBSCRIBE of {case.handset.name}",
        "allow message-summary for this account on the platform, or provision unsolicited MWI",
        (packet(last.seen, f"SUBSCRIBE answered {last.status}"),),
        "subscribe_refused",
        case.handset.name,
    )


def subscribe_unanswered(case: LampCase) -> Finding | None:
    """M8 or M7: the phone asks again and again, and nobody answers."""
    last = case.story.subscribes[-1] if case.story.subscribes else None
    if not case.deaf or case.after or last is None or last.status is not None:
        return None
    if case.expectation.until - last.seen.at < UNANSWERED_S:
        return None
    arrived = any(
        o.destination in case.evidence.platform_addresses for o in last.seen.observations
    )
    where = "reached the platform and" if arrived else "never reached the platform, so it"
    return Finding(
        FaultClass.M7 if arrived else FaultClass.M8,
        Component.PLATFORM if arrived else Component.NETWORK,
        f"the SUBSCRIBE of {case.handset.name} {where} was not answered",
        "look at the platform's subscription service"
        if arrived
        else "look at firewall and proxy between phone and platform: REGISTER passes, this not",
        (
            packet(last.seen, "SUBSCRIBE"),
            absence("an answer to this SUBSCRIBE", last.seen.at),
        ),
        "subscribe_unanswered",
        case.handset.name,
    )


def never_subscribed(case: LampCase) -> Finding | None:
    """M8: the file says subscribe, the phone did not."""
    mode = next((a.mwi.mode for a in case.handset.intent.accounts if a.index == case.account), "")
    if not case.deaf or mode != "subscribe" or case.story.subscribes or case.after:
        return None
    return Finding(
        FaultClass.M8,
        Component.HANDSET,
        f"{case.handset.name} was told to subscribe to its messages and did not",
        "reboot the phone; if it stays silent, look at its registration and firmware",
        (absence("SUBSCRIBE for message-summary", case.expectation.until),),
        "never_subscribed",
        case.handset.name,
    )


def subscription_ended(case: LampCase) -> Finding | None:
    """M8: the phone's own subscription was ended by the platform, or says no state at all."""
    newest = next((s for s in reversed(case.story.subscribes) if s.granted), None)
    for notify in case.after:
        if not notify.solicited:
            continue
        if not notify.state:
            return _lifecycle(case, notify, "carries no Subscription-State")
        alive = newest is not None and (request_of(newest.seen).call_id == notify.request.call_id)
        if notify.state == "terminated" and alive and not _asked_to_end(case, notify):
            return _lifecycle(case, notify, "ends the subscription, which the phone still wants")
    return None


def _asked_to_end(case: LampCase, notify: NotifyStory) -> bool:
    return any(
        s.expires_s == 0 and request_of(s.seen).call_id == notify.request.call_id
        for s in case.story.subscribes
    )


def _lifecycle(case: LampCase, notify: NotifyStory, what: str) -> Finding:
    state = notify.request.headers.get("Subscription-State") or "no Subscription-State"
    return Finding(
        FaultClass.M8,
        Component.PLATFORM,
        f"the NOTIFY to {case.handset.name} {what}",
        "the platform must keep the subscription for the time that it granted (RFC 6665 4.1.3)",
        (packet(notify.first, state),),
        "subscription_ended",
        case.handset.name,
    )


def told_somebody_else(case: LampCase) -> Finding | None:
    """M6: the change of this mailbox was told to an account that does not watch it."""
    if not case.untold or case.truth is None:
        return None
    for other in case.evidence.handsets.values():
        for account in other.intent.accounts:
            watched = other.mailboxes.get(account.index, "")
            if watched == case.truth.mailbox:
                continue
            for notify in account_story(case.evidence, other, account.index).notifies:
                if not case.in_window(notify) or not agrees(notify, case.truth):
                    continue
                if _moved(case, watched):
                    continue
                return Finding(
                    FaultClass.M6,
                    Component.PLATFORM,
                    f"mailbox {case.truth.mailbox} changed and the platform told {other.name} "
                    f"(account {account.index}), which does not watch it, instead of "
                    f"{case.handset.name}",
                    "compare the platform's table of mailboxes and accounts with the inventory",
                    (packet(notify.first, summary_line(notify)), *mailbox(case.truth)),
                    "told_somebody_else",
                    case.handset.name,
                )
    return None


def _moved(case: LampCase, number: str) -> bool:
    """Whether another mailbox changed meanwhile, so that a NOTIFY about it is right."""
    return any(
        e.mailbox == number and e.cause != "query"
        for e in case.evidence.events(MailboxSeen, since=case.expectation.since - 1.0)
    )


def notify_missing(case: LampCase) -> Finding | None:
    """M1: the mailbox changed, nobody was told."""
    if not case.untold or not case.expectation.notify:
        return None
    truth = case.truth
    if truth is None or (truth.new > 0) != case.expectation.lit:
        return None
    if case.false_light and case.missed_calls:
        return None
    return Finding(
        FaultClass.M1,
        Component.PLATFORM,
        f"mailbox {truth.mailbox} changed ({truth.new} new) and the platform sent no NOTIFY to "
        f"{case.handset.name}",
        "check the platform's MWI option of this user and its notification path",
        (
            *mailbox(truth),
            absence(f"NOTIFY message-summary after {case.expectation.trigger}", truth.at),
        ),
        "notify_missing",
        case.handset.name,
    )


def notify_late(case: LampCase) -> Finding | None:
    """M1: told, but long after the mailbox changed."""
    told = case.first_right
    if not case.expectation.notify or told is None:
        return None
    late_s = told.first.at - case.asked_at
    if late_s <= NOTIFY_LIMIT_S:
        return None
    return Finding(
        FaultClass.M1,
        Component.PLATFORM,
        f"the platform told {case.handset.name} only {late_s:.1f} s after "
        f"{case.expectation.trigger}; {NOTIFY_LIMIT_S:g} s are allowed",
        "look for a delay or a queue in the platform's notification path",
        (packet(told.first, summary_line(told)), *mailbox(case.truth)),
        "notify_late",
        case.handset.name,
    )


def notify_lost(case: LampCase) -> Finding | None:
    """M11: sent by the platform, never seen at the phone."""
    if not case.after:
        return None
    last = case.after[-1]
    if last.arrived or last.answer is not None:
        return None
    certain = last.arrived is False
    tail = "" if certain else " (nobody listened at the phone's port, so it may have ignored it)"
    return Finding(
        FaultClass.M11,
        Component.NETWORK,
        f"the platform sent a NOTIFY {last.transmissions} times to {case.handset.name} and it "
        f"never arrived{tail}",
        "look at NAT keep-alive, firewall and proxy between platform and phone",
        (
            packet(last.first, f"{summary_line(last)}, sent {last.transmissions} times"),
            absence("this NOTIFY at the phone's port, and any answer", last.first.at),
        ),
        "notify_lost",
        case.handset.name,
        certain=certain,
    )


def notify_unanswered(case: LampCase) -> Finding | None:
    """M9: it arrived, perhaps again and again, and the phone says nothing."""
    last = case.after[-1] if case.after else None
    if last is None or last.answer is not None or any(n.accepted for n in case.after):
        return None
    if not case.ill and last.transmissions < 2:
        return None
    return Finding(
        FaultClass.M9,
        Component.HANDSET,
        f"the NOTIFY reached {case.handset.name} {last.transmissions} times and the phone "
        "neither answers it nor follows it",
        "look at the phone's firmware and at what it makes of this NOTIFY",
        (
            packet(last.first, f"{summary_line(last)}, sent {last.transmissions} times"),
            absence("an answer to this NOTIFY", last.first.at),
        ),
        "notify_unanswered",
        case.handset.name,
    )


def notify_misaddressed(case: LampCase) -> Finding | None:
    """M3: wrong Request-URI, To, dialog, sequence, package, transport or destination."""
    for notify in case.telling:
        fault = misaddressed(case, notify)
        if fault is None:
            continue
        header, what = fault
        return Finding(
            FaultClass.M3,
            Component.PLATFORM,
            f"the NOTIFY to {case.handset.name} is not addressed to it rightly: {what}",
            "the platform must send it to the phone's Contact, inside the phone's dialog",
            (packet(notify.first, header), *_how_it_subscribed(notify)),
            "notify_misaddressed",
            case.handset.name,
        )
    return None


def _how_it_subscribed(notify: NotifyStory) -> tuple[Proof, ...]:
    seen: SipSeen | None = notify.subscribe
    return () if seen is None else (packet(seen, "the SUBSCRIBE that it belongs to"),)


def notify_excess(case: LampCase) -> Finding | None:
    """M2: the same state twice, though nothing happened in between."""
    last: NotifyStory | None = None
    for notify in case.after:
        if (
            last is not None
            and _same_news(last, notify)
            and not case.something_between(last.first.at, notify.first.at)
        ):
            other = notify.request.call_id != last.request.call_id
            how = "in two dialogs" if other else "twice"
            return Finding(
                FaultClass.M2,
                Component.PLATFORM,
                f"the platform told {case.handset.name} the same state {how} though nothing "
                "changed in between",
                "look for subscriptions that are kept after they were replaced"
                if other
                else "look for what makes the platform notify without a change",
                (packet(notify.first, summary_line(notify)), packet(last.first, "said before")),
                "notify_excess",
                case.handset.name,
            )
        last = notify
    return None


def _same_news(one: NotifyStory, two: NotifyStory) -> bool:
    return bool(one.request.body) and one.request.body == two.request.body


def notify_refused(case: LampCase) -> Finding | None:
    """M7, M4 or M3: the phone refuses the NOTIFY."""
    refused = [n for n in case.telling if n.answer_status and n.answer_status >= 300]
    if not refused or any(n.accepted for n in case.after):
        return None
    last = refused[-1]
    status = last.answer_status or 0
    outside = not last.solicited
    kind = "unsolicited " if outside else ""
    if status in REFUSED_BODY:
        fault, blamed = FaultClass.M9, Component.HANDSET
        remedy = "the NOTIFY is well-formed: look at what the phone's firmware demands of it"
    elif outside:
        fault = FaultClass.M3 if status == 481 else FaultClass.M7
        blamed = Component.HANDSET
        remedy = "let the phone accept unsolicited NOTIFY, or provision a subscription"
    else:
        fault, blamed = FaultClass.M8, Component.HANDSET
        remedy = "the NOTIFY fits the phone's dialog: the phone has lost its subscription"
    return Finding(
        fault,
        blamed,
        f"{case.handset.name} answers {status} to the {kind}NOTIFY",
        remedy,
        (packet(last.first, f"NOTIFY answered {status}"),),
        "notify_refused",
        case.handset.name,
    )
