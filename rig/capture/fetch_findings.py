"""What is wrong with the fetches of a capture, as a reader of the capture wants it.

Must not know the rules; they are in :mod:`rig.verdict.oracles.fetches`. A capture may hold any
web traffic: what no phone asks for is nobody's fault here. What a capture lacks makes a finding
uncertain, for a file may have gone where nobody looked.
"""

from __future__ import annotations

from rig.capture.fetch_order import FetchOrder
from rig.capture.findings import PACKETS_TOLD, CaptureFinding
from rig.verdict.oracles.fetch import Fetch
from rig.verdict.oracles.fetch_finding import FetchFinding
from rig.verdict.oracles.fetch_names import asked_by_phone
from rig.verdict.oracles.fetches import FetchOracle
from rig.verdict.oracles.finding import Severity

MOST_FINDINGS = 500
"""Kept of one capture; the first say enough."""


class FetchJudge:
    """Judges fetches as they come.

    Attributes:
        order: takes the packets.
        cut: packets of fetches that the capture cut short: no size is known then.
        left_out: findings that are counted only.
    """

    def __init__(self) -> None:
        self.order = FetchOrder()
        self.cut = 0
        self.left_out = 0
        self._oracle = FetchOracle()
        self._found: list[FetchFinding] = []

    def passed(self, at: float) -> None:
        """Judge what is complete at an instant."""
        for fetch in self.order.ready(at):
            self._judge(fetch)

    def close(self, at: float, *, blind: bool) -> list[CaptureFinding]:
        """Judge the rest.

        Args:
            at: end of the capture.
            blind: something that was on the wire is not in the capture.
        """
        for fetch in self.order.close(at):
            self._judge(fetch)
        self._keep(self._oracle.close())
        certain = not (blind or self.cut)
        return [_as_capture_finding(finding, certain=certain) for finding in self._found]

    def _judge(self, fetch: Fetch) -> None:
        self._keep(self._oracle.feed(fetch))

    def _keep(self, findings: list[FetchFinding]) -> None:
        for finding in findings:
            if not any(asked_by_phone(f.transport, f.path, f.user_agent) for f in finding.fetches):
                continue
            if len(self._found) < MOST_FINDINGS:
                self._found.append(finding)
            else:
                self.left_out += 1


def _as_capture_finding(finding: FetchFinding, *, certain: bool) -> CaptureFinding:
    packets = tuple(dict.fromkeys(fetch.number for fetch in finding.fetches if fetch.number))
    return CaptureFinding(
        packet=packets[0] if packets else 0,
        clause=finding.rule.clause,
        text=finding.sentence("en"),
        severity=Severity(finding.rule.severity) if certain else Severity.NOTE,
        remedy=finding.remedy("en"),
        packets=packets[1 : PACKETS_TOLD + 1],
        oracle=finding.rule.name,
        certain=certain,
        text_de=finding.sentence("de"),
        remedy_de=finding.remedy("de"),
    )
