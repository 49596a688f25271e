"""Judges one diverted call: measurements and diagnosis rules.

Source: RFC 5806 (Diversion), RFC 7044 (History-Info), RFC 4458 and RFC 7544 (causes).
"""

from __future__ import annotations

from collections.abc import Callable

from rig.errors import ProtocolError
from rig.sip.diversion import DiversionEntry, parse_diversions
from rig.sip.history_info import HistoryEntry, parse_history
from rig.verdict.diversion_facts import DiversionCase
from rig.verdict.fault_class import Component, FaultClass
from rig.verdict.finding import Finding, Proof, ProofKind
from rig.verdict.measurement import Limit, Measurement
from rig.verdict.mwi_rules import packet

RING_TOLERANCE_S = 0.6


def measure(case: DiversionCase) -> list[Measurement]:
    """Measure one diverted call.

    Returns:
        Target reached, reason, party, cause, ringing time and greeting, each with its limit.
    """
    wanted = case.expectation
    call = f"{wanted.caller} to {wanted.callee}"
    target = "/".join(wanted.target_names) or "mailbox"
    leg = case.diverted_legs[0] if case.diverted_legs else None
    where = f"packet {leg.invite.number}" if leg else ""
    result = [
        Measurement(
            f"diverted_to[{call}]",
            target if leg else "nowhere",
            limit=Limit("==", target, "inventory"),
            where=where,
        ),
        Measurement(
            f"callee_rang[{call}]",
            "yes" if case.callee_legs else "no",
            limit=Limit("==", "yes" if wanted.rang else "no", "inventory"),
        ),
    ]
    if wanted.ring_s is not None:
        result += _ring_time(case, call)
    if leg is not None and "Diversion" in wanted.headers:
        entry = _diversion(case)
        result += [
            Measurement(
                f"diversion_reason[{call}]",
                entry.reason if entry else "none",
                limit=Limit("==", wanted.reason, "RFC 5806, by what really happened"),
                where=where,
            ),
            Measurement(
                f"diversion_party[{call}]",
                "callee" if entry and _party(entry) in wanted.callee_names else _party(entry),
                limit=Limit("==", "callee", "RFC 5806 section 6"),
                where=where,
            ),
        ]
    if leg is not None and "History-Info" in wanted.headers:
        last = _history(case)
        result.append(
            Measurement(
                f"history_cause[{call}]",
                float(last.cause) if last and last.cause else "none",
                limit=Limit("==", float(wanted.cause), "RFC 4458"),
                where=where,
            )
        )
    if wanted.greeting:
        heard = next((p for p in case.greetings if p.startswith("greeting.")), "none")
        result.append(
            Measurement(
                f"greeting_heard[{call}]",
                heard,
                limit=Limit("==", wanted.greeting, "guide R41, R42"),
                note=f"in the audio to the caller: {', '.join(case.greetings) or 'nothing'}",
            )
        )
    return result


def _ring_time(case: DiversionCase, call: str) -> list[Measurement]:
    wanted = case.expectation.ring_s or 0.0
    leg = case.callee_legs[0] if case.callee_legs else None
    value = None
    if leg is not None and leg.ringing_at is not None and leg.cancel is not None:
        value = round(leg.cancel.at - leg.ringing_at, 3)
    low = Limit(">=", wanted - RING_TOLERANCE_S, "rings set for this mailbox")
    high = Limit("<=", wanted + RING_TOLERANCE_S, "rings set for this mailbox")
    note = "from 180 to CANCEL at the callee"
    return [
        Measurement(f"ring_time_s[{call}]", value, "s", low, note=note),
        Measurement(f"ring_time_max_s[{call}]", value, "s", high, note=note),
    ]


def _diversion(case: DiversionCase) -> DiversionEntry | None:
    try:
        entries = parse_diversions(case.diverted_legs[0].request.headers)
    except ProtocolError:
        return None
    return entries[0] if entries else None


def _history(case: DiversionCase) -> HistoryEntry | None:
    try:
        entries = parse_history(case.diverted_legs[0].request.headers)
    except ProtocolError:
        return None
    return entries[-1] if entries else None


def _party(entry: DiversionEntry | None) -> str:
    return "none" if entry is None else (entry.name_addr.uri.user or "none")


def not_diverted(case: DiversionCase) -> Finding | None:
    """D6: the call did not reach where it must go, or rang where it must not."""
    wanted, caller = case.expectation, case.caller_leg
    if caller is None:
        return None
    target = "/".join(wanted.target_names) or "the mailbox"
    if not case.diverted_legs:
        went = case.other_legs[0] if case.other_legs else None
        instead = f"it went to {went.request.uri}" if went else f"it ended with {caller.status}"
        proofs = [packet(caller.invite, f"INVITE {caller.request.uri}")]
        proofs += [packet(went.invite, f"INVITE {went.request.uri}")] if went else []
        return Finding(
            FaultClass.D6,
            Component.PLATFORM,
            f"the call to {wanted.callee} was not diverted to {target}: {instead}",
            "compare the user's forwarding and mailbox options with the inventory",
            tuple(proofs),
            "not_diverted",
            wanted.callee,
        )
    if bool(case.callee_legs) != wanted.rang:
        rang = "rang" if case.callee_legs else "did not ring"
        leg = (case.callee_legs or case.diverted_legs)[0]
        return Finding(
            FaultClass.D6,
            Component.PLATFORM,
            f"{wanted.callee} {rang} although this call must "
            f"{'ring it first' if wanted.rang else 'be diverted at once'}",
            "compare the user's forwarding and mailbox options with the inventory",
            (packet(leg.invite, f"INVITE {leg.request.uri}"),),
            "rang_wrongly",
            wanted.callee,
        )
    return None


def wrong_timer(case: DiversionCase) -> Finding | None:
    """D6: the phone rang too short or too long before the diversion."""
    wanted = case.expectation.ring_s
    leg = case.callee_legs[0] if case.callee_legs else None
    if wanted is None or leg is None or leg.ringing_at is None or leg.cancel is None:
        return None
    rang = leg.cancel.at - leg.ringing_at
    if abs(rang - wanted) <= RING_TOLERANCE_S:
        return None
    return Finding(
        FaultClass.D6,
        Component.PLATFORM,
        f"{case.expectation.callee} rang {rang:.1f} s before the diversion instead of "
        f"{wanted:.1f} s",
        "compare the number of rings with the inventory",
        (
            packet(leg.provisional[0], "ringing"),
            packet(leg.cancel, f"CANCEL {rang:.1f} s later"),
        ),
        "wrong_timer",
        case.expectation.callee,
    )


def header_missing(case: DiversionCase) -> Finding | None:
    """D1: the diverted leg does not say who diverted it."""
    if not case.diverted_legs:
        return None
    leg = case.diverted_legs[0]
    missing = [h for h in case.expectation.headers if h not in leg.request.headers]
    if not missing:
        return None
    return Finding(
        FaultClass.D1,
        Component.PLATFORM,
        f"the diverted INVITE to {leg.request.uri} carries no {' and no '.join(missing)}",
        "switch the diversion header on for this leg (trunk or mailbox profile)",
        (packet(leg.invite, f"INVITE without {', '.join(missing)}"),),
        "header_missing",
        case.expectation.callee,
    )


def header_malformed(case: DiversionCase) -> Finding | None:
    """D4: a header is there and cannot be parsed."""
    if not case.diverted_legs:
        return None
    leg = case.diverted_legs[0]
    readers: tuple[tuple[str, Callable[[DiversionCase], object]], ...] = (
        ("Diversion", _diversion),
        ("History-Info", _history),
    )
    for name, reader in readers:
        value = leg.request.headers.get(name)
        if name in case.expectation.headers and value is not None and reader(case) is None:
            return Finding(
                FaultClass.D4,
                Component.PLATFORM,
                f"{name} on the diverted INVITE cannot be parsed",
                "RFC 5806 and RFC 7044 give the grammar; mind quotes and commas",
                (packet(leg.invite, f"{name}: {value}"),),
                "header_malformed",
                case.expectation.callee,
            )
    return None


def wrong_reason(case: DiversionCase) -> Finding | None:
    """D2: the reason or cause does not fit what really happened."""
    if not case.diverted_legs:
        return None
    wanted = case.expectation
    happened = _what_happened(case)
    entry = _diversion(case)
    if "Diversion" in wanted.headers and entry is not None and entry.reason != wanted.reason:
        return Finding(
            FaultClass.D2,
            Component.PLATFORM,
            f"Diversion says reason={entry.reason} but {happened}, which is {wanted.reason}",
            "the platform must take the reason from the event that diverted the call",
            (
                _header(case, "Diversion"),
                *_happened_proofs(case),
            ),
            "wrong_reason",
            wanted.callee,
        )
    last = _history(case)
    if "History-Info" in wanted.headers and last is not None and last.cause != wanted.cause:
        return Finding(
            FaultClass.D2,
            Component.PLATFORM,
            f"History-Info says cause={last.cause} but {happened}, which is {wanted.cause}",
            "the platform must take the cause from the event that diverted the call",
            (
                _header(case, "History-Info"),
                *_happened_proofs(case),
            ),
            "wrong_cause",
            wanted.callee,
        )
    return None


def _what_happened(case: DiversionCase) -> str:
    wanted = case.expectation
    if not case.callee_legs:
        return f"{wanted.callee} was not rung"
    leg = case.callee_legs[0]
    if leg.cancel is not None:
        return f"{wanted.callee} rang and was not answered"
    return f"{wanted.callee} answered {leg.status}"


def _header(case: DiversionCase, name: str) -> Proof:
    leg = case.diverted_legs[0]
    return packet(leg.invite, f"{name}: {', '.join(leg.request.headers.get_all(name))}")


def _happened_proofs(case: DiversionCase) -> tuple[Proof, ...]:
    """Point at what really happened at the callee."""
    for leg in case.callee_legs:
        if leg.cancel is not None:
            return (packet(leg.cancel, "CANCEL after ringing"),)
        if leg.final is not None:
            return (packet(leg.final, f"answered {leg.status}"),)
    return ()


def wrong_party(case: DiversionCase) -> Finding | None:
    """D3: the diverting party is not the callee."""
    if not case.diverted_legs or "Diversion" not in case.expectation.headers:
        return None
    entry = _diversion(case)
    if entry is None or _party(entry) in case.expectation.callee_names:
        return None
    return Finding(
        FaultClass.D3,
        Component.PLATFORM,
        f"Diversion names {_party(entry)} as the diverting party instead of "
        f"{case.expectation.callee} ({case.expectation.callee_names[0]})",
        "the newest Diversion entry must name the party that diverted last",
        (_header(case, "Diversion"),),
        "wrong_party",
        case.expectation.callee,
    )


def wrong_greeting(case: DiversionCase) -> Finding | None:
    """D7: the caller heard the wrong greeting or none."""
    wanted = case.expectation
    if not wanted.greeting or not case.diverted_legs:
        return None
    heard = next((p for p in case.greetings if p.startswith("greeting.")), "")
    if heard == wanted.greeting:
        return None
    leg = case.diverted_legs[0]
    said = f"heard {heard}" if heard else "heard no greeting"
    return Finding(
        FaultClass.D7,
        Component.PLATFORM,
        f"the caller of {wanted.callee} {said} instead of {wanted.greeting}",
        "check which greeting the mailbox chooses for this cause",
        (
            packet(leg.invite, "the call to the mailbox"),
            Proof(ProofKind.AUDIO, "audio to the caller", ", ".join(case.greetings) or "silence"),
        ),
        "wrong_greeting",
        wanted.callee,
    )


CHAIN: tuple[Callable[[DiversionCase], Finding | None], ...] = (
    not_diverted,
    wrong_timer,
    header_malformed,
    header_missing,
    wrong_reason,
    wrong_party,
    wrong_greeting,
)
"""Decision first, then headers, then what the caller heard."""


def diagnose(case: DiversionCase) -> list[Finding]:
    """Name what is wrong with one diverted call: the first finding of the chain."""
    for rule in CHAIN:
        finding = rule(case)
        if finding is not None:
            return [finding]
    return []
