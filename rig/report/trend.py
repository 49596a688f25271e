"""What many latencies say together: percentiles by model and firmware, a histogram, a course.

Pure functions on what the file of results holds.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rig.report.results_store import Latency

BOUNDS_S = tuple(m * 10.0**e for e in range(-3, 2) for m in (1, 2, 5))
"""Upper bounds of the bars of a histogram, in seconds: 1, 2, 5 ms and so on to 50 s."""


@dataclass(frozen=True, slots=True)
class TrendRow:
    """All latencies of one name, model and firmware.

    Attributes:
        name: ``lamp_on_latency_s`` and so on.
        model: of the handsets.
        firmware: of the handsets; empty if not known.
        count: how many were measured.
        runs: in how many runs.
        p50_s: median, seconds.
        p95_s: 95th percentile, seconds.
        worst_s: the slowest, seconds.
        limit_s: the strictest limit that applied, or None.
        histogram: count of each bar of :data:`BOUNDS_S`, and one more for what is slower.
        course: median of each run with its instant, in order.
    """

    name: str
    model: str
    firmware: str
    count: int
    runs: int
    p50_s: float
    p95_s: float
    worst_s: float
    limit_s: float | None
    histogram: tuple[int, ...]
    course: tuple[tuple[float, float], ...]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least a share of all values does not exceed (nearest rank).

    Args:
        values: at least one.
        share: above 0, at most 1.
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def histogram(values: Iterable[float]) -> tuple[int, ...]:
    """How many values fall under each bound of :data:`BOUNDS_S`, the rest in the last bar."""
    bars = [0] * (len(BOUNDS_S) + 1)
    for value in values:
        bars[next((i for i, b in enumerate(BOUNDS_S) if value <= b), len(BOUNDS_S))] += 1
    return tuple(bars)


def trend(latencies: Iterable[Latency]) -> list[TrendRow]:
    """Gather by name, model and firmware.

    Args:
        latencies: in order of time.

    Returns:
        Sorted by name, model and firmware.
    """
    groups: dict[tuple[str, str, str], list[Latency]] = defaultdict(list)
    for latency in latencies:
        groups[latency.name, latency.model, latency.firmware].append(latency)
    return [_row(key, group) for key, group in sorted(groups.items())]


def _row(key: tuple[str, str, str], group: list[Latency]) -> TrendRow:
    values = [latency.value_s for latency in group]
    by_run: dict[float, list[float]] = defaultdict(list)
    for latency in group:
        by_run[latency.started_at].append(latency.value_s)
    return TrendRow(
        *key,
        count=len(values),
        runs=len(by_run),
        p50_s=percentile(values, 0.5),
        p95_s=percentile(values, 0.95),
        worst_s=max(values),
        limit_s=min((x.limit_s for x in group if x.limit_s is not None), default=None),
        histogram=histogram(values),
        course=tuple((at, percentile(run, 0.5)) for at, run in sorted(by_run.items())),
    )
