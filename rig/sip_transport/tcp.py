"""TCP connections of one endpoint: each is reused in both directions as long as it lives.

Covers RFC 3261 18.1.1, 18.2.2 (responses go back on the connection) and RFC 5923's idea that a
connection is worth keeping for requests of either side.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Protocol

from rig.errors import RigError
from rig.sip.event import Address

if TYPE_CHECKING:
    from collections.abc import Iterable

CONNECT_TIMEOUT_S = 8.0
CLOSE_TIMEOUT_S = 0.5
PENDING_LIMIT_BYTES = 1 << 20


class TcpOwner(Protocol):
    """What the connections tell their owner."""

    def stream_received(self, data: bytes, remote: Address) -> None:
        """Octets arrived."""
        ...

    def stream_lost(self, remote: Address) -> None:
        """The connection to ``remote`` ended, or could not be made."""
        ...


class _Connection(asyncio.Protocol):
    """One connection, from either side."""

    __slots__ = ("_pool", "remote", "transport")

    def __init__(self, pool: TcpPool) -> None:
        self._pool = pool
        self.remote: Address = ("", 0)
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise RigError("TCP transport expected")
        self.transport = transport
        peer = transport.get_extra_info("peername")
        self.remote = (peer[0], peer[1]) if peer else ("", 0)
        self._pool.opened(self)

    def data_received(self, data: bytes) -> None:
        self._pool.owner.stream_received(data, self.remote)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._pool.lost(self)


class TcpPool:
    """The listening socket and all connections of one endpoint.

    Args:
        owner: is told what arrives and what breaks.
    """

    __slots__ = ("_connecting", "_connections", "_host", "_pending", "_server", "owner")

    def __init__(self, owner: TcpOwner) -> None:
        self.owner = owner
        self._server: asyncio.Server | None = None
        self._host = ""
        self._connections: dict[Address, _Connection] = {}
        self._pending: dict[Address, list[bytes]] = {}
        self._connecting: dict[Address, asyncio.Task[None]] = {}

    async def listen(self, host: str, port: int) -> None:
        """Accept connections.

        Args:
            host: numeric address of this machine.
            port: port.

        Raises:
            RigError: the address cannot be bound.
        """
        self._host = host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, port))
            loop = asyncio.get_running_loop()
            # Known before anything is waited for, so that it can be closed if we are cancelled.
            self._server = await loop.create_server(
                lambda: _Connection(self), sock=sock, start_serving=False
            )
            await self._server.start_serving()
        except OSError as error:
            sock.close()
            raise RigError(
                f"SIP over TCP cannot listen at {host}:{port}: {error.strerror}; "
                "choose another port or end the program that holds it"
            ) from error

    def send(self, data: bytes, remote: Address) -> None:
        """Send on the connection to ``remote``, making one if there is none."""
        connection = self._connections.get(remote)
        if connection is not None and connection.transport is not None:
            connection.transport.write(data)
            return
        pending = self._pending.setdefault(remote, [])
        if sum(map(len, pending)) < PENDING_LIMIT_BYTES:
            pending.append(data)
        if remote not in self._connecting:
            self._connecting[remote] = asyncio.ensure_future(self._connect(remote))

    def has_connection(self, remote: Address) -> bool:
        """Whether a connection to ``remote`` is open."""
        return remote in self._connections

    def close_connection(self, remote: Address) -> None:
        """Close one connection, after what was written has gone out."""
        connection = self._connections.get(remote)
        if connection is not None and connection.transport is not None:
            connection.transport.close()

    def abort_all(self) -> None:
        """Cut every connection at once, as a power failure does."""
        for connection in list(self._connections.values()):
            if connection.transport is not None:
                connection.transport.abort()

    async def close(self) -> None:
        """Stop listening and close everything."""
        tasks = list(self._connecting.values())
        for task in tasks:
            task.cancel()
        await _finished(tasks)
        for remote in list(self._connections):
            self.close_connection(remote)
        if self._server is not None:
            self._server.close()
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._server.wait_closed()
            except TimeoutError:  # a peer that does not read holds its connection open
                self.abort_all()
            self._server = None
        self._connections.clear()
        self._pending.clear()

    def opened(self, connection: _Connection) -> None:
        """A connection is there."""
        self._connections[connection.remote] = connection
        for data in self._pending.pop(connection.remote, ()):
            if connection.transport is not None:
                connection.transport.write(data)

    def lost(self, connection: _Connection) -> None:
        """A connection is gone."""
        if self._connections.get(connection.remote) is connection:
            del self._connections[connection.remote]
            self.owner.stream_lost(connection.remote)

    async def _connect(self, remote: Address) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await loop.create_connection(
                    lambda: _Connection(self), *remote, local_addr=(self._host, 0)
                )
        except (OSError, TimeoutError):
            self._pending.pop(remote, None)
            self.owner.stream_lost(remote)
        finally:
            self._connecting.pop(remote, None)


async def _finished(tasks: Iterable[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
