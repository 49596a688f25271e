"""From a frame to what UDP or TCP carries: IP with fragments and tunnels, UDP, TCP order.

TCP runs are given in order of sequence number per direction; octets seen twice are given once.
Must not know SIP, and must not fail on any octets: a damaged frame is counted.

Source: RFC 791 and RFC 8200 (IP), RFC 4302 (authentication header), RFC 2003 (IP in IP),
RFC 768 (UDP), RFC 9293 (TCP).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from struct import Struct

from rig.capture.fragments import FragmentAssembler, FragmentKey
from rig.capture.frame import LINKTYPE_ETHERNET, Frame
from rig.capture.link_layers import (
    GRE,
    IP4_IN_IP,
    IP6_IN_IP,
    UNKNOWN_LINK,
    inside_tunnel,
    ip_start,
)
from rig.capture.packet import CapturedPacket
from rig.capture.refusals import ACK, ICMP, ICMP6, RST, SYN, Quoted, RefusalWatch
from rig.capture.tcp_order import SegmentOrder
from rig.timeline import Address, Tap

_UDP, _TCP, _FRAGMENT6, _AUTHENTICATION = 17, 6, 44, 51
_TUNNELS = {IP4_IN_IP, IP6_IN_IP, GRE}
_EXTENSIONS = {0, 43, 60, 135, 139, 140, _FRAGMENT6, _AUTHENTICATION}
_MAX_CONNECTIONS = 4096
_MAX_ADDRESSES = 65_536
_MAX_DEPTH = 8
_GAPS_TOLD = 20

_THREE_SHORTS = Struct("!HHH").unpack_from
_TWO_SHORTS = Struct("!HH").unpack_from
_SHORT = Struct("!H").unpack_from
_TCP_HEAD = Struct("!HHII").unpack_from
_FRAGMENT_HEAD = Struct("!HI").unpack_from

_Direction = tuple[int, Address, Address, bool | None]
"""Interface, source, destination, and which end of the connection saw it."""

Unwrap = Callable[[Frame], bytes | None]
"""Finds the IP packet in a frame of a link layer that is not known here."""


@dataclass(slots=True)
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


@dataclass(frozen=True, slots=True)
class TcpGap:
    """Octets of a TCP stream that are not in the capture.

    Attributes:
        number: packet that follows the gap.
        source: sender.
        destination: receiver.
        octets: how many are missing.
    """

    number: int
    source: Address
    destination: Address
    octets: int


class Dissector:
    """Turns frames into packets; keeps fragments and TCP order between calls.

    Args:
        tap: the point of observation that packets are labelled with.
        unwrap: asked for frames whose link layer is not known here.

    Attributes:
        truncated: frames that the capture cut short.
        foreign: frames that carry neither UDP nor TCP over IP, or are damaged.
        unknown_links: frames by link layer that nobody knew.
        gaps: the first of the holes in TCP streams.
        gap_count: how many there were.
        gap_octets: how long they were.
        refusals: what hosts and routers said that they did not deliver.
    """

    def __init__(self, tap: Tap = Tap.WIRE, *, unwrap: Unwrap | None = None) -> None:
        self.truncated = 0
        self.foreign = 0
        self.unknown_links: dict[int, int] = {}
        self.gaps: list[TcpGap] = []
        self.gap_count = 0
        self.gap_octets = 0
        self.refusals = RefusalWatch(_quoted)
        self._tap = tap
        self._unwrap = unwrap
        self._fragments = FragmentAssembler()
        self._orders: dict[_Direction, SegmentOrder] = {}
        self._ends: dict[bytes, tuple[Address, Address]] = {}

    @property
    def torn_datagrams(self) -> int:
        """IP datagrams of which fragments are missing, up to now."""
        return self._fragments.lost + self._fragments.pending

    def packets(self, frames: Iterable[Frame]) -> Iterator[CapturedPacket]:
        """Dissect frames in order, then give what still waits behind gaps."""
        for frame in frames:
            yield from self.packet(frame)
        yield from self.rest()

    def packet(self, frame: Frame) -> Sequence[CapturedPacket]:
        """Dissect one frame; gives nothing, one packet, or several TCP runs."""
        data = frame.data
        cut = frame.length > len(data)
        if cut:
            self.truncated += 1
        if frame.link_type == LINKTYPE_ETHERNET and data[12:14] == b"\x08\x00":
            start = 14
        else:
            start = ip_start(data, frame.link_type)
        if start < 0:
            return self._without_ip(frame, start, cut=cut)
        # Most of what a capture of SIP holds: IPv4 without options or fragments, UDP.
        if len(data) >= start + 28 and data[start] == 0x45 and data[start + 9] == _UDP:
            total, _, flags = _THREE_SHORTS(data, start + 2)
            end = start + (total or len(data))
            if not flags & 0x3FFF and total >= 28 and end <= len(data):
                return (self._quick_udp(frame, start, end, cut=cut),)
        return self._network(frame, data[start:], cut=cut)

    def rest(self) -> Iterator[CapturedPacket]:
        """TCP octets that wait behind a gap; for the end of a capture."""
        for direction, order in self._orders.items():
            yield from self._runs(order, order.rest(), direction)

    def _quick_udp(self, frame: Frame, start: int, end: int, *, cut: bool) -> CapturedPacket:
        data = frame.data
        known = self._ends.get(data[start + 12 : start + 24])
        if known is None:
            known = self._new_ends(data[start + 12 : start + 24])
        length = _SHORT(data, start + 24)[0]
        begin = start + 28
        stop = min(end, max(begin, start + 20 + length))
        return CapturedPacket(
            frame.at,
            self._tap,
            "UDP",
            known[0],
            known[1],
            data[begin:stop],
            frame.number,
            frame.outbound,
            cut or start + 20 + length > end,
            False,
            frame.interface,
        )

    def _new_ends(self, key: bytes) -> tuple[Address, Address]:
        """Addresses of source and destination from eight octets of each IP and two ports."""
        if len(self._ends) >= _MAX_ADDRESSES:
            self._ends.clear()
        source_port, destination_port = _TWO_SHORTS(key, 8)
        ends = (_text4(key[0:4]), source_port), (_text4(key[4:8]), destination_port)
        self._ends[key] = ends
        return ends

    def _without_ip(self, frame: Frame, start: int, *, cut: bool) -> Sequence[CapturedPacket]:
        if start == UNKNOWN_LINK:
            inner = self._unwrap(frame) if self._unwrap is not None else None
            if inner:
                return self._network(frame, inner, cut=cut)
            if inner is None:
                link = frame.link_type
                self.unknown_links[link] = self.unknown_links.get(link, 0) + 1
        self.foreign += 1
        return ()

    def _network(
        self, frame: Frame, data: bytes, *, cut: bool, depth: int = 0
    ) -> Sequence[CapturedPacket]:
        """Dissect an IP packet, also one inside another."""
        found = _ip(data)
        if found is None:
            self.foreign += 1
            return ()
        datagram, fragment = found
        datagram.cut |= cut
        if fragment is not None:
            whole = self._assembled(frame, datagram, fragment)
            if whole is None:
                return ()
            datagram = whole
        protocol, payload = datagram.protocol, datagram.payload
        if protocol == _UDP and len(payload) >= 8:
            return (self._udp(frame, datagram),)
        if protocol == _TCP and len(payload) >= 20:
            return self._tcp(frame, datagram)
        if protocol in _TUNNELS and depth < _MAX_DEPTH:
            inner = inside_tunnel(protocol, payload)
            if inner is not None:
                return self._network(frame, inner, cut=datagram.cut, depth=depth + 1)
        if protocol in {ICMP, ICMP6}:
            self.refusals.icmp(protocol, datagram.source, payload, frame.at, frame.number)
        self.foreign += 1
        return ()

    def _assembled(
        self, frame: Frame, datagram: _Datagram, fragment: _Fragment
    ) -> _Datagram | None:
        key: FragmentKey = (
            frame.interface,
            frame.outbound,
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
            cut=datagram.cut,
        )
        if whole is None:
            return None
        protocol, payload = datagram.protocol, whole[0]
        extended = _skip_extensions(protocol, payload)
        if extended is not None:
            protocol, payload, _ = extended
        return _Datagram(datagram.source, datagram.destination, protocol, payload, whole[1])

    def _udp(self, frame: Frame, datagram: _Datagram) -> CapturedPacket:
        payload = datagram.payload
        source_port, destination_port, length = _THREE_SHORTS(payload)
        return CapturedPacket(
            at=frame.at,
            tap=self._tap,
            transport="UDP",
            source=(datagram.source, source_port),
            destination=(datagram.destination, destination_port),
            payload=payload[8 : max(8, length)],
            number=frame.number,
            outbound=frame.outbound,
            truncated=datagram.cut or length > len(payload),
            interface=frame.interface,
        )

    def _tcp(self, frame: Frame, datagram: _Datagram) -> list[CapturedPacket]:
        segment = datagram.payload
        source_port, destination_port, sequence, acknowledged = _TCP_HEAD(segment)
        flags, head = segment[13], (segment[12] >> 4) * 4
        source = (datagram.source, source_port)
        destination = (datagram.destination, destination_port)
        found: list[CapturedPacket] = []
        if flags & (SYN | RST):
            self.refusals.tcp(frame.at, frame.number, (source, destination), segment)
        if flags & ACK:
            other_way = None if frame.outbound is None else not frame.outbound
            answered = (frame.interface, destination, source, other_way)
            answering = self._orders.get(answered)
            if answering is not None and answering.waiting:
                runs = answering.acknowledged(acknowledged, frame.at)
                found += self._runs(answering, runs, answered)
        direction = (frame.interface, source, destination, frame.outbound)
        order = self._orders.get(direction)
        if order is None:
            if flags & SYN == 0 and len(segment) <= max(20, head):
                return found  # nothing was ever sent this way; do not keep what is idle
            self._make_room()
            order = self._orders[direction] = SegmentOrder()
        if flags & SYN:
            order.begin(sequence)
            sequence += 1  # a SYN takes one number; data may follow it at once (RFC 7413)
        runs = order.add(sequence & 0xFFFFFFFF, segment[max(20, head) :], (frame.number, frame.at))
        found += self._runs(order, runs, direction, truncated=datagram.cut)
        return found

    def _runs(
        self,
        order: SegmentOrder,
        runs: Iterator[bytes],
        direction: _Direction,
        *,
        truncated: bool = False,
    ) -> Iterator[CapturedPacket]:
        interface, source, destination, outbound = direction
        for run in runs:
            number, at = order.mark
            if order.gaps:
                self._note_gap(TcpGap(number, source, destination, order.missing), order.gaps)
                order.gaps = order.missing = 0
            yield CapturedPacket(
                at=at,
                tap=self._tap,
                transport="TCP",
                source=source,
                destination=destination,
                payload=run,
                number=number,
                outbound=outbound,
                truncated=truncated,
                breaks=order.broken,
                interface=interface,
            )
            order.broken = False

    def _note_gap(self, gap: TcpGap, count: int) -> None:
        self.gap_count += count
        self.gap_octets += gap.octets
        if len(self.gaps) < _GAPS_TOLD:
            self.gaps.append(gap)

    def _make_room(self) -> None:
        while len(self._orders) >= _MAX_CONNECTIONS:
            del self._orders[next(iter(self._orders))]


def _text4(packed: bytes) -> str:
    return "{}.{}.{}.{}".format(*packed)


def _ip(data: bytes) -> tuple[_Datagram, _Fragment | None] | None:
    version = data[0] >> 4 if data else 0
    if version == 4 and len(data) >= 20:
        return _ip4(data)
    if version == 6 and len(data) >= 40:
        return _ip6(data)
    return None


def _quoted(data: bytes) -> Quoted | None:
    """The packet that an ICMP error sends back; None without its ports."""
    found, fragment = _ip(data) or (None, None)
    return None if fragment is not None and fragment.offset else found


def _ip4(data: bytes) -> tuple[_Datagram, _Fragment | None] | None:
    head = (data[0] & 15) * 4
    total, identification, flags = _THREE_SHORTS(data, 2)
    if head < 20:
        return None
    # Length 0: taken before segmentation offload filled it in.
    payload = data[head : total or len(data)]
    datagram = _Datagram(_text4(data[12:16]), _text4(data[16:20]), data[9], payload)
    if flags & 0x3FFF:
        return datagram, _Fragment(identification, (flags & 0x1FFF) * 8, bool(flags & 0x2000))
    return datagram, None


def _ip6(data: bytes) -> tuple[_Datagram, _Fragment | None] | None:
    source, destination = (str(ipaddress.IPv6Address(data[i : i + 16])) for i in (8, 24))
    length = _SHORT(data, 4)[0]
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
            offset, identification = _FRAGMENT_HEAD(payload, 2)
            payload = payload[8:]
            if offset & 0xFFF9:
                fragment = _Fragment(identification, offset & 0xFFF8, bool(offset & 1))
                return following, payload, fragment
        else:
            words = (size + 2) * 4 if protocol == _AUTHENTICATION else (size + 1) * 8
            payload = payload[words:]
        protocol = following
    return protocol, payload, None
