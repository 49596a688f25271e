"""Rules for what a diverted call loses on its way; their rows stand in ``diversion.yaml``.

The same message at two ports is the only witness: what left one and did not come to the other, or
came as something else, is the network's doing.

Source: RFC 3261 section 17 (who sends again, and until when), RFC 5806 section 5.
"""

from __future__ import annotations

from collections.abc import Callable

from rig.errors import ProtocolError
from rig.sip.header import Headers
from rig.sip.history_info import parse_history
from rig.sip.message import Request, Response
from rig.timeline import SipSeen, Tap
from rig.verdict.diversion import party_of
from rig.verdict.diversion_facts import CallLeg, DiversionCase
from rig.verdict.diversion_hop_rules import parsed_diversions
from rig.verdict.evidence import HandsetFacts
from rig.verdict.fault_class import Component
from rig.verdict.phrase import phrase
from rig.verdict.proofs import absence, answered, packet
from rig.verdict.rule_book import Found, found
from rig.verdict.said import said
from rig.verdict.sources import at_phone, at_platform, from_phone


def invite_unanswered(case: DiversionCase) -> Found | None:
    """The phone's INVITE is sent again and again: it, or each answer to it, is lost."""
    if not case.expectation.rang or not case.callee_legs:
        return None
    leg, handset = case.callee_legs[0], case.evidence.handsets[case.expectation.callee]
    sent, answers = _exchange(case, leg)
    if len(sent) < 2 or any(at_platform(seen, case.evidence) for seen in answers):
        return None
    times = said("sent_times", what="INVITE", times=len(sent))
    if answers:
        return found(
            packet(answers[0], answered(_status(answers[0]))),
            packet(sent[0], times),
            component=Component.NETWORK,
            how=phrase("answers_lost"),
            times=len(sent),
        )
    arrived = any(at_phone(seen, handset) for seen in sent)
    return found(
        packet(sent[0], times),
        absence(said("invite_answer" if arrived else "invite_at_phone"), sent[0].at),
        component=Component.HANDSET if arrived else Component.NETWORK,
        how=phrase("not_obeyed" if arrived else "not_arrived"),
        times=len(sent),
    )


def answer_changed(case: DiversionCase) -> Found | None:
    """What the platform got for the phone's answer is not what the phone sent."""
    handset = case.evidence.handsets[case.expectation.callee]
    for leg in case.callee_legs:
        finals = [seen for seen in _exchange(case, leg)[1] if _status(seen) >= 200]
        sent = {_status(s): s for s in finals if from_phone(s, handset)}
        got = {_status(s): s for s in finals if at_platform(s, case.evidence)}
        if not sent or not got or sent.keys() & got.keys():
            continue
        (left, phones), (came, platforms) = next(iter(sent.items())), next(iter(got.items()))
        return found(
            packet(phones, answered(left)),
            packet(platforms, said("arrived", what=str(came))),
            sent=left,
            got=came,
        )
    return None


def header_changed(case: DiversionCase) -> Found | None:
    """What the diverted leg says of its way is not what arrives at the target's phone.

    A border element may write other hosts and lay the rows out anew; who diverted, why and how
    often has to survive it.
    """
    for leg in case.diverted_legs:
        phone = phone_called(case, leg)
        arrived = (s for s in _exchange(case, leg)[0] if phone is not None and at_phone(s, phone))
        came = next(arrived, None)
        for name, meaning in MEANINGS.items():
            if came is None or phone is None or name not in case.expectation.headers:
                continue
            left, got = meaning(leg.request.headers), meaning(came.message.headers)
            if not left or left == got:
                continue
            rows = came.message.headers.get_list(name)
            return found(
                packet(came, f"{name}: {', '.join(rows) or '-'}"),
                packet(leg.invite, f"{name}: {', '.join(leg.request.headers.get_list(name))}"),
                target=phone.name,
                header=name,
                what=phrase("changed" if rows else "taken_out"),
            )
    return None


def _diversions(headers: Headers) -> list[object]:
    return [(party_of(e), e.reason, e.counter, e.privacy) for e in parsed_diversions(headers)]


def _history(headers: Headers) -> list[object]:
    try:
        return [(e.index, e.uri.number, e.cause) for e in parse_history(headers)]
    except ProtocolError:
        return []


MEANINGS: dict[str, Callable[[Headers], list[object]]] = {
    "Diversion": _diversions,
    "History-Info": _history,
}
"""What of a header has to come through; nothing where it cannot be read."""


def caller_told_wrong(case: DiversionCase) -> Found | None:
    """The 181 tells the caller another reason than the diversion had."""
    leg = case.caller_leg
    if leg is None or "Diversion" not in case.expectation.headers:
        return None
    for seen in leg.provisional:
        if _status(seen) != 181:
            continue
        for entry in parsed_diversions(seen.message.headers):
            hop = next((h for h in case.expectation.hops if party_of(entry) in h.names), None)
            if hop is not None and entry.reason not in {"", hop.reason}:
                written = seen.message.headers.get("Diversion") or ""
                return found(
                    packet(seen, f"Diversion: {written}"),
                    said=entry.reason,
                    party=hop.name,
                    wanted=hop.reason,
                )
    return None


def _exchange(case: DiversionCase, leg: CallLeg) -> tuple[list[SipSeen], list[SipSeen]]:
    """Every transmission of a leg's INVITE, and every answer to it."""
    seen = [
        s
        for s in case.evidence.events(SipSeen, since=leg.invite.at)
        if s.transaction == leg.invite.transaction
    ]
    sent = [s for s in seen if isinstance(s.message, Request) and s.message.method == "INVITE"]
    return sent, [s for s in seen if isinstance(s.message, Response)]


def late_ringing(case: DiversionCase, leg: CallLeg) -> float:
    """Seconds that the first 180 took from the phone to the platform."""
    for ringing in leg.provisional[:1]:
        came = [
            o.at
            for o in ringing.observations
            if o.destination in case.evidence.platform_addresses and o.tap is not Tap.HANDSET
        ]
        if came:
            return max(came) - ringing.at
    return 0.0


def _status(seen: SipSeen) -> int:
    return seen.message.status if isinstance(seen.message, Response) else 0


def phone_called(case: DiversionCase, leg: CallLeg) -> HandsetFacts | None:
    """The handset that a leg's Request-URI leads to."""
    place = leg.request.uri.partition("@")[2].partition(";")[0]
    return next(
        (
            h
            for h in case.evidence.handsets.values()
            if any(place in {f"{host}:{port}", host} for host, port in h.sip_addresses)
        ),
        None,
    )
