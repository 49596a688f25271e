"""Where branches, tags and Call-IDs come from: injected, so that a run can be replayed.

The core owns no randomness. :class:`SeededTokens` derives every token from a seed and a
counter; the unpredictable source that live endpoints use is
:class:`rig.sip_transport.tokens.RandomTokens`.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

MAGIC_COOKIE = "z9hG4bK"
"""What a branch begins with when it is unique per transaction. Source: RFC 3261 8.1.1.7."""


class TokenSource(Protocol):
    """Makes the identifiers that must be unique in time and space."""

    def branch(self) -> str:
        """A Via branch, beginning with the magic cookie."""
        ...

    def tag(self) -> str:
        """A From or To tag, at least 32 bits. Source: RFC 3261 19.3."""
        ...

    def call_id(self) -> str:
        """A Call-ID. Source: RFC 3261 8.1.1.4."""
        ...

    def cnonce(self) -> str:
        """A client nonce for digest authentication. Source: RFC 7616 3.4."""
        ...


class SeededTokens:
    """The same tokens in the same order for the same seed: for tests and replays.

    Args:
        seed: any text; two endpoints of one run need different seeds.
    """

    __slots__ = ("_count", "_seed")

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._count = 0

    def _next(self, kind: str, length: int) -> str:
        self._count += 1
        text = f"{self._seed}/{kind}/{self._count}"
        return hashlib.sha256(text.encode()).hexdigest()[:length]

    def branch(self) -> str:
        """A Via branch."""
        return MAGIC_COOKIE + self._next("branch", 20)

    def tag(self) -> str:
        """A From or To tag."""
        return self._next("tag", 12)

    def call_id(self) -> str:
        """A Call-ID."""
        return self._next("call_id", 24)

    def cnonce(self) -> str:
        """A client nonce."""
        return self._next("cnonce", 16)
