"""Listens for HTTP and guards the connections; what is asked and answered is the owner's affair.

A connection must send a request soon or is closed, and there are limits on how many there are, in
all and from one address, so a client that opens many and says nothing keeps nobody else out for
long.

Source: RFC 9112 (HTTP/1.1 messages).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self

from aiohttp import hdrs, web

from provisioning.errors import RigError
from provisioning.transport.content import Address
from provisioning.transport.http_plain_connection import Desk, PlainConnection
from provisioning.transport.listen_error import listen_error

HttpHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Unreadable = Callable[[Address, bytes, int], None]
"""Told of a request that could not be read: by whom, its first octets, and the status answered."""
HandshakeFailed = Callable[[Address, str], None]
"""Told of a TLS handshake that came to nothing: with whom, and why."""

_KEEPALIVE_S = 30.0
CLOSE_S = 2.0
_BUFFER_BYTES = 16 * 1024
_REMEMBERED = 512
_FEW = 500
NOBODY: Address = ("", 0)


@dataclass(frozen=True, slots=True)
class PortLimits:
    """What one port bears.

    Attributes:
        deadline_s: seconds that a new connection has to bring its first request, and that a
            TLS handshake may take.
        keepalive_s: seconds that a connection may stay idle between requests.
        most: connections at a time.
        most_of_host: of them from one address.
    """

    deadline_s: float = 10.0
    keepalive_s: float = _KEEPALIVE_S
    most: int = 20_000
    most_of_host: int = 2_000

    @classmethod
    def small(cls, deadline_s: float) -> Self:
        """For a port that people use, not a thousand handsets."""
        return cls(deadline_s, most=_FEW, most_of_host=_FEW)


class HttpPort:
    """One listening port.

    Args:
        handler: answers every request; must not raise.
        host: address to listen at.
        port: TCP port; 0 for any free one.
        limits: what it bears.
        tls: for HTTPS.
        unreadable: told of requests that could not be read.
        desk: decides about plain requests at once; None has the handler answer them all.
        handshake_failed: told of TLS handshakes that came to nothing.

    Attributes:
        tls: for HTTPS; another one holds for handshakes from then on.
    """

    def __init__(
        self,
        handler: HttpHandler,
        host: str,
        port: int,
        *,
        limits: PortLimits | None = None,
        tls: ssl.SSLContext | None = None,
        unreadable: Unreadable = lambda _who, _octets, _status: None,
        desk: Desk | None = None,
        handshake_failed: HandshakeFailed = lambda _who, _why: None,
    ) -> None:
        self._handler = handler
        self._host = host
        self._port = port
        self._limits = limits or PortLimits()
        self.tls = tls
        self.unreadable = unreadable
        self._desk = desk
        self._handshake_failed = handshake_failed
        self._server: asyncio.Server | None = None
        self._connections: web.Server | None = None
        self._hosts: Counter[str] = Counter()
        self._open: dict[asyncio.Transport, str] = {}
        self._empty: asyncio.Event | None = None
        self.buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._doors: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> Address:
        """Where it listens; the real port after :meth:`start`."""
        if self._server is None:
            return self._host, self._port
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    @property
    def open_connections(self) -> int:
        """How many there are now."""
        return len(self._open)

    async def start(self) -> None:
        """Listen.

        Raises:
            RigError: it listens already, or the port is in use, needs privilege, or the address
                is not ours.
        """
        if self._server is not None:
            raise RigError("this HTTP server is already running; close it first")
        loop = asyncio.get_running_loop()
        self._connections = web.Server(self._handle)

        def connect() -> asyncio.BaseProtocol:
            made = self._connection()
            return made if self.tls is None else _Door(self, made, self.tls)

        try:
            self._server = await loop.create_server(connect, self._host, self._port, backlog=1024)
        except OSError as error:
            raise listen_error("HTTP", self._host, self._port, error) from error

    def _connection(self) -> AnyConnection:
        if self._desk is None:
            return self._library_connection()
        limits = self._limits
        return PlainConnection(self, self._desk, limits.deadline_s, limits.keepalive_s)

    def _library_connection(self) -> Connection:
        if self._connections is None:
            raise RigError("this HTTP server is closed")
        return Connection(self._connections, self, self._limits, asyncio.get_running_loop())

    def taken_over(self, transport: asyncio.Transport, data: bytes) -> None:
        """Let the library have a connection, and what came over it last.

        Args:
            transport: of the connection.
            data: not answered yet.
        """
        if self._connections is None:
            transport.close()
            return
        connection = self._library_connection()
        transport.set_protocol(connection)
        connection.connection_made(transport)
        connection.data_received(data)

    async def close(self, patience_s: float = CLOSE_S) -> None:
        """Stop listening, close the connections; safe to call twice.

        What is being answered comes to its end first: the answer leaves whole.

        Args:
            patience_s: seconds to wait for that at most; what is left is broken off.
        """
        server, connections = self._server, self._connections
        self._server = self._connections = None
        if server is None or connections is None:
            return
        server.close()
        for door in tuple(self._doors):
            door.cancel()
        for transport in tuple(self._open):
            if isinstance(transport.get_protocol(), PlainConnection):
                transport.close()  # what waits for the client leaves first
        give_up_at = asyncio.get_running_loop().time() + patience_s
        connections.pre_shutdown()
        await connections.shutdown(patience_s)
        if self._open:  # octets wait in a socket's buffer
            self._empty = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(give_up_at):
                    await self._empty.wait()
        for transport in tuple(self._open):
            left = transport.get_protocol()
            if isinstance(left, PlainConnection):
                left.break_off()
            transport.abort()
        await asyncio.sleep(0)  # until they have heard of it
        await server.wait_closed()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if isinstance(request.protocol, Connection):
            request.protocol.has_request()
        return await self._handler(request)

    def enters(self, transport: asyncio.BaseTransport) -> asyncio.Transport | None:
        """Count a new connection.

        Returns:
            What to give to :meth:`leaves`; None when there are too many: it is closed.
        """
        if transport in self._open and isinstance(transport, asyncio.Transport):
            return transport  # the library takes over
        host = address_of(transport)[0]
        if (
            not isinstance(transport, asyncio.Transport)
            or len(self._open) >= self._limits.most
            or self._hosts[host] >= self._limits.most_of_host
        ):
            transport.close()
            return None
        self._hosts[host] += 1
        self._open[transport] = host
        return transport

    def leaves(self, transport: asyncio.Transport) -> None:
        """Count a connection that is gone."""
        host = self._open.pop(transport)
        if self._empty is not None and not self._open:
            self._empty.set()
        self._hosts[host] -= 1
        if self._hosts[host] <= 0:
            del self._hosts[host]

    def shake_hands(
        self,
        transport: asyncio.Transport,
        connection: Connection | PlainConnection,
        tls: ssl.SSLContext,
    ) -> None:
        """Begin TLS on a new connection, which counts from now on."""
        if self.enters(transport) is None:
            return
        shaking = self._shake_hands(transport, connection, tls)
        task = asyncio.get_running_loop().create_task(shaking)
        self._doors.add(task)
        task.add_done_callback(self._doors.discard)

    async def _shake_hands(
        self,
        transport: asyncio.Transport,
        connection: Connection | PlainConnection,
        tls: ssl.SSLContext,
    ) -> None:
        who = address_of(transport)
        try:
            secured = await asyncio.get_running_loop().start_tls(
                transport,
                connection,
                tls,
                server_side=True,
                ssl_handshake_timeout=self._limits.deadline_s,
            )
        except (OSError, TimeoutError) as error:
            transport.abort()
            self._handshake_failed(who, _why(error))
            return
        finally:
            self.leaves(transport)  # what comes out of it enters by itself
        if secured is not None and not secured.is_closing():
            connection.connection_made(secured)


class _Door(asyncio.Protocol):
    """A new connection before TLS: nothing is read before the handshake has begun."""

    def __init__(self, port: HttpPort, connection: AnyConnection, tls: ssl.SSLContext) -> None:
        self._port = port
        self._connection = connection
        self._tls = tls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let TLS have the connection."""
        if isinstance(transport, asyncio.Transport):
            transport.pause_reading()
            self._port.shake_hands(transport, self._connection, self._tls)


class Connection(web.RequestHandler):
    """A connection that must bring its first request soon and leaks nothing when refused."""

    __slots__ = ("_deadline", "_early", "_entered", "_first", "_limits", "_port", "facts")

    def __init__(
        self,
        manager: web.Server,
        port: HttpPort,
        limits: PortLimits,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(
            manager,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # None switches it off
            keepalive_timeout=limits.keepalive_s,
        )
        self._port = port
        self._limits = limits
        self._deadline: asyncio.TimerHandle | None = None
        self._entered: asyncio.Transport | None = None
        self._early = b""
        self._first = b""
        self.facts: object = None
        """What the owner has found out about the client, once for all its requests."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; the clock for the first request runs."""
        super().connection_made(transport)
        self._entered = self._port.enters(transport)
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._limits.deadline_s, self.force_close)
        early, self._early = self._early, b""
        if early:
            self.data_received(early)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        self.has_request()
        if self._entered is not None:
            self._port.leaves(self._entered)
            self._entered = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take octets; the first ones are kept until they turn out to be a request."""
        if self.transport is None:
            self._early += data  # TLS is quicker than the one who waits for its handshake
            return
        if len(self._first) < _REMEMBERED:
            self._first += data[:_REMEMBERED]
        super().data_received(data)

    def has_request(self) -> None:
        """A request is there: the deadline is met."""
        self._first = b""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request; the answer does not
    ) -> web.StreamResponse:
        """Answer what the parser refused, without quoting it, and report it."""
        first = self._first
        self.has_request()
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is already under way") from exc
        self._port.unreadable(client_of(request), first, status)
        response = plain(status, "bad request\n" if status < 500 else "internal error\n")
        response.force_close()
        return response


AnyConnection = Connection | PlainConnection


def plain(status: int, text: str) -> web.Response:
    """A short answer of text."""
    return with_server(web.Response(status=status, text=text))


def with_server(response: web.Response) -> web.Response:
    """Name the product and no version: aiohttp would tell its own and Python's."""
    response.headers[hdrs.SERVER] = "phonerig"
    return response


def client_of(request: web.BaseRequest) -> Address:
    """Who asks."""
    return address_of(request.transport) if request.transport else (request.remote or "", 0)


def address_of(transport: asyncio.BaseTransport) -> Address:
    """The far end of a connection; an empty one when it is gone."""
    peer = transport.get_extra_info("peername")
    return (peer[0], peer[1]) if peer else NOBODY


def _why(error: Exception) -> str:
    """Why a handshake failed, in the words of OpenSSL, which name no secret."""
    with contextlib.suppress(AttributeError):
        if isinstance(error, ssl.SSLError) and error.reason:
            return error.reason.lower().replace("_", " ")
    return "no whole handshake in time" if isinstance(error, TimeoutError) else "broken off"
