"""The timers of RFC 3261 as values, and a queue that says which one is next.

Knows no clock: every instant is an argument. Covers RFC 3261 17 and table 4, RFC 6026 7
(timers L and M) and RFC 6665 4.1.2.4 (timer N).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TimerValues:
    """Base values from which every transaction timer follows.

    Attributes:
        t1_s: estimate of the round trip, seconds.
        t2_s: longest interval between retransmissions of a non-INVITE request or a response
            to INVITE, seconds.
        t4_s: longest time a message stays in the network, seconds.
        d_s: how long a client INVITE transaction absorbs repeated failures over UDP, seconds;
            at least 32.

    Source: RFC 3261 17.1.1.1, 17.1.2.1, table 4.
    """

    t1_s: float = 0.5
    t2_s: float = 4.0
    t4_s: float = 5.0
    d_s: float = 32.0

    @property
    def give_up_s(self) -> float:
        """64*T1: timers B, F, H, J, L, M, N, and the wait for the ACK of a 2xx."""
        return 64 * self.t1_s


DEFAULT_TIMERS = TimerValues()
"""The values every telephone uses."""


class TimerQueue(Generic[T]):
    """Tells which of many timers is due first; a cancelled one is skipped when it comes up.

    An owner is asked by the caller whether a timer that came up still counts (its instant may
    have been moved), so cancelling costs nothing here.
    """

    __slots__ = ("_heap", "_sequence")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, at: float, what: T) -> None:
        """Arm a timer.

        Args:
            at: instant, seconds.
            what: handed back by :meth:`pop_due`.
        """
        self._sequence += 1
        heapq.heappush(self._heap, (at, self._sequence, what))

    def peek(self) -> tuple[float, T] | None:
        """The earliest timer, or None when there is none."""
        if not self._heap:
            return None
        at, _, what = self._heap[0]
        return at, what

    def drop_first(self) -> None:
        """Throw the earliest timer away."""
        heapq.heappop(self._heap)

    def keep(self, counts: Callable[[float, T], bool]) -> None:
        """Throw away what does not count any more, so that nothing cancelled piles up.

        Args:
            counts: called with instant and content of each timer.
        """
        self._heap = [entry for entry in self._heap if counts(entry[0], entry[2])]
        heapq.heapify(self._heap)

    def pop_due(self, now: float) -> tuple[float, T] | None:
        """Take the earliest timer if its instant has come.

        Args:
            now: instant, seconds.

        Returns:
            Its instant and what was pushed, or None.
        """
        if not self._heap or self._heap[0][0] > now:
            return None
        at, _, what = heapq.heappop(self._heap)
        return at, what
