"""Overhears what handsets tell DHCP, so that a fetch can be told by the address it comes from.

It never answers and is no DHCP server. At the broadcast address it hears beside a DHCP server of
the same machine and takes nothing from it: datagrams for one address go past it. A relay that
should be heard must be told an address of this machine, and the watch must listen there.
"""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict

from provisioning.errors import RigError
from provisioning.identifier import DhcpSeen
from provisioning.transport.content import Address
from provisioning.transport.dhcp_packet import MessageType, parse_dhcp
from provisioning.transport.listen_error import listen_error

EVERYBODY = "255.255.255.255"
SERVER_PORT = 67


class DhcpWatch:
    """Remembers who asked DHCP for which address.

    What it remembers is what clients said, which anyone on the segment can say: a clue beside
    others, no proof.

    Args:
        host: address to listen on; the broadcast address hears the segment.
        port: UDP port; 0 for any free one.
        max_seen: how many addresses are remembered; the one unheard for longest goes first.
    """

    def __init__(
        self, host: str = EVERYBODY, port: int = SERVER_PORT, *, max_seen: int = 4096
    ) -> None:
        self._host = host
        self._port = port
        self._max_seen = max_seen
        self._seen: OrderedDict[str, DhcpSeen] = OrderedDict()
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def address(self) -> Address:
        """Where it listens; the real port after :meth:`start`."""
        if self._transport is None:
            return (self._host, self._port)
        host, port = self._transport.get_extra_info("sockname")[:2]
        return (host, port)

    async def start(self) -> None:
        """Listen.

        Raises:
            RigError: the port is in use, needs privilege, or the address is not ours.
        """
        if self._transport is not None:
            raise RigError("this DHCP watch is already running; close it first")
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            if self._host == EVERYBODY:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((self._host, self._port))
        except OSError as error:
            sock.close()
            raise listen_error("DHCP watch", self._host, self._port, error) from error
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Ear(self), sock=sock
        )

    async def close(self) -> None:
        """Listen no more; safe to call twice."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def seen(self, host: str) -> DhcpSeen | None:
        """Who asked for an address last.

        Args:
            host: numeric IPv4 address.
        """
        return self._seen.get(host)

    def hear(self, data: bytes) -> None:
        """Take a datagram; what is no request for an address changes nothing.

        Args:
            data: as it came.
        """
        said = parse_dhcp(data)
        if said is None or not said.address or said.message_type is MessageType.DISCOVER:
            return
        known = self._seen.get(said.address)
        if said.message_type in {MessageType.RELEASE, MessageType.DECLINE}:
            if known is not None and known.mac == said.mac:
                del self._seen[said.address]
            return
        self._seen[said.address] = DhcpSeen(said.mac, said.vendor_class)
        self._seen.move_to_end(said.address)
        if len(self._seen) > self._max_seen:
            self._seen.popitem(last=False)


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, watch: DhcpWatch) -> None:
        self._watch = watch

    def datagram_received(self, data: bytes, addr: Address) -> None:  # noqa: ARG002 - named by asyncio
        self._watch.hear(data)
