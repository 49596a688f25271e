"""Which calls a phone rang for, and which of them nobody answered: pure look-ups.

Source: RFC 3261 sections 9 (CANCEL) and 13 (INVITE).
"""

from __future__ import annotations

from dataclasses import dataclass

from rig.sip.message import Request
from rig.timeline import SipSeen
from rig.verdict.evidence import Evidence, HandsetFacts


@dataclass(frozen=True, slots=True)
class MissedCall:
    """A call that the handset rang for and nobody answered.

    Attributes:
        invite: the INVITE that rang it.
        ended_at: when it stopped ringing.
    """

    invite: SipSeen
    ended_at: float


def rings(evidence: Evidence, handset: HandsetFacts) -> tuple[tuple[float, float], ...]:
    """When a handset rang: from INVITE to CANCEL or final response."""
    began: dict[str, float] = {}
    rang = []
    for seen in evidence.events(SipSeen, since=evidence.started_at):
        message = seen.message
        if isinstance(message, Request):
            if message.method == "INVITE" and _towards(seen, handset):
                began.setdefault(message.call_id, seen.at)
            elif message.method in {"CANCEL", "ACK"} and message.call_id in began:
                rang.append((began.pop(message.call_id), seen.at))
    return (*rang, *((at, evidence.ended_at) for at in began.values()))


def _towards(seen: SipSeen, handset: HandsetFacts) -> bool:
    return any(o.destination in handset.sip_addresses for o in seen.observations)


def missed_calls(
    evidence: Evidence, handset: HandsetFacts, since: float
) -> tuple[MissedCall, ...]:
    """The calls since an instant that the caller gave up while the phone rang."""
    calls: dict[str, SipSeen] = {}
    missed: list[MissedCall] = []
    for seen in evidence.events(SipSeen, since=since):
        message = seen.message
        if isinstance(message, Request):
            if not _towards(seen, handset):
                continue
            if message.method == "INVITE":
                calls.setdefault(message.call_id, seen)
            elif message.method == "CANCEL" and message.call_id in calls:
                missed.append(MissedCall(invite=calls.pop(message.call_id), ended_at=seen.at))
    return tuple(missed)
