"""A mapping that forgets its oldest entries: state of an oracle is bounded, whatever comes.

Must not know: what is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

DEFAULT_LIMIT = 20_000
"""Entries of one kind that are kept; a capture with more at one time loses the oldest."""


class Shelf(Generic[K, V]):
    """Keeps the entries used last.

    Args:
        limit: how many.
    """

    __slots__ = ("_entries", "_limit")

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._limit = limit

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def get(self, key: K) -> V | None:
        """Give an entry and count it as used, or None."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: K, value: V) -> V:
        """Keep an entry; the one unused for longest goes if there are too many."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)
        return value

    def pop(self, key: K) -> V | None:
        """Take an entry out, or give None."""
        return self._entries.pop(key, None)

    def values(self) -> list[V]:
        """All entries, oldest use first."""
        return list(self._entries.values())


class Reminders(Generic[K]):
    """Says what has come due, in order of time; whoever asks checks whether it still counts.

    Args:
        limit: how many are kept; the latest are left out.
    """

    __slots__ = ("_heap", "_limit", "_order")

    def __init__(self, limit: int = 4 * DEFAULT_LIMIT) -> None:
        self._heap: list[tuple[float, int, K]] = []
        self._order = count()
        self._limit = limit

    def at(self, due: float, what: K) -> None:
        """Remind of something at an instant."""
        if len(self._heap) < self._limit:
            heappush(self._heap, (due, next(self._order), what))

    def due(self, now: float) -> list[tuple[float, K]]:
        """Everything that has come due by now."""
        found: list[tuple[float, K]] = []
        while self._heap and self._heap[0][0] <= now:
            at, _, what = heappop(self._heap)
            found.append((at, what))
        return found
