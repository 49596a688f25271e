"""A connection on which plain requests are answered at once, without a task for each.

What is not a plain request, and everything after it, goes to a connection of the library, which
takes this one's place. Answers leave in the order of their requests: nothing is read on while an
answer waits for the client.

Source: RFC 9112 section 9.3 (persistence, pipelining).
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Protocol

from provisioning.clock import now
from provisioning.transport.content import Address
from provisioning.transport.http_plain_request import PlainRequest, recognise
from provisioning.transport.http_reply import Reply
from provisioning.transport.http_rules import http_date

_AT_ONCE = 32
"""Requests that are answered before others get a turn."""
_SEND_S = 60.0


class Exchange(Protocol):
    """One request and its answer, until it has left."""

    reply: Reply

    def ended(self, *, whole: bool) -> None:
        """Note that it has left, whole or not."""
        ...


class Desk(Protocol):
    """Who decides about requests."""

    def plain_request(self, request: PlainRequest, connection: PlainConnection) -> Exchange:
        """Decide about one request."""
        ...


class Port(Protocol):
    """Where the connection came in."""

    @property
    def buffer(self) -> memoryview:
        """Where what comes in is put for a moment, for all connections of the port.

        A buffer of each connection's own would be most of its memory, and one for each read
        most of its time.
        """
        ...

    def enters(self, transport: asyncio.BaseTransport) -> asyncio.Transport | None:
        """Count a new connection."""
        ...

    def leaves(self, transport: asyncio.Transport) -> None:
        """Count a connection that is gone."""
        ...

    def taken_over(self, transport: asyncio.Transport, data: bytes) -> None:
        """Let the library have a connection, and what came over it last."""
        ...


class PlainConnection(asyncio.BufferedProtocol):
    """See the module.

    Args:
        port: where it came in.
        desk: decides about requests.
        deadline_s: seconds until the first request must be there.
        keepalive_s: seconds that it may be idle between requests.

    Attributes:
        client: who is at the other end.
        transport: of the connection; None before and after it.
        facts: what the owner has found out about the client, once for all its requests.
    """

    __slots__ = (
        "_asked_at",
        "_deadline",
        "_desk",
        "_early",
        "_entered",
        "_keepalive_s",
        "_later",
        "_loop",
        "_paused",
        "_port",
        "_timer",
        "_waiting",
        "client",
        "facts",
        "transport",
    )

    def __init__(self, port: Port, desk: Desk, deadline_s: float, keepalive_s: float) -> None:
        self._port = port
        self._desk = desk
        self._deadline = deadline_s
        self._keepalive_s = keepalive_s
        self._loop = asyncio.get_running_loop()
        self._entered: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._asked_at = -1.0
        self._early = b""
        self._later = b""
        self._paused = False
        self._waiting: Exchange | None = None
        self.client: Address = ("", 0)
        self.transport: asyncio.Transport | None = None
        self.facts: object = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; the clock for the first request runs."""
        self._entered = self._port.enters(transport)
        if self._entered is None:
            return
        self.transport = self._entered
        peer = transport.get_extra_info("peername")
        if peer:
            self.client = (peer[0], peer[1])
        self._timer = self._loop.call_later(self._deadline, self._too_late)
        early, self._early = self._early, b""
        if early:
            self._received(early)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End; an answer that waited has left when nothing went wrong."""
        self._end_wait(whole=exc is None)
        self._stop_timer()
        self.transport = None
        if self._entered is not None:
            self._port.leaves(self._entered)
            self._entered = None

    def pause_writing(self) -> None:
        """The client takes less than it gets."""
        self._paused = True

    def resume_writing(self) -> None:
        """It has taken what it got: the next request's turn."""
        self._paused = False
        if self._waiting is None:
            return
        self._end_wait(whole=True)
        self._go_on()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - it is as large as it is
        """Where the next octets are put."""
        return self._port.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Answer the plain requests of what came in."""
        self._received(bytes(self._port.buffer[:nbytes]))

    def _received(self, data: bytes) -> None:
        transport = self.transport
        if transport is None:
            self._early += data  # TLS is quicker than the one who waits for its handshake
            return
        if self._waiting is not None or self._later:
            self._later += data  # what was under way before reading stopped
            return
        self._answer_all(transport, data)

    def _answer_all(self, transport: asyncio.Transport, data: bytes) -> None:
        begin, left, size = 0, _AT_ONCE, len(data)
        while begin < size:
            if transport.is_closing():
                return
            if not left:
                self._hold(transport, data[begin:])
                self._loop.call_soon(self._go_on)
                return
            request = recognise(data, begin)
            if request is None:
                self._hand_over(transport, data[begin:])
                return
            begin, left = request.end, left - 1
            if not self._answer(transport, request):
                if begin < size:
                    self._hold(transport, data[begin:])
                else:
                    transport.pause_reading()
                return

    def _answer(self, transport: asyncio.Transport, request: PlainRequest) -> bool:
        """Answer one request; False when the next one must wait."""
        first = self._asked_at < 0
        self._asked_at = self._loop.time()
        if first:
            self._stop_timer()
            self._timer = self._loop.call_later(self._keepalive_s, self._idle)
        try:
            exchange = self._desk.plain_request(request, self)
        except ConnectionError:  # it is meant to be broken off
            transport.abort()
            return False
        reply = exchange.reply
        closes = reply.closes or not request.keep_alive
        connection = _CONNECTION[request.minor, closes]
        head = reply.head(request.minor) + _date(int(now())) + connection
        with_body = request.asked.method == "GET" and reply.body
        transport.write(head + reply.body if with_body else head)
        if self._paused:
            self._waiting = exchange
            self._stop_timer()
            self._timer = self._loop.call_later(_SEND_S, self.break_off)
            if closes:
                transport.close()
            return False
        exchange.ended(whole=not transport.is_closing())
        if closes:
            transport.close()
        return True

    def _hold(self, transport: asyncio.Transport, data: bytes) -> None:
        """Keep what came in too early, and read no more until then."""
        self._later = data
        transport.pause_reading()

    def _go_on(self) -> None:
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        later, self._later = self._later, b""
        transport.resume_reading()
        if later:
            self._answer_all(transport, later)

    def _end_wait(self, *, whole: bool) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        self._stop_timer()
        self._asked_at = self._loop.time()
        if self.transport is not None and not self.transport.is_closing():
            self._timer = self._loop.call_later(self._keepalive_s, self._idle)
        waiting.ended(whole=whole)

    def break_off(self) -> None:
        """End at once; an answer that waits has not left."""
        transport = self.transport
        self._end_wait(whole=False)
        if transport is not None:
            transport.abort()

    def _hand_over(self, transport: asyncio.Transport, data: bytes) -> None:
        self._stop_timer()
        self._entered = self.transport = None
        self._port.taken_over(transport, data)

    def _too_late(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def _idle(self) -> None:
        """Close it, unless there was a request since; one timer does for all of them."""
        if self.transport is None or self._waiting is not None:
            return
        left_s = self._asked_at + self._keepalive_s - self._loop.time()
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._idle)
        elif self.transport.get_write_buffer_size():
            self.transport.abort()  # closing would wait for a client that takes nothing
        else:
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_CONNECTION = {
    (0, False): b"Connection: keep-alive\r\n\r\n",
    (0, True): b"\r\n",
    (1, False): b"\r\n",
    (1, True): b"Connection: close\r\n\r\n",
}


@lru_cache(4)
def _date(second: int) -> bytes:
    return f"Date: {http_date(second)}\r\n".encode("ascii")
