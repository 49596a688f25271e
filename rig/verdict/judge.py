"""From evidence to a verdict: rig health first, then measurements, then named faults."""

from __future__ import annotations

from rig.timeline import LampState
from rig.verdict import diversion, diversion_facts, mwi, mwi_measure
from rig.verdict.diversion_rules import diversion_book
from rig.verdict.evidence import DiversionExpectation, Evidence, LampExpectation
from rig.verdict.finding import Finding, RigFault, Verdict
from rig.verdict.mwi_rules import mwi_book
from rig.verdict.outcome import Outcome
from rig.verdict.rig_health import STALL_LIMIT_S, capture_faults, stalled_s

NO_LAMP = frozenset({"account_not_configured"})
"""Rules that explain why there is no lamp to be seen: the phone lacks the account."""


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
    findings = mwi_book().diagnose(case, verdict.findings)
    if case.state is LampState.UNKNOWN and any(f.rule in NO_LAMP for f in findings):
        _add(verdict, findings)
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
    _add(verdict, diversion_book().diagnose(case))


def _doubt_instants(evidence: Evidence, verdict: Verdict) -> None:
    """A rig whose own event loop stood still cannot blame the product for being late."""
    stall_s = stalled_s(evidence, evidence.started_at)
    if stall_s < STALL_LIMIT_S or verdict.outcome is not Outcome.FAIL:
        return
    if all(finding.row.weakness is not None for finding in verdict.findings):
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
