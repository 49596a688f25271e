"""What the lint of profiles and templates has to say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from provisioning.errors import Position


class LintLevel(StrEnum):
    """How bad a finding is."""

    FAULT = "fault"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True, order=True)
class LintFinding:
    """One finding.

    Attributes:
        position: file and line.
        level: a fault, or a fact that nobody has verified.
        model: profile it concerns.
        path: dotted path of the value.
        text: what it is.
    """

    position: Position
    level: LintLevel
    model: str
    path: str
    text: str

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.position}: {self.level}: {self.model} {self.path}: {self.text}"
