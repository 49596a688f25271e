"""Fetches out of a capture, judged by the rules of fetches."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from frame_kit import ip4, packet, sip, udp
from typer.testing import CliRunner

from rig.capture.capture_fetches import CaptureFetches
from rig.capture.export import export_packets
from rig.capture.frame import Frame
from rig.capture.packet import CapturedPacket
from rig.capture.pcapng import write_pcapng
from rig.cli import app
from rig.errors import UsageError
from rig.timeline import Address
from rig.verdict.oracles.fetch import Fetch

PHONE, WEB, TFTP = ("192.0.2.7", 41_000), ("192.0.2.9", 80), ("192.0.2.9", 69)


class Wire:
    """Writes down what was said."""

    def __init__(self) -> None:
        self.packets: list[CapturedPacket] = []
        self.at = 1_795_345_729.0

    def say(self, payload: bytes, source: Address, destination: Address, transport: str) -> None:
        self.at += 0.25
        self.packets.append(
            packet(payload, self.at, source=source, destination=destination, transport=transport,
                   number=len(self.packets) + 1)
        )  # fmt: skip

    def http(self, path: str, status: int, body: bytes = b"") -> None:
        got = f"GET {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: Yealink SIP-T46U\r\n\r\n".encode()
        self.say(got, PHONE, WEB, "TCP")
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        self.say(head + body, WEB, PHONE, "TCP")

    def tftp(self, path: str, port: int, *blocks: bytes, error: int = 0) -> None:
        client, server = (PHONE[0], port), (TFTP[0], port + 1)
        self.say(b"\0\1" + path.encode() + b"\0octet\0", client, TFTP, "UDP")
        if error:
            self.say(b"\0\5" + error.to_bytes(2) + b"no\0", server, client, "UDP")
        for nth, block in enumerate(blocks, start=1):
            self.say(b"\0\3" + nth.to_bytes(2) + block, server, client, "UDP")
            self.say(b"\0\4" + nth.to_bytes(2), client, server, "UDP")

    def written(self, path: Path) -> Path:
        export_packets(path, self.packets, with_secrets=True)
        return path


def rows(fetches: list[Fetch]) -> list[tuple[int, str, int, int]]:
    return [(f.number, f.path, f.status, f.octets) for f in fetches]


def test_http_and_tftp_come_in_order_with_packet_and_size(tmp_path: Path) -> None:
    wire = Wire()
    wire.tftp("y000.cfg", 2000, b"x" * 512, b"y" * 88)
    wire.http("/805ec01a2b01.cfg", 200, b"z" * 40)
    wire.tftp("gone.cfg", 3000, error=1)
    wire.say(sip(), PHONE, WEB, "UDP")
    source = CaptureFetches(wire.written(tmp_path / "boot.pcapng"))
    found = list(source)
    assert rows(found) == [
        (1, "y000.cfg", 200, 600),
        (6, "/805ec01a2b01.cfg", 200, 40),
        (8, "gone.cfg", -1, 0),
    ]
    assert found[0].longest_block == 512
    assert found[1].user_agent == "Yealink SIP-T46U"
    assert (source.unfinished, source.encrypted, source.holes) == (0, 0, 0)


def test_a_long_fetch_stands_where_it_was_asked_for(tmp_path: Path) -> None:
    """It ends after those that were asked for later."""
    wire = Wire()
    wire.say(b"GET /long HTTP/1.1\r\n\r\n", PHONE, WEB, "TCP")
    wire.tftp("short.cfg", 2000, b"abc")
    wire.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", WEB, PHONE, "TCP")
    paths = [f.path for f in CaptureFetches(wire.written(tmp_path / "boot.pcapng"))]
    assert paths == ["/long", "short.cfg"]


def test_what_goes_on_at_the_end_is_judged_by_nobody(tmp_path: Path) -> None:
    wire = Wire()
    wire.tftp("quiet.cfg", 2000)
    wire.at += 100
    wire.tftp("running.cfg", 3000)
    source = CaptureFetches(wire.written(tmp_path / "boot.pcapng"))
    assert [(f.path, f.answered) for f in source] == [("quiet.cfg", False)]
    assert source.unfinished == 1


def test_a_packet_that_was_cut_short_is_an_error_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcapng"
    whole = ip4(udp(b"\0\3\0\1" + bytes(512), (69, 2000)))
    write_pcapng(path, ["x"], [Frame(1.0, 101, whole[:60], len(whole), 0, 1)])
    with pytest.raises(UsageError, match=r"packet 1 of a fetch was cut short.*tcpdump -s 0"):
        list(CaptureFetches(path))


def judged(path: Path, *more: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["fetches", str(path), *more])
    return done.exit_code, done.output


def test_the_program_judges_a_capture_as_it_judges_a_log(tmp_path: Path) -> None:
    wire = Wire()
    wire.http("/805ec01a2b01.cfg", 404)
    wire.http("/y000000000108.cfg", 404)
    path = wire.written(tmp_path / "boot.pcapng")
    code, text = judged(path)
    assert code == 1
    assert "packet 1, 3: fault: P1" in text
    assert "2 fetches, 1 finding" in text
    log = tmp_path / "boot.log"
    log.write_text(
        "".join(
            json.dumps({"event": "fetch", "at": f.at, "client": "192.0.2.7:41000", "path": f.path,
                        "status": f.status, "transport": "http", "octets": f.octets,
                        "user_agent": f.user_agent}) + "\n"
            for f in CaptureFetches(path)
        )
    )  # fmt: skip
    of_log = judged(log)[1].replace("line 1, 2:", "packet 1, 3:")
    assert of_log.replace("boot.log", "boot.pcapng") == text
    packed = tmp_path / "boot.pcapng.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert json.loads(judged(packed, "--json")[1])["fetches"] == 2


@pytest.mark.parametrize("log", ["", '{"at": 1.5, "event": "serving"}\n'])
def test_a_log_without_fetches_proves_nothing(tmp_path: Path, log: str) -> None:
    path = tmp_path / "fetches.jsonl"
    path.write_text(log)
    code, text = judged(path)
    assert (code, "0 fetches" in text) == (4, True)


def test_a_capture_without_fetches_and_one_with_holes_are_inconclusive(tmp_path: Path) -> None:
    wire = Wire()
    wire.say(sip(), PHONE, WEB, "UDP")
    code, text = judged(wire.written(tmp_path / "sip.pcapng"))
    assert (code, "0 fetches" in text) == (4, True)
    wire = Wire()
    wire.http("/y000.cfg", 200, b"abc")
    path = wire.written(tmp_path / "good.pcapng")
    assert judged(path)[0] == 0
    path.write_bytes(path.read_bytes()[:-9])
    code, text = judged(path)
    assert "cut off" in text


def test_an_encrypted_connection_is_told(tmp_path: Path) -> None:
    wire = Wire()
    wire.http("/y000.cfg", 200, b"abc")
    wire.packets.append(
        packet(b"\x16\x03\x01\0\x05\1abcd", wire.at + 1, source=("192.0.2.8", 5), breaks=True,
               destination=("192.0.2.9", 443), transport="TCP", number=3)
    )  # fmt: skip
    code, text = judged(wire.written(tmp_path / "tls.pcapng"))
    assert (code, "1 connection encrypted" in text) == (0, True)
