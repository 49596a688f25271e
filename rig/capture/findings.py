"""Broken rules of a capture, gathered so that one fault in a million packets is one line.

Must not know what the rules are.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_KINDS = 1000
PACKETS_TOLD = 8


class Severity(StrEnum):
    """How bad a finding is."""

    FAULT = "fault"
    WARNING = "warning"
    NOTE = "note"


@dataclass(slots=True)
class CaptureFinding:
    """Something that breaks a rule, whatever the scenario.

    Attributes:
        packet: number in the capture of the first packet to look at.
        clause: RFC and section.
        text: what is wrong.
        severity: how bad it is.
        remedy: what to do, or empty.
        packets: further packets that show the same, the first of them.
        count: how often it was found.
    """

    packet: int
    clause: str
    text: str
    severity: Severity = Severity.FAULT
    remedy: str = ""
    packets: tuple[int, ...] = ()
    count: int = 1

    @property
    def where(self) -> str:
        """``packet 3 (and 4, 5, 10 more)``."""
        if not self.packets:
            return f"packet {self.packet}"
        more = self.count - 1 - len(self.packets)
        others = ", ".join(map(str, self.packets)) + (f", {more} more" if more > 0 else "")
        return f"packet {self.packet} (and {others})"


class FindingBook:
    """Collects findings.

    Attributes:
        left_out: findings of kinds that no longer fitted.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self._kinds: dict[tuple[str, str, Severity], CaptureFinding] = {}

    def add(
        self,
        packets: tuple[int, ...],
        clause: str,
        text: str,
        *,
        severity: Severity = Severity.FAULT,
        remedy: str = "",
    ) -> None:
        """Take one finding.

        Args:
            packets: those that show it; the first is the one to look at.
            clause: RFC and section.
            text: what is wrong.
            severity: how bad it is.
            remedy: what to do.
        """
        key = (clause, text, severity)
        known = self._kinds.get(key)
        if known is not None:
            known.count += 1
            known.packets = (known.packets + packets[:1])[:PACKETS_TOLD]
        elif len(self._kinds) < MAX_KINDS:
            first, rest = (packets or (0,))[0], packets[1:]
            self._kinds[key] = CaptureFinding(first, clause, text, severity, remedy, rest)
        else:
            self.left_out += 1

    def findings(self) -> list[CaptureFinding]:
        """Findings by severity, then by their first packet."""
        order = list(Severity)
        return sorted(self._kinds.values(), key=lambda f: (order.index(f.severity), f.packet))
