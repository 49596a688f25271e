"""A request is answered alike by the quick way and by the library's, and large answers wait."""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from access_kit import ANNA, BERT, WEAK, access_lab, basic
from certificate_kit import issue
from fetch_site import ServedText, octets

from provisioning.access_model import HttpsSettings, ProofKind
from provisioning.transport.content import SiteContent
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.http_plain_connection import PlainConnection
from provisioning.transport.http_port import Connection, PortLimits
from provisioning.transport.http_rules import entity_tag
from provisioning.transport.http_server import HttpServer
from provisioning.transport.http_tls import server_tls

CONTENT = octets(7700)
TAG = entity_tag(CONTENT)
OWN = f"/{ANNA.plain}.cfg"
HOST = "Host: a\r\n"
LOGIN = f"Authorization: {basic('bert', WEAK.password.reveal())}\r\n"
REQUESTS = {
    "file": f"GET /{BERT.plain}.cfg HTTP/1.1\r\n{HOST}{LOGIN}",
    "head": f"HEAD /{BERT.plain}.cfg HTTP/1.1\r\n{HOST}{LOGIN}",
    "old version": f"GET /{BERT.plain}.cfg HTTP/1.0\r\n{LOGIN}",
    "old version, kept": f"GET /shared.cfg HTTP/1.0\r\nConnection: keep-alive\r\n{LOGIN}",
    "unchanged": f"GET /{BERT.plain}.cfg HTTP/1.1\r\n{HOST}{LOGIN}If-None-Match: {TAG}\r\n",
    "part": f"GET /{BERT.plain}.cfg HTTP/1.1\r\n{HOST}{LOGIN}Range: bytes=5-9\r\n",
    "no such part": f"GET /{BERT.plain}.cfg HTTP/1.1\r\n{HOST}{LOGIN}Range: bytes=9999-\r\n",
    "somebody else's": f"GET {OWN} HTTP/1.1\r\n{HOST}{LOGIN}",
    "unknown": f"GET /none HTTP/1.1\r\n{HOST}{LOGIN}",
    "stranger": f"GET {OWN} HTTP/1.1\r\n{HOST}",
    "path trick": f"GET /%2e%2e/{OWN} HTTP/1.1\r\n{HOST}{LOGIN}",
    "failing": f"GET /broken HTTP/1.1\r\n{HOST}{LOGIN}",
}


class Source(SiteContent):
    """Files, and one name that fails."""

    def find(self, path, client, user_agent):
        if path == "/broken":
            raise LookupError("a source failed")
        return super().find(path, client, user_agent)


@asynccontextmanager
async def running(source, **more):
    log = FetchLog()
    server = HttpServer(source, log, port=0, **more)
    await server.start()
    try:
        yield server, log
    finally:
        await server.close()


async def until(condition) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.002)


async def ask(server, request: str, *, pieces: int) -> bytes:
    """Ask over a connection of its own; in pieces, the library must read it."""
    reader, writer = await asyncio.open_connection(*server.address)
    data = (request + "\r\n").encode()
    if pieces == 2:
        writer.write(data[:3])
        await writer.drain()
        await until(lambda: any(isinstance(one, Connection) for one in protocols(server)))
        data = data[3:]
    writer.write(data)
    try:
        if "HTTP/1.1" in request or "keep-alive" in request:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            size = re.search(rb"(?i)content-length: (\d+)", head)
            bodiless = request.startswith("HEAD") or size is None
            return head + (b"" if bodiless else await reader.readexactly(int(size[1])))
        return await asyncio.wait_for(reader.read(), 30)
    finally:
        writer.close()


def protocols(server) -> list:
    return [transport.get_protocol() for transport in server._port._open]


def shape(answer: bytes) -> tuple:
    """An answer without what differs from instant to instant."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rows = head.decode().split("\r\n")
    rows = [re.sub(r'nonce="[^"]*"', "nonce", row) for row in rows]
    kept = sorted(row for row in rows if not row.startswith("Date: "))
    assert len(rows) == len(kept) + 1, "an answer says when it was made"
    return first, kept, body


async def test_both_ways_answer_and_record_the_same() -> None:
    lab = access_lab(ProofKind.DIGEST, ProofKind.BASIC)
    files = {
        f"{ANNA.plain}.cfg": ServedText(CONTENT, handset="anna"),
        f"{BERT.plain}.cfg": ServedText(CONTENT, handset="bert"),
        "shared.cfg": ServedText(b"shared", handset=""),
    }
    async with running(Source(files), access=lab.gate) as (server, log):
        answers = {
            name: [shape(await ask(server, request, pieces=pieces)) for pieces in (1, 2)]
            for name, request in REQUESTS.items()
        }
    for name, (quick, library) in answers.items():
        assert quick == library, name
    records = [
        (one.path, one.handset, one.status, one.octets, one.transport) for one in log.records
    ]
    assert records[::2] == records[1::2]
    assert [int(answers[name][0][0].split()[1]) for name in REQUESTS] == [
        *(200, 200, 200, 200, 304, 206, 416, 404, 404, 401, 404, 500)
    ]


async def test_a_connection_is_quick_until_something_odd_comes_and_answers_stay_in_order() -> None:
    files = {f"{n}": ServedText(f"<{n}>".encode()) for n in range(120)}
    plain = [f"GET /{n} HTTP/1.1\r\n{HOST}\r\n" for n in range(100)]
    odd = [f"GET /{n} HTTP/1.1\r\n{HOST}X: \u00e4\r\n\r\n" for n in range(100, 119)]
    last = f"GET /119 HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n"
    async with running(SiteContent(files)) as (server, log):
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write("".join(plain[:40]).encode())
        await asyncio.wait_for(reader.readuntil(b"<39>"), 30)
        assert [type(one) for one in protocols(server)] == [PlainConnection]
        writer.write("".join([*plain[40:], *odd, last]).encode("latin-1"))
        got = await asyncio.wait_for(reader.read(), 30)
        writer.close()
    assert re.findall(rb"<(\d+)>", got) == [b"%d" % n for n in range(40, 120)]
    assert [record.path for record in log.records] == [f"/{n}" for n in range(120)]
    assert server.open_connections == server.answering == 0


async def test_an_answer_that_has_to_wait_is_recorded_when_it_has_left_or_not() -> None:
    big = octets(8_000_000)
    async with running(SiteContent({"big": ServedText(big)})) as (server, log):
        request = f"GET /big HTTP/1.1\r\n{HOST}\r\n".encode()
        reader, writer = await asyncio.open_connection(*server.address, limit=2**16)
        writer.write(request * 3)
        await reader.readuntil(b"\r\n\r\n")
        assert server.answering == 1
        assert log.records == ()
        for left in (2, 1, 0):
            assert await asyncio.wait_for(reader.readexactly(len(big)), 60) == big
            if left:
                await reader.readuntil(b"\r\n\r\n")
        _, other = await asyncio.open_connection(*server.address, limit=2**16)
        other.write(request)
        await until(lambda: server.answering == 1)
        other.transport.abort()
        await until(lambda: len(log.records) == 4)
        assert server.answering == 0
        writer.close()
    assert [record.octets for record in log.records] == [len(big)] * 3 + [0]


async def test_a_stop_breaks_off_what_is_not_taken_in_time() -> None:
    async with running(SiteContent({"big": ServedText(octets(8_000_000))})) as (server, log):
        _, writer = await asyncio.open_connection(*server.address, limit=2**16)
        writer.write(f"GET /big HTTP/1.1\r\n{HOST}\r\n".encode())
        await until(lambda: server.answering == 1)
        await server.close(0.05)
        writer.close()
    assert [(record.status, record.octets) for record in log.records] == [(200, 0)]
    assert server.open_connections == 0


async def test_a_stop_does_not_wait_for_who_has_not_begun_to_shake_hands(tmp_path: Path) -> None:
    pem = issue(tmp_path, "server.example", file="server").path
    tls = server_tls(HttpsSettings(pem, pem, ()), old=False)
    async with running(SiteContent({}), tls=tls, limits=PortLimits(600.0)) as (server, _):
        reader, writer = await asyncio.open_connection(*server.address)
        await until(lambda: server.open_connections == 1)
        await asyncio.wait_for(server.close(600.0), 60)
        assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()


@pytest.mark.parametrize("begun", [b"", b"G", b"GET /a HTTP/1.1\r\nHost:"])
async def test_who_asks_nothing_in_time_is_closed_on_both_ways(begun: bytes) -> None:
    async with running(SiteContent({}), limits=PortLimits(0.1)) as (server, log):
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(begun)
        assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()
    assert log.records == ()


@pytest.mark.parametrize("limit", ["most", "most_of_host"])
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
async def test_who_opens_many_and_says_nothing_has_so_many_and_no_more(
    tmp_path: Path, limit: str, *, secure: bool
) -> None:
    """Over HTTPS too, where they have not begun to shake hands."""
    limits = replace(PortLimits(60.0), **{limit: 3})
    pem = issue(tmp_path, "server.example", file="server").path
    tls = server_tls(HttpsSettings(pem, pem, ()), old=False) if secure else None
    trusting = ssl.create_default_context(cafile=pem) if secure else None
    if trusting is not None:
        trusting.check_hostname = False
    source = SiteContent({"a": ServedText(b"<a>")})
    async with running(source, limits=limits, tls=tls) as (server, _):
        held = [await asyncio.open_connection(*server.address) for _ in range(3)]
        await until(lambda: server.open_connections == 3)
        for _ in range(3):
            reader, writer = await asyncio.open_connection(*server.address)
            assert await asyncio.wait_for(reader.read(), 30) == b"", "closed at once"
            writer.close()
        assert server.open_connections == 3
        held[0][1].close()
        await until(lambda: server.open_connections == 2)
        reader, writer = await asyncio.open_connection(*server.address, ssl=trusting)
        writer.write(f"GET /a HTTP/1.1\r\n{HOST}\r\n".encode())
        assert (await asyncio.wait_for(reader.readuntil(b"<a>"), 30)).startswith(b"HTTP/1.1 200")
        assert server.open_connections == 3
        for _, other in (*held[1:], (reader, writer)):
            other.close()
        await until(lambda: server.open_connections == 0)


async def test_an_idle_connection_is_closed_and_a_used_one_is_not() -> None:
    limits = PortLimits(30.0, keepalive_s=0.3)
    async with running(SiteContent({"a": ServedText(b"<a>")}), limits=limits) as (server, _):
        reader, writer = await asyncio.open_connection(*server.address)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while loop.time() < begun + 0.6:
            writer.write(f"GET /a HTTP/1.1\r\n{HOST}\r\n".encode())
            if not (await asyncio.wait_for(reader.readuntil(b"<a>"), 30)).endswith(b"<a>"):
                break
            await asyncio.sleep(0.01)
        assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()
