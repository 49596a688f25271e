"""Which evidence there is about one handset: what a finding may be certain of depends on it."""

from __future__ import annotations

from rig.timeline import FetchSeen, Tap
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
