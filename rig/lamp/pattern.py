"""Tells from the edges of a lamp what it does: off, steady, slow or fast blinking, a pattern.

Sans-IO: edges and instants go in, readings come out; no clock is read here. The same
classifier serves the virtual lamp's synthetic edges and a photodiode's real ones.

A blinking lamp is never read as off: while the evidence does not decide, the last settled
state stands, and before the first one it is ``unknown``. A settled reading carries the
instant of the edge where it began, so the decision may come late while its time is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rig.timeline import LampState

_MAX_EDGES = 64
"""Edges kept; more than any decision needs."""


@dataclass(frozen=True, slots=True)
class LampEdge:
    """The light went on or off.

    Attributes:
        at: instant, seconds.
        on: True if it went on, False if it went dark.
    """

    at: float
    on: bool


@dataclass(frozen=True, slots=True)
class PatternThresholds:
    """Where one pattern ends and the next begins; all times in seconds.

    Attributes:
        settle_s: a lamp without an edge for so long is steady or off; longer than the longest
            dark or lit phase of any blinking that must be recognised.
        fast_below_s: blinking with a shorter period is fast, with a longer one slow.
        jitter: how much one phase may differ from its mean, as a fraction of the period.
        cycles: complete periods that must agree before blinking is settled, at least 1.
        dimming_s: dark gaps shorter than this come from dimming by pulse width, and are lit.
        burst_s: even blinking must have gone on for so long; less may be a group of flashes with
            a pause to come, as 3 times 100 ms. Source: user pattern of the Cisco SPA guide.
    """

    settle_s: float = 3.0
    fast_below_s: float = 0.7
    jitter: float = 0.15
    cycles: int = 2
    dimming_s: float = 0.02
    burst_s: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.dimming_s < self.fast_below_s < 2 * self.settle_s:
            raise ValueError("expected dimming_s < fast_below_s < 2 * settle_s")
        if self.cycles < 1 or not 0 < self.jitter < 0.5:
            raise ValueError("expected cycles of at least 1 and jitter between 0 and 0.5")

    @property
    def decides_within_s(self) -> float:
        """How long after a change it is decided, for blinking with a period up to ``settle_s``."""
        return max(1, self.cycles) * self.settle_s


@dataclass(frozen=True, slots=True)
class LampReading:
    """What a lamp does, and since which edge.

    Attributes:
        state: the settled state.
        since: instant of the first edge that belongs to it.
        period_s: mean period of blinking; 0 otherwise.
        slack_s: how much later than ``since`` it may have begun. Blinking that ends in a dark
            phase shows it only when the next lit one fails to come.
    """

    state: LampState
    since: float
    period_s: float = 0.0
    slack_s: float = 0.0

    @property
    def by(self) -> float:
        """Instant by which it had begun for certain."""
        return self.since + self.slack_s


def classify(
    edges: Sequence[LampEdge], now: float, thresholds: PatternThresholds
) -> LampReading | None:
    """Judge the edges seen so far.

    Args:
        edges: in order of time, levels alternating.
        now: instant of the judgement, not before the last edge.
        thresholds: limits.

    Returns:
        The settled reading, or None while the evidence does not decide.
    """
    if not edges:
        return None
    last = edges[-1]
    run = _run(edges, thresholds.settle_s)
    if now >= last.at + thresholds.settle_s:
        state = LampState.STEADY if last.on else LampState.OFF
        return LampReading(state, last.at, slack_s=_hidden_s(run, thresholds))
    return _blinking(run, now, thresholds)


def _hidden_s(run: Sequence[LampEdge], thresholds: PatternThresholds) -> float:
    """How long the end of blinking can have been hidden in its own last phase.

    A phase that was cut short shows the end itself; after a whole one the next edge was due.
    """
    phases = [after.at - before.at for before, after in pairwise(run)]
    needed = 2 * thresholds.cycles
    if len(phases) < needed:
        return 0.0
    if _blinks(phases, needed, thresholds):
        return sum(phases[-needed::2]) / thresholds.cycles
    if len(phases) < 2 * needed or _blinks(phases[:-1], needed, thresholds):
        return 0.0
    return max(phases[-2 * needed :: 2])


def _run(edges: Sequence[LampEdge], settle_s: float) -> Sequence[LampEdge]:
    """The last edges without a settled phase between them."""
    start = len(edges) - 1
    while start and edges[start].at - edges[start - 1].at < settle_s:
        start -= 1
    return edges[start:]


def _blinking(
    run: Sequence[LampEdge], now: float, thresholds: PatternThresholds
) -> LampReading | None:
    """Judge edges that follow each other quickly: slow, fast, a pattern, or not yet."""
    phases = [after.at - before.at for before, after in pairwise(run)]
    needed = 2 * thresholds.cycles
    if len(phases) < needed:
        return None
    alike = _alike(phases, needed, thresholds)
    if alike:
        if not _blinks(phases, needed, thresholds):
            return None
        period_s = sum(phases[-needed:]) / thresholds.cycles
        expected_s = sum(phases[-needed::2]) / thresholds.cycles
        if now - run[-1].at > expected_s + thresholds.jitter * period_s:
            return None
        fast = period_s < thresholds.fast_below_s
        state = LampState.FAST if fast else LampState.SLOW
        return LampReading(state, run[len(phases) - alike].at, period_s)
    tails = [phases[: len(phases) - cut] for cut in range(1, needed + 1)]
    if len(phases) >= 2 * needed and not any(_blinks(tail, needed, thresholds) for tail in tails):
        return LampReading(LampState.PATTERN, run[len(phases) - 2 * needed].at)
    return None


def _alike(phases: Sequence[float], needed: int, thresholds: PatternThresholds) -> int:
    """How many of the last phases are alike, lit with lit and dark with dark; 0 if too few."""
    cycles = needed // 2
    slack_s = thresholds.jitter * sum(phases[-needed:]) / cycles
    means = [sum(phases[-needed + parity :: 2]) / cycles for parity in (0, 1)]
    alike = 0
    for back in range(1, len(phases) + 1):
        if abs(phases[-back] - means[back % 2]) > slack_s:
            break
        alike = back
    return alike if alike >= needed else 0


def _blinks(phases: Sequence[float], needed: int, thresholds: PatternThresholds) -> int:
    """How many of the last phases are even blinking that has gone on for long enough; or 0."""
    alike = _alike(phases, needed, thresholds)
    period_s = 2 * sum(phases[-alike:]) / max(alike, 1)
    return alike if sum(phases[-alike:]) > thresholds.burst_s - period_s / 2 else 0


class PatternTracker:
    """Follows one lamp edge by edge and reports each settled change once."""

    def __init__(self, thresholds: PatternThresholds | None = None) -> None:
        self._thresholds = thresholds or PatternThresholds()
        self._edges: list[LampEdge] = []
        self._reading: LampReading | None = None

    @property
    def state(self) -> LampState:
        """The last settled state; ``unknown`` before the first."""
        return self._reading.state if self._reading else LampState.UNKNOWN

    @property
    def reading(self) -> LampReading | None:
        """The last settled reading."""
        return self._reading

    def feed(self, edge: LampEdge) -> LampReading | None:
        """Take one edge, or the first level that a sensor reports.

        Args:
            edge: not earlier than the one before; a repeated level is ignored.

        Returns:
            The new reading if the state changed, else None.

        Raises:
            ValueError: time ran backwards.
        """
        edges = self._edges
        if not edges:
            edges.append(edge)
            return None
        last = edges[-1]
        if edge.at < last.at:
            raise ValueError(f"edge at {edge.at} is before the last one at {last.at}")
        if edge.on == last.on:
            return self.update(edge.at)
        if edge.on and len(edges) > 1 and edge.at - last.at < self._thresholds.dimming_s:
            edges.pop()
            return None
        before = self.update(edge.at)
        edges.append(edge)
        del edges[:-_MAX_EDGES]
        return self.update(edge.at) or before

    def update(self, now: float) -> LampReading | None:
        """Let time pass.

        Args:
            now: instant, not before the last edge.

        Returns:
            The new reading if the state changed, else None.
        """
        reading = classify(self._edges, now, self._thresholds)
        if reading is None or (self._reading and self._reading.state is reading.state):
            return None
        self._reading = reading
        return reading

    def decided(self, at: float) -> bool:
        """Whether it is known what the lamp did at an instant, or that it cannot be known.

        Args:
            at: instant up to which every edge was fed.
        """
        if not self._edges:
            return True
        last, state = self._edges[-1], self.state
        if state in {LampState.OFF, LampState.STEADY}:
            return last.on == state.lit
        # Blinking that has just ended looks like blinking, until it has gone on after that.
        return state is not LampState.UNKNOWN and last.at >= at

    def lose_sight(self) -> None:
        """The sensor is blind from now on: nothing is known, and nothing is guessed."""
        self._edges.clear()
        self._reading = None


def readings(
    edges: Iterable[LampEdge], until: float, thresholds: PatternThresholds | None = None
) -> list[LampReading]:
    """Every settled change in a recording.

    Args:
        edges: in order of time; the first is the level at the start.
        until: end of the recording.
        thresholds: limits; the defaults if None.

    Returns:
        In order of time; each state differs from the one before.
    """
    tracker = PatternTracker(thresholds)
    found = [reading for edge in edges if (reading := tracker.feed(edge))]
    if last := tracker.update(until):
        found.append(last)
    return found
