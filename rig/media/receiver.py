"""Takes the RTP packets of one call apart: who sent them, in which order, what they hold.

Sans-IO. Packets that come in order from the known source take a short way that makes no object
but the payload. All others go through the rules: symmetric RTP (:mod:`.latch`), a window for
packets that overtook each other, another source, another codec.

Source: RFC 3550 section 5.1 and appendix A.1; RFC 3264 section 8.3.2 (a new codec may come
before signalling has caught up); RFC 4733 section 2.5.2.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rig.media.codec import Codec, Decoder, make_decoder
from rig.media.dtmf import DigitLimit, DtmfEvent, DtmfReceiver
from rig.media.g711 import SAMPLE_RATE_HZ, Law
from rig.media.latch import Latch
from rig.media.reception import Reception
from rig.media.rtp import RtpPacket, sequence_distance

WINDOW = 4
"""Packets that wait for one that was overtaken; then it counts as lost."""

WINDOW_S = 0.1
"""And no longer than this."""

LONGEST_PAYLOAD = 1600
"""Octets; 200 ms of G.711."""

_HEADER = struct.Struct("!BBHII")
_unpack = _HEADER.unpack_from
_HEAD = _HEADER.size
_PLAIN = 0x80


@dataclass(frozen=True, slots=True)
class Audio:
    """The audio of one packet.

    Attributes:
        timestamp: of the packet.
        ssrc: source.
        payload: G.711 octets, or PCM.
        law: of G.711; None for PCM.
        at: when it came.
    """

    timestamp: int
    ssrc: int
    payload: bytes | bytearray
    law: Law | None
    at: float


AudioSink = Callable[[int, int, "bytes | bytearray", "Law | None", float], None]
"""Takes the parts of an :class:`Audio`, in order of time."""


class RtpReceiver:
    """The receiving half of a stream.

    Args:
        audio: given the audio of every packet, in order.
        digit: given every digit, and the timestamp at which it began.

    Attributes:
        audio: as given; may be replaced.
        latch: where media may come from.
        reception: books of the present source; None before the first packet.
        packets: valid packets from the far side, repeated ones included.
        useless: packets that were there already, or whose place was given up before they came.
        event_type: payload type of telephone events; None when none were agreed.
    """

    def __init__(self, audio: AudioSink, digit: Callable[[str, int], None]) -> None:
        self.latch = Latch()
        self.reception: Reception | None = None
        self.packets = 0
        self.useless = 0
        self.event_type: int | None = None
        self.audio = audio
        self._digit = digit
        self._codecs: dict[int, Codec] = {}
        self._digit_limit = DigitLimit()  # of the call: another source does not begin it anew
        self._keys = DtmfReceiver(self._digit_limit)
        self._decoders: dict[Codec, Decoder] = {}
        self._held: dict[int, Audio | None] = {}
        self._held_at = 0.0
        self._next = -1
        self._ssrc = -1
        self._source: Any = None
        self._plain_type = -1
        self._plain_law = Law.ULAW

    def accept(self, codecs: Mapping[int, Codec], event_type: int | None) -> None:
        """Say what was agreed; other payload types are no valid packets.

        Args:
            codecs: codec by payload type.
            event_type: of telephone events; None for none.
        """
        self._codecs = dict(codecs)
        self.event_type = event_type
        self._plain_type = -1

    def reset_source(self) -> None:
        """Signalling moved the far side: forget whose packets are known."""
        self._source = None

    def take(self, buffer: bytearray, size: int, source: Any, at: float) -> bool:
        """Take a datagram.

        Args:
            buffer: holds it from the beginning.
            size: its octets.
            source: socket address it came from.
            at: when, seconds.

        Returns:
            Whether it was a valid packet of the far side.
        """
        if size >= _HEAD:
            first, second, sequence, timestamp, ssrc = _unpack(buffer)
            if (
                sequence == self._next
                and second == self._plain_type
                and first == _PLAIN
                and ssrc == self._ssrc
                and source == self._source
                and not self._held
                and self.reception is not None
                and _HEAD < size <= _HEAD + LONGEST_PAYLOAD
            ):
                self._next = sequence + 1 & 0xFFFF
                self.packets += 1
                books = self.reception
                books.received += 1
                books.highest += 1
                transit = at * SAMPLE_RATE_HZ - timestamp
                change = transit - books.transit
                if -SAMPLE_RATE_HZ < change < SAMPLE_RATE_HZ:
                    books.jitter += ((change if change > 0 else -change) - books.jitter) / 16
                books.transit = transit
                self.latch.heard_at = at
                self.audio(timestamp, ssrc, buffer[_HEAD:size], self._plain_law, at)
                return True
        return self._take_slowly(bytes(buffer[:size]), source, at)

    def flush(self) -> None:
        """Wait no more for what was overtaken."""
        while self._held:
            self._skip()

    def _take_slowly(self, data: bytes, source: Any, at: float) -> bool:
        packet = RtpPacket.unpack(data)
        if packet is None or not self._is_valid(packet):
            return False
        same = packet.ssrc == self._ssrc
        distance = sequence_distance(packet.sequence, self._next) if same else 0
        address = source[:2]
        if address != self.latch.source and not self.latch.admits(
            address, at, known=self._ssrc, ssrc=packet.ssrc, distance=distance
        ):
            return False
        self._source = source
        self.latch.heard_at = at
        if not same or self.reception is None:
            self._begin(packet)
        books = self.reception
        if books is None or not books.note(packet.sequence):
            return False
        books.arrived(at, packet.timestamp)
        self.packets += 1
        if books.restarted:
            books.restarted = False
            self.flush()
            self._next = packet.sequence
        audio = self._content(packet, at)
        self._order(packet.sequence, audio, at)
        return True

    def _is_valid(self, packet: RtpPacket) -> bool:
        if packet.payload_type == self.event_type:
            return DtmfEvent.unpack(packet.payload) is not None
        known = packet.payload_type in self._codecs
        return known and 0 < len(packet.payload) <= LONGEST_PAYLOAD

    def _begin(self, packet: RtpPacket) -> None:
        """Another source: its numbers, times and events begin anew."""
        self.flush()
        self.reception = Reception(packet.ssrc, packet.sequence)
        self._ssrc = packet.ssrc
        self._next = packet.sequence
        self._keys = DtmfReceiver(self._digit_limit)
        self._decoders.clear()

    def _content(self, packet: RtpPacket, at: float) -> Audio | None:
        """Tell a digit at once; audio is to be put in order."""
        if packet.payload_type == self.event_type:
            digit = self._keys.feed(packet.payload, packet.timestamp, at)
            if digit is not None:
                self._digit(digit, packet.timestamp)
            return None
        codec = self._codecs[packet.payload_type]
        if codec.law is not None:
            # Plain packets of this type come the short way from now on.
            self._plain_type, self._plain_law = packet.payload_type, codec.law
            return Audio(packet.timestamp, packet.ssrc, packet.payload, codec.law, at)
        return Audio(packet.timestamp, packet.ssrc, packet.payload, None, at)

    def _order(self, sequence: int, audio: Audio | None, at: float) -> None:
        distance = sequence_distance(sequence, self._next)
        if distance < 0 or sequence in self._held:
            self.useless += 1
            return
        if distance == 0:
            self._deliver(sequence, audio)
            while self._next in self._held:
                self._deliver(self._next, self._held.pop(self._next))
        else:
            if not self._held:
                self._held_at = at
            self._held[sequence] = audio
        while self._held and (len(self._held) > WINDOW or at - self._held_at > WINDOW_S):
            self._skip()
            self._held_at = at

    def _skip(self) -> None:
        """Give up the missing ones before the first that waits, and deliver from there."""
        start = min(self._held, key=lambda number: sequence_distance(number, self._next))
        self._next = start
        while self._next in self._held:
            self._deliver(self._next, self._held.pop(self._next))

    def _deliver(self, sequence: int, audio: Audio | None) -> None:
        self._next = (sequence + 1) & 0xFFFF
        if audio is None:
            return
        payload = audio.payload
        if audio.law is None:
            decoder = self._decoders.get(Codec.G722)
            if decoder is None:
                decoder = self._decoders[Codec.G722] = make_decoder(Codec.G722)
            payload = decoder.decode(payload)
        self.audio(audio.timestamp, audio.ssrc, payload, audio.law, audio.at)
