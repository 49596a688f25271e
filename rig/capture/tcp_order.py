"""Gives the octets of one TCP direction in their order, each once.

Must not know what the octets mean. Takes segments as they were captured: out of order, sent
again, overlapping, across the wrap of the sequence number, with gaps that the capture has torn.

Source: RFC 9293 section 3.4 (sequence numbers) and 3.10.7.4 (trimming to the window).
"""

from __future__ import annotations

from collections.abc import Iterator

MAX_HELD = 256
"""Segments that may wait behind a gap; then the gap is taken for a loss of the capture."""

_MODULO = 1 << 32
_HALF = 1 << 31


class SegmentOrder:
    """Orders the segments of one direction of one connection.

    Attributes:
        broken: the next run does not continue what was given before: a new connection, or octets
            are missing. Whoever takes the run clears it.
    """

    def __init__(self) -> None:
        self.broken = True
        self._initial: int | None = None
        self._expected: int | None = None
        self._held: dict[int, bytes] = {}

    def begin(self, sequence: int) -> None:
        """Take a SYN: a new connection, unless it is the same SYN once more.

        Args:
            sequence: its sequence number; the first octet has the next one.
        """
        if sequence == self._initial:
            return
        self._initial = sequence
        self._expected = (sequence + 1) % _MODULO
        self._held.clear()
        self.broken = True

    def add(self, sequence: int, payload: bytes) -> Iterator[bytes]:
        """Take a segment; yields runs of octets that are next in order."""
        if not payload:
            return
        if self._expected is None:
            self._expected = sequence
        if len(payload) > len(self._held.get(sequence, b"")):
            self._held[sequence] = payload
        yield from self._ready()
        if len(self._held) > MAX_HELD:
            self._skip_gap()
            yield from self._ready()

    def rest(self) -> Iterator[bytes]:
        """Everything that still waits behind gaps; for the end of a capture."""
        while self._held:
            self._skip_gap()
            yield from self._ready()

    def _skip_gap(self) -> None:
        expected = self._expected or 0
        self._expected = min(self._held, key=lambda start: (start - expected) % _MODULO)
        self.broken = True

    def _ready(self) -> Iterator[bytes]:
        while (start := self._next_start()) is not None:
            data = self._held.pop(start)
            behind = ((self._expected or 0) - start) % _MODULO
            if behind < len(data):
                self._expected = (start + len(data)) % _MODULO
                yield data[behind:]

    def _next_start(self) -> int | None:
        expected = self._expected or 0
        if expected in self._held:
            return expected
        behind = (s for s in self._held if (expected - s) % _MODULO < _HALF)
        return next(behind, None)
