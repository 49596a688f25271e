"""From a frame to what UDP or TCP carries: link layer, VLAN, IP, fragments.

TCP runs are given in order of sequence number per direction; octets seen twice are given once.
Must not know SIP.

Source: RFC 791 and RFC 8200 (IP, fragments), RFC 768 (UDP), RFC 9293 (TCP), the
LINKTYPE registry.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rig.capture.packet import CapturedPacket
from rig.capture.pcapng import (
    LINKTYPE_ETHERNET,
    LINKTYPE_IPV4,
    LINKTYPE_IPV6,
    LINKTYPE_LINUX_SLL,
    LINKTYPE_LINUX_SLL2,
    LINKTYPE_LOOP,
    LINKTYPE_NULL,
    LINKTYPE_RAW,
    Frame,
)
from rig.timeline import Address, Tap

_UDP, _TCP, _FRAGMENT6 = 17, 6, 44
_VLAN = {0x8100, 0x88A8, 0x9100}
_MAX_HELD = 4096

_Direction = tuple[Address, Address]


@dataclass(slots=True)
class _Stream:
    expected: int | None = None
    held: dict[int, bytes] = field(default_factory=dict)


class Dissector:
    """Turns frames into packets; keeps fragments and TCP order between calls.

    Attributes:
        truncated: frames that the capture cut short.
        foreign: frames that carry neither UDP nor TCP over IP.
    """

    def __init__(self, tap: Tap = Tap.WIRE) -> None:
        self.truncated = 0
        self.foreign = 0
        self._tap = tap
        self._fragments: dict[tuple[str, str, int, int], dict[int, tuple[bytes, bool]]] = {}
        self._streams: dict[_Direction, _Stream] = {}

    def packets(self, frames: Iterable[Frame]) -> Iterator[CapturedPacket]:
        """Dissect frames in order."""
        for frame in frames:
            yield from self.packet(frame)

    def packet(self, frame: Frame) -> Iterator[CapturedPacket]:
        """Dissect one frame; yields nothing, one packet, or several TCP runs."""
        cut = frame.length > len(frame.data)
        self.truncated += cut
        network = _network_layer(frame)
        found = self._ip(network) if network else None
        if found is None:
            self.foreign += 1
            return
        source, destination, protocol, payload = found
        if protocol == _UDP and len(payload) >= 8:
            source_port, destination_port, length = struct.unpack("!HHH", payload[:6])
            yield CapturedPacket(
                at=frame.at,
                tap=self._tap,
                transport="UDP",
                source=(source, source_port),
                destination=(destination, destination_port),
                payload=payload[8 : max(8, length)],
                number=frame.number,
                truncated=cut,
            )
        elif protocol == _TCP and len(payload) >= 20:
            yield from self._tcp(frame, source, destination, payload, cut=cut)

    def _ip(self, data: bytes) -> tuple[str, str, int, bytes] | None:
        version = data[0] >> 4
        if version == 4 and len(data) >= 20:
            return self._ip4(data)
        if version == 6 and len(data) >= 40:
            return self._ip6(data)
        return None

    def _ip4(self, data: bytes) -> tuple[str, str, int, bytes] | None:
        header = (data[0] & 15) * 4
        total, identification, flags = struct.unpack("!HHH", data[2:8])
        payload = data[header : total or len(data)]
        protocol = data[9]
        source, destination = (str(ipaddress.IPv4Address(data[i : i + 4])) for i in (12, 16))
        if flags & 0x3FFF:
            whole = self._defragment(
                (source, destination, protocol, identification),
                (flags & 0x1FFF) * 8,
                payload,
                more=bool(flags & 0x2000),
            )
            if whole is None:
                return None
            payload = whole
        return source, destination, protocol, payload

    def _ip6(self, data: bytes) -> tuple[str, str, int, bytes] | None:
        source, destination = (str(ipaddress.IPv6Address(data[i : i + 16])) for i in (8, 24))
        protocol, payload = data[6], data[40 : 40 + struct.unpack("!H", data[4:6])[0]]
        while protocol in {0, 43, 60, _FRAGMENT6} and len(payload) >= 8:
            following, size = payload[0], payload[1]
            if protocol == _FRAGMENT6:
                offset, identification = struct.unpack("!HI", payload[2:8])
                whole = self._defragment(
                    (source, destination, following, identification),
                    offset & 0xFFF8,
                    payload[8:],
                    more=bool(offset & 1),
                )
                if whole is None:
                    return None
                payload = whole
            else:
                payload = payload[(size + 1) * 8 :]
            protocol = following
        return source, destination, protocol, payload

    def _defragment(
        self, key: tuple[str, str, int, int], offset: int, payload: bytes, *, more: bool
    ) -> bytes | None:
        if len(self._fragments) > _MAX_HELD:
            self._fragments.pop(next(iter(self._fragments)))
        pieces = self._fragments.setdefault(key, {})
        pieces[offset] = (payload, more)
        whole, at = b"", 0
        while at in pieces:
            piece, more_follow = pieces[at]
            whole += piece
            at += len(piece)
            if not more_follow:
                del self._fragments[key]
                return whole
            if not piece:
                return None
        return None

    def _tcp(
        self, frame: Frame, source: str, destination: str, segment: bytes, *, cut: bool
    ) -> Iterator[CapturedPacket]:
        source_port, destination_port, sequence = struct.unpack("!HHI", segment[:8])
        flags, payload = segment[13], segment[(segment[12] >> 4) * 4 :]
        key = ((source, source_port), (destination, destination_port))
        stream = self._streams.setdefault(key, _Stream())
        if flags & 2:  # SYN
            stream.expected, stream.held = (sequence + 1) & 0xFFFFFFFF, {}
        if not payload:
            return
        if stream.expected is None:
            stream.expected = sequence
        for run in _in_order(stream, sequence, payload):
            yield CapturedPacket(
                at=frame.at,
                tap=self._tap,
                transport="TCP",
                source=key[0],
                destination=key[1],
                payload=run,
                number=frame.number,
                truncated=cut,
            )


def _in_order(stream: _Stream, sequence: int, payload: bytes) -> Iterator[bytes]:
    if len(stream.held) < _MAX_HELD:
        stream.held[sequence] = max(payload, stream.held.get(sequence, b""), key=len)
    moved = True
    while moved:
        moved = False
        for start in sorted(stream.held):
            expected = stream.expected or 0
            behind = (expected - start) & 0xFFFFFFFF
            data = stream.held[start]
            if behind >= 0x80000000:
                continue  # a gap before it
            del stream.held[start]
            if behind < len(data):
                stream.expected = (start + len(data)) & 0xFFFFFFFF
                yield data[behind:]
            moved = True
            break


def _network_layer(frame: Frame) -> bytes | None:
    data, link = frame.data, frame.link_type
    if link in {LINKTYPE_RAW, LINKTYPE_IPV4, LINKTYPE_IPV6, 12, 14}:
        start = 0
    elif link in {LINKTYPE_NULL, LINKTYPE_LOOP}:
        start = 4
    elif link == LINKTYPE_ETHERNET:
        return _ethernet(data)
    elif link == LINKTYPE_LINUX_SLL:
        start = 16
    elif link == LINKTYPE_LINUX_SLL2:
        start = 20
    else:
        return None
    return data[start:] if len(data) > start else None


def _ethernet(data: bytes) -> bytes | None:
    at = 12
    while len(data) >= at + 2:
        kind = struct.unpack("!H", data[at : at + 2])[0]
        if kind in _VLAN:
            at += 4
            continue
        return data[at + 2 :] if kind in {0x0800, 0x86DD} and len(data) > at + 2 else None
    return None
