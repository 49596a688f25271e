"""Unpredictable tokens for live endpoints, so that strangers cannot guess a dialog."""

from __future__ import annotations

import secrets

from rig.sip.tokens import MAGIC_COOKIE


class RandomTokens:
    """Tokens from the operating system's random source.

    Source: RFC 3261 19.3 (cryptographically random, at least 32 bits).
    """

    __slots__ = ()

    def branch(self) -> str:
        """A Via branch."""
        return MAGIC_COOKIE + secrets.token_hex(10)

    def tag(self) -> str:
        """A From or To tag."""
        return secrets.token_hex(6)

    def call_id(self) -> str:
        """A Call-ID."""
        return secrets.token_hex(12)

    def cnonce(self) -> str:
        """A client nonce."""
        return secrets.token_hex(8)
