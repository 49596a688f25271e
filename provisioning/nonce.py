"""Nonces that prove by themselves who made them and when, so that a challenge needs no memory.

A nonce says when it was made, holds random text and is signed. What must be remembered, the
counts already used, begins with the first right answer: a flood of requests without
credentials leaves nothing behind.

Must not know: time, randomness; both are given in. Source: RFC 7616 3.3 (a nonce of a time
stamp and a keyed hash), 5.4 (replay).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable

_FORM = re.compile(r"([0-9a-f]{1,16})\.([^.]*)\.([0-9a-f]{24})")
_WINDOW = 64
_PER_S = 1000


class _Used:
    """Which counts of one nonce have been used."""

    __slots__ = ("expires_at", "highest", "issued_at", "seen", "without_count")

    def __init__(self, issued_at: float, expires_at: float) -> None:
        self.issued_at = issued_at
        self.expires_at = expires_at
        self.highest = 0
        self.seen = 0
        self.without_count = False

    def take(self, count: int) -> bool:
        """Note a nonce count; False when it was seen or is too far back to know."""
        if count > self.highest:
            ahead = min(count - self.highest, _WINDOW)
            self.seen = ((self.seen << ahead) | 1) & ((1 << _WINDOW) - 1)
            self.highest = count
            return True
        behind = self.highest - count
        if behind >= _WINDOW or self.seen >> behind & 1:
            return False
        self.seen |= 1 << behind
        return True


class NonceBook:
    """Makes nonces, knows them again, and keeps the counts of those that were answered.

    Args:
        source: gives fresh unguessable text on each call; the first becomes the key.
        lifetime_s: how long a nonce is good, seconds.
        max_used: of how many nonces counts are kept; when there are more, the oldest and
            everything made before it counts as expired, so no count can be used twice.
    """

    __slots__ = ("_floor", "_key", "_lifetime_s", "_max_used", "_source", "_used")

    def __init__(self, source: Callable[[], str], lifetime_s: float, max_used: int) -> None:
        self._source = source
        self._key = hashlib.sha256(source().encode("utf-8", "surrogateescape")).digest()
        self._lifetime_s = lifetime_s
        self._max_used = max_used
        self._used: OrderedDict[str, _Used] = OrderedDict()
        self._floor = -1.0

    def __len__(self) -> int:
        return len(self._used)

    def make(self, now: float) -> str:
        """Make a nonce; nothing is remembered.

        Args:
            now: instant, seconds, not negative.
        """
        head = f"{int(now * _PER_S):x}.{self._source().replace('.', '-')}"
        return f"{head}.{self._signature(head)}"

    def use(self, nonce: str, count: int | None, now: float) -> str:
        """Note that a nonce was answered rightly.

        Args:
            nonce: as it came back.
            count: its nonce count; None for an answer without one.
            now: instant, seconds.

        Returns:
            Empty when it may count; ``stale`` when it is not ours, too old, or was answered
            without count before; ``replayed`` when this count was used before.
        """
        issued_at = self._issued_at(nonce)
        if issued_at is None or issued_at + self._lifetime_s <= now:
            return "stale"
        self._forget_expired(now)
        used = self._used.get(nonce)
        if used is None:
            if issued_at <= self._floor:
                return "stale"
            while len(self._used) >= self._max_used:
                _, oldest = self._used.popitem(last=False)
                self._floor = max(self._floor, oldest.issued_at)
            used = self._used[nonce] = _Used(issued_at, issued_at + self._lifetime_s)
        if count is None:
            if used.without_count:
                return "stale"
            used.without_count = True
            return ""
        return "" if used.take(count) else "replayed"

    def is_fresh(self, nonce: str, now: float) -> bool:
        """Whether a nonce is ours and not too old; nothing is noted."""
        issued_at = self._issued_at(nonce)
        return issued_at is not None and issued_at + self._lifetime_s > now

    def _signature(self, head: str) -> str:
        octets = head.encode("utf-8", "surrogateescape")
        return hashlib.blake2b(octets, key=self._key, digest_size=12).hexdigest()

    def _issued_at(self, nonce: str) -> float | None:
        """When we made it, to the millisecond below; None when it was not us."""
        found = _FORM.fullmatch(nonce)
        if found is None:
            return None
        expected = self._signature(f"{found[1]}.{found[2]}")
        if not hmac.compare_digest(found[3], expected):
            return None
        return int(found[1], 16) / _PER_S

    def _forget_expired(self, now: float) -> None:
        while self._used:
            if next(iter(self._used.values())).expires_at > now:
                return
            self._used.popitem(last=False)
