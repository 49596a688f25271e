"""Takes in octets as fast as they come, so that a capture loses nothing while they are read.

What the reader has not taken yet waits in memory, and beyond a limit in unnamed temporary files
that vanish with the process. Must not know what the octets mean.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MEMORY_OCTETS = 64 << 20
SEGMENT_OCTETS = 64 << 20
PIECE_OCTETS = 1 << 20


class _Segment:
    """An unnamed file that goes when no piece of it is wanted any more."""

    def __init__(self) -> None:
        self._descriptor, path = tempfile.mkstemp(prefix="phonerig-capture-")
        Path(path).unlink()
        self.octets = 0

    def append(self, data: bytes) -> _Stored:
        """Write a piece at the end."""
        stored = _Stored(self, self.octets, len(data))
        while data:
            written = os.pwrite(self._descriptor, data, self.octets)
            self.octets += written
            data = data[written:]
        return stored

    def read(self, offset: int, length: int) -> bytes:
        """Read a piece again."""
        return os.pread(self._descriptor, length, offset)

    def __del__(self) -> None:
        os.close(self._descriptor)


@dataclass(slots=True)
class _Stored:
    """A piece that is on disk."""

    segment: _Segment
    offset: int
    length: int


class Spool:
    """A pipe without a bottom; :class:`rig.capture.byte_window.Source` for its reader.

    Args:
        read: gives octets, at most so many; empty at the end. Called from a thread.
        memory_octets: how much may wait in memory.

    Attributes:
        failure: why reading ended before its time; None while it has not.
    """

    def __init__(
        self, read: Callable[[int], bytes], *, memory_octets: int = MEMORY_OCTETS
    ) -> None:
        self.failure: OSError | None = None
        self._read = read
        self._memory_octets = memory_octets
        self._pieces: deque[bytes | _Stored] = deque()
        self._in_memory = 0
        self._segment: _Segment | None = None
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._pump, name="capture spool", daemon=True)
        self._thread.start()

    def read1(self, size: int = PIECE_OCTETS, /) -> bytes:
        """Give a piece as soon as there is one; empty at the end."""
        del size  # no piece is longer than a reader asks for
        with self._changed:
            self._changed.wait_for(lambda: self._pieces or self._ended)
            if not self._pieces:
                return b""
            piece = self._pieces.popleft()
            if isinstance(piece, bytes):
                self._in_memory -= len(piece)
                return piece
        return piece.segment.read(piece.offset, piece.length)

    def join(self, timeout_s: float) -> bool:
        """Wait until nothing more comes in; says whether that is so."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _pump(self) -> None:
        try:
            while data := self._read(PIECE_OCTETS):
                self._put(data)
        except OSError as error:
            self.failure = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()

    def _put(self, data: bytes) -> None:
        piece: bytes | _Stored = data
        if self._in_memory + len(data) > self._memory_octets:
            piece = self._store(data)
        with self._changed:
            if isinstance(piece, bytes):
                self._in_memory += len(piece)
            self._pieces.append(piece)
            self._changed.notify()

    def _store(self, data: bytes) -> _Stored:
        if self._segment is None or self._segment.octets >= SEGMENT_OCTETS:
            self._segment = _Segment()
        return self._segment.append(data)
