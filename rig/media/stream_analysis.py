"""Says what was in the RTP of a call: prompts, digits, losses. Sans-IO, for captures."""

from __future__ import annotations

from dataclasses import dataclass, field

from rig.media.dtmf import DtmfEvent, DtmfReceiver
from rig.media.g711 import Law, decode
from rig.media.prompt_detector import PromptDetector
from rig.media.rtp import GapFiller, RtpPacket, SequenceTracker
from rig.timeline import Address, RtpStreamSeen

_LAWS = {int(law): law for law in Law}
_FIRST_DYNAMIC = 96


@dataclass(slots=True)
class _Stream:
    """What is known of one stream so far."""

    source: Address
    destination: Address
    ssrc: int
    payload_type: int
    first_at: float
    last_at: float
    prompts: list[str] = field(default_factory=list)
    digits: str = ""
    numbers: SequenceTracker = field(default_factory=SequenceTracker)
    line: GapFiller = field(default_factory=GapFiller)
    detector: PromptDetector = field(default_factory=PromptDetector)
    keys: DtmfReceiver = field(default_factory=DtmfReceiver)

    def take(self, packet: RtpPacket, at: float) -> None:
        self.first_at = min(self.first_at, at)
        self.last_at = max(self.last_at, at)
        if not self.numbers.note(packet.sequence):
            return
        law = _LAWS.get(packet.payload_type)
        if law is not None:
            pcm = self.line.place(packet.timestamp, packet.ssrc, decode(packet.payload, law))
            self.prompts += self.detector.feed(pcm)
        elif packet.payload_type >= _FIRST_DYNAMIC and _is_event(packet.payload):
            self.digits += self.keys.feed(packet.payload, packet.timestamp) or ""


def _is_event(payload: bytes) -> bool:
    """Whether it can be a telephone-event: four octets and the reserved bit clear."""
    return len(payload) == 4 and not payload[1] & 0x40 and DtmfEvent.unpack(payload) is not None


class StreamAnalyser:
    """Collects the RTP packets of a capture and tells its streams.

    A stream is one direction between two addresses with one SSRC. A packet that two taps
    recorded counts once, as long as it is fed within a thousand packets.
    """

    def __init__(self) -> None:
        self._streams: dict[tuple[Address, Address, int], _Stream] = {}

    def feed(self, at: float, source: Address, destination: Address, payload: bytes) -> bool:
        """Take one datagram, in order of time.

        Args:
            at: when it was seen, seconds.
            source: sender.
            destination: receiver.
            payload: octets above UDP.

        Returns:
            False when it is not RTP; it is then ignored.
        """
        packet = RtpPacket.unpack(payload)
        if packet is None:
            return False
        key = (source, destination, packet.ssrc)
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = _Stream(
                source, destination, packet.ssrc, packet.payload_type, at, at
            )
        stream.take(packet, at)
        return True

    def streams(self) -> tuple[RtpStreamSeen, ...]:
        """All streams so far, by their first packet."""
        seen = [
            RtpStreamSeen(
                at=stream.first_at,
                ended_at=stream.last_at,
                source=stream.source,
                destination=stream.destination,
                ssrc=stream.ssrc,
                payload_type=stream.payload_type,
                packets=stream.numbers.received,
                lost=stream.numbers.lost,
                prompts=tuple(stream.prompts),
                digits=stream.digits,
            )
            for stream in self._streams.values()
        ]
        return tuple(sorted(seen, key=lambda stream: stream.at))
