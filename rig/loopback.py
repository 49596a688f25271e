"""Addresses: of loopback, one for each participant of a bench, and what is asked of any.

With an address for everybody captures read well. Linux answers on all of 127.0.0.0/8 without any
set-up. Each bench takes a subnet of its own, so that two runs on one machine do not meet. IPv6 has
one loopback address: there everybody is told apart by the port.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator

from rig.errors import UsageError

PLATFORM, SERVER, RELAY, STRANGER, OUTSIDE, FIRST_HANDSET = 1, 2, 3, 4, 5, 10


class LoopbackPlan:
    """Hands out addresses of one private part of the loopback range.

    Attributes:
        prefix: first three octets, e.g. ``127.83.12``; empty where all share one address.
        shared: the address of everybody without one of their own.
    """

    def __init__(
        self, *, own_addresses: bool = True, ipv6: bool = False, shared: str = ""
    ) -> None:
        """Choose.

        Args:
            own_addresses: everybody gets an address, where the system has more than one.
            ipv6: everybody is at ``::1``.
            shared: everybody is at this address of the computer; empty for loopback.
        """
        self.prefix = ""
        self.shared = shared or ("::1" if ipv6 else "127.0.0.1")
        if own_addresses and not ipv6 and not shared:
            self.prefix = next(filter(_usable, _candidates()), "")

    def host(self, number: int) -> str:
        """The address of a participant, 1 to 250."""
        return f"{self.prefix}.{number}" if self.prefix else self.shared


def _candidates() -> Iterator[str]:
    for _ in range(8):
        second, third = os.urandom(2)
        yield f"127.{10 + second % 200}.{third}"


def _usable(prefix: str) -> bool:
    """Whether an address of this part can be bound and its SIP port is free."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((f"{prefix}.{PLATFORM}", 5060))
        except OSError:
            return False
    return True


def is_loopback(host: str) -> bool:
    """Whether what is sent to a host never leaves this computer.

    Args:
        host: address, or a name; of names ``localhost`` alone is known to mean it.

    Source: RFC 6761 section 6.3 (``localhost``), RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def read_address(text: str, option: str, default_port: int = 5060) -> tuple[str, int]:
    """Read ``HOST:PORT``; the port may be left out.

    Args:
        text: as given on the command line or in a file.
        option: what it is called there, for the error.
        default_port: when none is given.

    Raises:
        UsageError: it is none.
    """
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, str(default_port)
    if not host or ":" in host or not port.isascii() or not port.isdigit():
        raise UsageError(f"{option} is {text!r}; expected HOST or HOST:PORT")
    if not 1 <= int(port[:6]) <= 65535:
        raise UsageError(f"{option} is {text!r}; expected a port from 1 to 65535")
    return host, int(port)


def family_of(host: str) -> socket.AddressFamily:
    """IPv4 or IPv6, by a numeric address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def free_port(host: str, kind: int = socket.SOCK_DGRAM) -> int:
    """A port that is free on a host at this moment."""
    with socket.socket(family_of(host), kind) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
