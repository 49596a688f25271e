"""Real TFTP clients against our server, our client against our server, and lossy links."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fetch_site import LossyRelay, ServedText, octets, run_client, running_site
from peers import require_peer, require_root

from provisioning.errors import RigError
from provisioning.transport.content import SiteContent
from provisioning.transport.fetch_log import FINISHED, FetchLog
from provisioning.transport.tftp_client import TftpFetchError, fetch
from provisioning.transport.tftp_packet import Opcode, OptionAck, Request, decode
from provisioning.transport.tftp_server import TftpLimits, TftpServer

Command = Callable[[str, str, str], list[str]]


def hpa(port: str, name: str, out: str) -> list[str]:
    return [require_peer("tftp"), "-m", "octet", "127.0.0.1", port, "-c", "get", name, out]


def atftp(*options: str) -> Command:
    def command(port: str, name: str, out: str) -> list[str]:
        words = [word for option in options for word in ("--option", option)]
        return [require_peer("atftp"), *words, "-g", "-r", name, "-l", out, "127.0.0.1", port]

    return command


def curl(*options: str) -> Command:
    def command(port: str, name: str, out: str) -> list[str]:
        url = f"tftp://127.0.0.1:{port}/{name}"
        return [require_peer("curl"), "-sS", "-m", "60", *options, "-o", out, url]

    return command


def busybox(blksize: str) -> Command:
    def command(port: str, name: str, out: str) -> list[str]:
        words = ["-g", "-b", blksize, "-r", name, "-l", out, "127.0.0.1", port]
        return [require_peer("busybox"), "tftp", *words]

    return command


CLIENTS: dict[str, Command] = {
    "tftp-hpa": hpa,
    "atftp": atftp(),
    "atftp options": atftp("blksize 1428", "tsize enable", "timeout 3"),
    "atftp windowsize": atftp("blksize 1024", "windowsize 4"),
    "curl": curl(),
    "curl blksize": curl("--tftp-blksize", "1400"),
    "curl no options": curl("--tftp-no-options"),
    "busybox": busybox("512"),
    "busybox blksize": busybox("1428"),
}
# curl 7.88 gives up on an empty file once options are agreed, with every server
NO_EMPTY_FILE = frozenset({"curl", "curl blksize"})
SIZES = (0, 1, 511, 512, 513, 1024 * 3, 1400 * 5, 1428 * 5, 70_000)


@pytest.mark.interop("tftp")
@pytest.mark.parametrize("client", CLIENTS)
async def test_every_size_arrives_whole(client: str, tmp_path: Path) -> None:
    sizes = [size for size in SIZES if size or client not in NO_EMPTY_FILE]
    files = {f"file-{size}.cfg": ServedText(octets(size)) for size in sizes}
    async with running_site(files) as (server, log):
        port = str(server.tftp_address[1])
        for size in sizes:
            name = f"file-{size}.cfg"
            command = CLIENTS[client](port, name, str(tmp_path / name))
            status, _, err = await run_client(*command, cwd=tmp_path, limit_s=20)
            assert status == 0, f"{client} {size}: {err.decode()}"
            received = tmp_path / name
            # curl writes no file for no octets
            got = received.read_bytes() if received.exists() else b""
            assert got == octets(size), f"{client} {size}"
        records = [record for record in log.records if record.status == FINISHED]
    assert [record.octets for record in records] == sizes
    assert {record.handset for record in records} == {"reception"}


@pytest.mark.interop("tftp")
@pytest.mark.parametrize("client", ["atftp windowsize", "curl small", "busybox small"])
async def test_block_numbers_roll_over(client: str, tmp_path: Path) -> None:
    commands = CLIENTS | {
        "atftp windowsize": atftp("blksize 16", "windowsize 32"),
        "curl small": curl("--tftp-blksize", "8"),
        "busybox small": busybox("64"),
    }
    blksize = {"atftp windowsize": 16, "curl small": 8, "busybox small": 64}[client]
    content = octets(blksize * 65_537 + 5)
    async with running_site({"long.bin": ServedText(content)}) as (server, log):
        command = commands[client](
            str(server.tftp_address[1]), "long.bin", str(tmp_path / "long.bin")
        )
        status, _, err = await run_client(*command, cwd=tmp_path, limit_s=100)
        assert status == 0, err.decode()
        assert (tmp_path / "long.bin").read_bytes() == content
        assert log.records[-1].status == FINISHED


async def test_our_client_rolls_over() -> None:
    content = octets(8 * 65_540 + 1)
    async with running_site({"long.bin": ServedText(content)}) as (server, _):
        got = await fetch(*server.tftp_address, "long.bin", blksize=8, windowsize=64, timeout_s=60)
    assert got == content


@pytest.mark.interop("tftp")
@pytest.mark.parametrize("client", ["tftp-hpa", "atftp"])
async def test_netascii_gives_local_text(client: str, tmp_path: Path) -> None:
    text = b"".join(b"line %d\n" % number for number in range(500))
    commands = {
        "tftp-hpa": lambda port, name, out: [
            *(require_peer("tftp"), "-m", "netascii", "127.0.0.1", port),
            *("-c", "get", name, out),
        ],
        "atftp": atftp("mode netascii"),
    }
    async with running_site({"a.cfg": ServedText(text)}) as (server, log):
        command = commands[client](str(server.tftp_address[1]), "a.cfg", str(tmp_path / "a"))
        status, _, err = await run_client(*command, cwd=tmp_path, limit_s=20)
        assert status == 0, err.decode()
        assert log.records[0].octets == len(text) + 500
        assert await fetch(*server.tftp_address, "a.cfg", netascii=True) == text
    got = (tmp_path / "a").read_bytes()
    # atftp stores what came over the wire as it is
    assert got.replace(b"\r\n", b"\n") == text


@pytest.mark.interop("tftp")
@pytest.mark.parametrize("client", ["tftp-hpa", "atftp", "curl", "busybox"])
async def test_a_missing_file_is_refused_and_recorded(client: str, tmp_path: Path) -> None:
    async with running_site({}) as (server, log):
        command = CLIENTS[client](
            str(server.tftp_address[1]), "none.cfg", str(tmp_path / "none.cfg")
        )
        status, out, err = await run_client(*command, cwd=tmp_path, limit_s=20)
        (record,) = log.records
    said = (out + err).decode().lower()
    assert status != 0 or "not found" in said
    assert (record.transport, record.path, record.status, record.octets, record.handset) == (
        "tftp",
        "none.cfg",
        -1,
        0,
        "",
    )


@pytest.mark.interop("tftp")
@pytest.mark.parametrize("client", ["tftp-hpa", "atftp", "busybox", "curl"])
async def test_no_client_can_write(client: str, tmp_path: Path) -> None:
    source = tmp_path / "upload.cfg"
    source.write_bytes(b"planted")
    async with running_site({"a.cfg": ServedText(b"a")}) as (server, log):
        port = str(server.tftp_address[1])
        commands = {
            "tftp-hpa": ["tftp", "-m", "octet", "127.0.0.1", port, "-c", "put", "upload.cfg"],
            "atftp": ["atftp", "-p", "-l", "upload.cfg", "127.0.0.1", port],
            "busybox": ["busybox", "tftp", "-p", "-l", "upload.cfg", "127.0.0.1", port],
            "curl": ["curl", "-sS", "-m", "20", "-T", "upload.cfg", f"tftp://127.0.0.1:{port}/"],
        }
        program, *words = commands[client]
        _, out, err = await run_client(require_peer(program), *words, cwd=tmp_path, limit_s=30)
        records = log.records
        with pytest.raises(TftpFetchError) as caught:
            await fetch(*server.tftp_address, "upload.cfg")
    assert records, (out + err).decode()
    assert {(record.status, record.path) for record in records} == {(-2, "upload.cfg")}
    assert caught.value.code == 1


async def test_fifty_transfers_through_a_link_that_loses_a_fifth() -> None:
    files = {f"{number}.cfg": ServedText(octets(1000 + 37 * number)) for number in range(50)}
    async with running_site(files) as (server, log):
        relay = LossyRelay(server.tftp_address, loss=0.2)
        address = await relay.start()
        try:
            got = await asyncio.gather(
                *(
                    fetch(
                        *address,
                        f"{number}.cfg",
                        blksize=None if number % 5 == 0 else 512,
                        windowsize=4 if number % 3 == 0 else None,
                        timeout_s=90,
                    )
                    for number in range(50)
                )
            )
        finally:
            await relay.close()
        refused = [record for record in log.records if record.status < 0]
    assert got == [files[f"{number}.cfg"].content for number in range(50)]
    assert 0.15 < relay.lost / (relay.lost + relay.passed) < 0.25
    assert refused == []


@pytest.mark.interop("tftp")
async def test_real_clients_through_a_link_that_loses_a_fifth(tmp_path: Path) -> None:
    """Without options: atftp 0.8 aborts when an OACK is repeated, whoever repeats it."""
    content = octets(2000)
    async with running_site({"a.cfg": ServedText(content)}) as (server, _):
        relay = LossyRelay(server.tftp_address, loss=0.2)
        port = str((await relay.start())[1])
        try:
            ended = await asyncio.gather(
                *(
                    run_client(
                        *CLIENTS[name](port, "a.cfg", str(tmp_path / f"{name}{number}")),
                        cwd=tmp_path,
                        limit_s=90,
                    )
                    for name in ("tftp-hpa", "atftp", "busybox")
                    for number in range(3)
                )
            )
        finally:
            await relay.close()
    assert [status for status, _, _ in ended] == [0] * 9, ended
    got = {path.name: path.read_bytes() for path in tmp_path.iterdir()}  # noqa: ASYNC240 - nothing else runs
    assert set(got.values()) == {content}
    assert len(got) == 9
    assert relay.lost > 10


@pytest.mark.root
async def test_a_kernel_that_drops_a_fifth_keeps_no_file_from_anybody() -> None:
    """150 fetches at once in a namespace of their own, by nftables, each way."""
    require_root()
    require_peer("nft")
    script = Path(__file__).parents[1] / "lossy_campaign.py"
    words = [require_peer("unshare"), "--net", sys.executable, script, "150", "20"]
    status, out, err = await run_client(*words, limit_s=200)
    assert status == 0, err.decode()
    said = json.loads(out)
    assert said["whole"] == 150, err.decode()
    assert said["begun_again"] <= 3, err.decode()
    assert 0.15 < said["dropped"] / said["datagrams"] < 0.25


PATH_FORMS = [
    "../canary.txt",
    "../../canary.txt",
    "./../canary.txt",
    "/../canary.txt",
    "a/../../canary.txt",
    "a.cfg/../../canary.txt",
    "..\\canary.txt",
    "..\\..\\canary.txt",
    "%2e%2e/canary.txt",
    "%2e%2e%2fcanary.txt",
    "..%2fcanary.txt",
    "..%5ccanary.txt",
    "%252e%252e%252fcanary.txt",
    "..%c0%afcanary.txt",
    "\u2025/canary.txt",
    "\uff0e\uff0e/canary.txt",
    "....//canary.txt",
    "..;/canary.txt",
    "{canary}",
    "//{canary}",
    "/./{canary}",
    "file://{canary}",
    "tftp://127.0.0.1{canary}",
    "C:{canary}",
    "~/canary.txt",
    "canary.txt",
    "/canary.txt",
    "canary.txt%00.cfg",
    "a.cfg%00/../../canary.txt",
    "|cat {canary}",
    "$(cat {canary})",
    "/proc/self/cwd/../canary.txt",
    "/dev/stdin",
    "*",
    "..",
    ".",
    "/",
]


@pytest.mark.parametrize("form", PATH_FORMS)
async def test_no_path_form_leaves_the_inventory(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary.txt"
    canary.write_bytes(b"CANARY-7f3a")
    served = tmp_path / "served"
    served.mkdir()
    monkeypatch.chdir(served)
    path = form.replace("{canary}", str(canary))
    async with running_site({"a.cfg": ServedText(b"a")}) as (server, log):
        with pytest.raises(TftpFetchError) as caught:
            await fetch(*server.tftp_address, path)
        assert await fetch(*server.tftp_address, "a.cfg") == b"a"
    assert caught.value.code == 1
    assert "CANARY" not in str(caught.value)
    assert log.records[0].status == -1
    assert log.records[0].path == path


async def raw_exchange(address: tuple[str, int], data: bytes, wait_s: float = 1.0) -> list[bytes]:
    """Send one datagram from a fresh port; returns what comes back at once."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        await loop.sock_sendto(sock, data, address)
        try:
            async with asyncio.timeout(wait_s):
                answer, _ = await loop.sock_recvfrom(sock, 65_536)
        except TimeoutError:
            return []
        return [answer]


async def test_options_on_the_wire_are_the_cores() -> None:
    options = (("BLKSIZE", "1024"), ("Timeout", "3"), ("tsize", "0"), ("unknown", "1"))
    request = Request(Opcode.RRQ, "a.cfg", "OCTET", options)
    async with running_site({"a.cfg": ServedText(octets(5000))}) as (server, _):
        (answer,) = await raw_exchange(server.tftp_address, request.to_bytes())
    assert decode(answer) == OptionAck((("blksize", "1024"), ("timeout", "3"), ("tsize", "5000")))


async def test_a_repeated_request_is_one_transfer() -> None:
    request = Request(Opcode.RRQ, "a.cfg", "octet").to_bytes()
    log = FetchLog()
    server = TftpServer(SiteContent({"a.cfg": ServedText(octets(5000))}), log, port=0)
    await server.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            for _ in range(5):
                sock.sendto(request, server.address)
            await asyncio.sleep(0.1)
            assert server.transfers == 1
            other = Request(Opcode.RRQ, "none.cfg", "octet").to_bytes()
            sock.sendto(Request(Opcode.RRQ, "/a.cfg", "octet").to_bytes(), server.address)
            await asyncio.sleep(0.1)
            assert server.transfers == 1, "another request from the same port replaces the first"
            sock.sendto(other, server.address)
            await asyncio.sleep(0.1)
            assert server.transfers == 0
    finally:
        await server.close()
    assert [(record.path, record.status) for record in log.records] == [
        ("a.cfg", 0),
        ("/a.cfg", 0),
        ("none.cfg", -1),
    ]


async def test_every_address_answers_for_itself_and_a_broadcast_is_met_with_silence() -> None:
    log = FetchLog()
    server = TftpServer(SiteContent({"a.cfg": ServedText(b"a")}), log, host="0.0.0.0", port=0)
    await server.start()
    port = server.address[1]
    request = Request(Opcode.RRQ, "a.cfg", "octet").to_bytes()
    loop = asyncio.get_running_loop()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sock.bind(("127.0.0.1", 0))
            sock.sendto(request, ("127.255.255.255", port))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await loop.sock_recvfrom(sock, 1000)
            sock.sendto(request, ("127.0.0.77", port))
            async with asyncio.timeout(5):
                data, source = await loop.sock_recvfrom(sock, 1000)
            sock.sendto(b"\0\x04\0\x01", source)
            await asyncio.sleep(0.05)
    finally:
        await server.close()
    assert data == b"\0\x03\0\x01a"
    assert source[0] == "127.0.0.77"
    assert source[1] != port
    assert [record.status for record in log.records] == [200]


async def test_limits_are_met_with_silence_and_a_count() -> None:
    log = FetchLog()
    source = SiteContent({"a.cfg": ServedText(octets(5000))})
    limits = TftpLimits(transfers=5, transfers_per_address=3)
    server = TftpServer(source, log, port=0, limits=limits)
    await server.start()
    request = Request(Opcode.RRQ, "a.cfg", "octet").to_bytes()
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(10)]
    try:
        for number, sock in enumerate(sockets):
            sock.bind((f"127.0.0.{1 + number // 5}", 0))
            sock.sendto(request, server.address)
        await asyncio.sleep(0.2)
        assert server.transfers == 5
        assert server.requests_dropped == 5
    finally:
        for sock in sockets:
            sock.close()
        await server.close()
    assert len(log.records) == 5
    assert {record.status for record in log.records} == {0}


async def test_a_source_that_fails_is_an_error_and_not_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def alter(_name: str, _content: bytes) -> bytes:
        raise LookupError("the hook's own fault")

    content = SiteContent({"a.cfg": ServedText(b"a")}, alter=alter)
    server = TftpServer(content, FetchLog(), port=0)
    await server.start()
    try:
        with pytest.raises(TftpFetchError, match="internal error") as caught:
            await fetch(*server.address, "a.cfg")
        content.alter = None
        assert await fetch(*server.address, "a.cfg") == b"a"
    finally:
        await server.close()
    assert caught.value.code == 0
    assert "content source failed" in caplog.text


async def test_the_client_says_what_went_wrong() -> None:
    log = FetchLog()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        with pytest.raises(TftpFetchError, match=r"not there after 0\.2 s, 0 octets came"):
            await fetch("127.0.0.1", port, "a.cfg", timeout_s=0.2, log=log)
    (record,) = log.records
    assert (record.status, record.path, record.client[0]) == (0, "a.cfg", "127.0.0.1")
    with pytest.raises(TftpFetchError, match="check the name"):
        await fetch("no-such-host.invalid", 69, "a.cfg")


async def test_a_port_in_use_is_one_line_that_says_what_to_do() -> None:
    async with running_site({}) as (server, _):
        second = TftpServer(SiteContent({}), FetchLog(), port=server.tftp_address[1])
        with pytest.raises(RigError) as caught:
            await second.start()
    assert "the port is in use" in str(caught.value)
    assert "choose another port" in str(caught.value)
    assert "\n" not in str(caught.value)
