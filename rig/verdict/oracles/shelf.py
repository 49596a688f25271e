"""Mappings that forget: state of an oracle is bounded by number and by time, whatever comes.

Must not know: what is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from heapq import heappop, heappush
from typing import Generic, Protocol, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

DEFAULT_LIMIT = 20_000
"""Entries of one kind that are kept; a capture with more at one time loses the oldest."""

FOR_EVER_S = float("inf")


class Clock(Protocol):
    """Says what time it is in the capture."""

    now: float


class _Midnight:
    now = 0.0


_NO_CLOCK = _Midnight()


class Shelf(Generic[K, V]):
    """Keeps the entries used last, in two halves: what is used comes to the young one.

    When the young half is full, or old enough, it becomes the old one, and what was in the old
    half and has not been used since is forgotten. So nothing is written down for each use.

    Args:
        limit: so many that were used last are kept, and at most twice as many.
        idle_s: an entry that is not used for so long may be forgotten, and is after twice that.
        clock: tells the time; needed with ``idle_s``.
    """

    __slots__ = ("_clock", "_idle_s", "_limit", "_old", "_turn_at", "_young")

    def __init__(
        self,
        limit: int = DEFAULT_LIMIT,
        *,
        idle_s: float = FOR_EVER_S,
        clock: Clock = _NO_CLOCK,
    ) -> None:
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self._limit = limit
        self._idle_s = idle_s
        self._clock = clock
        self._turn_at = FOR_EVER_S

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def __contains__(self, key: object) -> bool:
        return key in self._young or key in self._old

    def get(self, key: K) -> V | None:
        """Give an entry and count it as used, or None."""
        entry = self._young.get(key)
        if entry is None and self._old:
            entry = self._old.pop(key, None)
            if entry is not None:
                self._young[key] = entry
        return entry

    def put(self, key: K, value: V) -> V:
        """Keep an entry; those unused for longest go if there are too many."""
        young = self._young
        if len(young) >= self._limit or self._clock.now >= self._turn_at:
            self._old, self._young = young, {}
            young = self._young
        if not young:
            self._turn_at = self._clock.now + self._idle_s
        if self._old:
            self._old.pop(key, None)
        young[key] = value
        return value

    def pop(self, key: K) -> V | None:
        """Take an entry out, or give None."""
        entry = self._young.pop(key, None)
        return self._old.pop(key, None) if entry is None and self._old else entry

    def values(self) -> list[V]:
        """All entries, the half that was not used lately first."""
        return [*self._old.values(), *self._young.values()]


class Reminders(Generic[K]):
    """Says what has come due, in order of time; whoever asks checks whether it still counts.

    Args:
        limit: how many are kept; the latest are left out.
    """

    __slots__ = ("_heap", "_limit", "_order", "_queue")

    def __init__(self, limit: int = 4 * DEFAULT_LIMIT) -> None:
        self._queue: deque[tuple[float, int, K]] = deque()
        self._heap: list[tuple[float, int, K]] = []
        self._order = 0
        self._limit = limit

    def at(self, due: float, what: K) -> None:
        """Remind of something at an instant."""
        queue = self._queue
        if len(queue) + len(self._heap) >= self._limit:
            return
        self._order += 1
        item = due, self._order, what
        if not queue or due >= queue[-1][0]:
            queue.append(item)  # most are as far away as the one before
        else:
            heappush(self._heap, item)

    def due(self, now: float) -> list[tuple[float, K]]:
        """Everything that has come due by now."""
        queue, heap = self._queue, self._heap
        found: list[tuple[float, K]] = []
        while True:
            if heap and heap[0][0] <= now and not (queue and queue[0] < heap[0]):
                at, _, what = heappop(heap)
            elif queue and queue[0][0] <= now:
                at, _, what = queue.popleft()
            else:
                return found
            found.append((at, what))
