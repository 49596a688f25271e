"""Turns a verdict into what a test framework understands: an exception, or none.

*fail* is an assertion, because the product is wrong; *error* and *inconclusive* are errors of the
rig and never look like a failed or a passed product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rig.errors import RigError
from rig.report.record import ScenarioRecord
from rig.verdict.finding import RigFault
from rig.verdict.outcome import Outcome


class ProductFailure(AssertionError):
    """The system under test is wrong; the message names the fault and its proof."""

    ROBOT_SUPPRESS_NAME = True


class RigFaultError(RigError):
    """The rig could not do its work; nothing is said about the system under test."""


class InconclusiveError(RigError):
    """The evidence does not decide; never a pass."""


def describe(record: ScenarioRecord) -> str:
    """Say what was expected, what was seen, when, and by which packets.

    Args:
        record: judged.

    Returns:
        The verdict in one sentence, then one line each for proofs, remedies and broken limits.
    """
    lines = [record.sentence]
    blind = record.outcome is Outcome.INCONCLUSIVE and record.rig_faults
    if (
        blind or record.outcome is Outcome.ERROR
    ):  # whoever could not see proves and advises nothing
        faults = [f"  {f['outcome']}: {f['sentence']}" for f in record.rig_faults[1:]]
        return "\n".join(lines + faults)
    for number, finding in enumerate(record.findings):
        if number:
            lines.append(
                f"{finding['class']} {finding['title']} ({finding['component']}): "
                f"{finding['sentence']}"
            )
        lines += [f"  proof: {_proof(proof, record)}" for proof in finding["proofs"]]
        lines.append(f"  remedy: {finding['remedy']}")
    lines += [
        f"  {_measured(m)}"
        for m in record.measurements
        if m["outcome"] in {"fail", "inconclusive"}
    ]
    lines += [f"  {f['outcome']}: {f['sentence']}" for f in record.rig_faults[1:]]
    return "\n".join(lines)


def _proof(proof: dict[str, Any], record: ScenarioRecord) -> str:
    when = f" at {proof['at'] - record.started_at:+.3f} s" if proof["at"] else ""
    text = f": {proof['text']}" if proof["text"] else ""
    return f"{proof['where']}{when}{text}"


def _measured(measurement: dict[str, Any]) -> str:
    limit = measurement["limit"]
    seen = "nothing" if measurement["value"] is None else f"{measurement['value']}"
    unit = f" {measurement['unit']}" if measurement["unit"] else ""
    where = ", ".join(text for text in (measurement["where"], measurement["note"]) if text)
    expected = f"{limit['operator']} {limit['value']} ({limit['source']})"
    return f"{measurement['name']}: expected {expected}, seen {seen}{unit}; {where}"


def demand_sight(faults: Sequence[RigFault]) -> None:
    """Raise if the wire was not seen whole: what was not seen there may have been.

    Args:
        faults: what the capture missed.

    Raises:
        RigFaultError: it could not see.
        InconclusiveError: it may have missed something.
    """
    if not faults:
        return
    text = "\n".join(fault.sentence for fault in faults)
    if any(fault.outcome is Outcome.ERROR for fault in faults):
        raise RigFaultError(text)
    raise InconclusiveError(text)


def demand(record: ScenarioRecord, expected: Outcome = Outcome.PASS) -> None:
    """Raise unless a record has the expected outcome.

    Args:
        record: judged.
        expected: what it must be; anything but ``pass`` serves to test the rig itself.

    Raises:
        ProductFailure: the product is wrong, or is not although it should be.
        RigFaultError: the rig could not do its work.
        InconclusiveError: the evidence does not decide, or nothing was measured.
    """
    if record.outcome is expected:
        return
    text = describe(record)
    if record.outcome is Outcome.ERROR:
        raise RigFaultError(text)
    if record.outcome in {Outcome.INCONCLUSIVE, Outcome.NONE, Outcome.SKIPPED}:
        raise InconclusiveError(text)
    if record.outcome is Outcome.PASS:
        raise ProductFailure(f"the verdict is pass, expected {expected.value}: {text}")
    raise ProductFailure(text)
