"""Counts the RTP streams of a capture without listening to them, in bounded memory.

A capture of a trunk holds a thousand audio packets for each SIP message, so this does little for
each. Who wants to know what was said gives the audio to :mod:`rig.media.stream_analysis`.

Source: RFC 3550 section 5.1 and appendix A.3 (losses), RFC 4733 section 2.3 (digits).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from struct import Struct

from rig.media.dtmf import DtmfReceiver
from rig.timeline import Address, RtpStreamSeen

MAX_STREAMS = 4096
IDLE_S = 60.0
"""A stream that is silent for so long has ended."""

_HEADER = Struct("!BBHII").unpack_from
_FIRST_DYNAMIC = 96
_HALF = 1 << 15
_MODULO = 1 << 16

_Key = tuple[Address, Address, int]


@dataclass(slots=True)
class _Stream:
    first_at: float
    last_at: float
    payload_type: int
    newest: int
    packets: int = 1
    span: int = 1
    digits: str = ""
    keys: DtmfReceiver = field(default_factory=DtmfReceiver)


class MediaStreams:
    """Follows streams by source, destination and SSRC.

    Args:
        ended: takes streams that have ended while others go on.
    """

    def __init__(self, ended: Callable[[RtpStreamSeen], None]) -> None:
        self._ended = ended
        self._streams: dict[_Key, _Stream] = {}

    def feed(self, at: float, source: Address, destination: Address, payload: bytes) -> bool:
        """Take one datagram.

        Args:
            at: when it was seen, seconds.
            source: sender.
            destination: receiver.
            payload: octets above UDP.

        Returns:
            False when it is not RTP; it is then ignored.
        """
        if len(payload) < 12:
            return False
        first, second, sequence, timestamp, ssrc = _HEADER(payload)
        if first >> 6 != 2 or 192 <= second <= 223:
            return False
        key = (source, destination, ssrc)
        stream = self._streams.get(key)
        if stream is not None and at - stream.last_at > IDLE_S:
            self._ended(_seen(key, self._streams.pop(key)))
            stream = None
        if stream is None:
            self._make_room(at)
            stream = self._streams[key] = _Stream(at, at, second & 0x7F, sequence)
        else:
            ahead = (sequence - stream.newest) % _MODULO
            if not ahead:
                return True  # the same packet at another interface
            stream.last_at = at
            stream.packets += 1
            if ahead < _HALF:
                stream.newest = sequence
                stream.span += ahead
        if len(payload) == 16 and second & 0x7F >= _FIRST_DYNAMIC and not first & 0x3F:
            stream.digits += stream.keys.feed(payload[12:], timestamp) or ""
        return True

    def streams(self) -> tuple[RtpStreamSeen, ...]:
        """All streams that have not been given away as ended, by their first packet."""
        seen = (_seen(key, stream) for key, stream in self._streams.items())
        return tuple(sorted(seen, key=lambda stream: stream.at))

    def _make_room(self, at: float) -> None:
        if len(self._streams) < MAX_STREAMS:
            return
        idle = [key for key, stream in self._streams.items() if at - stream.last_at > IDLE_S]
        for key in idle or [next(iter(self._streams))]:
            self._ended(_seen(key, self._streams.pop(key)))


def _seen(key: _Key, stream: _Stream) -> RtpStreamSeen:
    return RtpStreamSeen(
        at=stream.first_at,
        ended_at=stream.last_at,
        source=key[0],
        destination=key[1],
        ssrc=key[2],
        payload_type=stream.payload_type,
        packets=stream.packets,
        lost=max(0, stream.span - stream.packets),
        digits=stream.digits,
    )
