"""A sliding window over a source of octets that may be a file, a pipe or a growing spool.

Records are read where they lie in the window, without a call for each field; that is what makes
reading a capture quick. Must not know what the octets mean.
"""

from __future__ import annotations

from typing import Protocol

CHUNK_OCTETS = 1 << 20


class Source(Protocol):
    """What octets come from."""

    def read1(self, size: int = ..., /) -> bytes:
        """Give what is there, at most ``size`` octets; empty only at the end."""
        ...


class ByteWindow:
    """Keeps the octets from the reader's place on.

    Attributes:
        data: octets that are in memory.
        at: the reader's place in them; the reader moves it.
    """

    __slots__ = ("_source", "at", "data")

    def __init__(self, source: Source) -> None:
        self._source = source
        self.data = b""
        self.at = 0

    @property
    def left(self) -> int:
        """Octets in memory that have not been read."""
        return len(self.data) - self.at

    def need(self, size: int) -> bool:
        """Have so many octets in memory from the reader's place on.

        A pipe gives what it has: nobody waits for more than was asked for.

        Args:
            size: how many.

        Returns:
            False when the source ends before; what there is stays in the window.
        """
        if len(self.data) - self.at >= size:
            return True
        pieces = [self.data[self.at :]]
        got = len(pieces[0])
        while got < size:
            piece = self._source.read1(max(CHUNK_OCTETS, size - got))
            if not piece:
                break
            pieces.append(piece)
            got += len(piece)
        self.data, self.at = b"".join(pieces), 0
        return got >= size
