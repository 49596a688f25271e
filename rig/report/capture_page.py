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
from rig.report.ladder_layout import message_anchors, name_of
from rig.report.ladder_svg import draw
from rig.report.page import instant, page_parts, page_template
from rig.report.record import ScenarioRecord
from rig.report.words import PAGES, Words
from rig.verdict.outcome import Outcome

MAX_LANES = 8
MAX_ROWS = 300
NAME = "capture"
"""Prefix of the anchors of messages."""

_EDGES = {
    "fault": "fail",
    "blind": "inconclusive",
    "empty": "inconclusive",
    "warning": "inconclusive",
    "clean": "pass",
}
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
    names = _names(events)
    shown, lanes = _busiest(events, names)
    scenario = ScenarioRecord(
        name=NAME,
        title=str(data["file"]),
        requirements=(),
        outcome=Outcome.NONE,
        sentence="",
        started_at=shown[0]["at"] if shown else 0.0,
        duration_s=0.0,
        events=shown,
        participants=names,
    )
    proofs = frozenset(finding["packet"] for finding in data["findings"])
    ladder = Markup(draw(scenario, proofs=proofs, lang=lang)) if shown else Markup()  # noqa: S704 - ladder_svg escapes every text it is given
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
    if any(finding["severity"] == "warning" for finding in data["findings"]):
        return "warning"
    if data["blind"]:
        return "blind"
    return "clean" if data["messages"] or data["fetches"] else "empty"


def _names(events: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """One lane for a host that speaks SIP at one port, whatever ports it fetches from."""
    ports: dict[str, Counter[str]] = {}
    for event in events:
        for end in _ends(event):
            of_host = ports.setdefault(end.rpartition(":")[0], Counter())
            if event["kind"] != "fetch":
                of_host[end] += 1
    names = {host: host for host, of_host in ports.items() if len(of_host) < 2}
    for event in events:
        if event["kind"] == "fetch" and (host := event["client"].rpartition(":")[0]) not in names:
            names[event["client"]] = ports[host].most_common(1)[0][0]
    return names


def _busiest(
    events: Sequence[Mapping[str, Any]], names: Mapping[str, str]
) -> tuple[list[dict[str, Any]], int]:
    """The first events between few lanes, because no page is wide enough for all."""

    def lanes_of(event: Mapping[str, Any]) -> list[str]:
        return [name_of(end, names) for end in _ends(event)]

    counts: Counter[str] = Counter()
    for event in events:
        counts.update(lanes_of(event))
    lanes = {name for name, _ in counts.most_common(MAX_LANES)}
    shown = [dict(event) for event in events if lanes.issuperset(lanes_of(event))]
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
