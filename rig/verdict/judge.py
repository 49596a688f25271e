"""From evidence to a verdict: rig health first, then measurements, then named faults."""

from __future__ import annotations

from rig.timeline import LampState
from rig.verdict import (
    config_rules,
    diversion,
    diversion_facts,
    diversion_rules,
    mwi,
    mwi_measure,
    mwi_rules,
)
from rig.verdict.evidence import DiversionExpectation, Evidence, LampExpectation
from rig.verdict.fault_class import FaultClass
from rig.verdict.finding import Finding, RigFault, Verdict
from rig.verdict.outcome import Outcome
from rig.verdict.rig_health import STALL_LIMIT_S, capture_faults, stalled_s


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
    _doubt_instants(evidence, verdict)
    return verdict


def _judge_lamp(evidence: Evidence, expectation: LampExpectation, verdict: Verdict) -> None:
    case = mwi.build_case(evidence, expectation)
    verdict.measurements += mwi_measure.measure(case)
    missing = config_rules.account_not_configured(case)
    if case.state is LampState.UNKNOWN and missing is not None:
        _add(verdict, [missing])  # a phone without this account has no lamp for it
        return
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
    findings = mwi_rules.diagnose(case)
    if any(f.fault_class is FaultClass.D6 for f in verdict.findings):
        # A call that never got to the mailbox leaves no message there: that is said already.
        findings = [f for f in findings if f.rule not in mwi_rules.NO_MESSAGE]
    _add(verdict, findings)


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
    _add(verdict, diversion_rules.diagnose(case))


def _doubt_instants(evidence: Evidence, verdict: Verdict) -> None:
    """A rig whose own event loop stood still cannot blame the product for being late."""
    stall_s = stalled_s(evidence, evidence.started_at)
    if stall_s < STALL_LIMIT_S or verdict.outcome is not Outcome.FAIL:
        return
    unsafe = mwi_rules.TIMING | mwi_rules.ABSENCE
    if all(finding.rule in unsafe for finding in verdict.findings):
        verdict.rig_faults.append(
            RigFault(
                Outcome.INCONCLUSIVE,
                f"the rig's own event loop stood still for {stall_s:.1f} s: what came late or "
                "not at all cannot be put down to the product; run again on an idle machine",
            )
        )


def _add(verdict: Verdict, findings: list[Finding]) -> None:
    known = {(f.rule, f.handset, f.proofs[0].where) for f in verdict.findings}
    verdict.findings += [
        f for f in findings if (f.rule, f.handset, f.proofs[0].where) not in known
    ]
