"""Rules on what lies between platform and phone: it rewrites, damages, answers by itself.

Only two taps can tell it from the platform and the phone: what the one sent is not what the other
got. Covers: RFC 3261 sections 16.6 (what a proxy may change) and 17.1.3 (matching answers).
"""

from __future__ import annotations

from rig.sip.message import Request, Response
from rig.timeline import BadSipSeen, SipSeen
from rig.verdict.finding import Proof, ProofKind
from rig.verdict.mwi import LampCase
from rig.verdict.mwi_facts import NotifyStory
from rig.verdict.mwi_way import dialog_of, request_of
from rig.verdict.proofs import absence, answered, mailbox, packet, summary_line
from rig.verdict.rule_book import Found, found
from rig.verdict.said import said
from rig.verdict.sources import at_platform

IN_FLIGHT_S = 0.25
"""What was sent this soon after an answer had arrived may have been under way already."""

REPEATED_AGAIN = 2
"""So many transmissions after the answer, and the platform does not take it."""

DIALOG_HEADERS = ("Call-ID", "From", "To", "CSeq", "Event")
"""By these a NOTIFY finds its dialog, in the order of :func:`rig.verdict.mwi_way.dialog_of`."""


def subscribe_answered_between(case: LampCase) -> Found | None:
    """Something on the way answers the SUBSCRIBE, and the platform never gets it."""
    last = case.story.subscribes[-1] if case.story.subscribes else None
    if last is None or last.status is None or not case.deaf:
        return None
    if not _platform_in_view(case) or at_platform(last.seen, case.evidence):
        return None
    return found(
        packet(last.seen, said("subscribe_how", how=answered(last.status))),
        absence(said("subscribe_at_platform"), last.seen.at),
        status=last.status,
    )


def _platform_in_view(case: LampCase) -> bool:
    """Whether what this phone sends was seen to reach the platform: behind a proxy it is not."""
    return any(at_platform(register, case.evidence) for register in case.story.registers)


def subscribe_answer_altered(case: LampCase) -> Found | None:
    """The phone gets another final response to its SUBSCRIBE than the platform has sent."""
    last = case.story.subscribes[-1] if case.story.subscribes else None
    if last is None or last.altered is None or not case.deaf:
        return None
    status = getattr(last.altered.message, "status", 0)
    return found(
        packet(last.seen, said("subscribe_how", how=answered(status))),
        packet(last.altered, said("arrived", what=f"{status}")),
        said_status=last.status or 0,
        status=status,
    )


def notify_readdressed(case: LampCase) -> Found | None:
    """On the way the NOTIFY has lost what ties it to the phone's dialog."""
    for notify in case.telling:
        got = notify.readdressed
        if got is None or (notify.accepted and not case.ill):
            continue
        name, sent, arrived = _changed_header(notify.request, request_of(got))
        return found(
            packet(notify.first, said("sent", what=f"{name}: {sent}")),
            packet(got, said("arrived", what=f"{name}: {arrived}")),
            header=name,
        )
    return None


def _changed_header(sent: Request, got: Request) -> tuple[str, str, str]:
    pairs = zip(DIALOG_HEADERS, dialog_of(sent), dialog_of(got), strict=False)
    name = next((header for header, one, two in pairs if one != two), DIALOG_HEADERS[0])
    return name, sent.headers.get(name) or "", got.headers.get(name) or said("nothing")


def notify_restated(case: LampCase) -> Found | None:
    """On the way the NOTIFY has lost or changed the state of its subscription."""
    for notify in case.telling:
        got = notify.restated
        if got is None:
            continue
        sent = notify.request.headers.get("Subscription-State") or said("nothing")
        arrived = request_of(got).headers.get("Subscription-State") or said("nothing")
        return found(
            packet(notify.first, said("sent", what=sent)),
            packet(got, said("arrived", what=arrived)),
            sent=sent,
            arrived=arrived,
        )
    return None


def notify_damaged(case: LampCase) -> Found | None:
    """What reaches the phone of a NOTIFY is no SIP message any more."""
    for notify in case.telling:
        bad = notify.damaged
        if bad is None:
            continue
        number = bad.observation.number
        return found(
            packet(notify.first, said("sent", what=summary_line(notify))),
            Proof(
                ProofKind.PACKET, said("packet_number", number=number), bad.error, bad.at, number
            ),
            error=bad.error,
        )
    return None


def notify_answered_between(case: LampCase) -> Found | None:
    """Something on the way answers the NOTIFY, and the phone never gets it."""
    last = case.after[-1] if case.after else None
    if last is None or not last.answered_between:
        return None
    return found(
        packet(last.first, said("notify_how", how=answered(last.answer_status))),
        absence(said("notify_at_phone"), last.first.at),
        status=last.answer_status or 0,
    )


def notify_unreadable(case: LampCase) -> Found | None:
    """What the platform sends instead of the NOTIFY is no SIP message at all."""
    if not case.untold:
        return None
    since, user = case.expectation.since, case.story.user.encode()
    for bad in case.evidence.events(BadSipSeen, since=since):
        sent = bad.observation.source in case.evidence.platform_addresses
        if not sent or not bad.raw.startswith(b"NOTIFY ") or user not in bad.raw:
            continue
        if bad.at > case.expectation.until:
            continue
        number = bad.observation.number
        line = bad.raw.partition(b"\r\n")[0].decode("utf-8", "replace")
        where = said("packet_number", number=number)
        proof = Proof(ProofKind.PACKET, where, line, bad.at, number)
        return found(proof, *mailbox(case.truth), error=bad.error)
    return None


def answer_ignored(case: LampCase) -> Found | None:
    """The phone's answers reach the platform, and it goes on sending the NOTIFY."""
    for notify in (*case.earlier, *case.after):
        answers = [
            s
            for s in case.evidence.events(SipSeen, since=notify.first.at)
            if isinstance(s.message, Response)
            and s.transaction == notify.first.transaction
            and at_platform(s, case.evidence)
        ]
        if not answers:
            continue
        again = [
            s
            for s in case.evidence.events(SipSeen, since=answers[0].at + IN_FLIGHT_S)
            if s.retransmission
            and s.transaction == notify.first.transaction
            and isinstance(s.message, Request)
            and any(o.source in case.evidence.platform_addresses for o in s.observations)
        ]
        if len(again) < REPEATED_AGAIN:
            continue
        return found(
            packet(again[-1], _sent(notify)),
            packet(answers[0], f"{notify.answer_status}"),
            times=len(again),
        )
    return None


def answer_not_matched(case: LampCase) -> Found | None:
    """The phone answers, but by another branch, so that the platform goes on asking."""
    for notify in (*case.earlier, *case.after):
        if notify.stray is None or notify.transmissions < 2:
            continue
        return found(
            packet(notify.first, _sent(notify)),
            packet(notify.stray, _via(notify.stray.message.headers.get("Via"))),
            times=notify.transmissions,
        )
    return None


def _sent(notify: NotifyStory) -> str:
    return said("sent_times", what=summary_line(notify), times=notify.transmissions)


def _via(value: str | None) -> str:
    return f"Via: {value}"
