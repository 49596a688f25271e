"""curl and raw sockets against our HTTP server."""

from __future__ import annotations

import asyncio
import re
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from fetch_site import ServedText, octets, run_client, running_site
from peers import require_peer

from provisioning.errors import RigError
from provisioning.transport.content import SiteContent
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.http_port import PortLimits
from provisioning.transport.http_server import HttpServer
from provisioning.transport.serve import ProvisioningServer

CONTENT = octets(7700)
FILES = {"cfg/a.xml": ServedText(CONTENT, "application/xml")}

Reply = tuple[int, dict[str, str], bytes]


async def curl(port: int, target: str, *options: str) -> Reply:
    """Run curl; returns status, headers in lower case and body."""
    status, out, err = await run_client(
        require_peer("curl"),
        *("-sS", "-i", "-g", "-m", "10", "--path-as-is", *options),
        f"http://127.0.0.1:{port}{target}",
        limit_s=20,
    )
    assert status == 0, err.decode()
    return parse(out)


def parse(octets_: bytes) -> Reply:
    head, _, body = octets_.partition(b"\r\n\r\n")
    first, *rows = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (row.partition(": ") for row in rows)}
    return int(first.split()[1]), headers, body


async def raw(port: int, request: bytes) -> bytes:
    """Send octets as they are; returns everything until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.interop("curl")
async def test_get_and_head() -> None:
    async with running_site(FILES) as (server, log):
        port = server.http_address[1]
        status, headers, body = await curl(
            port, "/cfg/a.xml", "-A", "Yealink SIP-T46U 108.86.0.20"
        )
        assert (status, body) == (200, CONTENT)
        assert headers["content-type"] == "application/xml"
        assert headers["content-length"] == "7700"
        assert re.fullmatch(r'"[0-9a-f]{32}"', headers["etag"])
        assert parsedate_to_datetime(headers["last-modified"])
        head_status, head, nothing = await curl(port, "/cfg/a.xml", "-I")
        assert (head_status, nothing) == (200, b"")
        for name in ("content-length", "content-type", "etag", "last-modified"):
            assert head[name] == headers[name]
    get, head_record = log.records
    assert (get.transport, get.path, get.handset, get.status, get.octets, get.user_agent) == (
        "http",
        "/cfg/a.xml",
        "reception",
        200,
        7700,
        "Yealink SIP-T46U 108.86.0.20",
    )
    assert get.client[0] == "127.0.0.1"
    assert 0 <= get.duration_s < 5
    assert (head_record.status, head_record.octets) == (200, 0)


@pytest.mark.interop("curl")
async def test_a_known_tag_or_date_gets_304() -> None:
    async with running_site(FILES) as (server, log):
        port = server.http_address[1]
        _, headers, _ = await curl(port, "/cfg/a.xml")
        tag, modified = headers["etag"], headers["last-modified"]
        for header in (f"If-None-Match: {tag}", f"If-Modified-Since: {modified}"):
            status, again, body = await curl(port, "/cfg/a.xml", "-H", header)
            assert (status, body) == (304, b"")
            assert again["etag"] == tag
        both = ("-H", 'If-None-Match: "old"', "-H", f"If-Modified-Since: {modified}")
        assert (await curl(port, "/cfg/a.xml", *both))[0] == 200
        junk = ("-H", "If-Modified-Since: soon")
        assert (await curl(port, "/cfg/a.xml", *junk))[0] == 200
    assert [record.status for record in log.records] == [200, 304, 304, 200, 200]
    assert [record.octets for record in log.records] == [7700, 0, 0, 7700, 7700]


@pytest.mark.interop("curl")
async def test_changed_content_changes_the_tag() -> None:
    content = SiteContent(FILES)
    server = HttpServer(content, FetchLog(), port=0)
    await server.start()
    try:
        _, before, _ = await curl(server.address[1], "/cfg/a.xml")
        content.replace({"cfg/a.xml": ServedText(b"new")})
        match = f"If-None-Match: {before['etag']}"
        status, after, body = await curl(server.address[1], "/cfg/a.xml", "-H", match)
    finally:
        await server.close()
    assert (status, body) == (200, b"new")
    assert after["etag"] != before["etag"]


@pytest.mark.interop("curl")
@pytest.mark.parametrize(
    ("value", "status", "part", "content_range"),
    [
        ("bytes=0-99", 206, slice(0, 100), "bytes 0-99/7700"),
        ("bytes=7600-", 206, slice(7600, None), "bytes 7600-7699/7700"),
        ("bytes=-50", 206, slice(-50, None), "bytes 7650-7699/7700"),
        ("bytes=7000-9999", 206, slice(7000, None), "bytes 7000-7699/7700"),
        ("bytes=0-1,5-6", 200, slice(None), None),
        ("lines=1-2", 200, slice(None), None),
    ],
)
async def test_ranges(value: str, status: int, part: slice, content_range: str | None) -> None:
    async with running_site(FILES) as (server, log):
        port = server.http_address[1]
        got, headers, body = await curl(port, "/cfg/a.xml", "-H", f"Range: {value}")
        assert (got, body) == (status, CONTENT[part])
        assert headers.get("content-range") == content_range
    assert log.records[0].octets == len(body)


@pytest.mark.interop("curl")
async def test_a_range_outside_of_the_file() -> None:
    async with running_site(FILES) as (server, log):
        status, headers, body = await curl(
            server.http_address[1], "/cfg/a.xml", "-H", "Range: bytes=7700-"
        )
    assert (status, headers["content-range"]) == (416, "bytes */7700")
    assert not body.startswith(CONTENT[:8])
    assert log.records[0].status == 416


@pytest.mark.interop("curl")
async def test_http_1_0_without_host() -> None:
    async with running_site(FILES) as (server, _):
        port = server.http_address[1]
        status, headers, body = await curl(port, "/cfg/a.xml", "--http1.0", "-H", "Host:")
        assert (status, body) == (200, CONTENT)
        assert headers.get("connection", "close") == "close"
        answer = await raw(port, b"GET //cfg/a.xml?x=1 HTTP/1.0\r\n\r\n")
    assert parse(answer)[0] == 200
    assert parse(answer)[2] == CONTENT


@pytest.mark.interop("curl")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
@pytest.mark.parametrize("target", ["/cfg/a.xml", "/none.cfg"])
async def test_other_methods_are_refused(method: str, target: str) -> None:
    async with running_site(FILES) as (server, log):
        port = server.http_address[1]
        status, headers, body = await curl(port, target, "-X", method, "-d", "planted")
        assert (status, headers["allow"]) == (405, "GET, HEAD")
        assert body == b"method not allowed\n"
        assert (await curl(port, "/cfg/a.xml"))[2] == CONTENT
    assert (log.records[0].status, log.records[0].path, log.records[0].octets) == (405, target, 0)


@pytest.mark.interop("curl")
async def test_everything_unknown_gets_the_same_answer() -> None:
    answers = set()
    targets = (
        "/none.cfg",
        "/",
        "/cfg",
        "/cfg/",
        "/cfg/A.XML",
        "/cfg/../cfg/a.xml",
        "/001565000001",
    )
    async with running_site(FILES) as (server, log):
        for target in targets:
            status, headers, body = await curl(server.http_address[1], target)
            answers.add((status, body, tuple(name for name in headers if name != "date")))
    assert len(answers) == 1
    assert answers.pop()[:2] == (404, b"not found\n")
    assert [(record.status, record.path) for record in log.records] == [
        (404, target) for target in targets
    ]


BAD_REQUESTS = {
    "no host": b"GET /cfg/a.xml HTTP/1.1\r\n\r\n",
    "blank before colon": b"GET /cfg/a.xml HTTP/1.1\r\nHost : a\r\n\r\n",
    "NUL": b"GET /cfg/a.xml HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "blank in path": b"GET /cfg/a b.xml HTTP/1.1\r\nHost: a\r\n\r\n",
    "two lengths": (
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
    ),
    "length and chunked": (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\n"
    ),
    "not http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 not http at all\r\n\r\n",
    "long target": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "long header": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 5000 + b"\r\n",
    "unknown method": b"FETCH /cfg/a.xml HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
async def test_bad_requests_are_refused_recorded_and_leak_nothing(name: str) -> None:
    async with running_site(FILES) as (server, log):
        port = server.http_address[1]
        answer = await raw(port, BAD_REQUESTS[name])
        assert parse(await raw(port, b"GET /cfg/a.xml HTTP/1.0\r\n\r\n"))[0] == 200
    status, headers, _ = parse(answer)
    assert 400 <= status < 500 or status == 501
    assert CONTENT not in answer
    assert headers["server"] == "phonerig"
    for word in (b"aiohttp", b"ython", b"Traceback", b"cfg/a"):
        assert word not in answer
    assert log.records[0].status == status
    assert str(log.records[0]).isprintable()


async def test_pipelined_requests_are_answered_in_order() -> None:
    files = {f"{number}.cfg": ServedText(f"<{number}>".encode()) for number in range(5)}
    requests = b"".join(b"GET /%d.cfg HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(4))
    requests += b"GET /4.cfg HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    async with running_site(files) as (server, _):
        answer = await raw(server.http_address[1], requests)
    assert re.findall(rb"<\d>", answer) == [b"<%d>" % number for number in range(5)]


async def test_a_connection_that_brings_no_request_is_closed() -> None:
    log = FetchLog()
    server = HttpServer(SiteContent(FILES), log, port=0, limits=PortLimits(0.2))
    await server.start()
    try:
        port = server.address[1]
        assert await raw(port, b"") == b""
        assert await raw(port, b"GET /cfg/a.xml HTTP/1.1\r\nHost:") == b""
        assert parse(await raw(port, b"GET /cfg/a.xml HTTP/1.0\r\n\r\n"))[0] == 200
    finally:
        await server.close()
    assert [record.status for record in log.records] == [200]


async def test_absolute_form_is_the_same_name() -> None:
    async with running_site(FILES) as (server, _):
        request = b"GET http://phones.example/cfg/a.xml HTTP/1.1\r\nHost: phones.example\r\n"
        answer = await raw(server.http_address[1], request + b"Connection: close\r\n\r\n")
    assert parse(answer)[2] == CONTENT


HTTP_FORMS = [
    "/../canary.txt",
    "/../../canary.txt",
    "/../../../../../../../../{canary}",
    "/cfg/../canary.txt",
    "/cfg/../../canary.txt",
    "/cfg/a.xml/../../../canary.txt",
    "/./../canary.txt",
    "/.././canary.txt",
    "//../canary.txt",
    "/..//canary.txt",
    "/%2e%2e/canary.txt",
    "/%2e%2e%2fcanary.txt",
    "/..%2fcanary.txt",
    "/..%2Fcanary.txt",
    "/%2E%2E/canary.txt",
    "/.%2e/canary.txt",
    "/%2e./canary.txt",
    "/..%5ccanary.txt",
    "/%2e%2e%5ccanary.txt",
    "/..\\canary.txt",
    "/..\\..\\canary.txt",
    "/cfg\\..\\..\\canary.txt",
    "/%252e%252e/canary.txt",
    "/%252e%252e%252fcanary.txt",
    "/..%252fcanary.txt",
    "/%25252e%25252e%25252fcanary.txt",
    "/..%c0%afcanary.txt",
    "/%c0%ae%c0%ae/canary.txt",
    "/%c0%ae%c0%ae%c0%afcanary.txt",
    "/%e0%80%ae%e0%80%ae/canary.txt",
    "/%u002e%u002e/canary.txt",
    "/%ef%bc%8e%ef%bc%8e/canary.txt",
    "/..%00/canary.txt",
    "/canary.txt%00",
    "/canary.txt%00.xml",
    "/cfg/a.xml%00/../../canary.txt",
    "/....//canary.txt",
    "/..../canary.txt",
    "/..;/canary.txt",
    "/;/../canary.txt",
    "/..%3bcanary.txt",
    "/{canary}",
    "{canary}",
    "//{canary}",
    "/%2f{canary}",
    "/file://{canary}",
    "/file:{canary}",
    "/~root/canary.txt",
    "/~/canary.txt",
    "/canary.txt",
    "/canary.txt?/cfg/a.xml",
    "/canary.txt#/cfg/a.xml",
    "/cfg/a.xml/../canary.txt?",
    "/proc/self/cwd/../canary.txt",
    "/cfg/%0d%0a../canary.txt",
    "/..%0a/canary.txt",
    "/%%32e%%32e/canary.txt",
    "/..%",
]


@pytest.mark.interop("curl")
@pytest.mark.parametrize("form", HTTP_FORMS)
async def test_no_path_form_leaves_the_inventory(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary.txt"
    canary.write_bytes(b"CANARY-7f3a")
    served = tmp_path / "served"
    served.mkdir()
    monkeypatch.chdir(served)
    target = form.replace("{canary}", str(canary))
    async with running_site(FILES) as (server, log):
        port = server.http_address[1]
        status, _, body = await curl(port, target)
        exact = await raw(port, b"GET " + target.encode() + b" HTTP/1.0\r\n\r\n")
    assert (status, body) == (404, b"not found\n")
    assert parse(exact)[0] in {400, 404}
    assert b"CANARY" not in exact + body
    assert {record.octets for record in log.records} == {0}
    assert {record.handset for record in log.records} == {""}


async def test_a_source_that_fails_is_500_and_not_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def alter(_name: str, _content: bytes) -> bytes:
        raise LookupError("secret detail")

    content = SiteContent(FILES, alter=alter)
    log = FetchLog()
    server = HttpServer(content, log, port=0)
    await server.start()
    try:
        answer = await raw(server.address[1], b"GET /cfg/a.xml HTTP/1.0\r\n\r\n")
        content.alter = None
        after = await raw(server.address[1], b"GET /cfg/a.xml HTTP/1.0\r\n\r\n")
    finally:
        await server.close()
    assert parse(answer)[0] == 500
    assert b"secret detail" not in answer
    assert parse(after)[2] == CONTENT
    assert [record.status for record in log.records] == [500, 200]
    assert "content source failed" in caplog.text


async def test_both_transports_or_none() -> None:
    source, log = SiteContent(FILES), FetchLog()
    blocker = HttpServer(source, log, port=0)
    await blocker.start()
    server = ProvisioningServer(source, log, tftp_port=0, http_port=blocker.address[1])
    try:
        with pytest.raises(RigError, match="the port is in use") as caught:
            await server.start()
        assert "\n" not in str(caught.value)
        assert server.tftp_address[1] == 0, "TFTP does not listen either"
    finally:
        await blocker.close()
    await server.start()
    await server.stop()
    await server.stop()


async def test_an_address_that_is_not_ours_is_said_so() -> None:
    server = ProvisioningServer(SiteContent({}), FetchLog(), host="192.0.2.1", tftp_port=0)
    with pytest.raises(RigError, match="does not have that address"):
        await server.start()
