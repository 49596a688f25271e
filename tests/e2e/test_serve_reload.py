"""Reloads under load, and a stop that lets what is under way come to its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import re
import signal
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections import Counter

import pytest
from access_kit import basic, certificate_forms
from certificate_kit import issue
from cli_runner import PROGRAM, Service, write_site
from cryptography.hazmat.primitives.serialization import Encoding
from fetch_site import ServedText, octets

from provisioning.access_model import (
    AccessSettings,
    HandsetCredentials,
    HttpsSettings,
    ProofKind,
)
from provisioning.address import Mac
from provisioning.errors import RigError
from provisioning.secret import Secret
from provisioning.transport.content import SiteContent
from provisioning.transport.edition import Edition
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.http_access import Gate, GateHandset
from provisioning.transport.http_tls import server_tls
from provisioning.transport.reload import Reload, Reloader
from provisioning.transport.revocation import Revocations
from provisioning.transport.serve import HttpsPort, ProvisioningServer
from provisioning.transport.tftp_client import fetch
from provisioning.transport.walk_guard import WalkGuard

RELOADS = 60
BROKEN = 30
ANNA = Mac("805ec01a2b01")


def edition(number: int, former: SiteContent | None = None) -> Edition:
    """An edition whose password and whose every octet say which one it is."""
    word = f"{number:06d} ".encode()
    files = {
        "own.cfg": ServedText(word * (1000 + number), handset="anna"),
        "shared.cfg": ServedText(word * 9000, handset=""),
    }
    content = former.successor(files) if former else SiteContent(files)
    credentials = HandsetCredentials("anna", Secret(f"edition {number} of the password"))
    gate = Gate(
        AccessSettings((ProofKind.BASIC,), Secret("k" * 20)),
        [GateHandset("anna", ANNA, "yealink", credentials)],
        certificate_forms(),
        Revocations([("anna", ANNA, False)], None),
        WalkGuard(),
    )
    return Edition(content, access=gate, names=tuple(files))


async def ask(address: tuple[str, int], name: str, number: int) -> tuple[int, dict, bytes]:
    """Fetch with the password of one edition; status, headers, body."""
    reader, writer = await asyncio.open_connection(*address)
    said = basic("anna", f"edition {number} of the password")
    writer.write(f"GET /{name} HTTP/1.0\r\nAuthorization: {said}\r\n\r\n".encode())
    got = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    head, _, body = got.partition(b"\r\n\r\n")
    rows = head.decode().split("\r\n")
    return int(rows[0].split()[1]), dict(row.split(": ", 1) for row in rows[1:]), body


async def test_sixty_reloads_under_load_and_every_answer_is_wholly_old_or_wholly_new() -> None:
    first = edition(0)
    log = FetchLog()
    server = ProvisioningServer(first.source, log, tftp_port=0, http_port=0, access=first.access)
    told: list[Reload] = []
    number = 0
    done = False
    tags: dict[bytes, set[str]] = {}
    got: Counter[int] = Counter()

    def load() -> Edition:
        if number == BROKEN:
            raise RigError("this one is broken")
        return edition(number, first.source)

    def publish(made: Edition) -> None:
        assert isinstance(made.access, Gate)
        server.publish(made)

    async def phone(name: str) -> None:
        while not done:
            asked = number
            status, headers, body = await ask(server.http_address, name, asked)
            got[status] += 1
            if status != 200:
                assert status == 401
                continue
            words = set(body.split())
            assert len(words) == 1, "one answer has octets of two editions"
            word = words.pop()
            assert int(word) == asked, "the password of one edition opened a file of another"
            assert int(headers["Content-Length"]) == len(body)
            tags.setdefault(word + name.encode(), set()).add(headers["Etag"])

    reloader = Reloader(load, publish, told.append)
    await server.start()
    phones = [asyncio.create_task(phone(("own.cfg", "shared.cfg")[n % 2])) for n in range(12)]
    try:
        for number in range(1, RELOADS + 1):  # noqa: B007 - load() and the phones look at it
            await reloader.reload()
            await asyncio.sleep(0.01)
        done = True
        await asyncio.gather(*phones)
        assert (await ask(server.http_address, "own.cfg", RELOADS))[0] == 200
    finally:
        done = True
        for task in phones:
            task.cancel()
        await server.stop()
    assert [one.ok for one in told] == [n != BROKEN for n in range(1, RELOADS + 1)]
    assert "this one is broken" in str(told[BROKEN - 1])
    assert got[200] > 100
    assert {len(found) for found in tags.values()} == {1}
    assert len(log.records) == sum(got.values()) + 1


async def test_what_a_reload_brings_is_whole_over_https_alone(tmp_path) -> None:
    pem = issue(tmp_path, "server.example", file="server").path
    tls = server_tls(HttpsSettings(pem, pem, ()), old=False)

    def made(word: bytes) -> Edition:
        files = [{"a.cfg": ServedText(word + what)} for what in (b" with secrets", b" without")]
        return Edition(SiteContent(files[0]), SiteContent(files[1]))

    first = made(b"old")
    server = ProvisioningServer(
        first.source, FetchLog(), tftp_port=0, http_port=0,
        clear=first.clear, https=[HttpsPort(0, tls)],
    )  # fmt: skip
    await server.start()
    trusting = ssl.create_default_context(cafile=pem)
    trusting.check_hostname = False

    async def got(where: tuple[str, int], **more: ssl.SSLContext) -> bytes:
        reader, writer = await asyncio.open_connection(*where, **more)
        writer.write(b"GET /a.cfg HTTP/1.0\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        return answer.partition(b"\r\n\r\n")[2]

    async def by_all() -> tuple[bytes, bytes, bytes]:
        (https,) = server.https_addresses
        return (
            await fetch(*server.tftp_address, "a.cfg"),
            await got(server.http_address),
            await got(https, ssl=trusting),
        )

    try:
        assert await by_all() == (b"old without", b"old without", b"old with secrets")
        server.publish(made(b"new"))
        assert await by_all() == (b"new without", b"new without", b"new with secrets")
    finally:
        await server.stop()


async def test_what_is_under_way_ends_whole_when_the_server_stops() -> None:
    content = octets(3_000_000)
    log = FetchLog()
    source = SiteContent({"big.bin": ServedText(content)})
    server = ProvisioningServer(source, log, tftp_port=0, http_port=0)
    await server.start()
    where = server.http_address
    reader, writer = await asyncio.open_connection(*where, limit=4096)
    writer.write(b"GET /big.bin HTTP/1.0\r\n\r\n")
    begun = await reader.readexactly(1000)  # it has begun, and waits for us to go on
    tftp_at = asyncio.get_running_loop().create_future()

    def on_block(*_: object) -> None:
        if not tftp_at.done():
            tftp_at.set_result(None)

    by_tftp = asyncio.create_task(_slow_tftp(server.tftp_address, on_block))
    await tftp_at
    stopping = asyncio.create_task(server.stop(30.0))
    await asyncio.sleep(0)
    rest = await asyncio.wait_for(reader.read(-1), 30)
    assert (begun + rest).endswith(content)
    assert await asyncio.wait_for(by_tftp, 30) == content[: 20 * 512]
    await asyncio.wait_for(stopping, 30)
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*where)
    assert ("http", 200, len(content)) in [(r.transport, r.status, r.octets) for r in log.records]


async def _slow_tftp(where: tuple[str, int], on_block) -> bytes:
    """Fetch twenty blocks in lock-step, then refuse the rest."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()

    class Client(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            arrived.put_nowait((data, addr))

    transport, _ = await loop.create_datagram_endpoint(Client, local_addr=("127.0.0.1", 0))
    transport.sendto(b"\0\1big.bin\0octet\0", where)
    got = b""
    try:
        for number in range(1, 21):
            while True:
                data, other = await asyncio.wait_for(arrived.get(), 30)
                if data[:4] == b"\0\3" + number.to_bytes(2, "big"):
                    break
            got += data[4:]
            on_block()
            await asyncio.sleep(0.01)
            if number < 20:
                transport.sendto(b"\0\4" + number.to_bytes(2, "big"), other)
        transport.sendto(b"\0\5\0\0enough\0", other)
        return got
    finally:
        transport.close()


def reloads(service: Service, count: int) -> list[dict]:
    """The latest reloads that a service told of, when there are so many."""
    found: list[dict] = []
    while len(found) < count:
        found = [json.loads(line) for line in service.lines if '"event": "reload"' in line]
        if len(found) < count:
            service.next_line()
    return found


@pytest.mark.parametrize("by", ["SIGHUP", "--watch"])
def test_serve_takes_a_changed_inventory_and_keeps_the_last_good_one(tmp_path, by) -> None:
    site = write_site(tmp_path)
    more = ("--watch",) if by == "--watch" else ()
    ports = ("--http-port", "0", "--tftp-port", "0")

    def changed(text: str, count: int) -> dict:
        site.write_text(text, encoding="utf-8")
        if by == "SIGHUP":
            service.process.send_signal(signal.SIGHUP)
        return reloads(service, count)[-1]

    def file() -> bytes:
        with urllib.request.urlopen(f"{base}/805ec01a2b01.cfg", timeout=20) as answer:
            return answer.read()

    with Service("serve", site, *ports, "--json", *more) as service:
        told = json.loads(service.wait_for('"serving"').string)
        base = told["http"]
        whole = site.read_text("utf-8")
        assert b"anna" in file()
        result = changed(whole.replace("user: anna", "user: annegret"), 1)
        assert (result["ok"], result["faults"]) == (True, [])
        assert b"annegret" in file()
        broken = changed(whole.replace("model: T46U", "model: T46-UUU"), 2)
        assert broken["ok"] is False
        assert re.search(r"site\.yaml:\d+:\d+: .*T46-UUU", broken["faults"][0])
        assert b"annegret" in file()
        assert changed(whole, 3)["ok"] is True
        assert b"annegret" not in file()
        host, port = told["tftp"].removeprefix("tftp://").split(":")
        assert asyncio.run(fetch(host, int(port), "805ec01a2b01.cfg")) == file()
        code, complaints = service.stop(signal.SIGTERM)
    assert code == 0
    assert "the last good one is served on" in complaints
    assert "Traceback" not in complaints


def test_a_server_ends_with_the_terminal_in_which_it_runs(tmp_path) -> None:
    site, log = write_site(tmp_path), tmp_path / "log.sqlite"
    ports = ("--http-port", "0", "--tftp-port", "0")
    words = [*PROGRAM, "serve", str(site), *ports, "--log", str(log), "--json"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(words[0], words)
    said = b""
    try:
        while b'"serving"' not in said or not said.endswith(b"\n"):
            said += os.read(terminal, 65536)
        os.kill(pid, signal.SIGHUP)  # its terminal is there: this one means "reload"
        while b'"event": "reload"' not in said:
            said += os.read(terminal, 65536)
    finally:
        os.close(terminal)
    give_up_at = time.monotonic() + 60
    while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0 and time.monotonic() < give_up_at:
        time.sleep(0.02)
    if ended[0] == 0:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert ended == (pid, 0), said


def test_a_new_certificate_and_new_names_of_uploads_come_with_a_reload(tmp_path) -> None:
    site, up = write_site(tmp_path), tmp_path / "up"
    first = issue(tmp_path, "first.example", file="server")
    pem = tmp_path / "server.pem"
    ports = ("--http-port", "0", "--tftp-port", "0", "--https", "0", "--cert", pem, "--key", pem)

    def shown() -> bytes:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection((host, int(port)), 30) as plain,
            context.wrap_socket(plain) as secured,
        ):
            return secured.getpeercert(binary_form=True) or b""

    def put(mac: str) -> int:
        """Of a phone that has asked for its file, as it must have before."""
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"{told['http']}/{mac}.cfg", timeout=30).close()
        url = f"{told['http']}/{mac}-boot.log"
        request = urllib.request.Request(url, b"booted", method="PUT")
        try:
            return urllib.request.urlopen(request, timeout=30).status
        except urllib.error.HTTPError as error:
            return error.code

    def reload(count: int) -> dict:
        service.process.send_signal(signal.SIGHUP)
        return reloads(service, count)[-1]

    poly = site.read_text("utf-8").replace("T46U", "VVX450").replace("80:5E:C0", "64:16:7F")
    site.write_text(poly, encoding="utf-8")
    with Service("serve", site, *ports, "--uploads", up, "--json") as service:
        told = json.loads(service.wait_for('"serving"').string)
        host, port = told["https"][0].removeprefix("https://").split(":")
        assert shown() == first.certificate.public_bytes(Encoding.DER)
        assert (put("64167f1a2b01"), put("64167f1a2b09")) == (201, 404)
        pem.write_text("no certificate")
        site.write_text(poly.replace("1A:2B:01", "1A:2B:09"), encoding="utf-8")
        failed = reload(1)
        assert (failed["ok"], "no certificate" in failed["faults"][0]) == (False, True)
        assert shown() == first.certificate.public_bytes(Encoding.DER)
        assert (put("64167f1a2b01"), put("64167f1a2b09")) == (201, 404)
        second = issue(tmp_path, "second.example", file="server")
        assert reload(2)["ok"]
        assert shown() == second.certificate.public_bytes(Encoding.DER)
        assert (put("64167f1a2b01"), put("64167f1a2b09")) == (404, 201)
        assert service.stop()[0] == 0
    whose: dict[str, list[str]] = {}
    for event in map(json.loads, service.lines):
        if event["event"] == "fetch" and event["path"].endswith(".cfg"):
            whose.setdefault(event["path"], []).append(event["identity"]["handset"])
    assert whose == {
        "/64167f1a2b01.cfg": ["desk", "desk", ""],
        "/64167f1a2b09.cfg": ["", "", "desk"],
    }, "the log says whose a fetch was by what is served"
