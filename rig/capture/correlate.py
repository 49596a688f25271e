"""From packets to the timeline: SIP messages, their sightings at each tap, and RTP streams.

A message that passes several taps (the sender's port, a relay, the receiver's port) is one
event with several observations; the same bytes on the same path again are a retransmission.
Must not know what a right or wrong message is: that is the verdict's business.

With a sink, events are handed on as soon as no other tap can add to them, and are forgotten; so a
capture of any length needs little memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from rig.capture.content import Content, ContentSorter
from rig.capture.packet import CapturedPacket, OneEnd, PacketPath
from rig.capture.quick_reader import QuickReader, quick_transaction
from rig.errors import ProtocolError
from rig.media.stream_analysis import StreamAnalyser
from rig.sip.framing import StreamFramer
from rig.sip.message import Request, Response
from rig.sip.parser import parse_message
from rig.timeline import (
    Address,
    BadSipSeen,
    Observation,
    RtpStreamSeen,
    SipSeen,
    Tap,
    TimelineEvent,
)
from rig.verdict.oracles.shelf import Shelf

SAME_TRANSMISSION_S = 5.0
"""A sighting on another path this soon after the first is the same transmission."""

RETRANSMISSION_S = 64.0
"""A sender repeats itself for 32 s (64*T1); with a sink, older messages are forgotten."""

MAX_PENDING = 8192
"""With a sink, so many messages at most wait for sightings elsewhere."""

MAX_REMEMBERED = 65_536
MAX_FRAMERS = 8192

Sink = Callable[[TimelineEvent], None]


class Streams(Protocol):
    """What takes media."""

    def feed(self, at: float, source: Address, destination: Address, payload: bytes, /) -> bool:
        """Take one datagram."""
        ...

    def streams(self) -> tuple[RtpStreamSeen, ...]:
        """Everything seen."""
        ...


@dataclass(slots=True)
class _Transmission:
    at: float
    message: Request | Response
    raw: bytes
    transport: str
    retransmission: bool
    transaction: str
    observations: list[Observation] = field(default_factory=list)
    paths: list[PacketPath] = field(default_factory=list)

    def freeze(self) -> SipSeen:
        return SipSeen(
            at=self.observations[0].at,
            message=self.message,
            raw=self.raw,
            transport=self.transport,
            observations=tuple(self.observations),
            retransmission=self.retransmission,
            transaction=self.transaction,
        )


@dataclass(slots=True)
class _Bad:
    """Bytes that are no SIP message, and where they have been seen by now."""

    at: float
    event: BadSipSeen
    paths: list[PacketPath]

    def freeze(self) -> BadSipSeen:
        return self.event


class Correlator:
    """Feeds on packets in order of time; gives timeline events at any moment, or to a sink.

    Args:
        sink: takes events in order of time; :meth:`close` hands over the last ones. Without one
            everything is kept for :meth:`events`.
        streams: takes media; by default audio is listened to for prompts.
        other: takes packets that are neither SIP nor media, with what they are.
        reader: reads messages; by default each is parsed from scratch.

    Attributes:
        packets: how many were fed.
        ignored: packets that are neither SIP nor RTP.
        cut: messages that cannot be read because the capture holds only a part of them.
        now: instant of the last packet.
    """

    def __init__(
        self,
        sink: Sink | None = None,
        *,
        streams: Streams | None = None,
        other: Callable[[Content, CapturedPacket], None] | None = None,
        reader: QuickReader | None = None,
    ) -> None:
        self.packets = 0
        self.ignored = 0
        self.cut = 0
        self._sink = sink
        self._other = other
        self._sorter = ContentSorter()
        self._pending: deque[_Transmission | _Bad] = deque()
        self._alike: dict[bytes, list[_Transmission]] = {}
        self.now = 0.0
        self._sent: Shelf[tuple[int, PacketPath], float] = Shelf(
            MAX_REMEMBERED // 2, idle_s=RETRANSMISSION_S, clock=self
        )
        self._bad: list[_Bad] = []
        self._framers: dict[PacketPath, StreamFramer | None] = {}
        self._parse = parse_message if reader is None else reader.read
        self._streams = streams or StreamAnalyser()
        self._one_end = OneEnd()

    def feed(self, packet: CapturedPacket) -> None:
        """Take one packet.

        Args:
            packet: in order of time; retransmissions and sightings at several taps welcome.
        """
        self.packets += 1
        self.now = packet.at
        for content, decided in self._sorter.sort(packet):
            self._take(content, decided)
        if self._sink is not None:
            pending = self._pending
            while pending and (
                pending[0].at < packet.at - SAME_TRANSMISSION_S or len(pending) > MAX_PENDING
            ):
                self._hand_over(pending.popleft())

    def feed_all(self, packets: Iterable[CapturedPacket]) -> None:
        """Take many packets."""
        for packet in packets:
            self.feed(packet)

    def events(self) -> list[TimelineEvent]:
        """Everything seen so far that no sink has taken, in order of time."""
        found: list[TimelineEvent] = [each.freeze() for each in self._pending]
        found += self._streams.streams()
        found.sort(key=lambda event: event.at)
        return found

    def close(self) -> None:
        """Hand all that is left to the sink."""
        while self._pending:
            self._hand_over(self._pending.popleft())
        if self._sink is not None:
            for stream in self._streams.streams():
                self._sink(stream)

    def _hand_over(self, item: _Transmission | _Bad) -> None:
        if self._sink is None:
            return
        self._sink(item.freeze())
        if isinstance(item, _Bad):
            self._bad.remove(item)
            return
        alike = self._alike[item.raw]
        if len(alike) == 1:
            del self._alike[item.raw]
        else:
            alike.remove(item)
        sent, mark = self._sent, hash(item.raw)
        for path in item.paths:
            sent.put((mark, path), item.at)

    def _take(self, content: Content, packet: CapturedPacket) -> None:
        if content is Content.SIP:
            if packet.transport == "TCP":
                self._feed_stream(packet)
            else:
                self._feed_message(packet, packet.payload, datagram=True)
        elif content is Content.STRAY:
            self._feed_bad(packet, packet.payload, "not a SIP message, on a port that speaks SIP")
        elif content is Content.MEDIA:
            # An endpoint's own tap sees what it sends before the network can lose it.
            if self._one_end.takes(packet) if packet.tap is Tap.WIRE else packet.outbound is False:
                self._streams.feed(packet.at, packet.source, packet.destination, packet.payload)
        else:
            self.ignored += 1
            if self._other is not None:
                self._other(content, packet)

    def _feed_stream(self, packet: CapturedPacket) -> None:
        path = packet.path
        if packet.breaks:
            self._framers.pop(path, None)
        framer = self._framers.get(path)
        if framer is None:
            if path in self._framers:
                return
            while len(self._framers) >= MAX_FRAMERS:
                del self._framers[next(iter(self._framers))]
            framer = self._framers[path] = StreamFramer()
        framer.feed(packet.payload)
        try:
            while (data := framer.next_message()) is not None:
                self._feed_message(packet, data, datagram=False)
        except ProtocolError as error:
            self._framers[path] = None
            self._feed_bad(packet, packet.payload, f"stream framing lost: {error}")

    def _feed_message(self, packet: CapturedPacket, data: bytes, *, datagram: bool) -> None:
        path = packet.path
        alike = self._alike.get(data)
        again = False
        if alike is not None:
            for earlier in reversed(alike):
                if path in earlier.paths:
                    again = True
                elif packet.at - earlier.observations[0].at <= SAME_TRANSMISSION_S:
                    earlier.observations.append(_observation(packet))
                    earlier.paths.append(path)
                    return
        if not again and self._sink is not None:
            sent_at = self._sent.get((hash(data), path))
            again = sent_at is not None and packet.at - sent_at <= RETRANSMISSION_S
        try:
            message = self._parse(data, datagram=datagram)
            key = quick_transaction(message) or transaction_key(message)
        except ProtocolError as error:
            self._feed_bad(packet, data, str(error))
            return
        transmission = _Transmission(
            packet.at,
            message,
            data,
            packet.transport,
            again,
            key,
            [_observation(packet)],
            [path],
        )
        if alike is None:
            self._alike[data] = [transmission]
        else:
            alike.append(transmission)
        self._append(transmission)

    def _append(self, item: _Transmission | _Bad) -> None:
        """Put it in order of time; what waited behind a hole in a TCP stream comes late."""
        pending, later = self._pending, []
        while pending and pending[-1].at > item.at:
            later.append(pending.pop())
        pending.append(item)
        pending.extend(reversed(later))

    def _feed_bad(self, packet: CapturedPacket, raw: bytes, error: str) -> None:
        if packet.truncated:
            self.cut += 1  # the capture's fault, not the sender's
            return
        path = packet.path
        for bad in reversed(self._bad[-32:]):
            event = bad.event
            same = event.raw == raw and packet.at - event.at <= SAME_TRANSMISSION_S
            if same and path not in bad.paths:
                bad.paths.append(path)
                return
        event = BadSipSeen(at=packet.at, raw=raw, error=error, observation=_observation(packet))
        found = _Bad(packet.at, event, [path])
        self._bad.append(found)
        self._append(found)


def transaction_key(message: Request | Response) -> str:
    """A key that a request shares with its responses (RFC 3261 section 17.1.3).

    An ACK to a failure shares the key of its INVITE; a CANCEL has its own.

    Raises:
        rig.sip.errors.MessageError: Via or CSeq cannot be read.
    """
    via = message.via
    method = message.cseq.method
    if method == "ACK":
        method = "INVITE"
    branch = via.branch or f"{message.call_id};{message.cseq.number};{message.from_.tag}"
    return f"{branch}|{via.host}:{via.port}|{method}"


def _observation(packet: CapturedPacket) -> Observation:
    return Observation(
        at=packet.at,
        tap=packet.tap,
        source=packet.source,
        destination=packet.destination,
        number=packet.number,
        outbound=packet.outbound,
    )
