"""What a PUT over HTTP tells: taken where the handset's files were fetched, else one answer."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from access_kit import ANNA, BERT, UNKNOWN, access_lab
from fetch_site import ServedText

from provisioning.address import Mac
from provisioning.transport.content import SiteContent
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.http_server import HttpServer
from provisioning.transport.upload_area import UploadArea
from provisioning.transport.walk_guard import WalkLimits

BODY = b"booted\n"
NAMES = {ANNA: "anna", BERT: "bert"}


def log_name(mac: Mac) -> str:
    return f"/{mac.plain}-boot.log"


async def answer(server: HttpServer, request: bytes) -> bytes:
    """Everything that comes back over one connection, but for the instant."""
    reader, writer = await asyncio.open_connection(*server.address)
    writer.write(request)
    try:
        return re.sub(rb"\r\nDate: [^\r]*", b"", await asyncio.wait_for(reader.read(), 30))
    finally:
        writer.close()


async def put(server: HttpServer, target: str, method: str = "PUT", body: bytes = BODY) -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n"
    return await answer(server, f"{head}Connection: close\r\n\r\n".encode() + body)


async def test_a_put_tells_nobody_which_names_there_are(tmp_path: Path) -> None:
    lab = access_lab(limits=WalkLimits(most_macs=8))
    area = UploadArea(tmp_path / "up", {log_name(mac)[1:]: name for mac, name in NAMES.items()})
    source = SiteContent({f"{ANNA.plain}.cfg": ServedText(b"<anna>", handset="anna")})
    log = FetchLog()
    server = HttpServer(source, log, port=0, access=lab.gate, uploads=area)
    await server.start()
    try:
        asked = [log_name(ANNA), log_name(BERT), log_name(UNKNOWN), "/any.log", "/../a"]
        answers = {await put(server, name) for name in asked}
        answers |= {await put(server, log_name(mac), "POST") for mac in (ANNA, UNKNOWN)}
        answers |= {await put(server, log_name(mac), body=b"x" * 9_000_000)
                    for mac in (ANNA, UNKNOWN)}  # fmt: skip
        assert len(answers) == 1
        stranger = answers.pop()
        assert stranger.startswith(b"HTTP/1.1 404 Not Found\r\n")
        got = await answer(server, f"GET /{ANNA.plain}.cfg HTTP/1.0\r\n\r\n".encode())
        assert got.endswith(b"<anna>")
        assert (await put(server, log_name(ANNA))).startswith(b"HTTP/1.1 201 ")
        assert {await put(server, name) for name in asked[1:]} == {stranger}
        assert lab.alarms == []
        for number in range(8):
            assert await put(server, log_name(Mac(f"0015650000{number:02x}"))) == stranger
        assert len(lab.alarms) == 1, "whoever tries names walks"
    finally:
        await server.close()
    kept = [path for path in (tmp_path / "up").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in kept] == [BODY]
    assert {record.handset for record in log.records if record.status == 404} == {""}
