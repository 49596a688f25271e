"""Reads what a client sends to DHCP: who it is and which address it asks for.

Sans-IO. Only what identifies a handset is read; nothing is ever answered.

Source: RFC 2131 section 2 (message), RFC 2132 (options), RFC 3396 (long options in parts).
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import IntEnum

from provisioning.address import Mac
from provisioning.identity import is_handset

_BOOTREQUEST = 1
_ETHERNET = (1, 6)
_CIADDR = slice(12, 16)
_CHADDR = slice(28, 34)
_COOKIE = slice(236, 240)
_MAGIC = b"\x63\x82\x53\x63"
_PAD = 0
_END = 255
_REQUESTED_ADDRESS = 50
_MESSAGE_TYPE = 53
_VENDOR_CLASS = 60
_NO_ADDRESS = b"\0\0\0\0"


class MessageType(IntEnum):
    """What a client says, as far as it matters here."""

    DISCOVER = 1
    REQUEST = 3
    DECLINE = 4
    RELEASE = 7
    INFORM = 8


@dataclass(frozen=True, slots=True)
class DhcpRequest:
    """What a client said.

    Attributes:
        message_type: what it is about.
        mac: the client's.
        address: that it asks for, else the one that it has; empty when it names none.
        vendor_class: option 60, one character for each octet; empty when it sent none.
    """

    message_type: MessageType
    mac: Mac
    address: str
    vendor_class: str


def parse_dhcp(data: bytes) -> DhcpRequest | None:
    """Read a datagram.

    Args:
        data: as it came to the server's port.

    Returns:
        What the client said, or None when it is anything else.
    """
    if data[_COOKIE] != _MAGIC or data[0] != _BOOTREQUEST or tuple(data[1:3]) != _ETHERNET:
        return None
    options = _options(data[_COOKIE.stop :])
    if options is None:
        return None
    kind = options.get(_MESSAGE_TYPE, b"")
    if len(kind) != 1 or kind[0] not in frozenset(MessageType):
        return None
    mac = data[_CHADDR].hex()
    address = options.get(_REQUESTED_ADDRESS, data[_CIADDR])
    if len(address) != len(_NO_ADDRESS) or not is_handset(mac):
        return None
    return DhcpRequest(
        MessageType(kind[0]),
        Mac(mac),
        "" if address == _NO_ADDRESS else socket.inet_ntoa(address),
        options.get(_VENDOR_CLASS, b"").decode("latin-1").rstrip("\0"),
    )


def _options(data: bytes) -> dict[int, bytes] | None:
    """The options, each put together from its parts; None when they are cut off."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data) and data[at] != _END:
        code = data[at]
        if code == _PAD:
            at += 1
            continue
        if at + 2 > len(data):
            return None
        stop = at + 2 + data[at + 1]
        if stop > len(data):
            return None
        found[code] = found.get(code, b"") + data[at + 2 : stop]
        at = stop
    return found
