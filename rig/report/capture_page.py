"""An analysed capture as one page: findings first, then what there was, then the ladder.

Written from plain data; the page runs no script.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup

from rig.errors import UsageError
from rig.report.ladder_layout import message_anchors
from rig.report.ladder_svg import draw
from rig.report.page import instant, page_parts, page_template
from rig.report.record import ScenarioRecord
from rig.report.words import PAGES, Words
from rig.verdict.outcome import Outcome

MAX_LANES = 8
MAX_ROWS = 300
NAME = "capture"
"""Prefix of the anchors of messages."""

_EDGES = {"fault": "fail", "blind": "inconclusive", "empty": "inconclusive", "clean": "pass"}
_SEVERITIES = {"fault": "fail", "warning": "inconclusive", "note": "skipped"}


def write_capture_page(
    data: Mapping[str, Any],
    events: Sequence[Mapping[str, Any]],
    path: Path,
    *,
    lang: str = "en",
) -> None:
    """Write the page.

    Args:
        data: the analysis as plain data.
        events: its timeline as plain data, as reports have it, in order of time.
        path: file to write.
        lang: ``en`` or ``de``.

    Raises:
        UsageError: there is no such language.
    """
    said = _words(lang)
    shown, lanes = _busiest(events)
    scenario = ScenarioRecord(
        name=NAME,
        title=str(data["file"]),
        requirements=(),
        outcome=Outcome.NONE,
        sentence="",
        started_at=shown[0]["at"] if shown else 0.0,
        duration_s=0.0,
        events=shown,
    )
    proofs = frozenset(finding["packet"] for finding in data["findings"])
    ladder = Markup(draw(scenario, proofs=proofs)) if shown else Markup()  # noqa: S704 - ladder_svg escapes every text it is given
    anchors = message_anchors(shown)
    outcome = _outcome(data)
    all_events = len(events) + data["left_out"].get("events", 0)
    page = page_template("capture.html.j2", said).render(
        page_parts(),
        data={**data, "left_out": Counter(data["left_out"])},
        started=instant(events[0]["at"]) if events else "",
        start=events[0]["at"] if events else 0.0,
        outcome=outcome,
        edge=_EDGES[outcome],
        edges=_SEVERITIES,
        shown={event["number"] for event in shown if "number" in event},
        ladder=ladder,
        part=said.texts["ladder_part"].format(shown=len(shown), all=all_events, lanes=lanes),
        messages=[(a, e) for a, e in zip(anchors, shown, strict=True) if a],
    )
    path.write_text(page, encoding="utf-8")


def _outcome(data: Mapping[str, Any]) -> str:
    if any(finding["severity"] == "fault" for finding in data["findings"]):
        return "fault"
    if data["blind"]:
        return "blind"
    return "clean" if data["messages"] or data["fetches"] else "empty"


def _busiest(events: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """The first events between few addresses, because no page is wide enough for all."""
    counts: Counter[str] = Counter()
    for event in events:
        counts.update(_ends(event))
    lanes = {address for address, _ in counts.most_common(MAX_LANES)}
    shown = [dict(event) for event in events if lanes.issuperset(_ends(event))]
    shown = sorted(shown[:MAX_ROWS], key=lambda event: float(event["at"]))
    return shown, len(lanes)


def _ends(event: Mapping[str, Any]) -> list[str]:
    if event["kind"] == "fetch":
        return [event["client"]]
    return [event["source"], event["destination"]]


@cache
def _languages() -> dict[str, dict[str, str]]:
    data: dict[str, dict[str, str]] = yaml.safe_load(
        (PAGES / "capture.yaml").read_text(encoding="utf-8")
    )
    return data


def _words(lang: str) -> Words:
    languages = _languages()
    if lang not in languages:
        raise UsageError(f"no page in {lang!r}; expected {' or '.join(languages)}")
    return Words(lang, languages[lang], {})
