"""Which way a packet went: written, read, and used to tell two sightings from two packets."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest
from frame_kit import A, B, answer, block, interface_block, packet, padded, rtp, section, sip

from rig.capture.analysis import CaptureAnalysis, analyse_capture
from rig.capture.capture_file import read_frames
from rig.capture.export import export_packets
from rig.capture.frame import Frame
from rig.capture.packet import CapturedPacket
from rig.capture.pcapng import write_pcapng
from rig.capture.redact_capture import redact_capture
from rig.timeline import SipSeen, Tap

PHONE, SERVER = ("192.0.2.7", 41_000), ("192.0.2.9", 80)


def test_directions_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "ways.pcapng"
    ways = [True, False, None, True]
    frames = [Frame(1.0 + n, 101, b"x" * n, n, 0, n + 1, way) for n, way in enumerate(ways)]
    write_pcapng(path, ["both"], frames)
    assert list(read_frames(path)) == frames


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("options", "way"),
    [
        ([(2, 1)], False),
        ([(2, 2)], True),
        ([(2, 0x0000_0F02)], True),
        ([(2, 0)], None),
        ([(2, 3)], None),
        ([(4, 7), (2, 2)], True),
        ([(0, 0), (2, 2)], None),
        ([(4, 7)], None),
    ],
)
def test_the_direction_is_found_among_other_options(
    tmp_path: Path, order: str, options: list[tuple[int, int]], way: bool | None
) -> None:
    """Bits above the lowest two mean something else; after the end of options comes nothing."""
    head = struct.pack(order + "IIIII", 0, 0, 0, 5, 5) + padded(b"bytes")
    for code, value in options:
        head += struct.pack(order + "HH", code, 4 if code else 0)
        head += struct.pack(order + "I", value) if code else b""
    path = tmp_path / "options.pcapng"
    path.write_bytes(section(order) + interface_block(order=order) + block(6, head, order))
    (frame,) = read_frames(path)
    assert (frame.data, frame.outbound) == (b"bytes", way)


def test_an_option_that_is_cut_off_says_nothing(tmp_path: Path) -> None:
    head = struct.pack("<IIIII", 0, 0, 0, 4, 4) + b"data"
    path = tmp_path / "cut.pcapng"
    short = struct.pack("<HHHH", 2, 2, 2, 0)
    path.write_bytes(section() + interface_block() + block(6, head + short))
    (frame,) = read_frames(path)
    assert frame.outbound is None
    lying = struct.pack("<HHI", 2, 400, 2)
    path.write_bytes(section() + interface_block() + block(6, head + lying))
    (frame,) = read_frames(path)
    assert frame.outbound is None


def both_ends(*packets: CapturedPacket) -> list[CapturedPacket]:
    """Each as it left one program and as it came to another, at one point of observation."""
    seen = [
        replace(each, tap=Tap.HANDSET, outbound=way, at=each.at + (0.0 if way else 0.001))
        for each in packets
        for way in (True, False)
    ]
    return [replace(each, number=n) for n, each in enumerate(seen, start=1)]


def analysed(path: Path, packets: list[CapturedPacket]) -> CaptureAnalysis:
    export_packets(path, packets, with_secrets=True)
    return analyse_capture(path)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_both_ends_in_one_process_are_two_sightings_of_one_message(
    tmp_path: Path, transport: str
) -> None:
    call = [
        packet(sip(nth=1, transport=transport), 1.0, transport=transport),
        packet(answer(nth=1), 1.1, source=B, destination=A, transport=transport),
    ]
    result = analysed(tmp_path / "both.pcapng", both_ends(*call))
    assert (result.frames, result.messages, result.sightings) == (4, 2, 4)
    assert result.retransmissions == result.gap_count == 0
    assert [e.number for e in result.events if isinstance(e, SipSeen)] == [1, 3]


def test_what_is_sent_again_is_still_a_retransmission(tmp_path: Path) -> None:
    again = [
        packet(sip(), 1.0),
        packet(sip(), 1.5),
        packet(answer(), 1.6, source=B, destination=A),
    ]
    result = analysed(tmp_path / "again.pcapng", both_ends(*again))
    assert (result.messages, result.sightings, result.retransmissions) == (3, 6, 1)


def test_audio_and_fetches_of_both_ends_count_once(tmp_path: Path) -> None:
    """Copies need not follow one another: a packet may leave before the last one came."""
    audio = both_ends(
        *[packet(rtp(n), 1.0 + n / 50, source=("192.0.2.1", 4000)) for n in range(9)]
    )
    audio[1], audio[2] = replace(audio[2], at=audio[1].at), replace(audio[1], at=audio[2].at)
    got = b"GET /y000.cfg HTTP/1.1\r\nHost: x\r\n\r\n"
    given = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd"
    fetch = both_ends(
        packet(got, 5.0, source=PHONE, destination=SERVER, transport="TCP"),
        packet(given, 5.1, source=SERVER, destination=PHONE, transport="TCP"),
    )
    wire = [replace(each, tap=Tap.WIRE) for each in (*audio, *fetch)]
    result = analysed(tmp_path / "all.pcapng", wire)
    assert [(s.packets, s.lost) for s in result.streams] == [(9, 0)]
    assert [(f.path, f.status, f.octets) for f in result.fetches] == [("/y000.cfg", 200, 4)]


def test_a_host_that_sees_its_own_end_only_is_judged_as_before(tmp_path: Path) -> None:
    """Its connections that are no SIP are nobody's fault."""
    packets = [
        packet(sip(), 1.0, outbound=True, number=1),
        packet(answer(), 1.1, source=B, destination=A, outbound=False, number=2),
        packet(b"SSH-2.0-x\r\n", 2.0, source=("192.0.2.1", 5060), destination=("192.0.2.2", 22),
               transport="TCP", outbound=True, number=3),
    ]  # fmt: skip
    result = analysed(tmp_path / "host.pcapng", packets)
    assert (result.messages, result.sightings) == (2, 2)
    assert "sip-unreadable" not in {finding.oracle for finding in result.findings}


def test_the_redacted_copy_keeps_the_directions(tmp_path: Path) -> None:
    source, target = tmp_path / "a.pcapng", tmp_path / "b.pcapng"
    packets = both_ends(packet(sip()), packet(b"\0" * 40, source=("192.0.2.3", 9)))
    export_packets(source, packets, with_secrets=True)
    redact_capture(source, target)
    assert [f.outbound for f in read_frames(target)] == [True, False, True, False]
