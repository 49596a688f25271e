"""From packets to the timeline: SIP messages, their sightings at each tap, and RTP streams.

A message that passes several taps (the sender's port, a relay, the receiver's port) is one
event with several observations; the same bytes on the same path again are a retransmission.
Must not know what a right or wrong message is: that is the verdict's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from rig.capture.packet import CapturedPacket
from rig.errors import ProtocolError
from rig.media.stream_analysis import StreamAnalyser
from rig.sip.framing import StreamFramer
from rig.sip.message import Request, Response
from rig.sip.parser import parse_message
from rig.timeline import Address, BadSipSeen, Observation, SipSeen, Tap, TimelineEvent

SAME_TRANSMISSION_S = 5.0
"""A sighting on another path this soon after the first is the same transmission."""

_SIP_START = re.compile(rb"(?:\r?\n)*(?:SIP/2\.0 |[A-Z][A-Za-z0-9.!%*_+`'~-]{1,30} \S+ SIP/)")

_Path = tuple[Tap, Address, Address, bool | None]


@dataclass(slots=True)
class _Transmission:
    message: Request | Response
    raw: bytes
    transport: str
    retransmission: bool
    transaction: str
    observations: list[Observation] = field(default_factory=list)
    paths: set[_Path] = field(default_factory=set)

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


class Correlator:
    """Feeds on packets in order of time; gives timeline events at any moment.

    Attributes:
        packets: how many were fed.
        ignored: packets that are neither SIP nor RTP.
    """

    def __init__(self) -> None:
        self.packets = 0
        self.ignored = 0
        self._order: list[_Transmission] = []
        self._latest: dict[bytes, _Transmission] = {}
        self._bad: list[BadSipSeen] = []
        self._framers: dict[_Path, StreamFramer | None] = {}
        self._streams = StreamAnalyser()

    def feed(self, packet: CapturedPacket) -> None:
        """Take one packet.

        Args:
            packet: in order of time; retransmissions and sightings at several taps welcome.
        """
        self.packets += 1
        if packet.transport == "TCP":
            self._feed_stream(packet)
        elif _SIP_START.match(packet.payload):
            self._feed_message(packet, packet.payload, datagram=True)
        elif _looks_like_rtp(packet.payload):
            if packet.tap is Tap.WIRE or packet.outbound is False:
                self._streams.feed(packet.at, packet.source, packet.destination, packet.payload)
        else:
            self.ignored += 1

    def feed_all(self, packets: Iterable[CapturedPacket]) -> None:
        """Take many packets."""
        for packet in packets:
            self.feed(packet)

    def events(self) -> list[TimelineEvent]:
        """Everything seen so far, in order of time."""
        found: list[TimelineEvent] = [t.freeze() for t in self._order]
        found += self._bad
        found += self._streams.streams()
        found.sort(key=lambda event: event.at)
        return found

    def _feed_stream(self, packet: CapturedPacket) -> None:
        path = _path(packet)
        framer = self._framers.setdefault(path, StreamFramer())
        if framer is None:
            return
        framer.feed(packet.payload)
        try:
            while (data := framer.next_message()) is not None:
                self._feed_message(packet, data, datagram=False)
        except ProtocolError as error:
            self._framers[path] = None
            self._bad.append(_bad(packet, packet.payload, f"stream framing lost: {error}"))

    def _feed_message(self, packet: CapturedPacket, data: bytes, *, datagram: bool) -> None:
        observation = _observation(packet)
        path = _path(packet)
        latest = self._latest.get(data)
        if (
            latest is not None
            and path not in latest.paths
            and packet.at - latest.observations[0].at <= SAME_TRANSMISSION_S
        ):
            latest.observations.append(observation)
            latest.paths.add(path)
            return
        try:
            message = parse_message(data, datagram=datagram)
            key = transaction_key(message)
        except ProtocolError as error:
            self._bad.append(_bad(packet, data, str(error)))
            return
        transmission = _Transmission(
            message=message,
            raw=data,
            transport=packet.transport,
            retransmission=latest is not None,
            transaction=key,
            observations=[observation],
            paths={path},
        )
        self._latest[data] = transmission
        self._order.append(transmission)


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


def _looks_like_rtp(payload: bytes) -> bool:
    return len(payload) >= 12 and payload[0] >> 6 == 2 and not 200 <= payload[1] <= 207


def _path(packet: CapturedPacket) -> _Path:
    return (packet.tap, packet.source, packet.destination, packet.outbound)


def _observation(packet: CapturedPacket) -> Observation:
    return Observation(
        at=packet.at,
        tap=packet.tap,
        source=packet.source,
        destination=packet.destination,
        number=packet.number,
        outbound=packet.outbound,
    )


def _bad(packet: CapturedPacket, raw: bytes, error: str) -> BadSipSeen:
    return BadSipSeen(at=packet.at, raw=raw, error=error, observation=_observation(packet))
