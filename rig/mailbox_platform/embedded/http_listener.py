"""Listens for HTTP and guards the connections; what is asked and answered is the owner's affair.

A connection must send a request soon or is closed, and there is a limit on how many there
are, so a client that opens many and says nothing keeps nobody else out for long.

Source: RFC 9112 (HTTP/1.1 messages).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from provisioning.transport.listen_error import listen_error
from rig.timeline import Address

_SHUTDOWN_S = 1.0
_MOST_CONNECTIONS = 500

HttpHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class HttpListener:
    """One listening port.

    Args:
        handler: answers every request; must not raise.
        host: address to listen at.
        port: TCP port; 0 for any free one.
        deadline_s: seconds that a new connection may take for its first request.
    """

    def __init__(self, handler: HttpHandler, host: str, port: int, *, deadline_s: float) -> None:
        self._handler = handler
        self._host = host
        self._port = port
        self._deadline_s = deadline_s
        self._server: asyncio.Server | None = None
        self._connections: web.Server | None = None

    @property
    def address(self) -> Address:
        """Where it listens; the real port after :meth:`start`."""
        if self._server is None:
            return self._host, self._port
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    async def start(self) -> None:
        """Listen.

        Raises:
            RigError: the port is in use, needs privilege, or the address is not ours.
        """
        loop = asyncio.get_running_loop()
        connections = web.Server(self._handle)

        def connect() -> asyncio.Protocol:
            if len(connections.connections) >= _MOST_CONNECTIONS:
                return _Refused()
            return _Connection(connections, self._deadline_s, loop)

        try:
            self._server = await loop.create_server(connect, self._host, self._port)
        except OSError as error:
            raise listen_error("HTTP", self._host, self._port, error) from error
        self._connections = connections

    async def close(self) -> None:
        """Stop listening, close the connections; safe to call twice."""
        server, connections = self._server, self._connections
        self._server = self._connections = None
        if server is None or connections is None:
            return
        server.close()
        connections.pre_shutdown()
        await connections.shutdown(_SHUTDOWN_S)
        await server.wait_closed()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if isinstance(request.protocol, _Connection):
            request.protocol.has_request()
        return await self._handler(request)


class _Refused(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class _Connection(web.RequestHandler):
    """A connection that is closed unless its first request comes soon."""

    __slots__ = ("_deadline", "_deadline_s")

    def __init__(
        self, manager: web.Server, deadline_s: float, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(manager, loop=loop, keepalive_timeout=30.0, access_log=None)  # type: ignore[arg-type]  # None switches it off
        self._deadline_s = deadline_s
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._deadline_s, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.has_request()
        super().connection_lost(exc)

    def has_request(self) -> None:
        """The first request has come."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
