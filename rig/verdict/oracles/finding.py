"""One thing that an oracle found, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from rig.verdict.fault_class import FaultClass


class Severity(StrEnum):
    """How much a finding weighs."""

    NOTE = "note"
    WARNING = "warning"
    FAULT = "fault"

    @property
    def rank(self) -> int:
        """Place in the order note < warning < fault."""
        return _ORDER.index(self)


_ORDER = (Severity.NOTE, Severity.WARNING, Severity.FAULT)


class Lack(StrEnum):
    """Evidence that was missing, so that a finding is less than certain."""

    START = "start"
    BOTH_WAYS = "both-ways"
    WHOLE = "whole"
    END = "end"


@dataclass(frozen=True, slots=True)
class OracleFinding:
    """One finding.

    Attributes:
        oracle: identifier, the key of its text.
        group: part of SIP that the oracle watches.
        clause: the rule, like ``RFC 6665 4.1.2.4``.
        severity: how much it weighs, by the evidence that there was.
        fault_class: class of the fault, or None where none fits.
        packets: numbers in the capture, the decisive one first.
        at: instant of the decisive packet, or of the moment when something was due.
        subject: whom or what it is about; the same oracle names a subject once.
        sentence: what is wrong, in English.
        sentence_de: the same in German.
        remedy: what to do, in English.
        remedy_de: the same in German.
        lacks: evidence that was missing; empty means certain.
        times: how often the same was seen.
    """

    oracle: str
    group: str
    clause: str
    severity: Severity
    fault_class: FaultClass | None
    packets: tuple[int, ...]
    at: float
    subject: str
    sentence: str
    sentence_de: str
    remedy: str
    remedy_de: str
    lacks: tuple[Lack, ...] = ()
    times: int = 1

    @property
    def certain(self) -> bool:
        """Whether no evidence was missing."""
        return not self.lacks

    @property
    def packet(self) -> int:
        """Number of the decisive packet, or 0."""
        return self.packets[0] if self.packets else 0

    def __str__(self) -> str:
        return f"{self.sentence} ({self.clause})"

    def doubted(self, *lacks: Lack) -> OracleFinding:
        """Give the finding as it stands when that evidence was missing: no more than a note."""
        if not lacks:
            return self
        known = tuple(dict.fromkeys((*self.lacks, *lacks)))
        return replace(self, lacks=known, severity=Severity.NOTE)
