"""Tells a damaged line or two from a line that no lamp board is on. Sans-IO."""

from __future__ import annotations

from collections import deque

GARBAGE_BYTES = 800
"""So many octets without one good line, or
:data:`GARBAGE_LINES` damaged lines in a second, are no board."""
GARBAGE_LINES = 10
CALM_S = 1.0
"""Garbage is over when none came for so long."""


class GarbageMeter:
    """Counts what came and was no line.

    Attributes:
        octets: since the last good line.
        until: when garbage will be over if no more comes; None while there is none.
    """

    def __init__(self) -> None:
        self.octets = 0
        self.until: float | None = None
        self._damaged_at: deque[float] = deque(maxlen=GARBAGE_LINES)

    def good(self) -> None:
        """A good line came."""
        self.octets = 0

    def damaged(self, octets: int, now: float) -> None:
        """A damaged line came."""
        self.octets += octets
        self._damaged_at.append(now)

    def too_much(self, pending: int, now: float) -> bool:
        """Whether this is no board.

        Args:
            pending: octets of a line that has not ended.
            now: instant.
        """
        burst = len(self._damaged_at) == GARBAGE_LINES and now - self._damaged_at[0] < CALM_S
        return burst or self.octets + pending >= GARBAGE_BYTES

    def begin(self, now: float) -> None:
        """Garbage has come; wait until it is over."""
        self.until = now + CALM_S
        self._damaged_at.clear()
        self.octets = 0


def garbage_words(octets: int) -> str:
    """What to make of so many octets."""
    return (
        f"{octets} octets came that are no line of a lamp board; wrong baud rate, "
        "another device, or a bad cable"
    )
