"""Writes the packets of a run as pcapng, secrets left out, openable in Wireshark.

Packets become raw IP frames; every tap is an interface of its own, and each frame says whether it
left there or arrived, so that what both ends in one process saw is told apart from what was sent
twice. Packet numbers are those of the verdicts; a file that begins later has them in comments
(``packet 311``). TCP runs get sequence numbers of their own, from
1 on in each direction.

Source: RFC 791, RFC 8200 section 8.1, RFC 768, RFC 9293 section 3.1 (headers, checksums).
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

from rig.capture.frame import LINKTYPE_RAW, Frame
from rig.capture.packet import CapturedPacket, PacketPath
from rig.capture.pcapng import write_pcapng
from rig.redact import redact_payload, redact_stream
from rig.timeline import Tap

_UDP, _TCP = 17, 6


def export_packets(
    path: Path, packets: Iterable[CapturedPacket], *, with_secrets: bool = False
) -> int:
    """Write packets to a pcapng file.

    Args:
        path: file to write.
        packets: in order of their number.
        with_secrets: leave digest answers, URI passwords and telephone events as they were.
            Tones that somebody plays as audio are never taken out.

    Returns:
        How many were written.

    Raises:
        rig.errors.UsageError: the file cannot be written.
    """
    listing = list(packets)
    payloads = [packet.payload for packet in listing] if with_secrets else _redacted(listing)
    taps = [tap for tap in Tap if any(packet.tap is tap for packet in listing)]
    raw = RawFrames()
    frames = []
    for packet, payload in zip(listing, payloads, strict=True):
        data = raw.data(packet, payload)
        index = taps.index(packet.tap)
        frames.append(
            Frame(packet.at, LINKTYPE_RAW, data, len(data), index, packet.number, packet.outbound)
        )
    return write_pcapng(path, [tap.value for tap in taps], frames, numbered=True)


class RawFrames:
    """Puts payloads into IP packets; counts the sequence numbers of TCP."""

    def __init__(self) -> None:
        self._sequences: dict[PacketPath, int] = {}

    def data(self, packet: CapturedPacket, payload: bytes) -> bytes:
        """The IP packet.

        Args:
            packet: says from where to where.
            payload: octets above UDP or TCP.
        """
        near, far = packet.source, packet.destination
        if packet.transport == "TCP":
            sent = self._sequences.get(packet.path, 1)
            seen = self._sequences.get(_answering(packet), 1)
            self._sequences[packet.path] = (sent + len(payload)) & 0xFFFFFFFF
            ports = struct.pack("!HH", near[1], far[1])
            head = ports + struct.pack("!IIBBHHH", sent, seen, 0x50, 0x18, 65535, 0, 0)
            return _ip(near[0], far[0], _TCP, head, payload, checksum_at=16)
        head = struct.pack("!HHHH", near[1], far[1], (8 + len(payload)) & 0xFFFF, 0)
        return _ip(near[0], far[0], _UDP, head, payload, checksum_at=6)


def _answering(packet: CapturedPacket) -> PacketPath:
    outbound = None if packet.outbound is None else not packet.outbound
    return (packet.tap, packet.interface, packet.destination, packet.source, outbound)


def _redacted(packets: Sequence[CapturedPacket]) -> list[bytes]:
    """Payloads without secrets; those of one TCP direction are looked at as one text."""
    payloads = [p.payload if p.transport == "TCP" else redact_payload(p.payload) for p in packets]
    directions: dict[PacketPath, list[int]] = {}
    for i, packet in enumerate(packets):
        if packet.transport == "TCP":
            directions.setdefault(packet.path, []).append(i)
    for members in directions.values():
        clean = redact_stream([payloads[i] for i in members])
        for i, payload in zip(members, clean, strict=True):
            payloads[i] = payload
    return payloads


def _ip(
    source: str, destination: str, protocol: int, head: bytes, payload: bytes, *, checksum_at: int
) -> bytes:
    near, far = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    segment = head + payload
    pseudo = near.packed + far.packed + struct.pack("!II", len(segment), protocol)
    proof = checksum(pseudo + segment) or 0xFFFF
    segment = segment[:checksum_at] + struct.pack("!H", proof) + segment[checksum_at + 2 :]
    return ip_packet(source, destination, protocol, segment)


def ip_packet(source: str, destination: str, protocol: int, segment: bytes) -> bytes:
    """Put a segment into an IP packet of either version.

    Args:
        source: address of its sender.
        destination: address of its receiver.
        protocol: above IP.
        segment: what it carries; longer than any IP packet gets length 0, as before segmentation
            offload.
    """
    near, far = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if near.version == 6:
        length = len(segment) if len(segment) <= 0xFFFF else 0
        front = struct.pack("!IHBB", 0x60000000, length, protocol, 64)
        return front + near.packed + far.packed + segment
    length = 20 + len(segment) if 20 + len(segment) <= 0xFFFF else 0
    front = struct.pack("!BBHHHBBH", 0x45, 0, length, 0, 0, 64, protocol, 0)
    front += near.packed + far.packed
    front = front[:10] + struct.pack("!H", checksum(front)) + front[12:]
    return front + segment


def checksum(data: bytes) -> int:
    """The checksum of the Internet protocols (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
