"""Whatever octets a file or a wire holds: read, counted or refused in words, never a crash."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rig.capture.analysis import CaptureAnalyser, analyse_capture
from rig.capture.capture_file import read_frames
from rig.capture.correlate import Correlator
from rig.capture.dissect import Dissector
from rig.capture.export import export_packets
from rig.capture.frame import Frame
from rig.capture.packet import CapturedPacket
from rig.capture.pcapng import write_pcapng
from rig.errors import UsageError
from rig.redact import redact_payload, redact_text
from rig.timeline import Tap

MESSAGE = (
    b"NOTIFY sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:c@d>;tag=1\r\n"
    b"To: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 NOTIFY\r\nEvent: message-summary\r\n"
    b'Authorization: Digest response="secret", cnonce="secret"\r\nContent-Length: 0\r\n\r\n'
)
IN_TMP = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
FEW = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
PORTS = ("192.0.2.1", 5060), ("192.0.2.2", 5060)


def frames(payload: bytes) -> list[Frame]:
    udp = struct.pack("!HHHH", 5060, 5060, 8 + len(payload), 0) + payload
    tcp = struct.pack("!HHIIBBHHH", 5060, 5060, 1, 1, 0x50, 0x18, 9, 0, 0) + payload
    ends = bytes([192, 0, 2, 1, 192, 0, 2, 2])
    return [
        Frame(1.0, 101, struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(s), 1, 0, 64, p, 0) + ends + s,
              20 + len(s), 0, n)
        for n, (p, s) in enumerate(((17, udp), (6, tcp)), start=1)
    ]  # fmt: skip


def spoil(data: bytes, where: list[tuple[int, int]]) -> bytes:
    spoiled = bytearray(data)
    for at, value in where:
        spoiled[at % len(spoiled)] = value
    return bytes(spoiled)


def refusal(path: Path) -> str:
    """Why a file cannot be analysed, or just its name if it can."""
    try:
        return str(analyse_capture(path).path)
    except UsageError as error:
        return str(error)


SPOTS = st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 255)), max_size=12)


@IN_TMP
@given(where=SPOTS, keep=st.integers(0, 100_000))
def test_damaged_pcapng_files(tmp_path: Path, where: list[tuple[int, int]], keep: int) -> None:
    path = tmp_path / "file"
    write_pcapng(path, ["wire", "other"], frames(MESSAGE))
    data = spoil(path.read_bytes(), where)
    path.write_bytes(data[: 20 + keep % len(data)])
    assert str(path) in refusal(path)


FETCHES = [
    b"\0\x01a.cfg\0octet\0blksize\x001428\0", b"\0\3\0\1" + bytes(512), b"\0\5\0\1no\0",
    b"GET /a?pin=1 HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc",
    b"\x16\x03\x01\0\1\1",
]  # fmt: skip


def every_kind() -> list[Frame]:
    """SIP, fetches and tunnels in frames of several link layers."""
    found = [frame for payload in (MESSAGE, *FETCHES) for frame in frames(payload)]
    inner = found[0].data
    outer = bytes([192, 0, 2, 1, 192, 0, 2, 2])
    for protocol, front in ((4, b""), (47, b"\0\0\x08\0"), (47, b"\xb0\0\x65\x58" + bytes(12))):
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20, 1, 0, 64, protocol, 0)
        data = head + outer + front + inner
        found.append(Frame(1.0, 101, data, len(data)))
    return found


@FEW
@given(where=SPOTS, keep=st.integers(0, 100_000), order=st.sampled_from("<>"))
def test_damaged_pcap_files(
    tmp_path: Path, where: list[tuple[int, int]], keep: int, order: str
) -> None:
    path = tmp_path / "file"
    data = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    for n, frame in enumerate(every_kind()):
        size = len(frame.data)
        data += struct.pack(order + "IIII", n, 0, size, size) + frame.data
    path.write_bytes(spoil(data, where)[: 24 + keep % len(data)])
    assert str(path) in refusal(path)


@FEW
@given(spots=SPOTS, which=st.integers(0, 16))
def test_every_kind_of_frame_damaged(spots: list[tuple[int, int]], which: int) -> None:
    found = every_kind()
    frame = found[which % len(found)]
    analyser = CaptureAnalyser(Path("x"))
    for each in (*found, Frame(2.0, 101, spoil(frame.data, spots), frame.length), *found):
        analyser.feed(each)
    result = analyser.finish()
    assert result.frames == 2 * len(found) + 1
    assert result.messages >= 2


STARTS = [
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\xc3\xd4",
    b"\x4d\x3c\xb2\xa1",
    b"\x0a\x0d\x0d\x0a",
    b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0" + b"\xff" * 8 + b"\x1c\0\0\0",
    b"\x1f\x8b",
    b"",
]


@IN_TMP
@given(data=st.binary(max_size=300), magic=st.sampled_from(STARTS))
def test_files_of_noise(tmp_path: Path, data: bytes, magic: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(magic + data)
    assert str(path) in refusal(path)


@settings(deadline=None)
@given(
    data=st.binary(max_size=200), link=st.sampled_from([0, 1, 12, 101, 108, 113, 228, 229, 276, 9])
)
def test_frames_of_noise(data: bytes, link: int) -> None:
    dissector, correlator = Dissector(), Correlator()
    correlator.feed_all(dissector.packets([Frame(1.0, link, data, len(data) + 1, 0, 1)]))
    correlator.events()
    assert dissector.truncated == 1


@settings(deadline=None)
@given(where=st.lists(SPOTS, min_size=1, max_size=6))
def test_damaged_frames(where: list[list[tuple[int, int]]]) -> None:
    dissector, correlator = Dissector(), Correlator()
    for spots in where:
        for frame in frames(MESSAGE):
            damaged = Frame(1.0, 101, spoil(frame.data, spots), frame.length, 0, frame.number)
            correlator.feed_all(dissector.packet(damaged))
    correlator.feed_all(dissector.rest())
    correlator.events()
    assert correlator.packets <= 2 * len(where) + len(where)


@settings(deadline=None)
@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=80),
            st.sampled_from([MESSAGE, MESSAGE[:90], MESSAGE[90:], b"\r\n\r\n", b"\r", b"\0"]),
        ),
        max_size=8,
    ),
    transport=st.sampled_from(["UDP", "TCP"]),
    breaks=st.booleans(),
)
def test_packets_of_noise_and_sip(pieces: list[bytes], transport: str, breaks: bool) -> None:
    correlator = Correlator()
    for nth, piece in enumerate(pieces):
        correlator.feed(
            CapturedPacket(
                float(nth), Tap.WIRE, transport, *PORTS, piece, nth + 1, breaks=breaks and nth == 3
            )
        )
    assert correlator.packets == len(pieces)
    assert len(correlator.events()) <= len(b"".join(pieces)) + 1


@IN_TMP
@given(
    payloads=st.lists(st.binary(max_size=100), max_size=5),
    transport=st.sampled_from(["UDP", "TCP"]),
)
def test_what_is_exported_reads_back(
    tmp_path: Path, payloads: list[bytes], transport: str
) -> None:
    packets = [
        CapturedPacket(1.0 + n, Tap.WIRE, transport, *PORTS, payload, n + 1)
        for n, payload in enumerate(payloads)
    ]
    path = tmp_path / "run.pcapng"
    assert export_packets(path, packets, with_secrets=True) == len(packets)
    again = list(Dissector().packets(read_frames(path)))
    if transport == "TCP":
        assert b"".join(p.payload for p in again) == b"".join(payloads)
    else:
        assert [p.payload for p in again] == payloads


@settings(deadline=None)
@given(st.text(max_size=300))
def test_redaction_keeps_the_length_of_any_text(text: str) -> None:
    clean = redact_text(text)
    assert len(clean) == len(text)
    assert redact_text(clean) == clean


@settings(deadline=None)
@given(st.binary(max_size=300), SPOTS)
def test_redaction_keeps_the_length_of_any_packet(
    noise: bytes, where: list[tuple[int, int]]
) -> None:
    assert len(redact_payload(noise)) == len(noise)
    damaged = spoil(MESSAGE, where)
    assert len(redact_payload(damaged)) == len(damaged)


def test_an_intact_message_is_redacted() -> None:
    assert b"secret" not in redact_payload(MESSAGE)
    with pytest.raises(UsageError):
        list(read_frames(Path("/nonexistent/file")))
