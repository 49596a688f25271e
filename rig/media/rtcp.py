"""Packs and unpacks RTCP: reports, source descriptions and goodbyes in compound packets.

Source: RFC 3550 section 6 and appendix A.2 (what a compound packet must look like), RFC 5761
section 4 (telling RTCP from RTP on one port).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

SENDER_REPORT = 200
RECEIVER_REPORT = 201
SOURCE_DESCRIPTION = 202
GOODBYE = 203

MOST_LOST = 0x7FFFFF
"""Greatest number of lost packets that a report block can say; the least is one below zero's
mirror of it."""

NTP_EPOCH_S = 2_208_988_800
"""Seconds from 1900 (NTP) to 1970 (Unix)."""

_HEADER = struct.Struct("!BBHI")
_SENDER_INFO = struct.Struct("!IIIII")
_BLOCK = struct.Struct("!IIIIII")
_WORD = struct.Struct("!I")
_VERSION = 0x80
_CNAME = 1
_LONGEST_TEXT = 255
_MOST_SOURCES = 31
_MODULO = 1 << 32


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says of one source.

    Attributes:
        ssrc: the source.
        fraction_lost: of the packets since the last report, in 256ths, 0 to 255.
        lost: packets lost since the beginning; negative when duplicates outweigh.
        highest_sequence: extended highest sequence number received.
        jitter: interarrival jitter in units of the timestamp.
        last_sr: middle 32 bits of the NTP time of the last sender report; 0 for none.
        delay: since that report, in 1/65536 s.

    Source: RFC 3550 section 6.4.1.
    """

    ssrc: int
    fraction_lost: int
    lost: int
    highest_sequence: int
    jitter: int
    last_sr: int = 0
    delay: int = 0

    def pack(self) -> bytes:
        """The 24 octets."""
        lost = max(-MOST_LOST - 1, min(self.lost, MOST_LOST)) & 0xFFFFFF
        return _BLOCK.pack(
            self.ssrc,
            self.fraction_lost << 24 | lost,
            self.highest_sequence % _MODULO,
            self.jitter % _MODULO,
            self.last_sr,
            self.delay % _MODULO,
        )


@dataclass(frozen=True, slots=True)
class SenderInfo:
    """What a sender says of its own stream.

    Attributes:
        ntp: wall clock as a 64-bit NTP time stamp.
        timestamp: RTP timestamp of the same instant.
        packets: sent since the beginning.
        octets: of payload, sent since the beginning.
    """

    ntp: int
    timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Report:
    """A sender report, or a receiver report when ``sender`` is None.

    Attributes:
        ssrc: who reports.
        sender: of the reporter's own stream.
        blocks: of the sources it hears.
    """

    ssrc: int
    sender: SenderInfo | None
    blocks: tuple[ReportBlock, ...] = ()

    def pack(self) -> bytes:
        """One RTCP packet."""
        kind = RECEIVER_REPORT if self.sender is None else SENDER_REPORT
        body = b"" if self.sender is None else _pack_sender(self.sender)
        body += b"".join(block.pack() for block in self.blocks[:_MOST_SOURCES])
        return _packet(kind, min(len(self.blocks), _MOST_SOURCES), self.ssrc, body)


@dataclass(frozen=True, slots=True)
class Cname:
    """The canonical name of a source.

    Attributes:
        ssrc: the source.
        name: ``user@host``; at most 255 octets are sent.
    """

    ssrc: int
    name: str

    def pack(self) -> bytes:
        """One SDES packet with one chunk of one item."""
        text = self.name.encode()[:_LONGEST_TEXT]
        items = bytes((_CNAME, len(text))) + text
        # At least one zero octet ends the items, and the chunk ends on a word.
        return _packet(
            SOURCE_DESCRIPTION, 1, self.ssrc, items + bytes(4 - (4 + len(items)) % 4 or 4)
        )


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Sources that leave.

    Attributes:
        ssrcs: who.
        reason: why, at most 255 octets; empty for none.
    """

    ssrcs: tuple[int, ...]
    reason: str = ""

    def pack(self) -> bytes:
        """One BYE packet."""
        body = b"".join(map(_WORD.pack, self.ssrcs[1:_MOST_SOURCES]))
        text = self.reason.encode()[:_LONGEST_TEXT]
        if text:
            said = bytes((len(text),)) + text
            body += said + bytes(-len(said) % 4)
        return _packet(GOODBYE, min(len(self.ssrcs), _MOST_SOURCES), self.ssrcs[0], body)


RtcpPacket = Report | Cname | Goodbye


def is_rtcp(data: bytes | bytearray | memoryview) -> bool:
    """Whether a datagram on a shared port is RTCP (RFC 5761 section 4)."""
    return len(data) >= 8 and data[0] >> 6 == 2 and 192 <= data[1] <= 223


def pack_compound(*packets: RtcpPacket) -> bytes:
    """One datagram; the first must be a report (section 6.1)."""
    return b"".join(packet.pack() for packet in packets)


def unpack_compound(data: bytes) -> tuple[RtcpPacket, ...] | None:
    """Read a datagram that arrived on an RTCP port.

    Args:
        data: the whole datagram.

    Returns:
        The packets that are known here, in order; packet types that are not are left out.
        None when the whole is no lawful compound packet: another version, no report at the
        beginning, padding before the last packet, or lengths that do not add up.

    Source: RFC 3550 appendix A.2.
    """
    if len(data) < 8 or data[0] & 0xE0 != _VERSION:
        return None
    if data[1] not in {SENDER_REPORT, RECEIVER_REPORT}:
        return None
    found: list[RtcpPacket] = []
    start = 0
    while start < len(data):
        if len(data) - start < 4 or data[start] >> 6 != 2:
            return None
        end = start + 4 * (1 + int.from_bytes(data[start + 2 : start + 4]))
        if end > len(data):
            return None
        body = data[start + 4 : end]
        if data[start] & 0x20:
            if end != len(data) or not body or not 0 < body[-1] <= len(body):
                return None
            body = body[: -body[-1]]
        packets = _unpack(data[start + 1], data[start] & 0x1F, body)
        if packets is None:
            return None
        found += packets
        start = end
    return tuple(found)


def ntp_of(at: float) -> int:
    """The NTP time stamp of an instant.

    Args:
        at: seconds since 1970.
    """
    return round((at + NTP_EPOCH_S) * _MODULO) & 0xFFFFFFFFFFFFFFFF


def middle_of(ntp: int) -> int:
    """The 32 bits of an NTP time stamp that reports refer to it by."""
    return ntp >> 16 & 0xFFFFFFFF


def _packet(kind: int, count: int, ssrc: int, body: bytes) -> bytes:
    return _HEADER.pack(_VERSION | count, kind, 1 + len(body) // 4, ssrc) + body


def _pack_sender(sender: SenderInfo) -> bytes:
    return _SENDER_INFO.pack(
        sender.ntp >> 32,
        sender.ntp & 0xFFFFFFFF,
        sender.timestamp,
        sender.packets % _MODULO,
        sender.octets % _MODULO,
    )


def _unpack(kind: int, count: int, body: bytes) -> list[RtcpPacket] | None:
    """The contents of one packet; None when they do not fit into it."""
    match kind:
        case 200 | 201:
            return _unpack_report(kind, count, body)
        case 202:
            return _unpack_names(count, body)
        case 203:
            if len(body) < 4 * count:
                return None
            ssrcs = tuple(_WORD.unpack_from(body, 4 * place)[0] for place in range(count))
            rest = body[4 * count :]
            text = rest[1 : 1 + rest[0]] if rest else b""
            return [Goodbye(ssrcs, text.decode("utf-8", "replace"))] if ssrcs else []
        case _:
            return []


def _unpack_report(kind: int, count: int, body: bytes) -> list[RtcpPacket] | None:
    start = 4 + (_SENDER_INFO.size if kind == SENDER_REPORT else 0)
    if len(body) < start + count * _BLOCK.size:
        return None
    sender = None
    if kind == SENDER_REPORT:
        high, low, timestamp, packets, octets = _SENDER_INFO.unpack_from(body, 4)
        sender = SenderInfo(high << 32 | low, timestamp, packets, octets)
    blocks = []
    for place in range(count):
        ssrc, loss, highest, jitter, last, delay = _BLOCK.unpack_from(
            body, start + place * _BLOCK.size
        )
        lost = loss & 0xFFFFFF
        blocks.append(
            ReportBlock(
                ssrc,
                loss >> 24,
                lost - (1 << 24) if lost > MOST_LOST else lost,
                highest,
                jitter,
                last,
                delay,
            )
        )
    return [Report(_WORD.unpack_from(body)[0], sender, tuple(blocks))]


def _unpack_names(count: int, body: bytes) -> list[RtcpPacket] | None:
    found: list[RtcpPacket] = []
    start = 0
    for _ in range(count):
        if start + 8 > len(body):
            return None
        ssrc = _WORD.unpack_from(body, start)[0]
        place = start + 4
        while place < len(body) and body[place]:
            if place + 2 > len(body) or place + 2 + body[place + 1] > len(body):
                return None
            text = body[place + 2 : place + 2 + body[place + 1]]
            if body[place] == _CNAME:
                found.append(Cname(ssrc, text.decode("utf-8", "replace")))
            place += 2 + len(text)
        if place >= len(body):
            return None
        start = place + 4 - place % 4
    return found
