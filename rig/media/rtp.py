"""Packs and unpacks RTP packets and keeps order in their numbers.

Source: RFC 3550 section 5.1 (header), appendix A.1 (sequence numbers), RFC 3551 section
4.5 (payload types).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from rig.media.g711 import SAMPLE_RATE_HZ

PACKET_S = 0.02
"""Audio in one packet, seconds (RFC 3551 section 4.2)."""

SAMPLES_PER_PACKET = int(SAMPLE_RATE_HZ * PACKET_S)
"""Audio samples in one packet."""

COMFORT_NOISE = 13
"""Static payload type of comfort noise (RFC 3389)."""

_HEADER = struct.Struct("!BBHII")
_SEQUENCE_MODULO = 1 << 16
_TIMESTAMP_MODULO = 1 << 32


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One RTP packet without its contributing sources and extension.

    Attributes:
        payload_type: 0 to 127.
        sequence: 0 to 65535, one more for each packet.
        timestamp: 0 to 2**32 - 1, sampling instant of the first sample.
        ssrc: synchronisation source.
        payload: the audio or event octets, padding removed.
        marker: first packet of a talk spurt or of an event.
    """

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False

    def pack(self) -> bytes:
        """The octets to send."""
        second = self.payload_type | (0x80 if self.marker else 0)
        return _HEADER.pack(0x80, second, self.sequence, self.timestamp, self.ssrc) + self.payload

    @classmethod
    def unpack(cls, data: bytes) -> RtpPacket | None:
        """Read a datagram that arrived on an RTP port.

        Args:
            data: the whole datagram.

        Returns:
            The packet, or None when it is not RTP: too short, another version, an RTCP
            packet type (RFC 5761 section 4) or lengths that do not fit.
        """
        if len(data) < _HEADER.size:
            return None
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
        if first >> 6 != 2 or 192 <= second <= 223:
            return None
        start = _HEADER.size + 4 * (first & 0x0F)
        if first & 0x10:
            if len(data) < start + 4:
                return None
            start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4])
        end = len(data)
        if first & 0x20:
            if not data[-1]:
                return None
            end -= data[-1]
        if start > end:
            return None
        return cls(second & 0x7F, sequence, timestamp, ssrc, data[start:end], bool(second & 0x80))


def sequence_distance(newer: int, older: int) -> int:
    """How many packets lie between two sequence numbers, across the rollover.

    Returns:
        -32768 to 32767; negative when ``newer`` is in truth the older one.
    """
    return _signed(newer - older, _SEQUENCE_MODULO)


def timestamp_distance(newer: int, older: int) -> int:
    """How many samples lie between two timestamps, across the rollover."""
    return _signed(newer - older, _TIMESTAMP_MODULO)


def _signed(difference: int, modulo: int) -> int:
    wrapped = difference % modulo
    return wrapped - modulo if wrapped >= modulo // 2 else wrapped


class SequenceTracker:
    """Counts the packets of one stream: distinct, lost, repeated.

    Attributes:
        received: distinct packets seen.
    """

    def __init__(self) -> None:
        self.received = 0
        self._highest = 0
        self._lowest = 0
        self._window = 0

    def note(self, sequence: int) -> bool:
        """Take note of a packet's sequence number.

        Args:
            sequence: 0 to 65535.

        Returns:
            True if it was not seen before (within the last 1024 packets).
        """
        if not self.received:
            self._highest = self._lowest = sequence
            self._window = 1
            self.received = 1
            return True
        distance = sequence_distance(sequence, self._highest & 0xFFFF)
        if distance > 0:
            self._highest += distance
            self._window = ((self._window << distance) | 1) & ((1 << 1024) - 1)
        else:
            bit = 1 << -distance
            if -distance >= 1024 or self._window & bit:
                return False
            self._window |= bit
            self._lowest = min(self._lowest, self._highest + distance)
        self.received += 1
        return True

    @property
    def lost(self) -> int:
        """Sequence numbers between the first and the last that never came."""
        return self._highest - self._lowest + 1 - self.received if self.received else 0


class GapFiller:
    """Puts the audio of one stream on a line of time: silence where packets are missing.

    Packets that come after their place was filled are dropped, as a phone would.

    Args:
        longest_gap_s: a hole longer than this is shortened to it; after a pause of minutes
            nobody needs minutes of silence.
    """

    def __init__(self, *, longest_gap_s: float = 1.0) -> None:
        self._longest = int(longest_gap_s * SAMPLE_RATE_HZ)
        self._ssrc: int | None = None
        self._next = 0

    def place(self, timestamp: int, ssrc: int, pcm: bytes) -> bytes:
        """Say what to append to the line for this packet.

        Args:
            timestamp: of the packet.
            ssrc: a new source starts anew.
            pcm: decoded audio, 16 bit.

        Returns:
            Silence for what is missing, then ``pcm``; empty for a packet that is too late.
        """
        samples = len(pcm) // 2
        if ssrc != self._ssrc:
            self._ssrc = ssrc
            gap = 0
        else:
            gap = timestamp_distance(timestamp, self._next)
            if -self._longest < gap < 0:
                return b""
            gap = min(max(gap, 0), self._longest)
        self._next = (timestamp + samples) % _TIMESTAMP_MODULO
        return bytes(2 * gap) + pcm if gap else pcm
