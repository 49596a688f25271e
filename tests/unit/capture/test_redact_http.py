"""HTTP in a redacted capture: who fetched what, how long, with what end; and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from frame_kit import packet

from rig.capture.analysis import CaptureAnalysis, analyse_capture
from rig.capture.capture_file import read_frames
from rig.capture.export import export_packets
from rig.capture.http_stream import HttpStreams
from rig.capture.packet import CapturedPacket
from rig.capture.redact_capture import redact_capture

PHONE, SERVER = ("192.0.2.7", 41_000), ("192.0.2.9", 80)
PLANTED = (
    "805ec01a2b01", "sunrise-Winter7", "Anna-Karenina", "intranet.example", "c2VjcmV0", "hushed",
    "whispered", "s3ss10n", "mfrggzdfmztwq2lknnwg23tpoa",
)  # fmt: skip
CONTENT = b"account.1.password = sunrise-Winter7\n"

FIRST = (
    b"GET /cfg/mfrggzdfmztwq2lknnwg23tpoa/805ec01a2b01.cfg?user=Anna-Karenina&v=2 HTTP/1.1\r\n"
    b"Host: intranet.example\r\n"
    b"User-Agent: Yealink SIP-T46U 108.86.0.1 80:5e:c0:1a:2b:01\r\n"
    b"Authorization: Basic c2VjcmV0\r\nCookie: s3ss10n\r\nX-Note: Anna-Karenina\r\n\r\n"
)
UP = [
    FIRST,
    b"HEAD /y000000000108.cfg HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n",
    b"GET /missing.cfg HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n",
    b"PUT /log/805ec01a2b01.log HTTP/1.1\r\nContent-Length: 37\r\n\r\n" + CONTENT,
]
DOWN = [
    b'HTTP/1.1 200 OK\r\nContent-Length: 37\r\nETag: "whispered"\r\n'
    b"Set-Cookie: id=s3ss10n\r\n\r\n" + CONTENT,
    b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n",
    b"HTTP/1.1 404 hushed\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"25;note=Anna-Karenina\r\n" + CONTENT + b"\r\n0\r\n\r\n",
    b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
]  # fmt: skip


def conversation(size: int) -> list[CapturedPacket]:
    """Requests and answers in turn, in runs of so many octets; 0 leaves them whole."""
    found: list[CapturedPacket] = []
    begun = set()
    for up, down in zip(UP, DOWN, strict=True):
        for text, source, destination in ((up, PHONE, SERVER), (down, SERVER, PHONE)):
            for start in range(0, len(text), size or len(text)):
                run = text[start : start + (size or len(text))]
                at = 1.0 + len(found) / 100
                found.append(
                    packet(run, at, source=source, destination=destination, transport="TCP",
                           breaks=source not in begun, number=len(found) + 1)
                )  # fmt: skip
                begun.add(source)
    return found


def fetched(result: CaptureAnalysis) -> list[tuple[str, int, int]]:
    return [(f.transport, f.status, f.octets) for f in result.fetches]


@pytest.mark.parametrize("size", [0, 1, 7, 50, 400])
def test_fetches_are_the_same_and_nobody_is_in_them(tmp_path: Path, size: int) -> None:
    source, target = tmp_path / "a.pcapng", tmp_path / "b.pcapng"
    packets = conversation(size)
    export_packets(source, packets, with_secrets=True)
    redact_capture(source, target)
    before, after = analyse_capture(source), analyse_capture(target)
    assert fetched(before) == [
        ("http", 200, 37), ("http", 200, 0), ("http", 404, 37), ("http", 201, 0),
    ]  # fmt: skip
    assert fetched(after) == fetched(before)
    assert [f.number for f in after.fetches] == [f.number for f in before.fetches]
    assert after.gap_count == 0
    assert "/cfg/***/805ec01a2b01.cfg" in repr(before), "a path token is nobody's matter"
    everything = b"".join(frame.data[40:] for frame in read_frames(target))
    for planted in PLANTED:
        assert planted.encode().lower() not in everything.lower(), planted
        assert planted.lower() not in repr(after).lower(), planted
    for kept in (b"GET /cfg/", b"User-Agent: Yealink SIP-T46U 108.86.0.1 ", b"404 ", b"?user=",
                 b"/missing.cfg", b"Authorization: Basic ****", b"\r\n25;xxxx"):  # fmt: skip
        assert kept in everything, kept


def test_the_address_of_the_phone_is_the_same_in_path_and_agent(tmp_path: Path) -> None:
    """A rule that compares them must come to the same end."""
    source, target = tmp_path / "a.pcapng", tmp_path / "b.pcapng"
    export_packets(source, conversation(0), with_secrets=True)
    redact_capture(source, target)
    fetch = analyse_capture(target).fetches[0]
    mac = fetch.path.rpartition("/")[2][:12]
    assert mac != "805ec01a2b01"
    assert len(mac) == 12
    assert fetch.user_agent.rpartition(" ")[2].replace(":", "") == mac


def test_what_is_no_http_is_left_out(tmp_path: Path) -> None:
    source, target = tmp_path / "a.pcapng", tmp_path / "b.pcapng"
    hello = b"\x16\x03\x01\0\x2c\1" + b"intranet.example" * 2 + bytes(7)
    other = ("192.0.2.9", 443)
    packets = [
        packet(hello, 1.0, source=PHONE, destination=other, transport="TCP", breaks=True),
        packet(b"\x17\x03\x03\0\7hushed!", 1.1, source=PHONE, destination=other, transport="TCP"),
        packet(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nAnna-Karenina", 1.2, source=PHONE,
               destination=SERVER, transport="TCP", breaks=True),
        *(replace(each, at=each.at + 1) for each in conversation(0)[:2]),
    ]  # fmt: skip
    numbered = [replace(each, number=n) for n, each in enumerate(packets, start=1)]
    numbered[3:] = [
        replace(each, source=(each.source[0], each.source[1] + 1) if each.source == PHONE
                else each.source, destination=(PHONE[0], PHONE[1] + 1)
                if each.destination == PHONE else each.destination)
        for each in numbered[3:]
    ]  # fmt: skip
    export_packets(source, numbered, with_secrets=True)
    assert redact_capture(source, target) == 3
    assert [f.status for f in analyse_capture(target).fetches] == [200]
    assert b"hushed" not in target.read_bytes()
    assert b"intranet" not in target.read_bytes()


@pytest.mark.parametrize("size", [1, 3, 11, 10_000])
def test_every_octet_goes_out_once_and_in_order(size: int) -> None:
    streams = HttpStreams()
    for texts, source, destination in ((UP, PHONE, SERVER), (DOWN, SERVER, PHONE)):
        whole = b"".join(texts) + b"what is this\r\n\r\nnobody knows" + b"x" * 70
        given = b""
        for start in range(0, len(whole), size):
            run = packet(whole[start : start + size], source=source, destination=destination,
                         transport="TCP", breaks=not start)  # fmt: skip
            given += b"".join(piece.raw for piece in streams.feed(run))
        assert given == whole
