"""What the passive oracles say of a run's own capture, beside what its scenario expects.

A scenario asks whether the lamp is right; the oracles ask whether everybody kept to the RFCs on
the way. Nobody expects anything of them, so a healthy system gives them nothing to say.
"""

from __future__ import annotations

from rig.timeline import BadSipSeen, CaptureHealth, SipSeen
from rig.verdict.evidence import Evidence
from rig.verdict.oracles.catalogue import oracle_texts
from rig.verdict.oracles.engine import CaptureEnd, judge_capture
from rig.verdict.oracles.finding import Lack, OracleFinding
from rig.verdict.rig_health import STALL_LIMIT_S, stalled_s

_ON_THE_WIRE = (SipSeen, BadSipSeen, CaptureHealth)
"""What the oracles are told. Not of audio: on a bench a phone is silent unless its scenario
speaks, and what must be heard is the scenario's business.
"""

Told = set[tuple[str, str, str]]
"""Oracle, subject and weight of what a run has said already."""


def broken_rules(evidence: Evidence, told: Told | None = None) -> list[OracleFinding]:
    """Which rules were broken from the start of the run to the end of the scenario.

    What happened before the scenario counts as well: a subscription that is wrong was made then.

    Args:
        evidence: of the scenario.
        told: what earlier scenarios of the run have said; it is left out, and what is new is
            added, so that a run says a thing once.

    Returns:
        The heaviest first, then in order of packets. While the rig's own event loop stood still,
        what rests on something not being there is no more than a note.
    """
    if not evidence.needs_wire:
        return []
    events = [
        event
        for event in evidence.timeline.events
        if isinstance(event, _ON_THE_WIRE) and event.at <= evidence.ended_at
    ]
    if not events:
        return []
    findings = judge_capture(events, CaptureEnd(at=evidence.ended_at))
    if stalled_s(evidence, events[0].at) >= STALL_LIMIT_S:
        findings = [_doubted(finding) for finding in findings]
    findings.sort(key=lambda finding: -finding.severity.rank)
    if told is None:
        return findings
    fresh = [finding for finding in findings if _key(finding) not in told]
    told.update(map(_key, fresh))
    return fresh


def _key(finding: OracleFinding) -> tuple[str, str, str]:
    return finding.oracle, finding.subject, finding.severity.value


def _doubted(finding: OracleFinding) -> OracleFinding:
    return finding.doubted(Lack.WHOLE) if oracle_texts()[finding.oracle].needs else finding
