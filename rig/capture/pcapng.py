"""Writes capture files as pcapng.

Frames keep their bytes. The writer makes one interface per tap, so that a file from the
endpoints' own taps opens in Wireshark with each point of observation apart.

Source: draft-ietf-opsawg-pcapng (block formats; section 4.3.1, direction of a packet).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from rig.capture.frame import LINKTYPE_RAW, Frame
from rig.errors import UsageError

_SHB, _IDB, _EPB = 0x0A0D0D0A, 1, 6
_ORDER_MAGIC = 0x1A2B3C4D
_COMMENT, _IF_NAME, _IF_TSRESOL = 1, 2, 9
EPB_FLAGS = 2
INBOUND, OUTBOUND = 1, 2
"""Lowest two bits of the flags of a packet block; zero says nothing."""
_DIRECTION = {False: INBOUND, True: OUTBOUND}


def write_pcapng(
    path: Path, interfaces: Iterable[str], frames: Iterable[Frame], *, numbered: bool = False
) -> int:
    """Write a pcapng file.

    Args:
        path: file to write.
        interfaces: a name for each interface, by index; all are written as raw IP
            unless a frame of the interface says otherwise.
        frames: in order.
        numbered: say a frame's own number in a comment where it is not its place in the file.

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
            writer = PcapngWriter(file)
            for index, name in enumerate(interfaces):
                writer.interface(name, links.get(index, LINKTYPE_RAW))
            for place, frame in enumerate(listing, 1):
                named = numbered and frame.number != place
                writer.frame(frame, comment=f"packet {frame.number}" if named else "")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    return len(listing)


class PcapngWriter:
    """Writes block by block, for captures of any length.

    Args:
        file: open for writing; the caller closes it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.write(_block(_SHB, struct.pack("<IHHq", _ORDER_MAGIC, 1, 0, -1)))

    def interface(self, name: str, link_type: int) -> None:
        """Describe the next interface; the first has index 0."""
        options = _option(_IF_NAME, name.encode()) + _option(_IF_TSRESOL, b"\x09")
        head = struct.pack("<HHI", link_type, 0, 0)
        self._file.write(_block(_IDB, head + options + bytes(4)))

    def frame(self, frame: Frame, *, comment: str = "") -> None:
        """Write one frame of an interface that has been described."""
        self._file.write(_block(_EPB, _enhanced(frame, comment)))


def _enhanced(frame: Frame, comment: str) -> bytes:
    stamp = max(0, round(frame.at * 1_000_000_000))
    head = (frame.interface, stamp >> 32, stamp & 0xFFFFFFFF, len(frame.data), frame.length)
    block = struct.pack("<IIIII", *head) + _padded(frame.data)
    options = _option(_COMMENT, comment.encode()) if comment else b""
    if frame.outbound is not None:
        options += _option(EPB_FLAGS, struct.pack("<I", _DIRECTION[frame.outbound]))
    return block + options + bytes(4) if options else block


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
