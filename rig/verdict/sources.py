"""Which evidence there is about one handset: what a finding may be certain of depends on it."""

from __future__ import annotations

from rig.timeline import FetchSeen, SipSeen, Tap
from rig.verdict.evidence import Evidence, HandsetFacts
from rig.verdict.rule_table import Source

_PLATFORM_TAPS = frozenset({Tap.WIRE, Tap.PLATFORM})


def sources_about(evidence: Evidence, handset: HandsetFacts) -> frozenset[Source]:
    """Ports, files and fetches that were to be seen; lamp, mailbox and audio belong to a case.

    Args:
        evidence: of the scenario.
        handset: whose.
    """
    taps = evidence.taps
    own_tap = Tap.HANDSET in taps and handset.own_tap
    fetched = any(f.handset == handset.name for f in evidence.events(FetchSeen))
    there = {
        Source.PLATFORM_PORT: bool(taps & _PLATFORM_TAPS),
        Source.PHONE_PORT: Tap.WIRE in taps or own_tap,
        Source.CONFIG_FILE: handset.applied is not None,
        Source.FETCH_LOG: fetched,
    }
    return frozenset(source for source, seen in there.items() if seen)


def at_phone(message: SipSeen, handset: HandsetFacts) -> bool:
    """Whether a message was seen to arrive at a handset's own port."""
    return any(
        (o.tap is Tap.HANDSET and o.outbound is False and o.destination in handset.sip_addresses)
        or (o.tap is Tap.WIRE and o.destination in handset.sip_addresses)
        for o in message.observations
    )


def at_platform(message: SipSeen, evidence: Evidence) -> bool:
    """Whether a message was seen to arrive at the platform's own port."""
    return any(
        o.destination in evidence.platform_addresses
        and (o.tap is Tap.WIRE or (o.tap is Tap.PLATFORM and o.outbound is False))
        for o in message.observations
    )


def from_phone(message: SipSeen, handset: HandsetFacts) -> bool:
    """Whether a message was seen to leave a handset's own port."""
    return any(
        o.source in handset.sip_addresses
        and (o.tap is Tap.WIRE or (o.tap is Tap.HANDSET and o.outbound is True))
        for o in message.observations
    )
