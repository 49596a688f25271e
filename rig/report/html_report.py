"""The run record as one HTML page: readable without script, by day and by night."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rig.report.ladder_layout import message_anchors
from rig.report.ladder_svg import draw
from rig.report.record import RunRecord, ScenarioRecord
from rig.verdict.outcome import Outcome

PAGES = Path(__file__).parent / "pages"
_RELATIONS = {"<=": "≤", ">=": "≥", "==": "="}
_WORDS = {
    Outcome.PASS: "Everything measured is within its limits.",
    Outcome.FAIL: "The system under test is wrong; the fault is named below.",
    Outcome.ERROR: "The rig could not do its work; nothing is said about the system under test.",
    Outcome.INCONCLUSIVE: "The evidence does not decide.",
    Outcome.SKIPPED: "Nothing could run on this bench.",
    Outcome.NONE: "Nothing was measured.",
}


def write_html(record: RunRecord, path: Path) -> None:
    """Write a self-contained page.

    Args:
        record: finished run.
        path: file to write.
    """
    environment = Environment(
        loader=FileSystemLoader(PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["seconds"] = lambda value: f"{value:.3f}"
    environment.filters["number"] = _number
    environment.filters["relation"] = lambda sign: _RELATIONS.get(sign, sign)
    style = (PAGES / "style.css").read_text(encoding="utf-8")
    page = environment.get_template("report.html.j2").render(
        record=record,
        style=Markup(style),  # noqa: S704 - a file of our own
        outcome=record.outcome.value,
        edge="skipped" if record.outcome is Outcome.NONE else record.outcome.value,
        words=_WORDS[record.outcome],
        started=dt.datetime.fromtimestamp(record.started_at, tz=dt.UTC).strftime(
            "%Y-%m-%d %H:%M:%S UTC"
        ),
        ladders={s.name: Markup(_ladder(s)) for s in record.scenarios},  # noqa: S704 - ladder_svg escapes every text it is given
        messages={s.name: _messages(s) for s in record.scenarios},
        latencies={s.name: latencies(s) for s in record.scenarios},
        proofs={s.name: proof_packets(s) for s in record.scenarios},
        counts={
            word: sum(s.outcome.value == word for s in record.scenarios)
            for word in ("pass", "fail", "error", "inconclusive", "skipped")
        },
    )
    path.write_text(page, encoding="utf-8")


def proof_packets(scenario: ScenarioRecord) -> frozenset[int]:
    """Packet numbers that prove a finding."""
    return frozenset(
        proof["packet"]
        for finding in scenario.findings
        for proof in finding["proofs"]
        if proof["packet"]
    )


def latencies(scenario: ScenarioRecord) -> tuple[str, str]:
    """The slowest lamp and the slowest NOTIFY of a scenario, in milliseconds, for tables."""
    found = []
    for prefix in ("lamp_", "notify_"):
        values = [
            m["value"]
            for m in scenario.measurements
            if m["name"].startswith(prefix)
            and "latency_s" in m["name"]
            and isinstance(m["value"], int | float)
        ]
        found.append(f"{max(values) * 1000:.1f} ms" if values else "")
    return found[0], found[1]


def _messages(scenario: ScenarioRecord) -> list[tuple[str, dict[str, Any]]]:
    """Messages with the anchors that the ladder links to."""
    events = sorted(scenario.events, key=lambda event: float(event["at"]))
    return [(a, e) for a, e in zip(message_anchors(events), events, strict=True) if a]


def _ladder(scenario: ScenarioRecord) -> str:
    return draw(scenario, proofs=proof_packets(scenario)) if scenario.events else ""


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
