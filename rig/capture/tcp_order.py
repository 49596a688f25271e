"""Gives the octets of one TCP direction in their order, each once.

Must not know what the octets mean. Takes segments as they were captured: out of order, sent
again, overlapping, across the wrap of the sequence number, with gaps that the capture has torn.
A gap is given up when the receiver has acknowledged it, when too much waits behind it, or when
nothing has filled it for a while; it is counted.

Source: RFC 9293 section 3.4 (sequence numbers) and 3.10.7.4 (trimming to the window).
"""

from __future__ import annotations

from collections.abc import Iterator

MAX_HELD = 256
"""Segments that may wait behind a gap; then the gap is taken for a loss of the capture."""

MAX_HELD_OCTETS = 4 << 20
MAX_WAIT_S = 10.0
"""A sender repeats what is missing well within this time."""
ACKED_WAIT_S = 1.0
"""How much later than its acknowledgement a segment may stand in a capture."""

Mark = tuple[int, float]
"""Number and instant of the frame that brought a segment."""

_MODULO = 1 << 32
_HALF = 1 << 31
_NO_MARK: Mark = (0, 0.0)


class SegmentOrder:
    """Orders the segments of one direction of one connection.

    Attributes:
        broken: the next run does not continue what was given before: a new connection, or octets
            are missing. Whoever takes the run clears it.
        mark: of the frame that made the last run available.
        gaps: how often octets were given up.
        missing: how many octets that were in all.
    """

    __slots__ = (
        "_expected",
        "_held",
        "_held_octets",
        "_initial",
        "_since",
        "broken",
        "gaps",
        "mark",
        "missing",
    )

    def __init__(self) -> None:
        self.broken = True
        self.mark = _NO_MARK
        self.gaps = 0
        self.missing = 0
        self._initial: int | None = None
        self._expected: int | None = None
        self._held: dict[int, tuple[bytes, Mark]] = {}
        self._held_octets = 0
        self._since = 0.0

    @property
    def waiting(self) -> bool:
        """Whether segments wait behind a gap."""
        return bool(self._held)

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
        self._held_octets = 0
        self.broken = True

    def add(self, sequence: int, payload: bytes, mark: Mark = _NO_MARK) -> Iterator[bytes]:
        """Take a segment; yields runs of octets that are next in order.

        Args:
            sequence: number of its first octet.
            payload: its octets.
            mark: of the frame that brought it.
        """
        if not payload:
            return
        if self._expected is None:
            self._expected = sequence
        if not self._held and sequence == self._expected:
            self._expected = (sequence + len(payload)) % _MODULO
            self.mark = mark
            yield payload
            return
        if not self._held:
            self._since = mark[1]
        earlier = self._held.get(sequence, (b"", mark))[0]
        if len(payload) > len(earlier):
            self._held[sequence] = (payload, mark)
            self._held_octets += len(payload) - len(earlier)
        yield from self._ready(mark)
        if self._held and (
            len(self._held) > MAX_HELD
            or self._held_octets > MAX_HELD_OCTETS
            or mark[1] - self._since > MAX_WAIT_S
        ):
            yield from self._after_gap(mark[1])

    def acknowledged(self, number: int, at: float) -> Iterator[bytes]:
        """Take an acknowledgement of the other side; yields what waited behind a gap.

        Args:
            number: the next octet that the receiver expects.
            at: instant of its capture, seconds.
        """
        if not self._held or at - self._since <= ACKED_WAIT_S:
            return
        if 0 < (number - (self._expected or 0)) % _MODULO < _HALF:
            yield from self._after_gap(at)

    def rest(self) -> Iterator[bytes]:
        """Everything that still waits behind gaps; for the end of a capture."""
        while self._held:
            yield from self._after_gap(0.0)

    def _after_gap(self, at: float) -> Iterator[bytes]:
        expected = self._expected or 0
        start = min(self._held, key=lambda begin: (begin - expected) % _MODULO)
        self.gaps += 1
        self.missing += (start - expected) % _MODULO
        self._expected = start
        self._since = at
        self.broken = True
        yield from self._ready(None)

    def _ready(self, mark: Mark | None) -> Iterator[bytes]:
        """Runs that are next; their mark is the given one, or each segment's own."""
        while (start := self._next_start()) is not None:
            data, own = self._held.pop(start)
            self._held_octets -= len(data)
            behind = ((self._expected or 0) - start) % _MODULO
            if behind < len(data):
                self._expected = (start + len(data)) % _MODULO
                self.mark = own if mark is None else mark
                yield data[behind:]

    def _next_start(self) -> int | None:
        expected = self._expected or 0
        if expected in self._held:
            return expected
        behind = (s for s in self._held if (expected - s) % _MODULO < _HALF)
        return next(behind, None)
