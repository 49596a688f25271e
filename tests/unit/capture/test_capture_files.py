"""Capture files: every dialect is read, every damage is named, what is written reads back."""

from __future__ import annotations

import gzip
import os
import struct
import threading
from pathlib import Path

import pytest
from frame_kit import block, enhanced, interface_block, padded, pcap, section

from rig.capture.capture_file import CaptureFile, read_frames
from rig.capture.frame import LINKTYPE_RAW, Frame
from rig.capture.pcapng import write_pcapng
from rig.errors import UsageError


def read(tmp_path: Path, data: bytes) -> list[Frame]:
    path = tmp_path / "file.pcap"
    path.write_bytes(data)
    return list(read_frames(path))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "fraction"), [(0xA1B2C3D4, 250_000), (0xA1B23C4D, 250_000_000)])
def test_pcap_in_both_byte_orders_and_resolutions(
    tmp_path: Path, order: str, magic: int, fraction: int
) -> None:
    data = pcap(
        [(1_700_000_000, fraction, b"first", 5), (1_700_000_001, 0, b"second", 60)],
        order=order,
        magic=magic,
        link=113,
    )
    assert read(tmp_path, data) == [
        Frame(1_700_000_000.25, 113, b"first", 5, 0, 1),
        Frame(1_700_000_001.0, 113, b"second", 60, 0, 2),
    ]


def test_a_pcap_that_was_killed_ends_with_its_last_whole_record(tmp_path: Path) -> None:
    data = pcap([(1, 0, b"whole", 5), (2, 0, b"cut off here", 12)])
    for lost in range(1, 28):
        assert [f.data for f in read(tmp_path, data[:-lost])] == [b"whole"]


def test_a_pcap_record_of_impossible_length_is_named(tmp_path: Path) -> None:
    data = pcap([(1, 0, b"whole", 5)]) + struct.pack("<IIII", 2, 0, 0x7FFFFFFF, 60)
    with pytest.raises(UsageError, match=r"record 2 claims 2147483647 octets.*damaged"):
        read(tmp_path, data)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty; expected a pcap or pcapng file"),
        (b"abc", "empty"),
        (b"GET / HTTP/1.1", r"starts with 47455420; expected a pcap or pcapng file"),
        (b"\xd4\xc3\xb2\xa1\x02\x00", "cut off in the file header"),
    ],
)
def test_what_is_no_capture_is_refused(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read(tmp_path, data)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.pcap: No such file"):
        list(read_frames(tmp_path / "nothing.pcap"))
    with pytest.raises(UsageError, match="Is a directory"):
        list(read_frames(tmp_path))


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_with_several_interfaces_and_resolutions(tmp_path: Path, order: str) -> None:
    data = (
        section(order)
        + interface_block(1, order=order)
        + interface_block(113, (9, b"\x09"), order=order)
        + interface_block(101, (2, b"eth0"), (9, b"\x8a"), order=order)
        + interface_block(276, (9, b"\x03"), (14, struct.pack(order + "q", 1000)), order=order)
        + enhanced(0, 5_250_000, b"micro", order=order)
        + enhanced(1, 6_250_000_000, b"nano", order=order)
        + enhanced(2, 7 * 1024 + 256, b"binary", cut=10, order=order)
        + enhanced(3, 8_250, b"offset", order=order)
    )
    assert read(tmp_path, data) == [
        Frame(5.25, 1, b"micro", 5, 0, 1),
        Frame(6.25, 113, b"nano", 4, 1, 2),
        Frame(7.25, 101, b"binary", 16, 2, 3),
        Frame(1008.25, 276, b"offset", 6, 3, 4),
    ]


def test_a_nanosecond_time_stamp_keeps_its_digits(tmp_path: Path) -> None:
    stamp = 1_795_345_729_076_362_001
    data = section() + interface_block(1, (9, b"\x09")) + enhanced(0, stamp, b"x")
    assert read(tmp_path, data)[0].at == stamp / 1_000_000_000


def test_unknown_blocks_are_passed_over_and_counted_by_nobody(tmp_path: Path) -> None:
    data = (
        section()
        + block(0x0BAD, b"\1\2\3\4")
        + interface_block()
        + block(4, bytes(8))  # names
        + enhanced(0, 1_000_000, b"one")
        + block(5, bytes(12))  # statistics
        + block(0x80000001, b"")
        + enhanced(0, 2_000_000, b"two")
    )
    assert [(f.number, f.data) for f in read(tmp_path, data)] == [(1, b"one"), (2, b"two")]


def test_simple_and_old_packet_blocks_are_read(tmp_path: Path) -> None:
    old = struct.pack("<HHIIII", 0, 3, 0, 4_000_000, 3, 3) + padded(b"old")
    data = (
        section()
        + interface_block(1, snap_length=6)
        + block(2, old)
        + block(3, struct.pack("<I", 9) + padded(b"simple"))
    )
    frames = read(tmp_path, data)
    assert [(f.at, f.data, f.length) for f in frames] == [(4.0, b"old", 3), (4.0, b"simple", 9)]


def test_a_second_section_starts_anew_in_its_own_byte_order(tmp_path: Path) -> None:
    data = (
        section("<")
        + interface_block(1)
        + enhanced(0, 1_000_000, b"little")
        + section(">")
        + interface_block(113, order=">")
        + enhanced(0, 2_000_000, b"big", order=">")
    )
    frames = read(tmp_path, data)
    assert [(f.at, f.link_type, f.data) for f in frames] == [
        (1.0, 1, b"little"),
        (2.0, 113, b"big"),
    ]


def test_a_pcapng_that_was_killed_ends_with_its_last_whole_block(tmp_path: Path) -> None:
    last = enhanced(0, 2_000_000, b"cut off here")
    data = section() + interface_block() + enhanced(0, 1_000_000, b"whole") + last
    for lost in range(1, len(last) + 1):
        assert [f.data for f in read(tmp_path, data[:-lost])] == [b"whole"]


@pytest.mark.parametrize(
    ("damaged", "says"),
    [
        (struct.pack("<II", 6, 4), "after packet 1 a block claims 4 octets"),
        (struct.pack("<II", 6, 0xFFFFFFF0), "after packet 1 a block claims 4294967280 octets"),
        (struct.pack("<II", 6, 33) + bytes(40), "claims 33 octets"),
        (struct.pack("<III", 6, 12, 16), "12 octets|another length after"),
        (block(6, bytes(8)), "a block of type 6 is too short"),
        (block(1, b""), "a block of type 1 is too short"),
        (enhanced(7, 0, b"x"), "packet 2 is of interface 7"),
        (
            block(6, struct.pack("<IIIII", 0, 0, 0, 500, 500) + bytes(8)),
            "packet 2 is of interface 0 and claims 500 octets; there are 1 interfaces and 8",
        ),
        (
            struct.pack("<III", 0x0A0D0D0A, 28, 0x12345678) + bytes(16),
            "byte-order magic 78563412",
        ),
        (struct.pack("<III", 0x0A0D0D0A, 8, 0x1A2B3C4D) + bytes(16), "claims 8 octets"),
    ],
)
def test_damage_in_a_pcapng_is_named_with_its_place(
    tmp_path: Path, damaged: bytes, says: str
) -> None:
    data = section() + interface_block() + enhanced(0, 1, b"fine") + damaged
    path = tmp_path / "file.pcapng"
    path.write_bytes(data)
    read_before: list[Frame] = []
    with pytest.raises(UsageError, match=says) as caught:
        read_before.extend(read_frames(path))
    assert "damaged" in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_modified_form_of_pcap(tmp_path: Path, order: str) -> None:
    data = bytearray(pcap([], order=order, magic=0xA1B2CD34))
    for n in range(3):
        data += struct.pack(order + "IIIIIHBB", n, 500_000, 4, 9, 1, 2, 3, 0) + b"%04d" % n
    assert [(f.at, f.data, f.length) for f in read(tmp_path, bytes(data))] == [
        (n + 0.5, b"%04d" % n, 9) for n in range(3)
    ]


WHOLE = {
    "pcap": pcap([(1, 0, b"first", 5), (2, 0, b"second", 6)]),
    "pcapng": section() + interface_block() + enhanced(0, 10**6, b"first")
    + enhanced(0, 2 * 10**6, b"second"),
}  # fmt: skip


@pytest.mark.parametrize("form", WHOLE)
def test_a_record_that_is_cut_off_is_told(tmp_path: Path, form: str) -> None:
    """At every octet: a refusal, or what was whole, and the rest is told."""
    whole, path = WHOLE[form], tmp_path / "file"
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        file = CaptureFile(path)
        try:
            frames = list(file.frames())
        except UsageError:
            assert length < 24, "with a whole header there is something to tell"
            continue
        assert [f.data for f in frames] == [b"first", b"second"][: len(frames)]
        if length == len(whole):
            assert (len(frames), file.cut_off) == (2, "")
        elif file.cut_off:
            assert f"after packet {len(frames)} are no whole record" in file.cut_off
        else:
            assert len(frames) < 2
    assert file.size == len(whole)
    assert file.position == 0


def test_a_capture_comes_through_a_pipe_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    data, seen = WHOLE["pcap"], threading.Event()

    def write() -> None:
        with path.open("wb", buffering=0) as pipe:
            pipe.write(data[: -len(b"second") - 16])
            seen.wait(20)
            pipe.write(data[-len(b"second") - 16 :])

    writer = threading.Thread(target=write)
    writer.start()
    file = CaptureFile(path)
    frames = file.frames()
    assert next(frames).data == b"first"
    seen.set()
    assert [f.data for f in frames] == [b"second"]
    assert (file.size, file.cut_off) == (None, "")
    writer.join()


def test_a_time_stamp_resolution_beyond_reason_is_damage(tmp_path: Path) -> None:
    for resolution in (b"\x7f", b"\xff"):
        with pytest.raises(UsageError, match="time stamps of resolution"):
            read(tmp_path, section() + interface_block(1, (9, resolution)))


def test_gzip_is_unpacked_and_a_cut_gzip_is_read_up_to_the_cut(tmp_path: Path) -> None:
    noise = bytes(i * 37 % 251 for i in range(400))
    records = [(n, 0, noise[n:], 400 - n) for n in range(100)]
    packed = gzip.compress(pcap(records))
    assert len(read(tmp_path, packed)) == 100
    some = read(tmp_path, packed[: len(packed) // 2])
    assert 0 < len(some) < 100
    assert [f.number for f in some] == list(range(1, len(some) + 1))


def test_a_damaged_gzip_is_named(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(pcap([(1, 0, bytes(range(256)) * 9, 2304)])))
    packed[10:30] = b"\xff" * 20
    with pytest.raises(UsageError, match="damaged gzip"):
        read(tmp_path, bytes(packed))
    with pytest.raises(UsageError, match="damaged gzip"):
        read(tmp_path, b"\x1f\x8b not gzip at all")


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    frames = [
        Frame(1_700_000_000.123456789, LINKTYPE_RAW, b"\x45" + bytes(n), 1 + n, n % 2, n + 1)
        for n in range(7)
    ]
    path = tmp_path / "out.pcapng"
    assert write_pcapng(path, ["platform", "handset"], frames) == 7
    again = list(read_frames(path))
    assert [(f.data, f.length, f.interface, f.number, f.link_type) for f in again] == [
        (f.data, f.length, f.interface, f.number, f.link_type) for f in frames
    ]
    assert [f.at for f in again] == pytest.approx([f.at for f in frames], abs=1e-6)


def test_a_file_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot write .*out\.pcapng: No such file"):
        write_pcapng(tmp_path / "absent" / "out.pcapng", ["wire"], [])
