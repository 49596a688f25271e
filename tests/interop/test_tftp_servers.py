"""Our client against real TFTP servers, reading and writing; our server over IPv6; uploads."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from access_kit import access_lab
from fetch_site import ServedText, octets, run_client
from peers import require_peer
from tftp_peers import real_server

from provisioning.transport.content import SiteContent
from provisioning.transport.fetch_log import FINISHED, FetchLog
from provisioning.transport.serve import ProvisioningServer
from provisioning.transport.tftp_client import TftpFetchError, fetch, put
from provisioning.transport.tftp_packet import Opcode, OptionAck, Request, decode
from provisioning.transport.tftp_server import TftpServer
from provisioning.transport.upload_area import UploadArea, UploadQuota

SIZES = (0, 1, 511, 512, 1428 * 3, 70_001)
OPTIONS: dict[str, dict[str, int | None]] = {
    "plain": {"blksize": None},
    "blksize": {"blksize": 1428},
    "windowsize": {"blksize": 1024, "windowsize": 8},
}
WINDOWS = {"atftpd"}
"""Only atftpd knows RFC 7440; the others leave the option out of their OACK."""


@pytest.mark.interop("tftp")
@pytest.mark.root
@pytest.mark.parametrize("program", ["atftpd", "tftpd-hpa", "dnsmasq"])
async def test_our_client_reads_from(program: str, tmp_path: Path) -> None:
    for size in SIZES:
        (tmp_path / f"{size}.cfg").write_bytes(octets(size))
    with real_server(program, tmp_path) as address:
        for name, options in OPTIONS.items():
            seen: list[bytes] = []
            for size in SIZES:
                got = await fetch(
                    *address,
                    f"{size}.cfg",
                    blksize=options["blksize"],
                    windowsize=options.get("windowsize"),
                    tap=lambda _at, _from, _to, data, seen=seen: seen.append(data),
                )
                assert got == octets(size), f"{name} {size}"
            agreed = [packet for packet in map(decode, seen) if isinstance(packet, OptionAck)]
            assert bool(agreed) == (name != "plain")
            windows = {dict(packet.options).get("windowsize") for packet in agreed}
            if name == "windowsize":
                assert windows == ({"8"} if program in WINDOWS else {None})
        with pytest.raises(TftpFetchError) as caught:
            await fetch(*address, "none.cfg")
        assert caught.value.code == 1


def there(path: Path) -> bytes:
    return path.read_bytes()


async def settled(path: Path, content: bytes) -> bool:
    """Whether a file has this content soon: atftpd acknowledges before it has closed the file."""
    for _ in range(250):
        if there(path) == content:
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.interop("tftp")
@pytest.mark.root
@pytest.mark.parametrize("program", ["atftpd", "tftpd-hpa"])
async def test_our_client_writes_to(program: str, tmp_path: Path) -> None:
    with real_server(program, tmp_path) as address:
        for name, options in OPTIONS.items():
            for size in SIZES:
                path = f"{name}-{size}.log"
                await put(
                    *address,
                    path,
                    octets(size),
                    blksize=options["blksize"],
                    windowsize=options.get("windowsize"),
                )
                assert await settled(tmp_path / path, octets(size)), f"{name} {size}"
        with pytest.raises(TftpFetchError) as caught:
            await put(*address, "no/such/folder/x.log", b"x")
        assert caught.value.code is not None


@pytest.mark.interop("tftp")
@pytest.mark.root
async def test_our_client_reads_text_in_netascii(tmp_path: Path) -> None:
    text = b"".join(b"line %d\n" % number for number in range(200))
    (tmp_path / "a.txt").write_bytes(text)
    with real_server("tftpd-hpa", tmp_path) as address:
        assert await fetch(*address, "a.txt", netascii=True) == text
        await put(*address, "b.txt", text, netascii=True)
    assert (tmp_path / "b.txt").read_bytes() == text


@asynccontextmanager
async def upload_server(
    folder: Path, quota: UploadQuota | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[tuple[TftpServer, FetchLog]]:
    """A server that takes ``phone.log`` of the handset desk."""
    log = FetchLog()
    area = UploadArea(folder, {"phone.log": "desk"}, quota or UploadQuota())
    content = SiteContent({"a.cfg": ServedText(octets(5000))})
    server = TftpServer(content, log, host, port=0, uploads=area)
    await server.start()
    try:
        yield server, log
    finally:
        await server.close()


Command = Callable[[str, str], list[str]]
"""Port and a file in the working folder -> the words of a client that puts it."""

WRITERS: dict[str, Command] = {
    "tftp-hpa": lambda port, name: ["tftp", "-m", "octet", "127.0.0.1", port, "-c", "put", name],
    "atftp": lambda port, name: ["atftp", "-p", "-l", name, "127.0.0.1", port],
    "atftp windowsize": lambda port, name: [
        *("atftp", "--option", "blksize 1024", "--option", "windowsize 4"),
        *("--option", "tsize enable", "-p", "-l", name, "127.0.0.1", port),
    ],
    "busybox": lambda port, name: ["busybox", "tftp", "-p", "-l", name, "127.0.0.1", port],
    "curl": lambda port, name: [
        *("curl", "-sS", "-m", "20", "-T", name, f"tftp://127.0.0.1:{port}/{name}"),
    ],
}


@pytest.mark.interop("tftp")
@pytest.mark.parametrize("client", WRITERS)
async def test_a_real_client_puts_what_a_profile_asks_for_and_nothing_else(
    client: str, tmp_path: Path
) -> None:
    area = tmp_path / "area"
    content = octets(30_000)
    (tmp_path / "phone.log").write_bytes(content)
    (tmp_path / "a.cfg").write_bytes(b"planted")
    async with upload_server(area) as (server, log):
        port = str(server.address[1])
        program, *words = WRITERS[client](port, "phone.log")
        status, out, err = await run_client(
            require_peer(program), *words, cwd=tmp_path, limit_s=30
        )
        assert status == 0, (out + err).decode()
        program, *words = WRITERS[client](port, "a.cfg")
        await run_client(require_peer(program), *words, cwd=tmp_path, limit_s=30)
        assert await fetch(*server.address, "a.cfg") == octets(5000)
        with pytest.raises(TftpFetchError) as caught:
            await fetch(*server.address, "phone.log")
    kept = [path for path in area.rglob("*") if path.is_file()]
    assert [path.relative_to(area).as_posix() for path in kept] == ["desk/127.0.0.1/phone.log"]
    assert kept[0].read_bytes() == content
    assert caught.value.code == 1, "what was put is never served"
    put_record = log.records[0]
    assert (put_record.path, put_record.status, put_record.octets, put_record.handset) == (
        "phone.log",
        FINISHED,
        len(content),
        "desk",
    )
    assert {record.status for record in log.records if record.path == "a.cfg"} == {-2, FINISHED}


async def test_a_quota_refuses_with_disk_full_at_once_or_on_the_way(tmp_path: Path) -> None:
    async with upload_server(tmp_path / "area", UploadQuota(file_bytes=1000)) as (server, log):
        for blksize in (1428, None):
            with pytest.raises(TftpFetchError) as caught:
                await put(*server.address, "phone.log", bytes(3000), blksize=blksize)
            assert caught.value.code == 3
        await put(*server.address, "phone.log", bytes(1000))
        shutil.rmtree(tmp_path / "area")
        (tmp_path / "area").write_text("in its place")
        with pytest.raises(TftpFetchError, match="could not be written") as caught:
            await put(*server.address, "phone.log", bytes(10))
        assert caught.value.code == 3
    assert [record.status for record in log.records] == [-3, -3, FINISHED, -3]


async def test_a_writer_that_falls_silent_leaves_nothing(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with upload_server(tmp_path) as (server, log):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.bind(("127.0.0.1", 0))
            sock.sendto(b"\0\2phone.log\0octet\0", server.address)
            async with asyncio.timeout(5):
                answer, peer = await loop.sock_recvfrom(sock, 100)
                sock.sendto(b"\0\3\0\1" + bytes(512), peer)
                assert await loop.sock_recvfrom(sock, 100) == (b"\0\4\0\1", peer)
        assert answer == b"\0\4\0\0"
        assert server.transfers == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []  # noqa: ASYNC240 - nothing else runs
    assert [record.status for record in log.records] == [0]


async def test_ipv6_reads_and_writes(tmp_path: Path) -> None:
    async with upload_server(tmp_path, host="::1") as (server, log):
        assert server.address[0] == "::1"
        for windowsize in (None, 4):
            got = await fetch("::1", server.address[1], "a.cfg", windowsize=windowsize)
            assert got == octets(5000)
        await put("::1", server.address[1], "phone.log", octets(2000))
        with pytest.raises(TftpFetchError, match=r"tftp://\[::1\]:") as caught:
            await fetch(*server.address, "none.cfg")
        assert caught.value.code == 1
    assert (tmp_path / "desk/__1/phone.log").read_bytes() == octets(2000)
    assert {record.client[0] for record in log.records} == {"::1"}


@pytest.mark.interop("tftp")
async def test_every_address_of_both_families_is_served(tmp_path: Path) -> None:
    async with upload_server(tmp_path, host="::") as (server, log):
        port = server.address[1]
        for host in ("::1", "127.0.0.1", "127.0.0.9"):
            assert await fetch(host, port, "a.cfg") == octets(5000)
        url = f"tftp://[::1]:{port}/a.cfg"
        command = [require_peer("curl"), "-sS", "-m", "20", "-o", str(tmp_path / "got"), url]
        status, _, err = await run_client(*command, limit_s=30)
        assert status == 0, err.decode()
        assert (tmp_path / "got").read_bytes() == octets(5000)
    assert [record.client[0] for record in log.records] == ["::1", "127.0.0.1", "127.0.0.1", "::1"]


async def test_a_write_request_tells_nobody_which_names_there_are(tmp_path: Path) -> None:
    lab, log = access_lab(), FetchLog()
    area = UploadArea(tmp_path / "up", {"001565aaaa01.log": "anna", "000413bbbb02.log": "bert"})
    source = SiteContent({"001565aaaa01.cfg": ServedText(b"<anna>", handset="anna")})
    server = ProvisioningServer(
        source, log, tftp_port=0, http_port=0, access=lab.gate, uploads=area
    )
    await server.start()
    try:

        async def asked_to_write(name: str) -> bytes:
            request = Request(Opcode.WRQ, name, "octet", (("tsize", "7"),)).to_bytes()
            loop = asyncio.get_running_loop()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.bind(("127.0.0.1", 0))
                sock.sendto(request, server.tftp_address)
                async with asyncio.timeout(5):
                    return (await loop.sock_recvfrom(sock, 600))[0]

        names = ["001565aaaa01.log", "000413bbbb02.log", "001565cccc03.log", "any.log", "../a"]
        answers = {await asked_to_write(name) for name in names}
        assert answers == {b"\0\5\0\2this server does not take this file\0"}
        assert await fetch(*server.tftp_address, "001565aaaa01.cfg") == b"<anna>"
        await put(*server.tftp_address, "001565aaaa01.log", b"booted\n")
        assert {await asked_to_write(name) for name in names[1:]} == answers
    finally:
        await server.stop()
    kept = [path for path in (tmp_path / "up").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in kept] == [b"booted\n"]
    refused = [record for record in log.records if record.status == -2]
    assert len(refused) == len(names) + len(names) - 1
    assert {record.handset for record in refused} == {""}
