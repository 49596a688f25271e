"""One way for all benchmarks to print a figure: ``name value unit (target ...)``.

A figure that has several rounds also says how far apart they were; a figure with a target says
whether it was met. No benchmark fails because a figure misses its target: machines differ.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence


def report(
    name: str,
    value: float,
    unit: str,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
    rounds: Sequence[float] = (),
    note: str = "",
) -> None:
    """Print one figure.

    Args:
        name: one word, parts joined by underscores.
        value: the figure.
        unit: ``ms``, ``KB`` (1000 octets), ``x`` for a ratio, ...
        at_most: target; the figure should not be above it.
        at_least: target; the figure should not be below it.
        rounds: every round's figure, to tell how far they spread.
        note: what else a reader must know.
    """
    told = []
    if at_most is not None:
        told.append(f"target <= {at_most:g}: {'met' if value <= at_most else 'MISSED'}")
    if at_least is not None:
        told.append(f"target >= {at_least:g}: {'met' if value >= at_least else 'MISSED'}")
    if len(rounds) > 1:
        told.append(f"{min(rounds):.4g} to {max(rounds):.4g} in {len(rounds)} rounds")
    if note:
        told.append(note)
    print(f"{name} {value:.4g} {unit}" + (f" ({'; '.join(told)})" if told else ""), flush=True)


def report_median(
    name: str,
    rounds: Sequence[float],
    unit: str,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
    note: str = "",
) -> None:
    """Print the median of several rounds, and their spread."""
    value = statistics.median(rounds)
    report(name, value, unit, at_most=at_most, at_least=at_least, rounds=rounds, note=note)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of the values do not exceed.

    Args:
        values: at least one, in any order.
        percent: above 0, to 100.
    """
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)]


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """A parser that knows ``--quick``."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="few and small rounds, to see that it runs"
    )
    return parser
