"""Pairs the board's millisecond clock with the host's, and says how far an instant may be off.

Sans-IO. The board's clock is a ``uint32`` of milliseconds since it started: it wraps after
49.7 days, and it is as good as a ceramic resonator. Each question ``C?`` gives a bound: the
board read its clock after we asked and before we had the answer. The fastest of several
questions bounds best; a bound grows old by the drift, and so do instants far from it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

WRAP_MS = 1 << 32
TICK_S = 0.001
"""Resolution of the board's clock."""
DRIFT = 0.005
"""How far the board's clock may run fast or slow at most; the resonator of an Uno is given as
half a percent (unverified)."""
DRIFT_FLOOR = 0.0002
"""What is left of the drift once it was measured: temperature moves it."""
ANCHOR_S = 86_400.0
"""The drift is measured over a day at most, far from the wrap."""
KEEP = 16
"""Questions kept; the fastest of them counts."""


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One question about the board's clock and its answer.

    Attributes:
        sent_at: instant before the question went out, seconds.
        received_at: instant after the answer came in.
        ms: the answer.
    """

    sent_at: float
    received_at: float
    ms: int

    @property
    def middle_at(self) -> float:
        """Best guess of the instant when the board's clock became ``ms``."""
        return (self.sent_at + self.received_at - TICK_S) / 2

    @property
    def error_s(self) -> float:
        """How far the guess may be off."""
        return (self.received_at - self.sent_at + TICK_S) / 2


@dataclass(frozen=True, slots=True)
class HostInstant:
    """An instant of the board's clock on the host's.

    Attributes:
        at: seconds of the host's clock.
        error_s: the true instant is at most so far from ``at``.
    """

    at: float
    error_s: float


def ms_between(earlier: int, later: int) -> int:
    """Milliseconds from one reading to another, negative if it is before; less than 24.8 days."""
    return (later - earlier + WRAP_MS // 2) % WRAP_MS - WRAP_MS // 2


class HostClock:
    """Translates instants of the board's clock into those of the host's.

    A board that has started anew needs a new one.
    """

    def __init__(self) -> None:
        self._trips: deque[RoundTrip] = deque(maxlen=KEEP)
        self._anchor: RoundTrip | None = None
        self._rate = 1.0
        self._drift = DRIFT

    @property
    def paired(self) -> bool:
        """Whether an instant can be translated."""
        return bool(self._trips)

    def add(self, trip: RoundTrip) -> None:
        """Take an answer.

        Raises:
            ValueError: it ended before it began.
        """
        if trip.received_at < trip.sent_at:
            raise ValueError("the answer is older than the question")
        if self._trips:
            told = self.at(trip.ms)
            if abs(told.at - trip.middle_at) > told.error_s + trip.error_s:
                # Both cannot be true: the board's clock stood still for a while.
                self._trips.clear()
                self._anchor, self._rate, self._drift = None, 1.0, DRIFT
        self._trips.append(trip)
        anchor = self._anchor
        board_s = 0.0 if anchor is None else ms_between(anchor.ms, trip.ms) / 1000
        if (
            anchor is None
            or not 0 <= board_s < ANCHOR_S
            or (len(self._trips) < KEEP and trip.error_s < anchor.error_s)
        ):
            self._anchor = trip
            return
        if not board_s:
            return
        off = (anchor.error_s + trip.error_s) / board_s + DRIFT_FLOOR
        if off < self._drift:
            rate = (trip.middle_at - anchor.middle_at) / board_s
            self._rate, self._drift = rate, off

    def at(self, ms: int) -> HostInstant:
        """Translate an instant of the board's clock.

        Args:
            ms: reading of the board's clock, within 24 days of the last question.

        Raises:
            ValueError: nothing was asked yet.
        """
        if not self._trips:
            raise ValueError("the board's clock was not asked yet")
        return min((self._by(trip, ms) for trip in self._trips), key=lambda each: each.error_s)

    def _by(self, trip: RoundTrip, ms: int) -> HostInstant:
        """By one question: the older and the slower it was, the less it knows."""
        board_s = ms_between(trip.ms, ms) / 1000
        error_s = trip.error_s + abs(board_s) * self._drift + TICK_S / 2
        return HostInstant(trip.middle_at + board_s * self._rate + TICK_S / 2, error_s)
