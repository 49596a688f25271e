"""From packets to the timeline: SIP messages, their sightings at each tap, and RTP streams.

A message that passes several taps (the sender's port, a relay, the receiver's port) is one
event with several observations; the same bytes on the same path again are a retransmission.
Must not know what a right or wrong message is: that is the verdict's business.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rig.capture.content import Content, ContentSorter
from rig.capture.packet import CapturedPacket, PacketPath
from rig.errors import ProtocolError
from rig.media.stream_analysis import StreamAnalyser
from rig.sip.framing import StreamFramer
from rig.sip.message import Request, Response
from rig.sip.parser import parse_message
from rig.timeline import BadSipSeen, Observation, SipSeen, Tap, TimelineEvent

SAME_TRANSMISSION_S = 5.0
"""A sighting on another path this soon after the first is the same transmission."""


@dataclass(slots=True)
class _Transmission:
    message: Request | Response
    raw: bytes
    transport: str
    retransmission: bool
    transaction: str
    observations: list[Observation] = field(default_factory=list)
    paths: set[PacketPath] = field(default_factory=set)

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

    event: BadSipSeen
    paths: set[PacketPath]


class Correlator:
    """Feeds on packets in order of time; gives timeline events at any moment.

    Attributes:
        packets: how many were fed.
        ignored: packets that are neither SIP nor RTP.
        cut: messages that cannot be read because the capture holds only a part of them.
    """

    def __init__(self) -> None:
        self.packets = 0
        self.ignored = 0
        self.cut = 0
        self._sorter = ContentSorter()
        self._order: list[_Transmission] = []
        self._alike: dict[bytes, list[_Transmission]] = {}
        self._bad: list[_Bad] = []
        self._framers: dict[PacketPath, StreamFramer | None] = {}
        self._streams = StreamAnalyser()

    def feed(self, packet: CapturedPacket) -> None:
        """Take one packet.

        Args:
            packet: in order of time; retransmissions and sightings at several taps welcome.
        """
        self.packets += 1
        for content, decided in self._sorter.sort(packet):
            self._take(content, decided)

    def feed_all(self, packets: Iterable[CapturedPacket]) -> None:
        """Take many packets."""
        for packet in packets:
            self.feed(packet)

    def events(self) -> list[TimelineEvent]:
        """Everything seen so far, in order of time."""
        found: list[TimelineEvent] = [t.freeze() for t in self._order]
        found += [bad.event for bad in self._bad]
        found += self._streams.streams()
        found.sort(key=lambda event: event.at)
        return found

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
            if packet.tap is Tap.WIRE or packet.outbound is False:
                self._streams.feed(packet.at, packet.source, packet.destination, packet.payload)
        else:
            self.ignored += 1

    def _feed_stream(self, packet: CapturedPacket) -> None:
        path = packet.path
        if packet.breaks:
            self._framers.pop(path, None)
        framer = self._framers.setdefault(path, StreamFramer())
        if framer is None:
            return
        framer.feed(packet.payload)
        try:
            while (data := framer.next_message()) is not None:
                self._feed_message(packet, data, datagram=False)
        except ProtocolError as error:
            self._framers[path] = None
            self._feed_bad(packet, packet.payload, f"stream framing lost: {error}")

    def _feed_message(self, packet: CapturedPacket, data: bytes, *, datagram: bool) -> None:
        path = packet.path
        alike = self._alike.get(data, [])
        for earlier in reversed(alike):
            if path in earlier.paths or not _same_transmission(earlier.observations[0], packet):
                continue
            earlier.observations.append(_observation(packet))
            earlier.paths.add(path)
            return
        try:
            message = parse_message(data, datagram=datagram)
            key = transaction_key(message)
        except ProtocolError as error:
            self._feed_bad(packet, data, str(error))
            return
        transmission = _Transmission(
            message=message,
            raw=data,
            transport=packet.transport,
            retransmission=any(path in earlier.paths for earlier in alike),
            transaction=key,
            observations=[_observation(packet)],
            paths={path},
        )
        self._alike.setdefault(data, []).append(transmission)
        self._order.append(transmission)

    def _feed_bad(self, packet: CapturedPacket, raw: bytes, error: str) -> None:
        if packet.truncated:
            self.cut += 1  # the capture's fault, not the sender's
            return
        path = packet.path
        for bad in reversed(self._bad[-32:]):
            event = bad.event
            same = event.raw == raw and _same_transmission(event.observation, packet)
            if same and path not in bad.paths:
                bad.paths.add(path)
                return
        event = BadSipSeen(at=packet.at, raw=raw, error=error, observation=_observation(packet))
        self._bad.append(_Bad(event, {path}))


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


def _same_transmission(first: Observation, packet: CapturedPacket) -> bool:
    return packet.at - first.at <= SAME_TRANSMISSION_S
