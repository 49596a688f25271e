"""Sorts captured packets: SIP, media, strays on SIP ports, fetches, and what is nobody's business.

Fetches matter most: handsets get their files over the same wire, passwords inside. Such packets
are told apart here, before anything keeps them. Ports prove little (a bench uses
free ones), so a packet is judged by its octets, and a port by the SIP seen on it.

Must not know what a message means.

Source: RFC 3261 section 7 (start lines), RFC 5761 section 4 (RTP and RTCP), RFC 8489 section 5
(STUN), RFC 1350 section 5 (TFTP).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum

from rig.capture.packet import CapturedPacket, PacketPath
from rig.sip.framing import is_keep_alive
from rig.timeline import Address, Tap

SIP_PORT = 5060

_METHOD = rb"[A-Za-z0-9.!%*_+`'~-]{1,40}"
_START = re.compile(
    rb"(?:[\r\n]|\0{4})*(?:SIP/[0-9.]+ +[0-9]{3}|" + _METHOD + rb" [^\r\n]{1,8192} SIP/[0-9])"
)
_MAY_BECOME_START = re.compile(_METHOD + rb"(?: [^\r\n]{0,8192})?|SIP/[^\r\n]{0,12}")
_HTTP = re.compile(rb"[A-Z]{3,8} [^\r\n]{1,8192} HTTP/|HTTP/|PRI \* HTTP/2|\x16\x03")
_TEXT = re.compile(rb"[\r\n\t\x20-\x7e]{12}|[\r\n\t\x20-\x7e]+\Z")
_MAX_PORTS, _MAX_STREAMS = 65_536, 8192
_MAX_BLANKS = 64
_STUN_COOKIE = b"\x21\x12\xa4\x42"


class Content(StrEnum):
    """What a packet carries."""

    SIP = "sip"
    MEDIA = "media"
    KEEP_ALIVE = "keep-alive"
    STRAY = "stray"
    FETCH = "fetch"
    OTHER = "other"


@dataclass(slots=True)
class _Stream:
    """What is known of one TCP direction: None means not decided yet."""

    content: Content | None = None
    waiting: list[CapturedPacket] = field(default_factory=list)


class ContentSorter:
    """Sorts packets in order of time; remembers SIP ports and TCP directions."""

    def __init__(self) -> None:
        self._sip_ports: set[Address] = set()
        self._streams: dict[PacketPath, _Stream] = {}

    def sort(self, packet: CapturedPacket) -> list[tuple[Content, CapturedPacket]]:
        """Take one packet.

        Args:
            packet: in order of time.

        Returns:
            Packets that are decided now: this one for UDP; for TCP none while too little has
            come to tell, later all that waited.
        """
        if packet.transport == "TCP":
            return self._sort_stream(packet)
        return [(self._datagram(packet), packet)]

    def _datagram(self, packet: CapturedPacket) -> Content:
        payload = packet.payload
        if _START.match(payload):
            ports = self._sip_ports
            if packet.source not in ports or packet.destination not in ports:
                if len(ports) >= _MAX_PORTS:
                    ports.clear()  # a scan; real ports come back with their next message
                ports |= {packet.source, packet.destination}
            return Content.SIP
        if is_keep_alive(payload):
            return Content.KEEP_ALIVE
        if len(payload) >= 8 and payload[0] >> 6 == 2:
            return Content.MEDIA
        if _is_stun(payload):
            return Content.OTHER
        if _is_tftp(payload):
            return Content.FETCH
        return Content.STRAY if self._is_stray(packet) else Content.OTHER

    def _is_stray(self, packet: CapturedPacket) -> bool:
        """Whether it should have been SIP; where none was seen yet, only a text should."""
        ends = {packet.source, packet.destination}
        if not ends.isdisjoint(self._sip_ports):
            return True
        at_sip_port = any(port == SIP_PORT for _, port in ends)
        return at_sip_port and (packet.tap is not Tap.WIRE or bool(_TEXT.match(packet.payload)))

    def _sort_stream(self, packet: CapturedPacket) -> list[tuple[Content, CapturedPacket]]:
        path = packet.path
        stream = self._streams.get(path)
        if stream is None or packet.breaks:
            if len(self._streams) >= _MAX_STREAMS:
                del self._streams[next(iter(self._streams))]
            stream = self._streams[path] = _Stream()
        if stream.content is Content.OTHER and _START.match(packet.payload):
            stream.content = Content.SIP  # joined in the middle; here a message begins
            packet = replace(packet, breaks=True)
        if stream.content is not None:
            return [(stream.content, packet)]
        stream.waiting.append(packet)
        began = b"".join(waiting.payload for waiting in stream.waiting).lstrip(b"\r\n\0")
        if not began and len(stream.waiting) > _MAX_BLANKS:
            stream.waiting.pop()  # a sign of life; a connection may be idle for days
        if not began or _MAY_BECOME_START.fullmatch(began):
            return []
        stray = False
        if _START.match(began):
            stream.content = Content.SIP
        elif _HTTP.match(began):
            stream.content = Content.FETCH
        else:
            stream.content = Content.OTHER
            stray = packet.tap is not Tap.WIRE  # an endpoint's own port, which is for SIP
        waiting, stream.waiting = stream.waiting, []
        return [(Content.STRAY if stray else stream.content, each) for each in waiting]


def _is_stun(payload: bytes) -> bool:
    return payload[4:8] == _STUN_COOKIE


def _is_tftp(payload: bytes) -> bool:
    return payload[:1] == b"\0" and payload[1:2] in {b"\1", b"\2", b"\3", b"\4", b"\5", b"\6"}
