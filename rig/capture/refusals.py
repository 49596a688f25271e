"""What hosts and routers say about packets that they do not deliver: ICMP errors, TCP resets.

Takes what the dissector hands over; gives one :class:`~rig.timeline.DeliveryRefused` for each
kind and place, with the first packets. Memory is bounded. Must not know SIP.

Source: RFC 792 and RFC 1122 3.2.2.1 (ICMP), RFC 1191 (path MTU), RFC 4443 (ICMPv6), RFC 9293
3.5 (resets).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from struct import Struct
from typing import Protocol

from rig.timeline import Address, DeliveryRefused, Refusal

ICMP, ICMP6 = 1, 58
SYN, RST, ACK = 2, 4, 0x10
_UDP, _TCP = 17, 6
_UNREACHABLE = 3
_PORT, _SIZE, _FILTERS = 3, 4, frozenset({9, 10, 13})
_UNREACHABLE6, _SIZE6 = 1, 2
_FILTERS6, _PORT6 = frozenset({1, 5, 6}), 4
_MOST_KINDS, _MOST_PENDING = 1000, 4096
_PACKETS_KEPT = 8
SYN_TRIES = 3
"""So often a SYN is sent before one may say that nobody answers it."""

_TWO_SHORTS = Struct("!HH").unpack_from
_SHORT = Struct("!H").unpack_from
_LONG = Struct("!I").unpack_from
_TWO_LONGS = Struct("!II").unpack_from


class Quoted(Protocol):
    """The packet that an ICMP error speaks of.

    Attributes:
        source: IP address of its sender.
        destination: IP address it was for.
        protocol: above IP.
        payload: as much of that as was sent back.
    """

    source: str
    destination: str
    protocol: int
    payload: bytes


Quote = Callable[[bytes], Quoted | None]
"""Reads the beginning of an IP packet, which may be cut."""


@dataclass(slots=True)
class _Pending:
    """A SYN without an answer."""

    at: float
    number: int
    sequence: int
    sends: int = 1


class RefusalWatch:
    """Collects refusals of one capture.

    Args:
        quote: reads the packet inside an ICMP error.

    Attributes:
        left_out: refusals that no longer fitted.
        newest: the last one by ICMP.
    """

    def __init__(self, quote: Quote) -> None:
        self.left_out = 0
        self.newest: DeliveryRefused | None = None
        self._quote = quote
        self._found: dict[tuple[Refusal, str, Address, str], DeliveryRefused] = {}
        self._pending: dict[tuple[Address, Address], _Pending] = {}

    def icmp(self, protocol: int, reporter: str, message: bytes, at: float, number: int) -> None:
        """Take an ICMP message of either version; only errors that say "not delivered" count."""
        if len(message) < 8:
            return
        why = _why(protocol, message[0], message[1])
        quoted = self._quote(message[8:]) if why is not None else None
        if why is None or quoted is None or len(quoted.payload) < 4:
            return
        if quoted.protocol not in {_UDP, _TCP}:
            return
        ports = _TWO_SHORTS(quoted.payload)
        udp = quoted.protocol == _UDP
        mtu = 0
        if why is Refusal.SIZE:
            mtu = _SHORT(message, 6)[0] if protocol == ICMP else _LONG(message, 4)[0]
        self.newest = DeliveryRefused(
            at=at,
            numbers=(number,),
            why=why,
            reporter=reporter,
            source=(quoted.source, ports[0]),
            destination=(quoted.destination, ports[1]),
            transport="UDP" if udp else "TCP",
            mtu=mtu,
            quoted=quoted.payload[8:] if udp else b"",
        )
        self._keep(self.newest)

    def tcp(self, at: float, number: int, path: tuple[Address, Address], segment: bytes) -> None:
        """Take a TCP segment with SYN or RST.

        Args:
            at: instant.
            number: of the packet.
            path: its sender and its receiver.
            segment: from the TCP header on.
        """
        source, destination = path
        sequence, acknowledged = _TWO_LONGS(segment, 4)
        flags = segment[13]
        if flags & SYN:
            if flags & ACK:
                self._pending.pop((destination, source), None)
            else:
                self._asked((source, destination), sequence, at, number)
            return
        asked = self._pending.pop((destination, source), None)
        if asked is not None and flags & ACK and acknowledged != (asked.sequence + 1) & 0xFFFFFFFF:
            asked = None
        client, server = (destination, source) if asked is not None else (source, destination)
        self._keep(
            DeliveryRefused(
                at=at,
                numbers=(number,),
                why=Refusal.RESET if asked is None else Refusal.CONNECTION,
                reporter=source[0],
                source=client,
                destination=server,
                transport="TCP",
            )
        )

    def found(self) -> list[DeliveryRefused]:
        """All refusals, and connections that nobody answered, in order of time."""
        for (source, destination), asked in self._pending.items():
            if asked.sends >= SYN_TRIES:
                self._keep(
                    DeliveryRefused(
                        at=asked.at,
                        numbers=(asked.number,),
                        why=Refusal.SILENCE,
                        reporter="",
                        source=source,
                        destination=destination,
                        transport="TCP",
                        times=asked.sends,
                    )
                )
        self._pending.clear()
        return sorted(self._found.values(), key=lambda refused: refused.at)

    def _asked(self, key: tuple[Address, Address], sequence: int, at: float, number: int) -> None:
        before = self._pending.get(key)
        if before is not None and before.sequence == sequence:
            before.sends += 1
            return
        while len(self._pending) >= _MOST_PENDING:
            del self._pending[next(iter(self._pending))]
        self._pending[key] = _Pending(at, number, sequence)

    def _keep(self, refused: DeliveryRefused) -> None:
        key = (refused.why, refused.reporter, refused.destination, refused.transport)
        before = self._found.get(key)
        if before is not None:
            numbers = (*before.numbers, *refused.numbers)[:_PACKETS_KEPT]
            self._found[key] = replace(before, times=before.times + refused.times, numbers=numbers)
        elif len(self._found) < _MOST_KINDS:
            self._found[key] = refused
        else:
            self.left_out += 1


def _why(protocol: int, kind: int, code: int) -> Refusal | None:
    if protocol == ICMP:
        if kind != _UNREACHABLE:
            return None
        if code == _SIZE:
            return Refusal.SIZE
        port, filters = _PORT, _FILTERS
    else:
        if kind == _SIZE6:
            return Refusal.SIZE
        if kind != _UNREACHABLE6:
            return None
        port, filters = _PORT6, _FILTERS6
    if code == port:
        return Refusal.PORT
    return Refusal.FILTER if code in filters else Refusal.HOST
