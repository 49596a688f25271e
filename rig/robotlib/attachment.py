"""What a failed test shows in Robot's log: findings, measurements, ladder and lamp track.

Inline SVG and no script; its own light card, so that it reads the same in a dark log.
"""

from __future__ import annotations

import re
from html import escape

from rig.report.html_report import proof_packets
from rig.report.ladder_svg import draw
from rig.report.record import ScenarioRecord

_STYLE = """
.phonerig { background:#fbfbfa; color:#1d2329; padding:.6em 1em; border-radius:6px }
.phonerig .box { overflow-x:auto; border:1px solid #d7dce0; background:#fff }
.phonerig svg { font:12px sans-serif } .phonerig svg text { fill:#1d2329; text-anchor:middle }
.phonerig .lane { stroke:#d7dce0; stroke-width:1.5 }
.phonerig .tick { stroke:#d7dce0; stroke-width:.5 }
.phonerig svg .who { font-weight:600 } .phonerig svg .time { text-anchor:end; fill:#5b6670 }
.phonerig svg .lampname { font-size:10px }
.phonerig svg .lampstate { text-anchor:start; font-size:10px; fill:#5b6670 }
.phonerig .request line, .phonerig .request path { stroke:#1456a8; fill:#1456a8 }
.phonerig .response line, .phonerig .response path { stroke:#4a6b3a; fill:#4a6b3a }
.phonerig .fetch line, .phonerig .fetch path { stroke:#7a4fa3; fill:#7a4fa3 }
.phonerig .rtp line, .phonerig .rtp path { stroke:#0b7f86; fill:#0b7f86; stroke-dasharray:5 4 }
.phonerig .rtp .rail { stroke-width:5; stroke-dasharray:none; opacity:.35 }
.phonerig .again { opacity:.55 }
.phonerig .proof line, .phonerig .proof path { stroke:#c22f2f; fill:#c22f2f; stroke-width:3 }
.phonerig .remark rect { fill:#fbfbfa; stroke:#d7dce0 }
.phonerig .lamp.lit { fill:#ffb000 } .phonerig .lamp.dark { fill:#b9c0c6 }
.phonerig .lamp.unknown { fill:none; stroke:#c22f2f; stroke-dasharray:3 3 }
"""
_LINK = re.compile(r'<a href="#[^"]*">')


def attachment(record: ScenarioRecord) -> str:
    """Show a verdict as HTML.

    Args:
        record: judged.

    Returns:
        One element; every text in it is escaped.
    """
    parts = [
        f'<div class="phonerig"><style>{_STYLE}</style>',
        f"<p><b>{escape(record.outcome.value)}</b>: {escape(record.sentence)}</p>",
    ]
    parts += [
        f"<p>{escape(fault['outcome'])}: {escape(fault['sentence'])}</p>"
        for fault in record.rig_faults
    ]
    for finding in record.findings:
        head = f"{finding['class']} {finding['title']} ({finding['component']})"
        parts.append(f"<p><b>{escape(head)}</b>: {escape(finding['sentence'])}</p><ul>")
        parts += [
            f"<li>{escape(proof['where'])}: <code>{escape(proof['text'])}</code></li>"
            for proof in finding["proofs"]
        ]
        parts.append(f"</ul><p>Remedy: {escape(finding['remedy'])}</p>")
    if record.events:
        drawing = _LINK.sub("<a>", draw(record, proofs=proof_packets(record)))
        parts.append(f'<div class="box">{drawing}</div>')
    parts.append("</div>")
    return "\n".join(parts)
