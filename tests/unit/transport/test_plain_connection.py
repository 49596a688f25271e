"""A connection of plain requests beside a transport on paper: order, turns, and who is let go."""

from __future__ import annotations

import asyncio

from provisioning.transport.http_plain_connection import PlainConnection
from provisioning.transport.http_plain_request import PlainRequest
from provisioning.transport.http_reply import text_reply

REQUEST = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps what is written, and whose client takes it or not."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 7)})
        self.written = b""
        self.untaken = 0
        self.reading = True
        self.closed = self.aborted = False
        self.protocol: PlainConnection | None = None
        self.most = 10**9

    def write(self, data) -> None:
        self.written += data
        if len(data) > self.most and self.protocol is not None:
            self.untaken = len(data)
            self.protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return self.untaken

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True


class Exchange:
    def __init__(self, desk: Desk, target: str) -> None:
        self.reply = text_reply(200, f"<{target}>")
        self._desk, self._target = desk, target

    def ended(self, *, whole: bool) -> None:
        self._desk.ended.append((self._target, whole))


class Desk:
    """Port and desk in one."""

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(65536))
        self.asked: list[str] = []
        self.ended: list[tuple[str, bool]] = []
        self.over: list[bytes] = []
        self.gone = 0

    def plain_request(self, request: PlainRequest, connection: PlainConnection) -> Exchange:
        self.asked.append(request.asked.target)
        return Exchange(self, request.asked.target)

    def enters(self, transport: Wire) -> Wire:
        return transport

    def leaves(self, transport: Wire) -> None:
        self.gone += 1

    def taken_over(self, transport: Wire, data: bytes) -> None:
        self.over.append(data)


def begun(keepalive_s: float = 60.0) -> tuple[Desk, Wire, PlainConnection]:
    desk, wire = Desk(), Wire()
    connection = PlainConnection(desk, desk, 60.0, keepalive_s)
    wire.protocol = connection
    connection.connection_made(wire)
    return desk, wire, connection


def bring(connection: PlainConnection, desk: Desk, data: bytes) -> None:
    desk.buffer[: len(data)] = data
    assert connection.get_buffer(-1) is desk.buffer
    connection.buffer_updated(len(data))


async def test_many_at_once_are_answered_in_turns() -> None:
    desk, wire, connection = begun()
    bring(connection, desk, b"".join(REQUEST % n for n in range(100)))
    assert len(desk.asked) == 32, "others get a turn"
    assert not wire.reading
    for _ in range(4):
        await asyncio.sleep(0)
    assert desk.asked == [f"/{n}" for n in range(100)]
    assert desk.ended == [(f"/{n}", True) for n in range(100)]
    assert wire.reading
    connection.connection_lost(None)
    assert desk.gone == 1


async def test_what_follows_an_answer_that_waits_comes_after_it() -> None:
    desk, wire, connection = begun()
    wire.most = 10
    bring(connection, desk, b"".join(REQUEST % n for n in range(3)))
    bring(connection, desk, REQUEST % 3)
    assert (desk.asked, desk.ended, wire.reading) == (["/0"], [], False)
    for number in range(1, 4):
        wire.untaken = 0
        connection.resume_writing()
        assert desk.asked == [f"/{n}" for n in range(number + 1)]
        assert desk.ended == [(f"/{n}", True) for n in range(number)]
    connection.connection_lost(ConnectionResetError())
    assert desk.ended[-1] == ("/3", False)


async def test_an_answer_broken_off_has_not_left() -> None:
    desk, wire, connection = begun()
    wire.most = 10
    bring(connection, desk, REQUEST % 0)
    connection.break_off()
    connection.connection_lost(None)
    assert wire.aborted
    assert desk.ended == [("/0", False)]


async def test_what_is_odd_and_all_that_follows_goes_over_whole() -> None:
    desk, _, connection = begun()
    odd = b"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
    bring(connection, desk, REQUEST % 0 + odd + REQUEST % 1)
    assert (desk.asked, desk.over) == (["/0"], [odd + REQUEST % 1])
    connection.connection_lost(None)
    assert desk.gone == 0, "the library counts it from now on"


async def test_nothing_is_answered_after_the_last_answer() -> None:
    desk, wire, connection = begun()
    last = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    bring(connection, desk, last + REQUEST % 1)
    assert desk.asked == ["/last"]
    assert wire.closed
    assert wire.written.endswith(b"Connection: close\r\n\r\n</last>")


async def test_who_takes_nothing_is_let_go_and_who_is_idle_is_closed() -> None:
    for untaken in (0, 5):
        desk, wire, connection = begun(keepalive_s=0.0)
        bring(connection, desk, REQUEST % 0)
        wire.untaken = untaken
        async with asyncio.timeout(30):
            while not wire.closed:  # noqa: ASYNC110 - a transport on paper tells nobody
                await asyncio.sleep(0.001)
        assert wire.aborted is bool(untaken)


async def test_octets_that_come_before_the_handshake_is_noticed_are_kept() -> None:
    desk, wire = Desk(), Wire()
    connection = PlainConnection(desk, desk, 60.0, 60.0)
    bring(connection, desk, REQUEST % 7)
    assert desk.asked == []
    connection.connection_made(wire)
    assert desk.asked == ["/7"]
    assert connection.client == ("192.0.2.1", 7)
