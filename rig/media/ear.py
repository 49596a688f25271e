"""Gives a listener one unbroken line of PCM, whatever comes in which encoding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from rig.media import g711
from rig.media.g711 import Law
from rig.media.rtp import GapFiller

_Found = TypeVar("_Found")


class Ear(Generic[_Found]):
    """One listener at a stream.

    Args:
        listener: takes PCM in any pieces, gives back what it recognised.
    """

    def __init__(self, listener: Callable[[bytes], list[_Found]]) -> None:
        self._listener = listener
        self._line = GapFiller()

    def hear(
        self, timestamp: int, ssrc: int, payload: bytes | bytearray, law: Law | None
    ) -> list[_Found]:
        """Take the audio of one packet; missing ones are heard as silence.

        Args:
            timestamp: of the packet.
            ssrc: source.
            payload: G.711 octets, or PCM.
            law: of G.711; None for PCM.
        """
        pcm = bytes(payload) if law is None else g711.decode(payload, law)
        return self._listener(self._line.place(timestamp, ssrc, pcm))
