"""Reads and writes capture files: pcapng (own writer), pcap and pcapng (own reader).

Frames keep their bytes. The writer makes one interface per tap, so that a file from the
endpoints' own taps opens in Wireshark with each point of observation apart.

Source: draft-ietf-opsawg-pcapng (block formats), the libpcap file format.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rig.errors import UsageError

LINKTYPE_NULL, LINKTYPE_ETHERNET, LINKTYPE_RAW = 0, 1, 101
LINKTYPE_LOOP, LINKTYPE_LINUX_SLL, LINKTYPE_IPV4, LINKTYPE_IPV6 = 108, 113, 228, 229
LINKTYPE_LINUX_SLL2 = 276

_SHB, _IDB, _EPB, _SPB, _OLD_PB = 0x0A0D0D0A, 1, 6, 3, 2
_SHB_BYTES = struct.pack("<I", _SHB)  # the same in both byte orders
_ORDER_MAGIC = 0x1A2B3C4D
_IF_NAME, _IF_TSRESOL, _IF_TSOFFSET = 2, 9, 14
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

    Raises:
        UsageError: the file cannot be written.
    """
    listing = list(frames)
    links: dict[int, int] = {}
    for frame in listing:
        links.setdefault(frame.interface, frame.link_type)
    try:
        with path.open("wb") as file:
            file.write(_block(_SHB, struct.pack("<IHHq", _ORDER_MAGIC, 1, 0, -1)))
            for index, name in enumerate(interfaces):
                link = links.get(index, LINKTYPE_RAW)
                options = _option(_IF_NAME, name.encode()) + _option(_IF_TSRESOL, b"\x09")
                file.write(_block(_IDB, struct.pack("<HHI", link, 0, 0) + options + bytes(4)))
            for frame in listing:
                file.write(_block(_EPB, _enhanced(frame)))
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    return len(listing)


def _enhanced(frame: Frame) -> bytes:
    stamp = max(0, round(frame.at * 1_000_000_000))
    head = (frame.interface, stamp >> 32, stamp & 0xFFFFFFFF, len(frame.data), frame.length)
    return struct.pack("<IIIII", *head) + _padded(frame.data)


def read_frames(path: Path) -> Iterator[Frame]:
    """Read pcap or pcapng, also gzipped.

    Args:
        path: file to read.

    Yields:
        Frames in the order of the file.

    Raises:
        UsageError: the file is missing, or is no capture; says what is damaged. A record that is
            cut off at the very end ends the file quietly: captures are often killed.
    """
    try:
        with path.open("rb") as raw:
            magic = raw.read(2)
            raw.seek(0)
            if magic != b"\x1f\x8b":
                yield from _read(raw, path)
                return
            with gzip.open(raw) as unpacked:
                yield from _read(_ToTheCut(unpacked), path)
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(f"{path}: damaged gzip: {error}; unpack what is left of it") from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give a pcap or pcapng file") from error


class _Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _ToTheCut:
    """Reads a gzip stream that may have been cut off, up to the cut."""

    def __init__(self, unpacked: gzip.GzipFile) -> None:
        self._unpacked = unpacked

    def read(self, size: int, /) -> bytes:
        data = b""
        try:
            while len(data) < size:
                piece = self._unpacked.read1(size - len(data))
                if not piece:
                    break
                data += piece
        except EOFError:
            return data
        return data


def _read(file: _Source, path: Path) -> Iterator[Frame]:
    magic = file.read(4)
    if len(magic) < 4:
        raise UsageError(f"{path}: empty; expected a pcap or pcapng file")
    if magic == _SHB_BYTES:
        yield from _PcapngReader(file, path).frames()
        return
    for order in "<>":
        unit = _PCAP_MAGIC.get(struct.unpack(order + "I", magic)[0])
        if unit is not None:
            yield from _read_pcap(file, order, unit, path)
            return
    raise UsageError(f"{path}: starts with {magic.hex()}; expected a pcap or pcapng file")


def _read_pcap(file: _Source, order: str, unit: int, path: Path) -> Iterator[Frame]:
    head = file.read(20)
    if len(head) < 20:
        raise UsageError(f"{path}: cut off in the file header; capture again")
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


@dataclass(frozen=True, slots=True)
class _Interface:
    link_type: int
    snap_length: int = 0
    units_per_s: int = 1_000_000
    offset_s: int = 0


class _PcapngReader:
    """Walks the blocks of one file; knows the byte order and interfaces of its section."""

    def __init__(self, file: _Source, path: Path) -> None:
        self._file = file
        self._path = path
        self._order = "<"
        self._interfaces: list[_Interface] = []
        self._number = 0
        self._last_at = 0.0

    def frames(self) -> Iterator[Frame]:
        """All packets; the magic of the first section has been read already."""
        head = _SHB_BYTES
        while len(head) == 4:
            kind = struct.unpack(self._order + "I", head)[0]
            body = self._section() if head == _SHB_BYTES else self._body()
            if body is None:
                return
            try:
                frame = self._frame(kind, body)
            except struct.error as error:
                raise self._damage(f"a block of type {kind} is too short") from error
            if frame is not None:
                self._last_at = frame.at
                yield frame
            head = self._file.read(4)

    def _damage(self, what: str) -> UsageError:
        where = f"after packet {self._number}" if self._number else "before the first packet"
        return UsageError(f"{self._path}: {where} {what}; the file is damaged")

    def _section(self) -> bytes | None:
        start = self._file.read(8)
        if len(start) < 8:
            return None
        orders = [o for o in "<>" if struct.unpack(o + "I", start[4:])[0] == _ORDER_MAGIC]
        if not orders:
            raise self._damage(f"a section has byte-order magic {start[4:].hex()}")
        self._order = orders[0]
        self._interfaces = []
        length = self._length(start[:4], 28)
        rest = self._file.read(length - 12)
        return b"" if len(rest) == length - 12 else None

    def _body(self) -> bytes | None:
        size = self._file.read(4)
        if len(size) < 4:
            return None
        length = self._length(size, 12)
        body = self._file.read(length - 8)
        if len(body) < length - 8:
            return None
        if body[-4:] != size:
            raise self._damage(f"a block says {length} octets before and another length after")
        return body[:-4]

    def _length(self, size: bytes, least: int) -> int:
        length: int = struct.unpack(self._order + "I", size)[0]
        if not least <= length <= _MAX_BLOCK or length % 4:
            raise self._damage(f"a block claims {length} octets")
        return length

    def _frame(self, kind: int, body: bytes) -> Frame | None:
        if kind == _IDB:
            self._interfaces.append(self._interface(body))
        elif kind == _EPB:
            index, high, low, kept, length = struct.unpack_from(self._order + "IIIII", body)
            return self._packet(index, (high, low), body[20:], kept, length)
        elif kind == _OLD_PB:
            index, _, high, low, kept, length = struct.unpack_from(self._order + "HHIIII", body)
            return self._packet(index, (high, low), body[20:], kept, length)
        elif kind == _SPB:
            length = struct.unpack_from(self._order + "I", body)[0]
            snap = self._interfaces[0].snap_length if self._interfaces else 0
            return self._packet(0, None, body[4:], min(length, snap or length), length)
        return None

    def _packet(
        self, index: int, stamp: tuple[int, int] | None, data: bytes, kept: int, length: int
    ) -> Frame:
        self._number += 1
        if index >= len(self._interfaces) or kept > len(data):
            raise UsageError(
                f"{self._path}: packet {self._number} is of interface {index} and claims {kept} "
                f"octets; there are {len(self._interfaces)} interfaces and {len(data)} octets; "
                "the file is damaged"
            )
        interface = self._interfaces[index]
        at = self._last_at
        if stamp is not None:
            whole, part = divmod((stamp[0] << 32) | stamp[1], interface.units_per_s)
            at = interface.offset_s + whole + part / interface.units_per_s
        return Frame(at, interface.link_type, data[:kept], length, index, self._number)

    def _interface(self, body: bytes) -> _Interface:
        link, _, snap = struct.unpack_from(self._order + "HHI", body)
        units_per_s, offset_s, at = 1_000_000, 0, 8
        while at + 4 <= len(body):
            code, size = struct.unpack_from(self._order + "HH", body, at)
            if code == 0:
                break
            if code == _IF_TSRESOL and size >= 1:
                exponent = body[at + 4] & 0x7F
                units_per_s = (2 if body[at + 4] & 0x80 else 10) ** exponent
            elif code == _IF_TSOFFSET and size == 8:
                offset_s = struct.unpack_from(self._order + "q", body, at + 4)[0]
            at += 4 + (size + 3) // 4 * 4
        return _Interface(link, snap, units_per_s, offset_s)


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
