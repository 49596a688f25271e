"""Reads capture files: pcap and pcapng, of either byte order, also gzipped, also from a pipe.

One pass from front to back with little memory, whatever the size. A record that is cut off at
the very end is no error, because captures are often killed, but it is told.

Source: draft-ietf-opsawg-pcapng (block formats), draft-ietf-opsawg-pcap (file header), and the
"modified" libpcap format with eight more octets a record.
"""

from __future__ import annotations

import gzip
import io
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rig.capture.byte_window import ByteWindow
from rig.capture.frame import Frame
from rig.capture.pcapng import EPB_FLAGS, INBOUND, OUTBOUND
from rig.errors import UsageError

STANDARD_INPUT = Path("-")

_SHB, _IDB, _EPB, _SPB, _OLD_PB = 0x0A0D0D0A, 1, 6, 3, 2
_SHB_BYTES = struct.pack("<I", _SHB)  # the same in both byte orders
_ORDER_MAGIC = 0x1A2B3C4D
_IF_TSRESOL, _IF_TSOFFSET = 9, 14
_MAX_BLOCK = 64 * 1024 * 1024
_PCAP_MAGIC = {
    0xA1B2C3D4: (1_000_000, 16),
    0xA1B23C4D: (1_000_000_000, 16),
    0xA1B2CD34: (1_000_000, 24),
}
"""Magic number: units of a second, octets of a record header."""

_MAX_UNITS_LOG2, _MAX_UNITS_LOG10 = 62, 18


def read_frames(path: Path) -> Iterator[Frame]:
    """Read pcap or pcapng, also gzipped.

    Args:
        path: file to read; ``-`` is standard input.

    Yields:
        Frames in the order of the file.

    Raises:
        UsageError: as :meth:`CaptureFile.frames`.
    """
    return CaptureFile(path).frames()


class CaptureFile:
    """One capture file or pipe, read once.

    Args:
        path: file to read; ``-`` is standard input.

    Attributes:
        path: as given.
        size: octets of the file; None for a pipe.
        cut_off: what the file ends in the middle of, in words; empty while it does not.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size: int | None = None
        self.cut_off = ""
        self._raw: io.BufferedReader | None = None

    @property
    def position(self) -> int:
        """Octets of the file that have been read, for a progress bar."""
        if self.size is None or self._raw is None or self._raw.closed:
            return 0
        return self._raw.tell()

    def frames(self) -> Iterator[Frame]:
        """Read all frames.

        Raises:
            UsageError: the file is missing, is no capture, or is damaged; says where. Frames
                before the damage have been given by then.
        """
        try:
            if self.path == STANDARD_INPUT:
                with open(sys.stdin.fileno(), "rb", closefd=False) as pipe:
                    yield from self._unpacked(pipe)
                return
            with self.path.open("rb") as raw:
                if raw.seekable():
                    self.size = self.path.stat().st_size
                yield from self._unpacked(raw)
        except (gzip.BadGzipFile, zlib.error) as error:
            raise UsageError(
                f"{self.path}: damaged gzip: {error}; unpack what is left of it"
            ) from error
        except PermissionError as error:
            raise UsageError(
                f"{self.path}: you may not read it; ask for the right (chmod a+r {self.path}), "
                "or read it as root"
            ) from error
        except OSError as error:
            raise UsageError(
                f"{self.path}: {error.strerror or error}; give a pcap or pcapng file"
            ) from error

    def _unpacked(self, raw: io.BufferedReader) -> Iterator[Frame]:
        self._raw = raw
        if raw.peek(2)[:2] != b"\x1f\x8b":
            yield from self.read(ByteWindow(raw))
            return
        with gzip.open(raw) as unpacked:
            yield from self.read(ByteWindow(_ToTheCut(unpacked, self)))

    def read(self, window: ByteWindow) -> Iterator[Frame]:
        """Read frames from octets that somebody else opened."""
        if not window.need(4):
            raise UsageError(f"{self.path}: empty; expected a pcap or pcapng file")
        magic = window.data[:4]
        if magic == _SHB_BYTES:
            return _PcapngReader(window, self).frames()
        for order in "<>":
            known = _PCAP_MAGIC.get(struct.unpack(order + "I", magic)[0])
            if known is not None:
                return self._read_pcap(window, order, *known)
        raise UsageError(f"{self.path}: starts with {magic.hex()}; expected a pcap or pcapng file")

    def _read_pcap(
        self, window: ByteWindow, order: str, unit: int, head_octets: int
    ) -> Iterator[Frame]:
        if not window.need(24):
            raise UsageError(f"{self.path}: cut off in the file header; capture again")
        link = struct.unpack_from(order + "I", window.data, 20)[0] & 0xFFFF
        window.at = 24
        unpack = struct.Struct(order + "IIII").unpack_from
        number = 0
        while True:
            at, data = window.at, window.data
            if at + head_octets > len(data):
                if not window.need(head_octets):
                    break
                at, data = window.at, window.data
            seconds, fraction, kept, length = unpack(data, at)
            start = at + head_octets
            if start + kept > len(data):
                if kept > _MAX_BLOCK:
                    raise UsageError(
                        f"{self.path}: record {number + 1} claims {kept} octets; the file is "
                        "damaged"
                    )
                if not window.need(head_octets + kept):
                    break
                start, data = window.at + head_octets, window.data
            window.at = start + kept
            number += 1
            yield Frame(
                seconds + fraction / unit, link, data[start : start + kept], length, 0, number
            )
        self.note_end(window, number)

    def note_end(self, window: ByteWindow, number: int) -> None:
        """Note whether octets are left that make no whole record."""
        if window.left and not self.cut_off:
            self.cut_off = (
                f"the file is cut off: {window.left} octets after packet {number} are no whole "
                "record"
            )


class _ToTheCut:
    """Reads a gzip stream that may have been cut off, up to the cut."""

    def __init__(self, unpacked: gzip.GzipFile, file: CaptureFile) -> None:
        self._unpacked = unpacked
        self._file = file

    def read1(self, size: int = -1, /) -> bytes:
        try:
            return self._unpacked.read1(size)
        except EOFError:
            self._file.cut_off = "the gzip file is cut off; what comes before the cut was read"
            return b""


@dataclass(frozen=True, slots=True)
class _Interface:
    link_type: int
    snap_length: int = 0
    units_per_s: int = 1_000_000
    offset_s: int = 0


class _PcapngReader:
    """Walks the blocks of one file; knows the byte order and interfaces of its section."""

    def __init__(self, window: ByteWindow, file: CaptureFile) -> None:
        self._window = window
        self._file = file
        self._order = "<"
        self._packet_head = struct.Struct("<IIIII").unpack_from
        self._interfaces: list[_Interface] = []
        self._number = 0
        self._last_at = 0.0

    def frames(self) -> Iterator[Frame]:
        """All packets."""
        window = self._window
        while window.need(8):
            data, at = window.data, window.at
            if data[at : at + 4] == _SHB_BYTES:
                if not window.need(12):
                    break
                data, at = window.data, window.at
                self._begin_section(data[at + 8 : at + 12])
            kind, length = struct.unpack_from(self._order + "II", data, at)
            least = 28 if kind == _SHB else 12
            if not least <= length <= _MAX_BLOCK or length % 4:
                raise self._damage(f"a block claims {length} octets")
            if not window.need(length):
                break
            data, at = window.data, window.at
            end = at + length
            if data[end - 4 : end] != data[at + 4 : at + 8]:
                raise self._damage(f"a block says {length} octets before and another length after")
            window.at = end
            try:
                frame = self._frame(kind, data, at + 8, end - 4)
            except struct.error as error:
                raise self._damage(f"a block of type {kind} is too short") from error
            if frame is not None:
                self._last_at = frame.at
                yield frame
        self._file.note_end(window, self._number)

    def _damage(self, what: str) -> UsageError:
        where = f"after packet {self._number}" if self._number else "before the first packet"
        return UsageError(f"{self._file.path}: {where} {what}; the file is damaged")

    def _begin_section(self, magic: bytes) -> None:
        orders = [o for o in "<>" if struct.unpack(o + "I", magic)[0] == _ORDER_MAGIC]
        if not orders:
            raise self._damage(f"a section has byte-order magic {magic.hex()}")
        self._order = orders[0]
        self._packet_head = struct.Struct(self._order + "IIIII").unpack_from
        self._interfaces = []

    def _frame(self, kind: int, data: bytes, at: int, end: int) -> Frame | None:
        if kind == _EPB:
            if end - at < 20:
                raise struct.error
            index, high, low, kept, length = self._packet_head(data, at)
            packet = data[at + 20 : end]
            frame = self._packet(index, high << 32 | low, packet, kept, length)
            if len(packet) - kept >= 8:  # a direction, a comment, or another option
                frame.outbound = self._direction(packet, kept)
            return frame
        body = data[at:end]
        if kind == _IDB:
            self._interfaces.append(self._interface(body))
        elif kind == _OLD_PB:
            index, _, high, low, kept, length = struct.unpack_from(self._order + "HHIIII", body)
            return self._packet(index, high << 32 | low, body[20:], kept, length)
        elif kind == _SPB:
            length = struct.unpack_from(self._order + "I", body)[0]
            snap = self._interfaces[0].snap_length if self._interfaces else 0
            return self._packet(0, None, body[4:], min(length, snap or length), length)
        return None

    def _packet(self, index: int, stamp: int | None, data: bytes, kept: int, length: int) -> Frame:
        self._number += 1
        if index >= len(self._interfaces) or kept > len(data):
            raise UsageError(
                f"{self._file.path}: packet {self._number} is of interface {index} and claims "
                f"{kept} octets; there are {len(self._interfaces)} interfaces and {len(data)} "
                "octets; the file is damaged"
            )
        interface = self._interfaces[index]
        at = self._last_at
        if stamp is not None:
            whole, part = divmod(stamp, interface.units_per_s)
            at = interface.offset_s + whole + part / interface.units_per_s
        return Frame(at, interface.link_type, data[:kept], length, index, self._number)

    def _options(self, body: bytes, at: int) -> Iterator[tuple[int, int, int]]:
        """Options of a block from an octet on: code, size, and where the value begins."""
        while at + 4 <= len(body):
            code, size = struct.unpack_from(self._order + "HH", body, at)
            if code == 0:
                break
            yield code, size, at + 4
            at += 4 + (size + 3) // 4 * 4

    def _direction(self, packet: bytes, kept: int) -> bool | None:
        for code, size, at in self._options(packet, (kept + 3) // 4 * 4):
            if code == EPB_FLAGS and size == 4 and at + 4 <= len(packet):
                way = struct.unpack_from(self._order + "I", packet, at)[0] & 3
                return way == OUTBOUND if way in {INBOUND, OUTBOUND} else None
        return None

    def _interface(self, body: bytes) -> _Interface:
        link, _, snap = struct.unpack_from(self._order + "HHI", body)
        units_per_s, offset_s = 1_000_000, 0
        for code, size, at in self._options(body, 8):
            if code == _IF_TSRESOL and size >= 1 and at < len(body):
                units_per_s = self._units(body[at])
            elif code == _IF_TSOFFSET and size == 8:
                offset_s = struct.unpack_from(self._order + "q", body, at)[0]
        return _Interface(link, snap, units_per_s, offset_s)

    def _units(self, resolution: int) -> int:
        exponent = resolution & 0x7F
        if resolution & 0x80 and exponent <= _MAX_UNITS_LOG2:
            return 1 << exponent
        if not resolution & 0x80 and exponent <= _MAX_UNITS_LOG10:
            return int(10**exponent)
        raise self._damage(f"an interface has time stamps of resolution {resolution:#x}")
