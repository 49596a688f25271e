"""Latencies over many runs as one HTML page: a histogram and a course for each model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from markupsafe import Markup

from rig.report.page import instant, page_parts, page_template
from rig.report.results_store import RunRow
from rig.report.trend import BOUNDS_S, TrendRow
from rig.report.words import Words, words

_W, _H, _BASE, _LEFT = 440, 150, 120, 52


def write_trend(
    rows: Iterable[TrendRow], runs: Iterable[RunRow], path: Path, *, lang: str = "en"
) -> None:
    """Write a self-contained page; it has no script.

    Args:
        rows: what to draw.
        runs: the runs behind it, the oldest first.
        path: file to write.
        lang: ``en`` or ``de``.

    Raises:
        UsageError: there is no such language.
        OSError: the file cannot be written.
    """
    said = words(lang)
    filters: dict[str, Callable[..., Any]] = {
        "instant": instant,
        "time": partial(in_words, said),
        "bars": partial(_bars, said),
        "course": partial(_course, said),
    }
    template = page_template("trend.html.j2", said, filters)
    page = template.render(page_parts(), rows=list(rows), runs=list(runs))
    path.write_text(page, encoding="utf-8")


def in_words(said: Words, value_s: float) -> str:
    """``27.5 ms`` or ``1.20 s``."""
    if value_s < 1:
        return f"{said.fixed(value_s * 1000, 1)} ms"
    return f"{said.fixed(value_s, 2)} s"


def _svg(label: str, parts: Iterable[str]) -> Markup:
    size = f'viewBox="0 0 {_W} {_H}" width="{_W}" height="{_H}"'
    name = f'role="img" aria-label="{escape(label)}"'
    inner = "".join(parts)
    return Markup(f'<svg class="chart" {size} {name}>{inner}</svg>')  # noqa: S704 - numbers and escaped texts only


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _bars(said: Words, row: TrendRow) -> Markup:
    """The histogram, from the first bar that holds something to the last."""
    used = [i for i, count in enumerate(row.histogram) if count]
    shown = range(used[0], used[-1] + 1)
    width = min(60.0, (_W - 20) / len(shown))
    most = max(row.histogram)
    parts, spoken = [], []
    for place, i in enumerate(shown):
        count, x = row.histogram[i], 10 + place * width
        height = (_BASE - 20) * count / most
        bound = f"≤ {_short(BOUNDS_S[i])}" if i < len(BOUNDS_S) else said.texts["slower"]
        spoken.append(f"{bound}: {count}")
        late = row.limit_s is not None and (i == len(BOUNDS_S) or BOUNDS_S[i] > row.limit_s)
        kind = "bar late" if late else "bar"
        size = f'width="{width - 4:.1f}" height="{height:.1f}" rx="2"'
        bar = f'<rect class="{kind}" x="{x + 2:.1f}" y="{_BASE - height:.1f}" {size}/>'
        parts.append(f"<g><title>{bound}: {count}</title>{bar}</g>")
        parts.append(_text(x + width / 2, _BASE + 14, bound))
        if count:
            parts.append(_text(x + width / 2, _BASE - height - 4, str(count)))
    return _svg("; ".join(spoken), parts)


def _short(bound_s: float) -> str:
    return f"{bound_s * 1000:.0f} ms" if bound_s < 1 else f"{bound_s:.0f} s"


def _course(said: Words, row: TrendRow) -> Markup:
    """The median of each run, oldest left, on a scale that begins at nothing."""
    top_s = max(value for _, value in row.course) * 1.15 or 1.0
    step = (_W - _LEFT - 20) / max(1, len(row.course) - 1)
    points = [
        (_LEFT + i * step, _BASE - (_BASE - 16) * value / top_s, at, value)
        for i, (at, value) in enumerate(row.course)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in points)
    parts = [
        f'<line class="lane" x1="{_LEFT}" y1="{_BASE}" x2="{_W - 10}" y2="{_BASE}"/>',
        _text(_LEFT - 6, _BASE + 4, "0", "time"),
        _text(_LEFT - 6, 22, in_words(said, top_s / 1.15), "time"),
        f'<polyline class="course" points="{line}"/>',
    ]
    for x, y, at, value in points:
        label = f"{instant(at)}: {in_words(said, value)}"
        parts.append(
            f'<g><title>{label}</title><circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="4"/></g>'
        )
    parts.append(_text(_LEFT, _BASE + 18, instant(points[0][2])[:10], "start"))
    if len(points) > 1:
        parts.append(_text(_W - 10, _BASE + 18, instant(points[-1][2])[:10], "time"))
    spoken = ", ".join(in_words(said, value) for _, value in row.course)
    return _svg(f"{row.name}: {spoken}", parts)
