"""UDP sockets of both address families, and at which of our addresses a datagram was aimed.

An address is a pair of host and port everywhere in phonerig; the scope that a link-local IPv6
address needs stands in the host, as in ``fe80::1%2``.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar

from provisioning.transport.content import Address

_IP_PKTINFO = 8  # linux/in.h; the socket module names it only from Python 3.14 on
_IN_PKTINFO = struct.Struct("=i4s4s")  # interface, address of ours, address in the packet
_IN6_PKTINFO = struct.Struct("=16si")  # address in the packet, interface
ANCILLARY_OCTETS = socket.CMSG_SPACE(max(_IN_PKTINFO.size, _IN6_PKTINFO.size))

_SO_RCVBUFFORCE = 33  # linux/socket.h; needs CAP_NET_ADMIN
_UDP_SEGMENT = 103  # linux/udp.h
_MOST_SEGMENTS = 64
_MOST_BURST_OCTETS = 65_000

_EVERY_ADDRESS = "::"
_DATAGRAMS = int(socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
_PORT_TRIES = 16
_Socket = TypeVar("_Socket", bound=socket.SocketType)


def family_of(host: str) -> socket.AddressFamily:
    """IPv6 for what only an IPv6 address can be spelt like; IPv4 for the rest, names too."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def plain(address: tuple[str, int] | tuple[str, int, int, int]) -> Address:
    """Host and port of what a socket says, whichever its family.

    Args:
        address: as ``recvfrom`` or ``getsockname`` give it.
    """
    if len(address) == 2:
        return address
    host, port, _flow, scope = address
    return (f"{host}%{scope}" if scope else host, port)


def bound_socket(host: str, port: int = 0) -> socket.socket:
    """Open a non-blocking UDP socket at one address.

    Args:
        host: numeric address of ours.
        port: UDP port; 0 for any free one.

    Raises:
        OSError: the address is not ours, the port is taken, or no descriptor is left.
    """
    return _bound(socket.socket(family_of(host), _DATAGRAMS), host, port)


def light_socket(host: str) -> socket.SocketType:
    """Open a non-blocking UDP socket at one address and any port, for who opens very many.

    It is the system's socket alone, made and closed in four fifths of the time.

    Args:
        host: numeric address of ours.

    Raises:
        OSError: the address is not ours, or no port or descriptor is left.
    """
    return _bound(socket.SocketType(family_of(host), _DATAGRAMS), host, 0)


def _bound(sock: _Socket, host: str, port: int) -> _Socket:
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def listening_sockets(host: str, port: int, receive_buffer_bytes: int) -> list[socket.socket]:
    """Open the sockets that listen at a host; they tell which address a datagram was aimed at.

    Args:
        host: address or name; ``0.0.0.0`` for every IPv4 address, ``::`` for every address of
            both families, which takes two sockets.
        port: UDP port; 0 for any that is free in every family.
        receive_buffer_bytes: how much of a rush the kernel keeps for each.

    Raises:
        OSError: as :func:`bound_socket`.
    """
    hosts = [_EVERY_ADDRESS, "0.0.0.0"] if host == _EVERY_ADDRESS else [host]  # noqa: S104 - asked for in words
    for last in (*[False] * _PORT_TRIES, True):
        opened: list[socket.socket] = []
        try:
            for each in hosts:
                at = opened[0].getsockname()[1] if opened else port
                opened.append(_listening_socket(each, at, receive_buffer_bytes))
        except OSError:
            for sock in opened:
                sock.close()
            if last or port or not opened:
                raise  # a port that was free in one family only is tried again
        else:
            return opened
    raise AssertionError("the last try returns or raises")  # pragma: no cover


def _listening_socket(host: str, port: int, receive_buffer_bytes: int) -> socket.socket:
    family = family_of(host)
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        _keep_a_rush(sock, receive_buffer_bytes)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def _keep_a_rush(sock: socket.socket, octets: int) -> None:
    """Make room for datagrams that come faster than they are read, past the limit if we may.

    The usual limit, ``net.core.rmem_max`` of 208 KB, holds some 500 requests.
    """
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, octets)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, octets)


def asked_address(ancillary: Iterable[tuple[int, int, bytes]]) -> str | None:
    """Which of our addresses a datagram was aimed at; None for broadcast and multicast.

    For IPv4 the kernel tells the address in the packet and the local address it stands for; they
    differ exactly when the packet was not for us alone.

    Args:
        ancillary: control messages of a datagram from a listening socket.
    """
    for level, kind, value in ancillary:
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
            return _asked_v4(value)
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            return _asked_v6(value)
    return None


@lru_cache(64)  # a host has few addresses, and anybody may aim at others
def _asked_v4(packet_info: bytes) -> str | None:
    _interface, local, asked = _IN_PKTINFO.unpack(packet_info)
    return socket.inet_ntoa(local) if local == asked else None


@lru_cache(64)
def _asked_v6(packet_info: bytes) -> str | None:
    asked, interface = _IN6_PKTINFO.unpack(packet_info)
    if asked[0] == 0xFF:
        return None
    host = socket.inet_ntop(socket.AF_INET6, asked)
    link_local = asked[0] == 0xFE and asked[1] & 0xC0 == 0x80
    return f"{host}%{interface}" if link_local else host


def can_be_answered(client: Address) -> bool:
    """Whether an answer to an address reaches one host at most, and has a port to go to.

    A datagram can say that it comes from a broadcast or multicast address, or from port 0.

    Args:
        client: where a datagram says that it comes from.
    """
    host, port = client
    if not port:
        return False
    if ":" in host:
        return host != "::" and not host.startswith("ff")
    return 0 < int(host.partition(".")[0]) < 224


def send_all(sock: socket.SocketType, outgoing: list[tuple[bytes, Address]]) -> None:
    """Send datagrams; one that the system does not take is lost, as on a wire."""
    try:
        for data, destination in outgoing:
            sock.sendto(data, destination)
    except OSError:
        return  # once the system takes no more, it takes none of the rest


def send_burst(sock: socket.SocketType, outgoing: list[tuple[bytes, Address]]) -> bool:
    """Send datagrams, in one system call if they are of one size: the kernel cuts them apart.

    Args:
        sock: where from.
        outgoing: two or more.

    Returns:
        Whether it is worth trying again: not where the datagrams are larger than the way there
        takes whole, or the kernel or the network card cannot do it.

    Source: Linux, udp(7), ``UDP_SEGMENT``.
    """
    first, destination = outgoing[0]
    size = len(first)
    parts = [data for data, to in outgoing if to == destination and len(data) == size]
    last = outgoing[-1][0]
    if len(parts) == len(outgoing) - 1 and outgoing[-1][1] == destination and len(last) < size:
        parts.append(last)
    burst = len(parts) == len(outgoing) <= _MOST_SEGMENTS
    if not burst or size * len(outgoing) > _MOST_BURST_OCTETS:
        send_all(sock, outgoing)
        return True
    segment = [(socket.IPPROTO_UDP, _UDP_SEGMENT, size.to_bytes(2, sys.byteorder))]
    try:
        sock.sendmsg(parts, segment, 0, destination)
    except BlockingIOError:
        return True  # the system takes no more now: lost, as on a wire
    except OSError:
        send_all(sock, outgoing)
        return False
    return True
