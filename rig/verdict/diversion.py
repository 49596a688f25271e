"""Measures one diverted call: target, ringing, headers, greeting.

Source: RFC 5806 (Diversion), RFC 7044 (History-Info), RFC 4458 and RFC 7544 (causes).
"""

from __future__ import annotations

from rig.errors import ProtocolError
from rig.sip.diversion import DiversionEntry, parse_diversions
from rig.sip.history_info import HistoryEntry, parse_history
from rig.verdict.diversion_facts import DiversionCase
from rig.verdict.measurement import Limit, Measurement

RING_TOLERANCE_S = 0.5
"""As far as a rig that did not stand still vouches for instants; less than a ring of any bench."""


def measure(case: DiversionCase) -> list[Measurement]:
    """Measure one diverted call.

    Returns:
        Target reached, reason, party, cause, ringing time and greeting, each with its limit.
    """
    wanted = case.expectation
    call = f"{wanted.caller} to {wanted.callee}"
    target = "/".join(wanted.target_names) or "mailbox"
    leg = case.diverted_legs[0] if case.diverted_legs else None
    last = wanted.last
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
        entry = newest_diversion(case)
        result += [
            Measurement(
                f"diversion_reason[{call}]",
                entry.reason if entry else "none",
                limit=Limit("==", wanted.last.reason, "RFC 5806, by what really happened"),
                where=where,
            ),
            Measurement(
                f"diversion_party[{call}]",
                last.name if entry and party_of(entry) in last.names else party_of(entry),
                limit=Limit("==", last.name, "RFC 5806 section 6"),
                where=where,
            ),
        ]
    if leg is not None and "History-Info" in wanted.headers:
        newest = newest_history(case)
        result.append(
            Measurement(
                f"history_cause[{call}]",
                float(newest.cause) if newest and newest.cause else "none",
                limit=Limit("==", float(wanted.last.cause), "RFC 4458"),
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


def newest_diversion(case: DiversionCase) -> DiversionEntry | None:
    """The Diversion entry on top of the diverted leg; None if there is none or it is malformed."""
    try:
        entries = parse_diversions(case.diverted_legs[0].request.headers)
    except ProtocolError:
        return None
    return entries[0] if entries else None


def newest_history(case: DiversionCase) -> HistoryEntry | None:
    """The last History-Info entry of the diverted leg; None likewise."""
    try:
        entries = parse_history(case.diverted_legs[0].request.headers)
    except ProtocolError:
        return None
    return entries[-1] if entries else None


def party_of(entry: DiversionEntry | None) -> str:
    """User part of a diverting party, escapes and visual separators undone, or ``none``."""
    return "none" if entry is None else (entry.name_addr.uri.number or "none")
