"""The run record as one HTML page: readable without script, by day and by night.

A script of our own adds zoom; the page's policy lets the browser run nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from markupsafe import Markup

from rig.report.ladder_layout import message_anchors
from rig.report.ladder_svg import draw
from rig.report.page import instant, page_parts, page_template
from rig.report.record import RunRecord, ScenarioRecord
from rig.report.words import words
from rig.verdict.outcome import Outcome


def write_html(
    record: RunRecord,
    path: Path,
    *,
    lang: str = "en",
    others: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write a self-contained page.

    Args:
        record: finished run.
        path: file to write.
        lang: ``en`` or ``de``.
        others: file name of the same page by other language; the page links to them.

    Raises:
        UsageError: there is no such language.
    """
    said = words(lang)
    page = page_template("report.html.j2", said).render(
        page_parts("report.js"),
        record=record,
        others={words(other).texts["language"]: name for other, name in others.items()},
        outcome=record.outcome.value,
        edge="skipped" if record.outcome is Outcome.NONE else record.outcome.value,
        words=said.texts[f"words_{record.outcome.value}"],
        started=instant(record.started_at),
        ladders={s.name: Markup(_ladder(s, lang)) for s in record.scenarios},  # noqa: S704 - ladder_svg escapes every text it is given
        messages={s.name: _messages(s) for s in record.scenarios},
        latencies={s.name: latencies(s) for s in record.scenarios},
        proofs={s.name: proof_packets(s) for s in record.scenarios},
        numbers={s.name: {e.get("number", 0) for e in s.events} for s in record.scenarios},
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


def _ladder(scenario: ScenarioRecord, lang: str) -> str:
    return draw(scenario, proofs=proof_packets(scenario), lang=lang) if scenario.events else ""
