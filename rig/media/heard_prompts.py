"""Keeps the prompts that one stream has heard, for whoever waits for one of them."""

from __future__ import annotations

import asyncio

from rig.errors import RigError


class HeardPrompts:
    """Prompts in the order of hearing; each hearing satisfies one wait."""

    def __init__(self) -> None:
        self._heard: list[str] = []
        self._claimed = 0
        self._news = asyncio.Event()

    @property
    def all(self) -> tuple[str, ...]:
        """Identifiers so far."""
        return tuple(self._heard)

    def add(self, prompt: str) -> None:
        """One more was recognised."""
        self._heard.append(prompt)
        self._news.set()

    async def wait(self, prompt: str) -> str:
        """Wait for a prompt that no other wait has claimed.

        Args:
            prompt: identifier or prefix of one.

        Returns:
            The identifier that was heard.
        """
        while True:
            for index in range(self._claimed, len(self._heard)):
                if self._heard[index].startswith(prompt):
                    self._claimed = index + 1
                    return self._heard[index]
            self._news.clear()
            await self._news.wait()

    def missed(self, prompt: str, where: str, packets: int, timeout_s: float) -> RigError:
        """The error of a wait that was in vain; says what was heard instead."""
        heard = ", ".join(self._heard) or "none"
        return RigError(
            f"prompt {prompt!r} not heard on {where} within {timeout_s} s; "
            f"heard: {heard}; RTP packets received: {packets}"
        )
