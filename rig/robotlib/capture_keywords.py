"""Keywords about captures: those of the test, and files from elsewhere."""

from __future__ import annotations

from pathlib import Path

from robot.api.deco import keyword

from rig.assertion import ProductFailure
from rig.capture.analysis import CaptureAnalysis, analyse_capture
from rig.robotlib.component import Component
from rig.verdict.oracles.finding import Severity


class CaptureKeywords(Component):
    """The library itself writes ``captures/<test>.pcapng`` after every test."""

    @keyword(tags=["capture"])
    def save_capture(self) -> str:
        """Writes the packets of this test so far; returns the path, empty without packets."""
        path = self.session.write_capture()
        return str(path) if path else ""

    @keyword(tags=["capture"])
    def analyze_capture(self, path: Path) -> CaptureAnalysis:
        """Reads a pcap or pcapng file; returns MWI, subscriptions, calls, broken rules."""
        return analyse_capture(path)

    @keyword(tags=["capture"])
    def capture_should_keep_the_rules(self, path: Path) -> None:
        """Asserts that no packet of a file breaks a rule that can be seen in it alone."""
        result = analyse_capture(path)
        if not result.messages:
            raise ProductFailure(f"{path}: expected SIP messages, seen none")
        faults = [f for f in result.findings if f.severity is Severity.FAULT]
        if faults:
            broken = "\n".join(f"{f.where}: {f.text} ({f.clause})" for f in faults)
            raise ProductFailure(f"{path}: expected no broken rule, seen\n{broken}")
