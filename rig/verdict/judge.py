"""From evidence to a verdict: rig health first, then measurements, then named faults."""

from __future__ import annotations

from rig.timeline import LampState
from rig.verdict import (
    diversion,
    diversion_facts,
    feature,
    feature_facts,
    loop,
    mwi,
    mwi_measure,
    plain_call,
    provisioning,
)
from rig.verdict.diversion_facts import CallLeg
from rig.verdict.diversion_rules import diversion_book
from rig.verdict.evidence import (
    DiversionExpectation,
    Evidence,
    FeatureExpectation,
    LampExpectation,
    LoopExpectation,
    PlainCallExpectation,
)
from rig.verdict.fault_class import FaultClass
from rig.verdict.finding import Finding, RigFault, Verdict
from rig.verdict.lamp_sight import lit_instead, why_blind
from rig.verdict.mwi_delivery_rules import undecided
from rig.verdict.mwi_rules import mwi_book
from rig.verdict.outcome import Outcome
from rig.verdict.provisioning_facts import ProvisioningExpectation
from rig.verdict.provisioning_rules import provisioning_book
from rig.verdict.rig_health import STALL_LIMIT_S, capture_faults, sensor_faults, stalled_s
from rig.verdict.said import said

NO_LAMP = frozenset({"account_not_configured"})
"""Rules that explain why there is no lamp to be seen: the phone lacks the account."""


def judge(evidence: Evidence) -> Verdict:
    """Judge one scenario.

    Args:
        evidence: the timeline up to the end of the scenario and what must be true.

    Returns:
        Measurements, findings and rig faults; the outcome follows from them.
    """
    verdict = Verdict(rig_faults=[*capture_faults(evidence), *sensor_faults(evidence)])
    for expectation in evidence.expectations:
        if isinstance(expectation, LampExpectation):
            _judge_lamp(evidence, expectation, verdict)
        elif isinstance(expectation, ProvisioningExpectation):
            _judge_provisioning(evidence, expectation, verdict)
        elif isinstance(expectation, DiversionExpectation):
            _judge_diversion(evidence, expectation, verdict)
        elif isinstance(expectation, LoopExpectation):
            _judge_loop(evidence, expectation, verdict)
        elif isinstance(expectation, PlainCallExpectation):
            _judge_plain(evidence, expectation, verdict)
        else:
            _judge_feature(evidence, expectation, verdict)
    _doubt_instants(evidence, verdict)
    return verdict


def _judge_lamp(evidence: Evidence, expectation: LampExpectation, verdict: Verdict) -> None:
    case = mwi.build_case(evidence, expectation)
    verdict.measurements += mwi_measure.measure(case)
    findings = [f for f in mwi_book().diagnose(case, verdict.findings) if not _said(f, verdict)]
    if case.state is LampState.UNKNOWN and any(f.rule in NO_LAMP for f in findings):
        _add(verdict, findings)
        return
    if case.state is LampState.UNKNOWN:
        why = why_blind(evidence, expectation)
        verdict.rig_faults.append(
            RigFault(
                Outcome.INCONCLUSIVE,
                said(
                    "rig_sensor_blind",
                    handset=expectation.handset,
                    sensor=case.handset.sensor or said("rig_none_fitted"),
                    lamp=expectation.lamp,
                    since=""
                    if case.blind_since is None
                    else said("rig_since", at=case.blind_since),
                    why=said("rig_why", why=why) if why else "",
                ),
            )
        )
        return
    instead = lit_instead(evidence, expectation) if case.dark else None
    if instead is not None:
        verdict.rig_faults.append(
            RigFault(
                Outcome.INCONCLUSIVE,
                said(
                    "rig_sensors_exchanged",
                    lamp=expectation.lamp,
                    handset=expectation.handset,
                    other_lamp=instead.lamp,
                    other=instead.handset,
                    at=instead.at,
                    sensor=case.handset.sensor,
                    other_sensor=instead.sensor,
                ),
            )
        )
        return
    _add(verdict, findings)
    late = undecided(case)
    if late is not None and case.ill and not verdict.findings:
        verdict.rig_faults.append(
            RigFault(
                Outcome.INCONCLUSIVE,
                said(
                    "rig_ended_early",
                    after_s=evidence.ended_at - late.first.at,
                    handset=expectation.handset,
                    packet=late.first.number,
                ),
            )
        )


def _said(finding: Finding, verdict: Verdict) -> bool:
    """Whether it has been said already in which mailbox the message lies instead."""
    return finding.rule == "message_not_kept" and any(
        f.rule == "wrong_mailbox" and f.facts["mailbox"] == finding.facts["mailbox"]
        for f in verdict.findings
    )


def _judge_provisioning(
    evidence: Evidence, expectation: ProvisioningExpectation, verdict: Verdict
) -> None:
    case = provisioning.build_case(evidence, expectation)
    verdict.measurements += provisioning.measure(case)
    findings = provisioning_book().diagnose(case)
    _add(verdict, findings)
    if case.facts.unfinished and not case.loops and findings:
        if any(finding.fault_class is FaultClass.P8 for finding in findings):
            return  # a transfer that never ends keeps a handset for ever
        verdict.rig_faults.append(
            RigFault(
                Outcome.INCONCLUSIVE,
                said("rig_still_fetching", handset=case.subject),
            )
        )


def _judge_diversion(
    evidence: Evidence, expectation: DiversionExpectation, verdict: Verdict
) -> None:
    case = diversion_facts.build_case(evidence, expectation)
    if _was_seen(case.caller_leg, expectation, verdict):
        verdict.measurements += diversion.measure(case)
        # Of several calls to one phone, none explains the other.
        book = diversion_book()
        others = [f for f in verdict.findings if f.table is not book.table]
        _add(verdict, book.diagnose(case, others))


def _judge_loop(evidence: Evidence, expectation: LoopExpectation, verdict: Verdict) -> None:
    case = loop.build_case(evidence, expectation)
    if _was_seen(case.caller_leg, expectation, verdict):
        verdict.measurements += loop.measure(case)
        _add(verdict, loop.loop_book().diagnose(case))


def _judge_plain(evidence: Evidence, expectation: PlainCallExpectation, verdict: Verdict) -> None:
    case = plain_call.build_case(evidence, expectation)
    if _was_seen(case.caller_leg, expectation, verdict):
        verdict.measurements += plain_call.measure(case)
        _add(verdict, plain_call.plain_call_book().diagnose(case))


def _judge_feature(evidence: Evidence, expectation: FeatureExpectation, verdict: Verdict) -> None:
    case = feature_facts.build_case(evidence, expectation)
    verdict.measurements += feature.measure(case)
    _add(verdict, feature.feature_book().diagnose(case))


def _was_seen(
    leg: CallLeg | None,
    expectation: DiversionExpectation | LoopExpectation | PlainCallExpectation,
    verdict: Verdict,
) -> bool:
    if leg is not None:
        return True
    verdict.rig_faults.append(
        RigFault(
            Outcome.INCONCLUSIVE,
            said("rig_no_invite", caller=expectation.caller, callee=expectation.callee),
        )
    )
    return False


def _doubt_instants(evidence: Evidence, verdict: Verdict) -> None:
    """A rig whose own event loop stood still cannot blame the product for being late."""
    stall_s = stalled_s(evidence, evidence.started_at)
    if stall_s < STALL_LIMIT_S or verdict.outcome is not Outcome.FAIL:
        return
    if all(finding.row.weakness is not None for finding in verdict.findings):
        verdict.rig_faults.append(
            RigFault(
                Outcome.INCONCLUSIVE,
                said("rig_stood_still", stall_s=stall_s),
            )
        )


def _add(verdict: Verdict, findings: list[Finding]) -> None:
    known = {(f.rule, f.handset, f.proofs[0].where) for f in verdict.findings}
    verdict.findings += [
        f for f in findings if (f.rule, f.handset, f.proofs[0].where) not in known
    ]
