"""What the fetcher of emulated handsets asks for, as a server sees it that hangs up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from rig.errors import RigError
from rig.handset.emulated.fetcher import Fetcher

FILE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfile"
HANG_UP = b""


@dataclass
class Server:
    """Answers as it is told, by the path; remembers what it has read."""

    answer: Callable[[str], bytes]
    closes: bool = False
    asked: list[str] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split()[1].decode()
                self.asked.append(path)
                answer = self.answer(path)
                writer.write(answer)
                if self.closes or answer == HANG_UP:
                    break
        writer.close()


@contextlib.asynccontextmanager
async def fetching(server: Server) -> AsyncIterator[Fetcher]:
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = "http://127.0.0.1:{}".format(*listener.sockets[0].getsockname()[1:])
    try:
        async with Fetcher(server.url, "127.0.0.11") as fetcher:
            yield fetcher
    finally:
        listener.close()
        await listener.wait_closed()


async def test_a_server_that_hangs_up_is_asked_once() -> None:
    server = Server(lambda _path: HANG_UP)
    async with fetching(server) as fetcher:
        with pytest.raises(RigError, match=r"boot: .*/a\.cfg: Server disconnected"):
            await fetcher.fetch("a.cfg", "phone")
    assert server.asked == ["/a.cfg"]


async def test_so_is_one_to_which_a_redirect_leads() -> None:
    server = Server(
        lambda path: HANG_UP if path == "/b.cfg" else (
            b"HTTP/1.1 302 Found\r\nLocation: /b.cfg\r\nContent-Length: 0\r\n"
            b"Connection: close\r\n\r\n"
        ),
        closes=True,
    )  # fmt: skip
    async with fetching(server) as fetcher:
        with pytest.raises(RigError, match="Server disconnected"):
            await fetcher.fetch("a.cfg", "phone")
    assert server.asked == ["/a.cfg", "/b.cfg"]


async def test_a_connection_that_was_kept_in_vain_costs_a_new_one_and_no_file() -> None:
    """A server may close a connection that it has kept, without a word."""
    server = Server(lambda _path: FILE, closes=True)
    async with fetching(server) as fetcher:
        for name in ("a.cfg", "b.cfg", "c.cfg"):
            assert await fetcher.fetch(name, "phone") == b"file"
    assert server.asked == ["/a.cfg", "/b.cfg", "/c.cfg"]


async def test_a_boot_keeps_its_connection() -> None:
    server = Server(lambda _path: FILE)
    async with fetching(server) as fetcher:
        for name in ("a.cfg", "b.cfg", "c.cfg"):
            assert await fetcher.fetch(name, "phone") == b"file"
    assert (server.asked, server.connections) == (["/a.cfg", "/b.cfg", "/c.cfg"], 1)
