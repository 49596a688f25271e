"""Writes the packets of a run as pcapng, passwords left out, openable in Wireshark.

Packets become raw IP frames; every tap is an interface of its own. Packet numbers are those of
the verdicts.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable
from pathlib import Path

from rig.capture.packet import CapturedPacket
from rig.capture.pcapng import LINKTYPE_RAW, Frame, write_pcapng
from rig.redact import redact_payload
from rig.timeline import Address, Tap


def export_packets(path: Path, packets: Iterable[CapturedPacket]) -> int:
    """Write packets to a pcapng file.

    Args:
        path: file to write.
        packets: in order of their number.

    Returns:
        How many were written.
    """
    taps = list(Tap)
    sequences: dict[tuple[Tap, Address, Address], int] = {}
    frames = []
    for packet in packets:
        payload = redact_payload(packet.payload)
        if packet.transport == "TCP":
            key = (packet.tap, packet.source, packet.destination)
            sequence = sequences.get(key, 1)
            sequences[key] = (sequence + len(payload)) & 0xFFFFFFFF
            segment = _tcp(packet.source[1], packet.destination[1], sequence, payload)
            protocol = 6
        else:
            segment = _udp(packet.source[1], packet.destination[1], payload)
            protocol = 17
        data = _ip(packet.source[0], packet.destination[0], protocol, segment)
        frames.append(
            Frame(packet.at, LINKTYPE_RAW, data, len(data), taps.index(packet.tap), packet.number)
        )
    return write_pcapng(path, [tap.value for tap in taps], frames)


def _udp(source: int, destination: int, payload: bytes) -> bytes:
    return struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload


def _tcp(source: int, destination: int, sequence: int, payload: bytes) -> bytes:
    return struct.pack("!HHIIBBHHH", source, destination, sequence, 1, 0x50, 0x18, 65535, 0, 0) + (
        payload
    )


def _ip(source: str, destination: str, protocol: int, segment: bytes) -> bytes:
    near, far = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if near.version == 6:
        head = struct.pack("!IHBB", 0x60000000, len(segment), protocol, 64)
        return head + near.packed + far.packed + segment
    length = 20 + len(segment)
    head = struct.pack("!BBHHHBBH", 0x45, 0, length & 0xFFFF, 0, 0, 64, protocol, 0)
    head += near.packed + far.packed
    checksum = sum(struct.unpack("!10H", head))
    checksum = (checksum & 0xFFFF) + (checksum >> 16)
    checksum = ~((checksum & 0xFFFF) + (checksum >> 16)) & 0xFFFF
    return head[:10] + struct.pack("!H", checksum) + head[12:] + segment
