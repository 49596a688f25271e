"""Rules broken on the wire, as plain data for a run record."""

from __future__ import annotations

from typing import Any

from rig.redact import redact_text
from rig.sip.matching import host_port
from rig.timeline import SipSeen
from rig.verdict.evidence import Evidence
from rig.verdict.oracles.finding import OracleFinding

PACKETS_TOLD = 8


def rule_rows(
    findings: list[OracleFinding], evidence: Evidence, participants: dict[str, str]
) -> list[dict[str, Any]]:
    """What the passive oracles found, with who sent the decisive message.

    Args:
        findings: of :func:`rig.verdict.wire_rules.broken_rules`.
        evidence: of the scenario.
        participants: names by ``host:port`` and by host.
    """
    wanted = {finding.packet for finding in findings}
    sources = {s.number: s.source for s in evidence.events(SipSeen) if s.number in wanted}

    def sender(finding: OracleFinding) -> str:
        if finding.packet not in sources:
            return ""
        address = sources[finding.packet]
        shown = host_port(address)
        return participants.get(shown) or participants.get(address[0]) or shown

    return [
        {
            "oracle": finding.oracle,
            "clause": finding.clause,
            "severity": finding.severity.value,
            "class": finding.fault_class.value if finding.fault_class else "",
            "sender": sender(finding),
            "packets": list(finding.packets[:PACKETS_TOLD]),
            "at": finding.at,
            "times": finding.times,
            "certain": finding.certain,
            "sentence": redact_text(finding.sentence),
            "remedy": redact_text(finding.remedy),
            "de": {
                "sentence": redact_text(finding.sentence_de),
                "remedy": redact_text(finding.remedy_de),
            },
        }
        for finding in findings
    ]
