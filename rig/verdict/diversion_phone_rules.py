"""Rules for what the diverting phone itself does in a diverted call; rows in ``diversion.yaml``.

A platform diverts by what the phone answers, so an answer that the phone was not set to give looks
like a fault of the platform unless it is asked about first.

Source: RFC 3261 sections 9 (CANCEL), 21.3 to 21.6 (what a phone can answer), RFC 5806 section 3.
"""

from __future__ import annotations

from rig.errors import ProtocolError
from rig.sip.diversion import DiversionEntry, parse_diversions
from rig.sip.message import Request, Response
from rig.sip.name_addr import NameAddr
from rig.timeline import SipSeen
from rig.verdict.diversion_facts import CallLeg, DiversionCase
from rig.verdict.evidence import ConfigDifference
from rig.verdict.fault_class import Component
from rig.verdict.finding import Proof, ProofKind
from rig.verdict.phrase import phrase
from rig.verdict.proofs import absence, answered, packet
from rig.verdict.rule_book import Found, found
from rig.verdict.said import said
from rig.verdict.sources import at_phone

BUSY = frozenset({486, 600, 603})
ACCEPTED = 200
NOT_THERE = frozenset({408, 480})
STATES = BUSY | NOT_THERE | {404, 604}
"""Answers that tell a phone's state; others complain of the INVITE itself."""

PATIENCE_S = 1.0
"""A platform may ring on so long, until the next phone has answered."""

FITTING: dict[str, frozenset[int]] = {
    "user-busy": BUSY,
    "no-answer": NOT_THERE,
    "do-not-disturb": BUSY | NOT_THERE,
    "unconditional": frozenset(),
}
"""Final answers, beside 3xx of a phone that forwards by itself, that fit what diverts the call."""

_WANTED = {
    "user-busy": phrase("to_be_busy"),
    "no-answer": phrase("to_ring"),
    "do-not-disturb": phrase("to_be_undisturbed"),
    "unconditional": phrase("to_forward"),
}


def answered_otherwise(case: DiversionCase) -> Found | None:
    """The phone answers what it was not set to answer, and the platform goes by it."""
    wanted = case.expectation
    if not wanted.rang or wanted.reason not in FITTING:
        return None
    leg = _answered_leg(case)
    if leg is None or leg.final is None:
        return _rings_otherwise(case)
    status = leg.status or 0
    forwards, state = redirected(leg), status in STATES or status == ACCEPTED
    if not forwards and not state:
        return None
    if forwards if wanted.reason == "unconditional" else status in FITTING[wanted.reason]:
        return None
    line = _diverts(case) if forwards else None
    contact = leg.final.message.headers.get("Contact") or ""
    text = answered(status)
    if forwards:
        text = said("what_and", what=text, more=said("with_contact", contact=contact))
    return found(
        packet(leg.final, text),
        *(() if line is None else (_file(line),)),
        component=Component.HANDSET if line is None else Component.CONFIG,
        status=status,
        wanted=_WANTED[wanted.reason],
        why=phrase("no_more") if line is None else phrase("file_forwards", where=_place(line)),
    )


def _rings_otherwise(case: DiversionCase) -> Found | None:
    """The phone rings until the call is taken away, though it was to answer at once."""
    leg = case.callee_legs[0] if case.callee_legs else None
    reason = case.expectation.reason
    if leg is None or leg.cancel is None or not leg.provisional or reason == "no-answer":
        return None
    return found(
        packet(leg.provisional[0], said("ringing")),
        packet(leg.cancel, said("cancel_after_ringing")),
        status=180,
        wanted=_WANTED[reason],
        why=phrase("no_more"),
    )


def redirected_elsewhere(case: DiversionCase) -> Found | None:
    """The phone forwards by itself, to somebody else than it was told."""
    names = case.expectation.target_names
    leg = _answered_leg(case)
    if leg is None or leg.final is None or not redirected(leg) or case.diverted_legs or not names:
        return None
    contact = leg.final.message.headers.get("Contact") or ""
    user = _user(contact)
    if user in names:
        return None
    line = _diverts(case)
    return found(
        packet(leg.final, f"Contact: {contact}"),
        *(() if line is None else (_file(line),)),
        component=Component.HANDSET if line is None else Component.CONFIG,
        status=leg.status or 0,
        target=user or phrase("nobody"),
        wanted="/".join(names),
    )


def left_ringing(case: DiversionCase) -> Found | None:
    """The call has gone on, and the phone has not been stopped."""
    leg = case.callee_legs[0] if case.callee_legs else None
    if leg is None or leg.final is not None:
        return None
    if leg.cancel is None:
        return _never_stopped(case, leg)
    sent = _cancels(case, leg)
    if len(sent) < 2 or _answers_cancel(case, leg):
        return None
    handset = case.evidence.handsets[case.expectation.callee]
    arrived = any(at_phone(seen, handset) for seen in sent)
    return found(
        packet(sent[0], said("sent_times", what="CANCEL", times=len(sent))),
        absence(said("cancel_answer" if arrived else "cancel_at_phone"), sent[0].at),
        component=Component.HANDSET if arrived else Component.NETWORK,
        how=phrase("cancel_not_obeyed" if arrived else "cancel_not_arrived", times=len(sent)),
    )


def _never_stopped(case: DiversionCase, leg: CallLeg) -> Found | None:
    """Nothing tells the phone that the call has gone on."""
    gone = case.diverted_legs[0] if case.diverted_legs else None
    if gone is None or not leg.provisional or case.evidence.ended_at - gone.invite.at < PATIENCE_S:
        return None
    return found(
        absence(said("cancel_to_phone"), gone.invite.at),
        packet(leg.provisional[0], said("ringing")),
        packet(gone.invite, f"INVITE {gone.request.uri}"),
        component=Component.PLATFORM,
        how=phrase("cancel_never_sent"),
    )


def whose_entry(case: DiversionCase, entry: DiversionEntry) -> Component:
    """Who is to blame for a Diversion entry: the phone, if it says the same in its 3xx."""
    for leg in case.callee_legs:
        if leg.final is None or not redirected(leg):
            continue
        try:
            written = parse_diversions(leg.final.message.headers)
        except ProtocolError:
            continue
        uri = entry.name_addr.uri
        if any(
            (e.name_addr.uri.user, e.reason, e.counter) == (uri.user, entry.reason, entry.counter)
            for e in written
        ):
            return Component.HANDSET
    return Component.PLATFORM


def redirected(leg: CallLeg) -> bool:
    """Whether the phone forwards the call by itself."""
    return leg.status is not None and 300 <= leg.status < 400


def _answered_leg(case: DiversionCase) -> CallLeg | None:
    """The callee's leg, if it ended by the phone's own answer."""
    leg = case.callee_legs[0] if case.callee_legs else None
    return None if leg is None or leg.final is None or leg.cancel is not None else leg


def _user(contact: str) -> str:
    try:
        return NameAddr.parse(contact).uri.user_unescaped or ""
    except ProtocolError:
        return ""


def _diverts(case: DiversionCase) -> ConfigDifference | None:
    """The line of the phone's file that makes it forward, though the inventory does not."""
    differences = case.evidence.handsets[case.expectation.callee].differences
    return next((d for d in differences if ".diverts." in d.field and d.line), None)


def _place(line: ConfigDifference) -> str:
    return f"{line.file}:{line.line}"


def _file(line: ConfigDifference) -> Proof:
    have = said("got_wanted", got=line.got, wanted=line.wanted or said("nothing"))
    text = said("setting_says", setting=line.key or line.field, what=have)
    return Proof(ProofKind.FILE, _place(line), text)


def _cancels(case: DiversionCase, leg: CallLeg) -> list[SipSeen]:
    call_id = leg.request.call_id
    return [
        s
        for s in case.evidence.events(SipSeen, since=leg.invite.at)
        if isinstance(s.message, Request)
        and s.message.method == "CANCEL"
        and s.message.call_id == call_id
    ]


def _answers_cancel(case: DiversionCase, leg: CallLeg) -> bool:
    call_id = leg.request.call_id
    return any(
        isinstance(s.message, Response)
        and s.message.call_id == call_id
        and s.message.cseq.method == "CANCEL"
        for s in case.evidence.events(SipSeen, since=leg.invite.at)
    )
