"""A socket that hears one multicast group at one interface, and nothing else.

Source: RFC 1112; RFC 3261 18.1.1 has requests to a group answered from a unicast address.
"""

from __future__ import annotations

import ipaddress
import socket

from rig.errors import RigError
from rig.sip.event import Address
from rig.sip_transport.udp import RECEIVE_BUFFER_BYTES

_IP_MULTICAST_ALL = 49  # linux/in.h; the socket module does not name it


def group_socket(group: Address, interface: str) -> socket.socket:
    """Open a non-blocking socket that hears a group.

    The port may be shared with others that listen to the same group. Datagrams that come in
    elsewhere, because somebody else joined the group there, are not heard.

    Args:
        group: IPv4 address of the group, and port.
        interface: numeric IPv4 address of ours at the interface.

    Raises:
        RigError: the address is not ours, not IPv4, or the port is held by somebody who does not
            share it.
    """
    host, port = group
    try:
        membership = ipaddress.IPv4Address(host).packed + ipaddress.IPv4Address(interface).packed
    except ValueError:
        raise RigError(
            f"multicast {host}:{port} at interface {interface!r}: expected numeric IPv4 addresses"
        ) from None
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        sock.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        sock.bind(group)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    except OSError as error:
        sock.close()
        raise RigError(
            f"SIP multicast {host}:{port} cannot be heard at {interface}: {error.strerror}; name "
            "an address of this machine, and end the program that holds the port for itself"
        ) from error
    return sock
