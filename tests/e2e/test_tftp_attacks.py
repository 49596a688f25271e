"""Thousands of path tricks over TFTP: no octet comes from outside of what is served."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from fetch_site import ServedText
from path_tricks import CANARY, NAME, NaiveFolder, tftp_names
from tftp_on_paper import OnPaper

from provisioning.transport.content import SiteContent
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.tftp_packet import Ack, Opcode, decode
from provisioning.transport.tftp_server import TftpServer
from provisioning.transport.upload_area import UploadArea

FILES = {"cfg/a.xml": ServedText(b"<a>"), "a.cfg": ServedText(b"<b>")}
MODES = [b"octet", b"OCTET", b"oCtEt", b"netascii", b"NetASCII", b"mail", b"", b"octet\r", b"../"]
OPTIONS = [b"", b"blksize\0001428\0", b"tsize\0000\0", b"blksize\0../canary.txt\0", b"path\0/\0"]


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file above and beside the folder in which the server runs, and behind two links in it."""
    file = tmp_path / NAME
    file.write_bytes(CANARY)
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "link.txt").symlink_to(file)
    (tmp_path / "served" / "linked").symlink_to(tmp_path, target_is_directory=True)
    monkeypatch.chdir(tmp_path / "served")
    return file


def requests(canary: Path) -> Iterator[bytes]:
    """Every name in a read request, modes and options in turn, and some that hold a NUL."""
    turns = zip(itertools.cycle(MODES), itertools.cycle(OPTIONS), strict=False)
    names = dict.fromkeys(tftp_names(canary, ("link.txt", "linked")))
    for name, (mode, options) in zip(names, turns, strict=False):
        yield b"\0\1" + name + b"\0octet\0" + options
        if mode != b"octet":
            yield b"\0\1" + name + b"\0" + mode + b"\0" + options
    for name in (b"a.cfg", b"cfg/a.xml", b"x"):
        for tail in (b"/../../canary.txt", b"../canary.txt", bytes(canary)):
            yield b"\0\1" + name + b"\0" + tail + b"\0octet\0"
            yield b"\0\1\0" + tail + b"\0octet\0"
            yield b"\0\1" + name + b"\r\0" + tail + b"\0netascii\0"
            yield b"\0\1" + name + b"\0octet\0" + tail + b"\0" + tail + b"\0"


def read_on_paper(bench: OnPaper, data: bytes, client: tuple[str, int]) -> bytes:
    """Everything that a client gets which acknowledges all that comes."""
    sent = bench.ask(data, client)
    got = b""
    while sent:
        got += b"".join(packet for packet, _ in sent)
        transfer = bench.latest.get(client)
        if transfer is None:
            break
        head = sent[-1][0]
        block = int.from_bytes(head[2:4]) if head[:2] == Opcode.DATA.to_bytes(2) else 0
        sent = bench.tell(transfer, Ack(block).to_bytes(), client)
    return got


def test_no_path_trick_gets_an_octet_from_outside_or_leaves_one_there(
    canary: Path, tmp_path: Path
) -> None:
    area = UploadArea(tmp_path / "up", {"a.log": "anna"})
    bench = OnPaper(SiteContent(FILES), uploads=area)
    outcomes: Counter[str] = Counter()
    forms = list(dict.fromkeys(requests(canary)))
    for number, data in enumerate(forms):
        client = (f"198.51.100.{number % 250}", 1024 + number)
        got = read_on_paper(bench, data, client)
        assert CANARY not in got, ascii(data)
        code = int.from_bytes(got[2:4]) if got[:2] == b"\0\5" else 0
        if code == 0:  # a served file, whose name was in front of a NUL
            assert got.endswith((b"<a>", b"<b>")), ascii(data)
            assert data[2:].startswith((b"a.cfg\0", b"cfg/a.xml\0")), ascii(data)
        outcomes[f"error {code}" if code else "served"] += 1
        (refused,) = bench.ask(b"\0\2" + data[2:], client)
        assert decode(refused[0]).code in {2, 4}, ascii(data)
    bench.rest()
    assert len(forms) >= 5000
    assert outcomes["error 1"] >= 5000
    assert set(outcomes) == {"error 1", "error 4", "served"}
    assert {record.octets for record in bench.log.records} <= {0, 3}
    assert all(str(record).isprintable() for record in bench.log.records)
    assert [path for path in (tmp_path / "up").rglob("*") if path.is_file()] == []
    assert canary.read_bytes() == CANARY


def test_the_tricks_are_worth_trying(canary: Path) -> None:
    """A server that opens what it is asked for gives the canary away by hundreds of them."""
    bench = OnPaper(NaiveFolder(Path.cwd()))
    fell = 0
    for number, data in enumerate(dict.fromkeys(requests(canary))):
        fell += CANARY in read_on_paper(bench, data, ("198.51.100.7", 1024 + number))
    assert fell >= 300


async def test_over_a_real_socket_they_get_nothing_either(canary: Path) -> None:
    log = FetchLog()
    server = TftpServer(SiteContent(FILES), log, port=0)
    await server.start()
    forms = list(dict.fromkeys(requests(canary)))[::7]
    loop = asyncio.get_running_loop()
    codes: Counter[int] = Counter()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.bind(("127.0.0.1", 0))
            for data in forms:
                sock.sendto(data, server.address)
                async with asyncio.timeout(20):
                    got, peer = await loop.sock_recvfrom(sock, 2000)
                assert CANARY not in got, ascii(data)
                codes[int.from_bytes(got[2:4]) if got[:2] == b"\0\5" else 0] += 1
                if got[:2] != b"\0\5":
                    sock.sendto(b"\0\5\0\0that is all\0", peer)
                    await asyncio.sleep(0.005)
    finally:
        await server.close()
    assert len(forms) >= 1000
    assert set(codes) <= {0, 1, 4}
    assert codes[1] > 900
    assert all(record.octets <= 3 for record in log.records)
