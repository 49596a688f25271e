"""What the passive oracles say of a run's own capture, beside what its scenario expects.

A scenario asks whether the lamp is right; the oracles ask whether everybody kept to the RFCs on
the way. Nobody expects anything of them, so a healthy system gives them nothing to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rig.timeline import BadSipSeen, CaptureHealth, SipSeen, TimelineEvent
from rig.verdict.evidence import Evidence
from rig.verdict.oracles.catalogue import oracle_texts
from rig.verdict.oracles.engine import CaptureEnd, OracleEngine
from rig.verdict.oracles.finding import Lack, OracleFinding, Severity
from rig.verdict.rig_health import STALL_LIMIT_S, stalled_s

_ON_THE_WIRE = (SipSeen, BadSipSeen, CaptureHealth)
"""What the oracles are told. Not of audio: on a bench a phone is silent unless its scenario
speaks, and what must be heard is the scenario's business.
"""

KNOWN_OTHERWISE = frozenset({"mwi-never", "mwi-one-of-two"})
"""Who must be told of messages a capture alone can only guess; here it stands in the inventory,
and the rules for lamps judge it.
"""

REVISED_S = 10.0
"""A message this old is seen nowhere else any more, so what it says is settled."""


class RunRules:
    """What the oracles have made of a run up to now, and what it has said of that.

    Each scenario is judged from the start of the run. The oracles are not asked all of it again:
    they keep what is settled and go on from there, on a copy, for the end of a scenario is not
    the end of the run.
    """

    def __init__(self) -> None:
        self.told: set[tuple[str, str, str]] = set()
        self._begin()

    def _begin(self) -> None:
        self._engine = OracleEngine()
        self._fed: list[TimelineEvent] = []
        self._found: list[OracleFinding] = []

    def judge(self, events: Sequence[TimelineEvent], ended_at: float) -> list[OracleFinding]:
        """The same as :func:`rig.verdict.oracles.engine.judge_capture`.

        Args:
            events: from the start of the run, in order of time.
            ended_at: when it ended.
        """
        known = len(self._fed)
        if list(events[:known]) != self._fed:
            self._begin()  # something came to light that lies before what was settled
            known = 0
        settled = known
        for event in events[known:]:
            # The health of the capture is told at every end, for all that was before.
            if isinstance(event, CaptureHealth) or event.at > ended_at - REVISED_S:
                break
            self._found += self._engine.feed(event)
            settled += 1
        self._fed = list(events[:settled])
        engine = self._engine.fork()
        found = list(self._found)
        for event in events[settled:]:
            found += engine.feed(event)
        found += engine.close(CaptureEnd(at=ended_at))
        return engine.settle(found)

    def fresh(self, findings: list[OracleFinding]) -> list[OracleFinding]:
        """Those that the run has not said yet; from now on it has."""
        fresh = [finding for finding in findings if _key(finding) not in self.told]
        self.told.update(map(_key, fresh))
        return fresh


def broken_rules(evidence: Evidence, run: RunRules | None = None) -> list[OracleFinding]:
    """Which rules were broken from the start of the run to the end of the scenario.

    What happened before the scenario counts as well: a subscription that is wrong was made then.

    Args:
        evidence: of the scenario.
        run: what is known from earlier scenarios of the run; what they have said is left out, so
            that a run says a thing once.

    Returns:
        The heaviest first, then in order of packets. While the rig's own event loop stood still,
        what rests on something not being there is no more than a note, and so is what the
        scenario provoked.
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
    findings = [
        finding
        for finding in (run or RunRules()).judge(events, evidence.ended_at)
        if finding.oracle not in KNOWN_OTHERWISE
    ]
    if stalled_s(evidence, events[0].at) >= STALL_LIMIT_S:
        findings = [_doubted(finding) for finding in findings]
    if run is not None:
        findings = run.fresh(findings)
    findings = [
        replace(finding, severity=Severity.NOTE)
        if finding.oracle in evidence.provoked
        else finding
        for finding in findings
    ]
    findings.sort(key=lambda finding: -finding.severity.rank)
    return findings


def _key(finding: OracleFinding) -> tuple[str, str, str]:
    return finding.oracle, finding.subject, finding.severity.value


def _doubted(finding: OracleFinding) -> OracleFinding:
    return finding.doubted(Lack.WHOLE) if oracle_texts()[finding.oracle].needs else finding
