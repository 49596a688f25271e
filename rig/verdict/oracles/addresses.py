"""Which addresses lead nowhere from outside. Pure functions."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

PRIVATE = tuple(
    ipaddress.ip_network(net)
    for net in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)
"""Addresses that nobody outside can reach. Source: RFC 1918, 6598, 3927, 4193, 4291."""


def is_private(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether nobody outside can reach it."""
    return any(address in net for net in PRIVATE if net.version == address.version)


@lru_cache(maxsize=1024)
def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address by its text; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_hidden(written: str, seen: str) -> bool:
    """Whether somebody writes a private address and is seen at another, public one: NAT."""
    own, public = address_of(written), address_of(seen)
    if own is None or public is None:
        return False
    return is_private(own) and not is_private(public)
