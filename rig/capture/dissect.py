"""From a frame to what UDP or TCP carries: link layer, VLAN, IP, fragments.

TCP runs are given in order of sequence number per direction; octets seen twice are given once.
Must not know SIP, and must not fail on any octets: a damaged frame is counted.

Source: RFC 791 and RFC 8200 (IP), RFC 4302 (authentication header), RFC 768 (UDP), RFC 9293
(TCP), IEEE 802.1Q, the LINKTYPE registry.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from rig.capture.fragments import FragmentAssembler, FragmentKey
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
from rig.capture.tcp_order import SegmentOrder
from rig.timeline import Address, Tap

_UDP, _TCP, _FRAGMENT6, _AUTHENTICATION = 17, 6, 44, 51
_EXTENSIONS = {0, 43, 60, 135, 139, 140, _FRAGMENT6, _AUTHENTICATION}
_VLAN = {0x8100, 0x88A8, 0x9100, 0x9200}
_IP = {0x0800, 0x86DD}
_SYN = 2
_MAX_CONNECTIONS = 4096
_RAW_LINKS = {LINKTYPE_RAW, LINKTYPE_IPV4, LINKTYPE_IPV6, 12, 14}

_Direction = tuple[int, Address, Address]


@dataclass(frozen=True, slots=True)
class _Datagram:
    """What one IP datagram carries."""

    source: str
    destination: str
    protocol: int
    payload: bytes
    cut: bool = False


@dataclass(frozen=True, slots=True)
class _Fragment:
    """What one IP fragment says of itself."""

    identification: int
    offset: int
    more: bool


class Dissector:
    """Turns frames into packets; keeps fragments and TCP order between calls.

    Attributes:
        truncated: frames that the capture cut short.
        foreign: frames that carry neither UDP nor TCP over IP, or are damaged.
    """

    def __init__(self, tap: Tap = Tap.WIRE) -> None:
        self.truncated = 0
        self.foreign = 0
        self._tap = tap
        self._fragments = FragmentAssembler()
        self._orders: dict[_Direction, SegmentOrder] = {}
        self._last: dict[_Direction, CapturedPacket] = {}

    def packets(self, frames: Iterable[Frame]) -> Iterator[CapturedPacket]:
        """Dissect frames in order, then give what still waits behind gaps."""
        for frame in frames:
            yield from self.packet(frame)
        yield from self.rest()

    def packet(self, frame: Frame) -> Iterator[CapturedPacket]:
        """Dissect one frame; yields nothing, one packet, or several TCP runs."""
        cut = frame.length > len(frame.data)
        self.truncated += cut
        network = _network_layer(frame)
        found = _ip(network) if network else None
        if found is None:
            self.foreign += 1
            return
        datagram, fragment = found
        if fragment is not None:
            whole = self._assembled(frame, datagram, fragment)
            if whole is None:
                return
            datagram = whole
        datagram = replace(datagram, cut=datagram.cut or cut)
        if datagram.protocol == _UDP and len(datagram.payload) >= 8:
            yield self._udp(frame, datagram)
        elif datagram.protocol == _TCP and len(datagram.payload) >= 20:
            yield from self._tcp(frame, datagram)
        else:
            self.foreign += 1

    def rest(self) -> Iterator[CapturedPacket]:
        """TCP octets that wait behind a gap; for the end of a capture."""
        for direction, order in self._orders.items():
            for run in order.rest():
                yield replace(self._last[direction], payload=run, breaks=order.broken)
                order.broken = False

    def _assembled(
        self, frame: Frame, datagram: _Datagram, fragment: _Fragment
    ) -> _Datagram | None:
        key: FragmentKey = (
            frame.interface,
            datagram.source,
            datagram.destination,
            datagram.protocol,
            fragment.identification,
        )
        whole = self._fragments.add(
            key,
            fragment.offset,
            datagram.payload,
            more=fragment.more,
            at=frame.at,
            cut=frame.length > len(frame.data),
        )
        if whole is None:
            return None
        protocol, payload = datagram.protocol, whole[0]
        extended = _skip_extensions(protocol, payload)
        if extended is not None:
            protocol, payload, _ = extended
        return replace(datagram, protocol=protocol, payload=payload, cut=whole[1])

    def _udp(self, frame: Frame, datagram: _Datagram) -> CapturedPacket:
        payload = datagram.payload
        source_port, destination_port, length = struct.unpack_from("!HHH", payload)
        return CapturedPacket(
            at=frame.at,
            tap=self._tap,
            transport="UDP",
            source=(datagram.source, source_port),
            destination=(datagram.destination, destination_port),
            payload=payload[8 : max(8, length)],
            number=frame.number,
            truncated=datagram.cut or length > len(payload),
            interface=frame.interface,
        )

    def _tcp(self, frame: Frame, datagram: _Datagram) -> Iterator[CapturedPacket]:
        segment = datagram.payload
        source_port, destination_port, sequence = struct.unpack_from("!HHI", segment)
        flags, head = segment[13], (segment[12] >> 4) * 4
        source = (datagram.source, source_port)
        destination = (datagram.destination, destination_port)
        direction = (frame.interface, source, destination)
        order = self._orders.get(direction)
        if order is None:
            self._make_room()
            order = self._orders[direction] = SegmentOrder()
        if flags & _SYN:
            order.begin(sequence)
            sequence += 1  # a SYN takes one number; data may follow it at once (RFC 7413)
        packet = CapturedPacket(
            at=frame.at,
            tap=self._tap,
            transport="TCP",
            source=source,
            destination=destination,
            payload=b"",
            number=frame.number,
            truncated=datagram.cut,
            interface=frame.interface,
        )
        self._last[direction] = packet
        for run in order.add(sequence & 0xFFFFFFFF, segment[max(20, head) :]):
            yield replace(packet, payload=run, breaks=order.broken)
            order.broken = False

    def _make_room(self) -> None:
        while len(self._orders) >= _MAX_CONNECTIONS:
            oldest = next(iter(self._orders))
            del self._orders[oldest]
            self._last.pop(oldest, None)


def _ip(data: bytes) -> tuple[_Datagram, _Fragment | None] | None:
    version = data[0] >> 4
    if version == 4 and len(data) >= 20:
        return _ip4(data)
    if version == 6 and len(data) >= 40:
        return _ip6(data)
    return None


def _ip4(data: bytes) -> tuple[_Datagram, _Fragment | None] | None:
    head = (data[0] & 15) * 4
    total, identification, flags = struct.unpack_from("!HHH", data, 2)
    if head < 20:
        return None
    source, destination = (str(ipaddress.IPv4Address(data[i : i + 4])) for i in (12, 16))
    # Length 0: taken before segmentation offload filled it in.
    datagram = _Datagram(source, destination, data[9], data[head : total or len(data)])
    if flags & 0x3FFF:
        return datagram, _Fragment(identification, (flags & 0x1FFF) * 8, bool(flags & 0x2000))
    return datagram, None


def _ip6(data: bytes) -> tuple[_Datagram, _Fragment | None] | None:
    source, destination = (str(ipaddress.IPv6Address(data[i : i + 16])) for i in (8, 24))
    length = struct.unpack_from("!H", data, 4)[0]
    body = data[40 : 40 + length] if length else data[40:]
    found = _skip_extensions(data[6], body)
    if found is None:
        return None
    protocol, payload, fragment = found
    return _Datagram(source, destination, protocol, payload), fragment


def _skip_extensions(protocol: int, payload: bytes) -> tuple[int, bytes, _Fragment | None] | None:
    """Step over IPv6 extension headers, up to a fragment header and no further."""
    while protocol in _EXTENSIONS:
        if len(payload) < 8:
            return None
        following, size = payload[0], payload[1]
        if protocol == _FRAGMENT6:
            offset, identification = struct.unpack_from("!HI", payload, 2)
            payload = payload[8:]
            if offset & 0xFFF9:
                fragment = _Fragment(identification, offset & 0xFFF8, bool(offset & 1))
                return following, payload, fragment
        else:
            words = (size + 2) * 4 if protocol == _AUTHENTICATION else (size + 1) * 8
            payload = payload[words:]
        protocol = following
    return protocol, payload, None


def _network_layer(frame: Frame) -> bytes | None:
    data, link = frame.data, frame.link_type
    if link in _RAW_LINKS:
        return data
    if link in {LINKTYPE_NULL, LINKTYPE_LOOP}:
        return data[4:]
    if link == LINKTYPE_ETHERNET:
        return _after_tags(data, 12, 14)
    if link == LINKTYPE_LINUX_SLL:
        return _after_tags(data, 14, 16)
    if link == LINKTYPE_LINUX_SLL2:
        return _after_tags(data, 0, 20)
    return None


def _after_tags(data: bytes, kind_at: int, start: int) -> bytes | None:
    """What follows the link layer's type field and any number of VLAN tags."""
    while len(data) > start and len(data) >= kind_at + 2:
        kind = struct.unpack_from("!H", data, kind_at)[0]
        if kind in _IP:
            return data[start:]
        if kind not in _VLAN:
            return None
        kind_at, start = start + 2, start + 4
    return None
