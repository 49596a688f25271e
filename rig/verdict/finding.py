"""What a verdict is made of: findings with proof, measurements, one outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from rig.verdict.fault_class import Component, FaultClass
from rig.verdict.measurement import Measurement
from rig.verdict.outcome import Outcome, worst


class ProofKind(StrEnum):
    """Kind of evidence that a proof points at."""

    PACKET = "packet"
    LAMP = "lamp"
    FILE = "file"
    MAILBOX = "mailbox"
    FETCH = "fetch"
    AUDIO = "audio"
    ABSENCE = "absence"
    CAPTURE = "capture"


@dataclass(frozen=True, slots=True)
class Proof:
    """One piece of evidence.

    Attributes:
        kind: what it is.
        where: ``packet 17``, ``lamp message of desk-anna at +3.2 s``, ``001565....cfg:31``.
        text: the line, header or value that proves it.
        at: its instant on the timeline, or None for a file.
        packet: packet number, or 0.
    """

    kind: ProofKind
    where: str
    text: str
    at: float | None = None
    packet: int = 0

    def __str__(self) -> str:
        """``packet 17: Messages-Waiting: yes``."""
        return f"{self.where}: {self.text}" if self.text else self.where


@dataclass(frozen=True, slots=True)
class Finding:
    """One named fault.

    Attributes:
        fault_class: its class.
        component: what is to blame.
        sentence: what is wrong, for a person, in one sentence.
        remedy: what to do about it.
        proofs: evidence, the decisive piece first.
        rule: identifier of the diagnosis rule that fired.
        handset: name of the handset concerned, or empty.
        certain: False when evidence that would settle it was not available; the sentence says
            which.
    """

    fault_class: FaultClass
    component: Component
    sentence: str
    remedy: str
    proofs: tuple[Proof, ...]
    rule: str
    handset: str = ""
    certain: bool = True

    def __str__(self) -> str:
        """``M5 count-wrong (platform): ...``."""
        return f"{self.fault_class} {self.fault_class.slug} ({self.component}): {self.sentence}"


@dataclass(frozen=True, slots=True)
class RigFault:
    """Why the rig's own evidence is not whole.

    Attributes:
        outcome: ``error`` or ``inconclusive``.
        sentence: what broke and what to do.
    """

    outcome: Outcome
    sentence: str


@dataclass(slots=True)
class Verdict:
    """How one scenario ended.

    Attributes:
        measurements: values with their limits.
        findings: named faults; none on a healthy system.
        rig_faults: what the rig could not see.
    """

    measurements: list[Measurement] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    rig_faults: list[RigFault] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """Worst of everything; a rig fault is never turned into a pass or a fail."""
        if self.rig_faults:
            return worst(fault.outcome for fault in self.rig_faults)
        product = [measurement.outcome for measurement in self.measurements]
        product += [Outcome.FAIL for finding in self.findings]
        return worst(product)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        if self.rig_faults:
            return self.rig_faults[0].sentence
        if self.findings:
            return str(self.findings[0])
        broken = [m for m in self.measurements if m.outcome is Outcome.FAIL]
        if broken:
            return f"no rule names this fault: {broken[0]}"
        missing = [m for m in self.measurements if m.outcome is Outcome.INCONCLUSIVE]
        if missing:
            return f"not enough evidence: {missing[0].name} is missing ({missing[0].note})"
        if not any(m.outcome is Outcome.PASS for m in self.measurements):
            return "nothing was measured"
        return "everything measured is within its limits"
