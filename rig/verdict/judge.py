"""From evidence to a verdict: rig health first, then measurements, then named faults."""

from __future__ import annotations

from rig.timeline import CaptureHealth, LampState, SipSeen
from rig.verdict import diversion, diversion_facts, mwi, mwi_rules
from rig.verdict.evidence import DiversionExpectation, Evidence, LampExpectation
from rig.verdict.finding import Finding, RigFault, Verdict
from rig.verdict.outcome import Outcome


def judge(evidence: Evidence) -> Verdict:
    """Judge one scenario.

    Args:
        evidence: the timeline up to the end of the scenario and what must be true.

    Returns:
        Measurements, findings and rig faults; the outcome follows from them.
    """
    verdict = Verdict(rig_faults=capture_faults(evidence))
    for expectation in evidence.expectations:
        if isinstance(expectation, LampExpectation):
            _judge_lamp(evidence, expectation, verdict)
        else:
            _judge_diversion(evidence, expectation, verdict)
    return verdict


def _judge_lamp(evidence: Evidence, expectation: LampExpectation, verdict: Verdict) -> None:
    case = mwi.build_case(evidence, expectation)
    verdict.measurements += mwi.measure(case)
    if case.state is LampState.UNKNOWN:
        verdict.rig_faults.append(
            RigFault(
                Outcome.INCONCLUSIVE,
                f"the lamp sensor of {expectation.handset} "
                f"({case.handset.sensor or 'none fitted'}) does not know the state of lamp "
                f"{expectation.lamp}: check its cable and calibration",
            )
        )
        return
    _add(verdict, mwi_rules.diagnose(case))


def _judge_diversion(
    evidence: Evidence, expectation: DiversionExpectation, verdict: Verdict
) -> None:
    case = diversion_facts.build_case(evidence, expectation)
    if case.caller_leg is None:
        verdict.rig_faults.append(
            RigFault(
                Outcome.INCONCLUSIVE,
                f"the capture holds no INVITE from {expectation.caller} to "
                f"{expectation.callee}: the rig did not see the call it made",
            )
        )
        return
    verdict.measurements += diversion.measure(case)
    _add(verdict, diversion.diagnose(case))


def _add(verdict: Verdict, findings: list[Finding]) -> None:
    known = {(f.rule, f.handset, f.proofs[0].where) for f in verdict.findings}
    verdict.findings += [
        f for f in findings if (f.rule, f.handset, f.proofs[0].where) not in known
    ]


def capture_faults(evidence: Evidence) -> list[RigFault]:
    """Say what the capture missed; empty if it was whole.

    A capture that stopped, lost packets or never saw one cannot support a verdict.
    """
    if not evidence.needs_wire:
        return []
    health = evidence.events(CaptureHealth)
    if not health:
        return [
            RigFault(Outcome.ERROR, "no capture ran: start one, or run a scenario that needs none")
        ]
    faults = []
    for tap in sorted({h.tap for h in health}):
        last = [h for h in health if h.tap is tap][-1]
        if not last.running:
            faults.append(
                RigFault(
                    Outcome.ERROR,
                    f"the capture ({tap}) stopped before the end: "
                    f"{last.note or 'no reason given'}",
                )
            )
        elif last.dropped:
            faults.append(
                RigFault(
                    Outcome.INCONCLUSIVE,
                    f"the capture ({tap}) dropped {last.dropped} packets and kept "
                    f"{last.packets}: raise its buffer or narrow its filter",
                )
            )
    if not faults and not evidence.events(SipSeen, since=evidence.started_at):
        faults.append(
            RigFault(
                Outcome.ERROR,
                "the capture saw no SIP message during the scenario: wrong interface or port?",
            )
        )
    return faults
