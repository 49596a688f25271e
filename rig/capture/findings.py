"""Broken rules of a capture, as a reader of the capture wants them: packet, clause, words.

Must not know the rules; they are in :mod:`rig.verdict.oracles`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from rig.capture.quick_reader import is_clean
from rig.capture.usual_body import is_usual
from rig.verdict.oracles.all_oracles import ALL
from rig.verdict.oracles.bodies import Bodies
from rig.verdict.oracles.engine import OracleEngine
from rig.verdict.oracles.exchange import Exchange
from rig.verdict.oracles.finding import OracleFinding, Severity
from rig.verdict.oracles.oracle import Oracle
from rig.verdict.oracles.syntax import Syntax
from rig.verdict.oracles.view import SipView

PACKETS_TOLD = 8

_CAUSES = ("refused-", "connection-", "hole-one-way")
"""Oracles, by the beginning of their names, that say why others find something missing."""

_PLACE = {
    "en": ("the capture", "packet", "and", " times"),
    "de": ("der Mitschnitt", "Paket", "und", "-mal"),
}


@dataclass(frozen=True, slots=True)
class CaptureFinding:
    """Something that breaks a rule, whatever the scenario.

    Attributes:
        packet: number in the capture of the first packet to look at; 0 for none.
        clause: RFC and section.
        text: what is wrong.
        severity: how much it weighs.
        remedy: what to do.
        packets: further packets that show it.
        count: how often it was found.
        oracle: name of the rule.
        certain: no evidence was missing.
        text_de: what is wrong, in German.
        remedy_de: what to do, in German.
    """

    packet: int
    clause: str
    text: str
    severity: Severity = Severity.FAULT
    remedy: str = ""
    packets: tuple[int, ...] = ()
    count: int = 1
    oracle: str = ""
    certain: bool = True
    text_de: str = ""
    remedy_de: str = ""

    @property
    def where(self) -> str:
        """``packet 3 (and 4, 5; 10 times)``."""
        return self.place("en")

    def place(self, lang: str) -> str:
        """Where it is seen, in ``en`` or ``de``."""
        capture, packet, also, times = _PLACE[lang]
        if not self.packet:
            return capture
        notes = [f"{also} {', '.join(map(str, self.packets))}"] if self.packets else []
        notes += [f"{self.count}{times}"] if self.count > 1 else []
        return f"{packet} {self.packet}" + (f" ({'; '.join(notes)})" if notes else "")


def in_order(findings: Iterable[CaptureFinding]) -> list[CaptureFinding]:
    """Findings for a reader: the heaviest first, what says the same once, mere counts last."""
    alike: dict[tuple[str, str, Severity, bool], CaptureFinding] = {}
    for finding in findings:
        key = (finding.oracle, finding.text, finding.severity, finding.certain)
        first = alike.get(key)
        if first is None:
            alike[key] = finding
            continue
        packets = dict.fromkeys((*first.packets, finding.packet, *finding.packets))
        packets.pop(first.packet, None)
        alike[key] = replace(
            first,
            packets=tuple(packets)[:PACKETS_TOLD],
            count=first.count + finding.count,
        )
    return sorted(alike.values(), key=_rank)


def _rank(finding: CaptureFinding) -> tuple[int, bool, bool]:
    """Of equal weight, what says why stands before what only says that something is missing."""
    explains = finding.oracle.startswith(_CAUSES)
    return -finding.severity.rank, not finding.packet, not explains


def as_capture_finding(finding: OracleFinding) -> CaptureFinding:
    """The finding of an oracle, for a reader."""
    return CaptureFinding(
        packet=finding.packet,
        clause=finding.clause,
        text=finding.sentence,
        severity=finding.severity,
        remedy=finding.remedy,
        packets=finding.packets[1 : PACKETS_TOLD + 1],
        count=finding.times,
        oracle=finding.oracle,
        certain=finding.certain,
        text_de=finding.sentence_de,
        remedy_de=finding.remedy_de,
    )


class _QuickSyntax(Syntax):
    """Looks closely only at messages that were not recognised as clean."""

    def message(self, view: SipView) -> None:
        if not is_clean(view.message):
            super().message(view)


class _QuickBodies(Bodies):
    """Looks closely only at summaries that are not written as most write them."""

    def request(self, view: SipView, exchange: Exchange) -> None:
        if not is_usual(view.message):
            super().request(view, exchange)


_QUICK: dict[type[Oracle], type[Oracle]] = {Syntax: _QuickSyntax, Bodies: _QuickBodies}


def capture_engine() -> OracleEngine:
    """All oracles, with short cuts for what is surely right."""
    return OracleEngine([_QUICK.get(kind, kind) for kind in ALL])
