"""What a verdict is made of: findings with proof, measurements, one outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rig.verdict.fault_class import Component, FaultClass
from rig.verdict.measurement import Measurement
from rig.verdict.oracles.finding import OracleFinding, Severity
from rig.verdict.outcome import Outcome, worst
from rig.verdict.phrase import Fact
from rig.verdict.rule_table import Rule, RuleTable, Source, common_words


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
    ACT = "act"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One named fault.

    Attributes:
        row: the diagnosis rule that fired.
        table: the table it stands in.
        component: what is to blame.
        facts: what the placeholders of its sentence and remedy stand for.
        proofs: evidence, the decisive piece first.
        handset: name of the handset concerned, or empty.
        certain: False when evidence that would settle it was not available; the sentence says
            which.
        lacks: the evidence that was not available.
    """

    row: Rule
    table: RuleTable
    component: Component
    facts: Mapping[str, Fact]
    proofs: tuple[Proof, ...]
    handset: str = ""
    certain: bool = True
    lacks: tuple[Source, ...] = ()

    @property
    def rule(self) -> str:
        """Identifier of the rule."""
        return self.row.id

    @property
    def fault_class(self) -> FaultClass:
        """Class of the fault."""
        return self.row.fault_class

    def sentence(self, lang: str = "en") -> str:
        """What is wrong, for a person, in one sentence; with what evidence is lacking.

        Args:
            lang: ``en`` or ``de``.
        """
        said = self.table.wording.say(self.row.says, self.facts, lang)
        if not self.lacks:
            return said
        common = common_words()
        sources = ", ".join(common.sources[source].in_language(lang) for source in self.lacks)
        return said + common.lacks.in_language(lang).format(sources=sources)

    def remedy(self, lang: str = "en") -> str:
        """What to do about it, in one sentence."""
        return self.table.wording.say(self.row.remedy, self.facts, lang)

    def hides(self, lang: str = "en") -> str:
        """What cannot be judged while this fault lasts, in one sentence; empty if nothing."""
        links = self.table.hidden(self.row)
        names = ", ".join(self.table.links[link].name.in_language(lang) for link in links)
        return common_words().hides.in_language(lang).format(links=names) if links else ""

    def __str__(self) -> str:
        """``M5 count-wrong (platform): ...``."""
        return f"{self.fault_class} {self.fault_class.slug} ({self.component}): {self.sentence()}"


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
        broken_rules: what the passive oracles say of the capture, the heaviest first. A fault
            among them fails the run; warnings and notes are told and change nothing.
    """

    measurements: list[Measurement] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    rig_faults: list[RigFault] = field(default_factory=list)
    broken_rules: list[OracleFinding] = field(default_factory=list)

    @property
    def wire_faults(self) -> list[OracleFinding]:
        """Broken rules that weigh as faults."""
        return [rule for rule in self.broken_rules if rule.severity is Severity.FAULT]

    @property
    def outcome(self) -> Outcome:
        """Worst of everything; a rig fault is never turned into a pass or a fail."""
        if self.rig_faults:
            return worst(fault.outcome for fault in self.rig_faults)
        product = [measurement.outcome for measurement in self.measurements]
        product += [Outcome.FAIL for _ in (*self.findings, *self.wire_faults)]
        return worst(product)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        if self.rig_faults:
            return self.rig_faults[0].sentence
        if self.findings:
            return str(self.findings[0])
        if self.wire_faults:
            return f"a rule is broken on the wire: {self.wire_faults[0]}"
        broken = [m for m in self.measurements if m.outcome is Outcome.FAIL]
        if broken:
            return f"no rule names this fault: {broken[0]}"
        missing = [m for m in self.measurements if m.outcome is Outcome.INCONCLUSIVE]
        if missing:
            return f"not enough evidence: {missing[0].name} is missing ({missing[0].note})"
        if not any(m.outcome is Outcome.PASS for m in self.measurements):
            return "nothing was measured"
        return "everything measured is within its limits"
