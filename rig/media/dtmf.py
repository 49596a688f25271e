"""Sends and receives telephone digits as RTP events.

Source: RFC 4733 section 2.3 (payload), 2.5.1 (sending), 2.5.2 (receiving), 3.2 (codes).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from rig.errors import LocalProtocolError
from rig.media.rtp import SAMPLES_PER_PACKET, timestamp_distance

DEFAULT_PAYLOAD_TYPE = 101
"""Dynamic payload type that practically every phone offers for telephone-event."""

DIGITS = "0123456789*#ABCD"
"""Digits by event code (RFC 4733 table 3)."""

LONGEST_EVENT = 0xFFFF
"""Greatest duration in one packet; a longer event goes on in a new segment."""

MOST_DIGITS_PER_S = 20
"""Digits per second that a caller can send in the long run: 40 ms each and the pause."""

BURST_DIGITS = 20
"""Digits that may come at once, after a pause."""

_EVENT = struct.Struct("!BBH")
_VOLUME_DBM0 = 10
_END_COPIES = 3


@dataclass(frozen=True, slots=True)
class DtmfEvent:
    """The payload of one event packet.

    Attributes:
        code: 0 to 255, index into :data:`DIGITS` below 16.
        end: the event is over.
        duration: samples since its beginning, 0 to 65535.
        volume_dbm0: power below 0 dBm0, 0 to 63.
    """

    code: int
    end: bool
    duration: int
    volume_dbm0: int = _VOLUME_DBM0

    def pack(self) -> bytes:
        """The four octets."""
        return _EVENT.pack(self.code, (0x80 if self.end else 0) | self.volume_dbm0, self.duration)

    @classmethod
    def unpack(cls, payload: bytes) -> DtmfEvent | None:
        """Read an event payload.

        Returns:
            The first event, or None when there are fewer than four octets.
        """
        if len(payload) < _EVENT.size:
            return None
        code, flags, duration = _EVENT.unpack_from(payload)
        return cls(code, bool(flags & 0x80), duration, flags & 0x3F)


@dataclass(frozen=True, slots=True)
class DtmfStep:
    """What to send in one packet interval while digits are being sent.

    Attributes:
        event: the event, or None for the pause between digits.
        age: packet intervals since the event began: its RTP timestamp lies so far back.
        first: the event's first packet, which carries the marker bit.
    """

    event: DtmfEvent | None
    age: int = 0
    first: bool = False


def schedule(digits: str, *, on_s: float = 0.1, off_s: float = 0.08) -> Iterator[DtmfStep]:
    """Plan the packets for some digits, one step for every 20 ms.

    The end of each digit is sent three times, in the pause after it, so that the loss of
    two packets neither loses nor doubles a digit.

    Args:
        digits: ``0-9``, ``*``, ``#``, ``A-D``; a comma is a pause of half a second.
        on_s: length of a digit; at least 0.04.
        off_s: pause after a digit; at least 0.06, because it holds the repeated ends.

    Raises:
        LocalProtocolError: a character is no digit.
    """
    on = max(round(on_s / 0.02), 2)
    off = max(round(off_s / 0.02), _END_COPIES)
    for digit in digits.upper():
        if digit == ",":
            yield from (DtmfStep(None) for _ in range(25))
            continue
        code = DIGITS.find(digit)
        if code < 0:
            raise LocalProtocolError(
                f"digits {digits!r}: {digit!r} cannot be sent as a telephone event; "
                "use 0-9, *, #, A-D, or a comma for a pause"
            )
        for age in range(on):
            running = DtmfEvent(code, end=False, duration=(age + 1) * SAMPLES_PER_PACKET)
            yield DtmfStep(running, age, first=age == 0)
        ended = DtmfEvent(code, end=True, duration=on * SAMPLES_PER_PACKET)
        for copy in range(off):
            yield DtmfStep(ended, on + copy) if copy < _END_COPIES else DtmfStep(None)


class DigitLimit:
    """Lets through no more digits than a person can press, whatever arrives."""

    def __init__(self) -> None:
        self._credit = float(BURST_DIGITS)
        self._asked_at = 0.0

    def allows(self, at: float) -> bool:
        """Whether one more digit is believable.

        Args:
            at: now, seconds.
        """
        passed, self._asked_at = max(0.0, at - self._asked_at), at
        self._credit = min(BURST_DIGITS, self._credit + passed * MOST_DIGITS_PER_S)
        if self._credit < 1:
            return False
        self._credit -= 1
        return True


class DtmfReceiver:
    """Tells each pressed digit once, however many packets speak of it.

    A digit is told at its first packet that arrives; a lost beginning or end does no harm. Nobody
    dials faster than :data:`MOST_DIGITS_PER_S`: what is above that is a flood and not told.

    Args:
        limit: of the call; one of its own by default.
    """

    def __init__(self, limit: DigitLimit | None = None) -> None:
        self._begun: int | None = None
        self._last: DtmfEvent | None = None
        self._limit = DigitLimit() if limit is None else limit

    def feed(self, payload: bytes, timestamp: int, at: float | None = None) -> str | None:
        """Take one event packet.

        Args:
            payload: of the packet.
            timestamp: RTP timestamp, the beginning of the event.
            at: when it came, seconds; None for no limit, e.g. in captures.

        Returns:
            The digit if this is news, else None.
        """
        event = DtmfEvent.unpack(payload)
        if event is None or event.code >= len(DIGITS):
            return None
        begun, last = self._begun, self._last
        if begun is not None and last is not None:
            distance = timestamp_distance(timestamp, begun)
            if distance <= 0:
                if distance == 0 and event.duration >= last.duration:
                    self._last = event
                return None
            if self._continues(event, last, distance):
                self._begun, self._last = timestamp, event
                return None
        self._begun, self._last = timestamp, event
        return DIGITS[event.code] if at is None or self._limit.allows(at) else None

    @staticmethod
    def _continues(event: DtmfEvent, last: DtmfEvent, distance: int) -> bool:
        """Whether a new timestamp is a further segment of a long event (section 2.5.1.3)."""
        return event.code == last.code and not last.end and distance == LONGEST_EVENT
