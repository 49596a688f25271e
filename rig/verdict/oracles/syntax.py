"""Single messages: everything that :func:`rig.sip.lint.lint` names, weighed.

Covers RFC 3261 7, 8.1.1, 18.3, 20, 25.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rig.errors import ProtocolError
from rig.sip.lint import LintFinding, lint
from rig.verdict.oracles.finding import Severity
from rig.verdict.oracles.oracle import Oracle
from rig.verdict.oracles.view import SipView

_VALUE = re.compile(r"'[^']*'|[0-9]+")

WEIGHTS: dict[str, Severity] = {
    "RFC 3261 8.1.1": Severity.FAULT,
    "RFC 3261 8.1.1.3": Severity.FAULT,
    "RFC 3261 8.1.1.5": Severity.FAULT,
    "RFC 3261 7.3.1": Severity.FAULT,
    "RFC 3261 10.2.2": Severity.FAULT,
    "RFC 3261 20": Severity.FAULT,
    "RFC 3261 20.14": Severity.FAULT,
    "RFC 3261 25.1": Severity.NOTE,
    "RFC 3261 20.17": Severity.NOTE,
    "RFC 3261 8.1.1.7": Severity.NOTE,
    "RFC 3261 8.1.3.3": Severity.NOTE,
}
"""Weight by clause: what a receiver must refuse is a fault, what all put up with is a note.

A peer of RFC 2543 has no branch (8.1.1.7), and at a proxy responses with several Via are right
(8.1.3.3).
"""


ADDRESSES = (
    *("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Refer-To"),
    *("Referred-By", "Route", "Record-Route", "Path"),
)
"""Headers that hold addresses and that nobody else reads. Source: RFC 3261 20, 3325 9, 3515 2."""


def _addresses(view: SipView) -> Iterator[LintFinding]:
    for name in ADDRESSES:
        if name in view.message.headers:
            try:
                view.message.address_list(name)
            except ProtocolError as error:
                yield LintFinding("RFC 3261 20", str(error))


class Syntax(Oracle):
    """Judges each message by itself."""

    def message(self, view: SipView) -> None:
        """Lint it, and name each kind of fault once for each sender."""
        for finding in (*lint(view.message), *_addresses(view)):
            if finding.clause == "RFC 3261 8.1.3.3":
                continue  # it was captured on its way, not at its end
            self._name(view, finding)

    def _name(self, view: SipView, finding: LintFinding) -> None:
        kind = _VALUE.sub("", finding.text)
        self.scene.report(
            "sip-syntax",
            [view.number],
            f"{view.source[0]} {finding.clause} {kind}",
            severity=WEIGHTS.get(finding.clause),
            clause=finding.clause,
            error=finding.text,
            method=view.method,
        )
