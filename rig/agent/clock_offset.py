"""How far the clock of an agent is from ours, and how sure that is.

Pure: instants go in. Of a question and its answer the agent's instant lies between our two; the
middle is taken and half of the time between them is the doubt. The quickest exchange counts.

Source: RFC 5905 section 8, with one time stamp of the far side instead of two.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

WINDOW_S = 60.0
"""An exchange older than this counts no more."""

DRIFT = 100e-6
"""Two quartz clocks drift apart by no more than this; seconds a second."""

MOST_UNCERTAIN_S = 0.25
"""With more doubt than this an instant of the agent is worth nothing."""

_KEPT = 32


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """The far clock minus ours.

    Attributes:
        offset_s: seconds.
        uncertainty_s: it is not more than this wrong, seconds.
    """

    offset_s: float
    uncertainty_s: float

    def here(self, at: float) -> float:
        """An instant of the far clock by ours."""
        return at - self.offset_s


@dataclass(frozen=True, slots=True)
class _Exchange:
    at: float
    offset_s: float
    doubt_s: float


class OffsetMeter:
    """Measures one far clock."""

    def __init__(self) -> None:
        self._exchanges: deque[_Exchange] = deque(maxlen=_KEPT)

    def take(self, asked_at: float, told_at: float, heard_at: float) -> None:
        """Take one exchange.

        Args:
            asked_at: when we asked, by our clock.
            told_at: what the far clock said.
            heard_at: when the answer came, by our clock.
        """
        if heard_at < asked_at:
            return
        middle = (asked_at + heard_at) / 2
        doubt_s = (heard_at - asked_at) / 2
        self._exchanges.append(_Exchange(heard_at, told_at - middle, doubt_s))

    def forget(self) -> None:
        """It is another clock from now on."""
        self._exchanges.clear()

    def offset(self, now: float) -> ClockOffset | None:
        """What is known.

        Args:
            now: instant by our clock.

        Returns:
            None when nothing is, or it is too uncertain to be of use.
        """
        best: ClockOffset | None = None
        for exchange in self._exchanges:
            age_s = now - exchange.at
            if age_s > WINDOW_S:
                continue
            doubt_s = exchange.doubt_s + DRIFT * max(0.0, age_s)
            if best is None or doubt_s < best.uncertainty_s:
                best = ClockOffset(exchange.offset_s, doubt_s)
        return best if best is not None and best.uncertainty_s <= MOST_UNCERTAIN_S else None
