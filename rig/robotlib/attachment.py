"""What a failed test shows in Robot's log: findings, measurements, ladder and lamp track.

Inline SVG and no script; its own light card, so that it reads the same in a dark log.
"""

from __future__ import annotations

import functools
import re
from html import escape

from rig.report.html_report import proof_packets
from rig.report.ladder_svg import draw
from rig.report.record import ScenarioRecord
from rig.report.words import PAGES

_COLOURS = re.compile(r":root *\{([^{}]*)\}")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_LINK = re.compile(r' href="#[^"]*"')
_CARD = (
    "color-scheme:light; background:var(--card); color:var(--fg); padding:.6em 1em; "
    "border-radius:6px"
)


@functools.cache
def style() -> str:
    """The report's drawing rules in its light colours, for what is inside the card only."""
    sheet = (PAGES / "style.css").read_text(encoding="utf-8")
    colours = _COLOURS.search(sheet)
    rules = [f".phonerig {{ {colours[1] if colours else ''}; {_CARD} }}"]
    for selectors, body in _RULE.findall(sheet):
        drawn = [one.strip() for one in selectors.split(",") if one.strip().startswith("svg")]
        if drawn:
            rules.append(f"{', '.join(f'.phonerig {one}' for one in drawn)} {{{body}}}")
    return "\n".join(rules)


def attachment(record: ScenarioRecord) -> str:
    """Show a verdict as HTML.

    Args:
        record: judged.

    Returns:
        One element; every text in it is escaped.
    """
    parts = [
        f'<div class="phonerig"><style>{style()}</style>',
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
        drawing = _LINK.sub("", draw(record, proofs=proof_packets(record)))
        parts.append(f'<div style="overflow-x:auto">{drawing}</div>')
    parts.append("</div>")
    return "".join(parts)
