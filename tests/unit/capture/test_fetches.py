"""Fetched files are seen on the wire by name, status and size; contents are not kept."""

from __future__ import annotations

import struct

import pytest
from frame_kit import packet

from rig.capture.fetches import MAX_TRANSFERS, FetchWatcher
from rig.timeline import Address, FetchSeen

PHONE, SERVER = ("192.0.2.7", 41_000), ("192.0.2.9", 80)
TOKEN = "mfrggzdfmztwq2lknnwg23tpoa"
SECRET = b"account.1.password = PLANTED-secret\n"


class Wire:
    """Says things in both directions and collects what was seen."""

    def __init__(self, size: int = 0) -> None:
        self.found: list[FetchSeen] = []
        self.watcher = FetchWatcher(self.found.append)
        self._at = 100.0
        self._size = size
        self._begun: set[tuple[Address, Address]] = set()

    def tcp(self, payload: bytes, *, up: bool, breaks: bool = False) -> None:
        source, destination = (PHONE, SERVER) if up else (SERVER, PHONE)
        size = self._size or len(payload)
        for start in range(0, len(payload), size):
            first = (source, destination) not in self._begun
            self._begun.add((source, destination))
            self._feed(payload[start : start + size], source, destination, "TCP", first or breaks)

    def udp(self, payload: bytes, source: Address, destination: Address) -> None:
        self._feed(payload, source, destination, "UDP", breaks=False)

    def _feed(
        self, payload: bytes, source: Address, destination: Address, transport: str, breaks: bool
    ) -> None:
        self._at += 0.25
        self.watcher.feed(
            packet(payload, self._at, source=source, destination=destination,
                   transport=transport, breaks=breaks)
        )  # fmt: skip

    def seen(self) -> list[tuple[str, int, int]]:
        self.watcher.close()
        return [(f.path, f.status, f.octets) for f in self.found]


def get(path: str, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: Yealink SIP-T46U\r\n\r\n".encode()


def ok(body: bytes, status: int = 200) -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(
    b"%x;x=y\r\n%s\r\n" % (len(piece), piece) for piece in (SECRET * 9, b"a", SECRET)
)


@pytest.mark.parametrize("size", [0, 1, 7, 100])
def test_several_fetches_on_one_connection(size: int) -> None:
    wire = Wire(size)
    wire.tcp(get("/001565000001.cfg"), up=True)
    wire.tcp(ok(SECRET * 40), up=False)
    wire.tcp(get("/none.cfg"), up=True)
    wire.tcp(ok(b"no such file", 404), up=False)
    wire.tcp(get("/chunked.cfg"), up=True)
    wire.tcp(CHUNKED + b"0\r\n\r\n", up=False)
    wire.tcp(get("/head", "HEAD"), up=True)
    wire.tcp(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", up=False)
    wire.tcp(get("/cached.cfg"), up=True)
    wire.tcp(b"HTTP/1.1 304 Not Modified\r\n\r\n", up=False)
    wire.tcp(get("/to-the-end.cfg"), up=True)
    wire.tcp(b"HTTP/1.0 200 OK\r\n\r\n" + SECRET, up=False)
    assert wire.seen() == [
        ("/001565000001.cfg", 200, 40 * len(SECRET)),
        ("/none.cfg", 404, 12),
        ("/chunked.cfg", 200, 10 * len(SECRET) + 1),
        ("/head", 200, 0),
        ("/cached.cfg", 304, 0),
        ("/to-the-end.cfg", 200, len(SECRET)),
    ]
    assert {f.client for f in wire.found} == {PHONE}
    assert {f.user_agent for f in wire.found} == {"Yealink SIP-T46U"}
    assert all(f.duration_s > 0 for f in wire.found)
    assert "PLANTED" not in repr(wire.found)
    assert "PLANTED" not in repr(vars(wire.watcher._http))


def test_pipelined_requests_get_their_own_answers() -> None:
    wire = Wire()
    wire.tcp(get("/a") + get("/b") + get("/c"), up=True)
    wire.tcp(ok(b"1") + b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"22", 403) + ok(b"333"), up=False)
    assert wire.seen() == [("/a", 200, 1), ("/b", 403, 2), ("/c", 200, 3)]


def test_a_request_without_an_answer_is_unfinished() -> None:
    wire = Wire()
    wire.tcp(get("/a"), up=True)
    assert wire.seen() == [("/a", 0, 0)]


def test_an_upload_is_no_answer() -> None:
    wire = Wire()
    wire.tcp(b"PUT /log HTTP/1.1\r\nContent-Length: 36\r\n\r\n" + SECRET + get("/b"), up=True)
    wire.tcp(ok(b"", 201) + ok(b"x"), up=False)
    assert wire.seen() == [("/log", 201, 0), ("/b", 200, 1)]


def test_a_new_connection_on_the_same_ports_begins_anew() -> None:
    wire = Wire()
    wire.tcp(get("/a"), up=True)
    wire.tcp(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + SECRET, up=False)
    wire.tcp(get("/b"), up=True, breaks=True)
    wire.tcp(ok(b"x"), up=False, breaks=True)
    assert wire.seen() == [("/a", 200, len(SECRET)), ("/b", 200, 1)]


def test_secrets_in_a_query_are_not_shown() -> None:
    wire = Wire()
    wire.tcp(get("/p.php?mac=001565000001&password=PLANTED&x=1"), up=True)
    assert wire.seen() == [("/p.php?mac=001565000001&password=***&x=1", 0, 0)]


def test_the_token_of_a_path_is_not_shown() -> None:
    """It opens the files of one handset, which hold its passwords."""
    wire = Wire()
    wire.tcp(get(f"/{TOKEN}/805ec01a2b01.cfg?sip_pin=PLANTED"), up=True)
    wire.udp(rrq(f"{TOKEN}/805ec01a2b01.cfg".encode()), PHONE, TFTP)
    wire.udp(b"\0\x05\0\x01no\0", TFTP, PHONE)
    seen = ["***/805ec01a2b01.cfg", "/***/805ec01a2b01.cfg?sip_pin=***"]
    assert sorted(path for path, _, _ in wire.seen()) == seen


def test_encrypted_connections_are_counted() -> None:
    wire = Wire()
    wire.tcp(b"\x16\x03\x01\x00\x05\x01abcd", up=True)
    wire.tcp(b"\x16\x03\x03\x00\x05\x02abcd", up=False)
    assert (wire.seen(), wire.watcher.encrypted) == ([], 1)


TID = ("192.0.2.9", 52_000)
TFTP = ("192.0.2.9", 69)


def rrq(path: bytes, *options: bytes) -> bytes:
    return b"\0\x01" + b"\0".join([path, b"octet", *options]) + b"\0"


def data(number: int, payload: bytes) -> bytes:
    return struct.pack("!HH", 3, number & 0xFFFF) + payload


def ack(number: int) -> bytes:
    return struct.pack("!HH", 4, number & 0xFFFF)


def test_a_tftp_transfer_with_repetitions_counts_each_block_once() -> None:
    wire = Wire()
    for _ in range(2):
        wire.udp(rrq(b"001565000001.cfg"), PHONE, TFTP)
    for number, size in ((1, 512), (2, 512), (2, 512), (3, 100)):
        wire.udp(data(number, bytes(size)), TID, PHONE)
        wire.udp(ack(number), PHONE, TID)
    wire.udp(ack(3), PHONE, TID)
    assert wire.seen() == [("001565000001.cfg", 200, 1124)]
    assert wire.found[0].transport == "tftp"
    assert wire.found[0].client == PHONE


def test_a_tftp_block_size_is_taken_from_the_oack() -> None:
    wire = Wire()
    wire.udp(rrq(b"x", b"BLKSIZE", b"1428"), PHONE, TFTP)
    wire.udp(b"\0\x06blksize\x001428\0", TID, PHONE)
    for number in range(1, 6):
        wire.udp(data(number, bytes(1428 if number < 5 else 0)), TID, PHONE)
    assert wire.seen() == [("x", 200, 4 * 1428)]


def test_a_tftp_block_number_that_wraps() -> None:
    wire = Wire()
    wire.udp(rrq(b"x"), PHONE, TFTP)
    for number in range(1, 65_540):
        wire.udp(data(number, bytes(512 if number < 65_539 else 1)), TID, PHONE)
    assert wire.seen() == [("x", 200, 65_538 * 512 + 1)]


def test_tftp_errors_and_what_never_ends() -> None:
    wire = Wire()
    wire.udp(rrq(b"none"), PHONE, TFTP)
    wire.udp(b"\0\x05\0\x01not found\0", TID, PHONE)
    wire.udp(rrq(b"refused"), PHONE, TFTP)
    wire.udp(data(1, bytes(512)), TID, PHONE)
    wire.udp(b"\0\x05\0\x08no\0", PHONE, TID)
    wire.udp(rrq(b"half"), PHONE, TFTP)
    wire.udp(data(1, bytes(512)), TID, PHONE)
    wire.udp(rrq(b"again"), PHONE, TFTP)
    assert wire.seen() == [
        ("none", -1, 0), ("refused", -8, 512), ("half", 0, 512), ("again", 0, 0)
    ]  # fmt: skip


@pytest.mark.parametrize("noise", [b"\0\x01", b"\0\x01\0\0", b"\0\x01abc", b"\0\x03\0\x01x"])
def test_tftp_noise_is_nothing(noise: bytes) -> None:
    wire = Wire()
    wire.udp(noise, PHONE, TFTP)
    assert wire.seen() == []


def test_what_is_remembered_is_bounded() -> None:
    wire = Wire()
    for port in range(MAX_TRANSFERS + 50):
        wire.udp(rrq(b"x"), ("192.0.2.8", port), TFTP)
    assert len(wire.found) == 50
    assert len(wire.seen()) == MAX_TRANSFERS + 50
