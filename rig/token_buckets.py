"""Token buckets by name: how often somebody may come, with room for a burst.

Pure logic with ``now`` as an argument; memory is bounded whoever comes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class TokenBuckets(Generic[K]):
    """One bucket for each name; a new one is full.

    Args:
        rate_per_s: tokens that come back a second.
        burst: most tokens of a bucket; at least 1.
        max_names: buckets kept; beyond that the one used longest ago is forgotten.
    """

    __slots__ = ("_buckets", "_burst", "_max_names", "_rate_per_s")

    def __init__(self, rate_per_s: float, burst: float, max_names: int = 20_000) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._max_names = max_names
        self._buckets: OrderedDict[K, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def level(self, name: K, now: float) -> float:
        """Tokens that are there now."""
        bucket = self._buckets.get(name)
        if bucket is None:
            return self._burst
        tokens, at = bucket
        return min(self._burst, tokens + max(0.0, now - at) * self._rate_per_s)

    def take(self, name: K, now: float) -> bool:
        """Take one token; False when there is none."""
        tokens = self.level(name, now)
        allowed = tokens >= 1
        self._buckets[name] = (tokens - 1 if allowed else tokens, now)
        self._buckets.move_to_end(name)
        if len(self._buckets) > self._max_names:
            self._buckets.popitem(last=False)
        return allowed
