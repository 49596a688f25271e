"""Reads and writes capture files: pcapng (own writer), pcap and pcapng (own reader).

Frames keep their bytes. The writer makes one interface per tap, so that a file from the
endpoints' own taps opens in Wireshark with each point of observation apart.

Source: draft-ietf-opsawg-pcapng (block formats), the libpcap file format.
"""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rig.errors import UsageError

LINKTYPE_NULL, LINKTYPE_ETHERNET, LINKTYPE_RAW = 0, 1, 101
LINKTYPE_LOOP, LINKTYPE_LINUX_SLL, LINKTYPE_IPV4, LINKTYPE_IPV6 = 108, 113, 228, 229
LINKTYPE_LINUX_SLL2 = 276

_SHB, _IDB, _EPB, _SPB = 0x0A0D0D0A, 1, 6, 3
_MAX_BLOCK = 64 * 1024 * 1024
_PCAP_MAGIC = {0xA1B2C3D4: 1_000_000, 0xA1B23C4D: 1_000_000_000}


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured frame.

    Attributes:
        at: seconds since the epoch.
        link_type: LINKTYPE number.
        data: octets as captured.
        length: octets on the wire; more than ``data`` when it was cut.
        interface: index of the interface in the file.
        number: from 1.
    """

    at: float
    link_type: int
    data: bytes
    length: int
    interface: int = 0
    number: int = 0


def write_pcapng(path: Path, interfaces: Iterable[str], frames: Iterable[Frame]) -> int:
    """Write a pcapng file.

    Args:
        path: file to write.
        interfaces: a name for each interface, by index; all are written as raw IP
            unless a frame of the interface says otherwise.
        frames: in order.

    Returns:
        How many frames were written.
    """
    listing = list(frames)
    links: dict[int, int] = {}
    for frame in listing:
        links.setdefault(frame.interface, frame.link_type)
    with path.open("wb") as file:
        file.write(_block(_SHB, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        for index, name in enumerate(interfaces):
            link = links.get(index, LINKTYPE_RAW)
            options = _option(2, name.encode()) + _option(9, b"\x09") + _option(0, b"")
            file.write(_block(_IDB, struct.pack("<HHI", link, 0, 0) + options))
        for frame in listing:
            stamp = round(frame.at * 1_000_000_000)
            head = struct.pack(
                "<IIIII",
                frame.interface,
                stamp >> 32,
                stamp & 0xFFFFFFFF,
                len(frame.data),
                frame.length,
            )
            file.write(_block(_EPB, head + _padded(frame.data)))
    return len(listing)


def read_frames(path: Path) -> Iterator[Frame]:
    """Read pcap or pcapng, also gzipped.

    Args:
        path: file to read.

    Yields:
        Frames in the order of the file.

    Raises:
        UsageError: the file is missing, or is no capture; says at which octet it went wrong. A
            record that is cut off at the very end ends the file quietly: captures are often
            killed.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give a pcap or pcapng file") from error
    with raw:
        magic = raw.read(4)
        raw.seek(0)
        if magic[:2] == b"\x1f\x8b":
            with gzip.open(raw) as unpacked:
                yield from _read(io.BufferedReader(unpacked), path)
        else:
            yield from _read(raw, path)


def _read(file: BinaryIO, path: Path) -> Iterator[Frame]:
    magic = file.read(4)
    if len(magic) < 4:
        raise UsageError(f"{path}: empty; expected a pcap or pcapng file")
    if struct.unpack("<I", magic)[0] == _SHB:
        yield from _read_pcapng(file, path)
        return
    for order in "<>":
        unit = _PCAP_MAGIC.get(struct.unpack(order + "I", magic)[0])
        if unit is not None:
            yield from _read_pcap(file, order, unit, path)
            return
    raise UsageError(f"{path}: starts with {magic.hex()}; expected a pcap or pcapng file")


def _read_pcap(file: BinaryIO, order: str, unit: int, path: Path) -> Iterator[Frame]:
    head = file.read(20)
    if len(head) < 20:
        raise UsageError(f"{path}: cut off in the file header")
    link = struct.unpack(order + "HHiIII", head)[5] & 0xFFFF
    number = 0
    while len(record := file.read(16)) == 16:
        seconds, fraction, kept, length = struct.unpack(order + "IIII", record)
        if kept > _MAX_BLOCK:
            raise UsageError(
                f"{path}: record {number + 1} claims {kept} octets; the file is damaged"
            )
        data = file.read(kept)
        if len(data) < kept:
            return
        number += 1
        yield Frame(seconds + fraction / unit, link, data, length, 0, number)


def _read_pcapng(file: BinaryIO, path: Path) -> Iterator[Frame]:
    order, number = "<", 0
    interfaces: list[tuple[int, float]] = []
    kind = _SHB
    while True:
        if kind == _SHB:
            rest = file.read(8)
            if len(rest) < 8:
                return
            order = "<" if struct.unpack("<I", rest[4:])[0] == 0x1A2B3C4D else ">"
            length = struct.unpack(order + "I", rest[:4])[0]
            file.read(max(0, length - 12))
            interfaces = []
        else:
            size = file.read(4)
            if len(size) < 4:
                return
            length = struct.unpack(order + "I", size)[0]
            if not 12 <= length <= _MAX_BLOCK:
                raise UsageError(f"{path}: a block claims {length} octets; the file is damaged")
            body = file.read(length - 8)
            if len(body) < length - 8:
                return
            if kind == _IDB:
                interfaces.append(_interface(body, order))
            elif kind == _EPB and len(body) >= 20:
                number += 1
                yield _frame(body, order, interfaces, number, path)
        head = file.read(4)
        if len(head) < 4:
            return
        kind = struct.unpack(order + "I", head)[0]


def _interface(body: bytes, order: str) -> tuple[int, float]:
    link = struct.unpack(order + "H", body[:2])[0]
    unit, at = 1e-6, 8
    while at + 4 <= len(body) - 4:
        code, size = struct.unpack(order + "HH", body[at : at + 4])
        if code == 0:
            break
        if code == 9 and size >= 1:
            exponent = body[at + 4]
            unit = 2.0 ** -(exponent & 0x7F) if exponent & 0x80 else 10.0**-exponent
        at += 4 + (size + 3) // 4 * 4
    return link, unit


def _frame(
    body: bytes, order: str, interfaces: list[tuple[int, float]], number: int, path: Path
) -> Frame:
    index, high, low, kept, length = struct.unpack(order + "IIIII", body[:20])
    if index >= len(interfaces) or kept > len(body) - 20:
        raise UsageError(f"{path}: packet {number} refers to interface {index} or is too long")
    link, unit = interfaces[index]
    stamp = ((high << 32) | low) * unit
    return Frame(stamp, link, body[20 : 20 + kept], length, index, number)


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
