"""Keeps the audio that arrives on one stream."""

from __future__ import annotations

from rig.media.g711 import SAMPLE_RATE_HZ
from rig.media.rtp import GapFiller, RtpPacket

_LONGEST_PAUSE_S = 600.0


class Recording:
    """The audio that arrives while it runs, on a line of time.

    Attributes:
        packets: audio packets taken.
    """

    def __init__(self) -> None:
        self.packets = 0
        self._line = GapFiller(longest_gap_s=_LONGEST_PAUSE_S)
        self._pcm = bytearray()

    def add(self, packet: RtpPacket, pcm: bytes) -> None:
        """Append a packet's audio, after silence for what is missing."""
        self.packets += 1
        self._pcm += self._line.place(packet.timestamp, packet.ssrc, pcm)

    @property
    def pcm(self) -> bytes:
        """What was recorded so far."""
        return bytes(self._pcm)

    @property
    def duration_s(self) -> float:
        """Length so far, seconds."""
        return len(self._pcm) / (2 * SAMPLE_RATE_HZ)
