"""Finds the IP header in a frame: link layers, VLAN tags, PPPoE, and tunnels.

Pure functions on octets that never fail, whatever the octets are.

Source: IEEE 802.1Q and 802.1ad (tags), RFC 2516 (PPPoE), RFC 2784 and 2890 (GRE), RFC 1701
(transparent Ethernet bridging, 0x6558), the LINKTYPE registry.
"""

from __future__ import annotations

from struct import Struct

from rig.capture.frame import (
    LINKTYPE_ETHERNET,
    LINKTYPE_IPV4,
    LINKTYPE_IPV6,
    LINKTYPE_LINUX_SLL,
    LINKTYPE_LINUX_SLL2,
    LINKTYPE_LOOP,
    LINKTYPE_NULL,
    LINKTYPE_RAW,
)

IP4_IN_IP, IP6_IN_IP, GRE = 4, 41, 47
"""IP protocol numbers of tunnels."""

NO_IP = -1
"""The frame carries no IP."""
UNKNOWN_LINK = -2
"""Nothing is known here about this link layer."""

_VLAN = {0x8100, 0x88A8, 0x9100, 0x9200}
_IP = {0x0800, 0x86DD}
_PPPOE, _BRIDGED = 0x8864, 0x6558
_PPP_IP = {0x0021, 0x0057}
_RAW_LINKS = {LINKTYPE_RAW, LINKTYPE_IPV4, LINKTYPE_IPV6, 12, 14}
_TYPE_AND_START = {
    LINKTYPE_ETHERNET: (12, 14),
    LINKTYPE_LINUX_SLL: (14, 16),
    LINKTYPE_LINUX_SLL2: (0, 20),
}
_SHORT = Struct("!H").unpack_from
_GRE_CHECKSUM, _GRE_ROUTING, _GRE_KEY, _GRE_SEQUENCE, _GRE_VERSION = (
    0x8000,
    0x4000,
    0x2000,
    0x1000,
    0x0007,
)


def ip_start(data: bytes, link_type: int) -> int:
    """Where the IP header begins.

    Args:
        data: a frame.
        link_type: its LINKTYPE number.

    Returns:
        An index, :data:`NO_IP` or :data:`UNKNOWN_LINK`.
    """
    places = _TYPE_AND_START.get(link_type)
    if places is not None:
        return _after_tags(data, *places)
    if link_type in _RAW_LINKS:
        return 0 if data else NO_IP
    if link_type in {LINKTYPE_NULL, LINKTYPE_LOOP}:
        return 4 if len(data) > 4 else NO_IP
    return UNKNOWN_LINK


def _after_tags(data: bytes, kind_at: int, start: int) -> int:
    """What follows the link layer's type field and any number of VLAN tags."""
    while len(data) > start and len(data) >= kind_at + 2:
        kind = _SHORT(data, kind_at)[0]
        if kind in _IP:
            return start
        if kind == _PPPOE:
            known = len(data) > start + 8 and _SHORT(data, start + 6)[0] in _PPP_IP
            return start + 8 if known else NO_IP
        if kind not in _VLAN:
            return NO_IP
        kind_at, start = start + 2, start + 4
    return NO_IP


def inside_tunnel(protocol: int, payload: bytes) -> bytes | None:
    """The IP packet that a tunnel carries.

    Args:
        protocol: IP protocol number of the outer packet.
        payload: what the outer packet carries.

    Returns:
        The inner packet from its IP header on; None if this is no tunnel that carries IP.
    """
    if protocol in {IP4_IN_IP, IP6_IN_IP}:
        return payload or None
    if protocol != GRE or len(payload) < 4:
        return None
    flags, kind = _SHORT(payload, 0)[0], _SHORT(payload, 2)[0]
    if flags & (_GRE_ROUTING | _GRE_VERSION):
        return None
    start = 4 + sum(4 for bit in (_GRE_CHECKSUM, _GRE_KEY, _GRE_SEQUENCE) if flags & bit)
    if kind == _BRIDGED:
        place = _after_tags(payload, start + 12, start + 14)
        return payload[place:] if place > 0 else None
    if kind in _VLAN | _IP:
        place = _after_tags(payload, 2, start) if kind in _IP else NO_IP
        return payload[place:] if place > 0 else None
    return None
