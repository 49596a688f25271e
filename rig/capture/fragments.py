"""Puts the fragments of IP datagrams together, in whatever order they were captured.

Must not know what the datagrams carry. An INVITE with a few History-Info entries is longer than
an Ethernet frame, so fragments are everyday work for a capture of SIP over UDP.

Source: RFC 791 section 3.2 and RFC 8200 section 4.5 (reassembly).
"""

from __future__ import annotations

from dataclasses import dataclass, field

LIFETIME_S = 30.0
"""Pieces older than this no longer belong to a new piece with the same identification."""

MAX_DATAGRAMS = 1024
MAX_OCTETS = 65_535

FragmentKey = tuple[int, bool | None, str, str, int, int]
"""interface, which end saw it, source, destination, protocol, identification."""


@dataclass(slots=True)
class _Datagram:
    began_at: float
    pieces: dict[int, bytes] = field(default_factory=dict)
    end: int | None = None
    cut: bool = False

    def whole(self) -> bytes | None:
        """The payload, once no octet is missing."""
        if self.end is None:
            return None
        data = b""
        for offset in sorted(self.pieces):
            piece = self.pieces[offset]
            if offset > len(data):
                return None
            data += piece[len(data) - offset :]
        return data[: self.end] if len(data) >= self.end else None


class FragmentAssembler:
    """Collects pieces and hands out whole payloads.

    Attributes:
        lost: datagrams given up because pieces never came.
    """

    def __init__(self) -> None:
        self.lost = 0
        self._datagrams: dict[FragmentKey, _Datagram] = {}

    @property
    def pending(self) -> int:
        """Datagrams of which pieces are missing."""
        return len(self._datagrams)

    def add(
        self, key: FragmentKey, offset: int, payload: bytes, *, more: bool, at: float, cut: bool
    ) -> tuple[bytes, bool] | None:
        """Take one fragment.

        Args:
            key: what its datagram is known by.
            offset: octets before it in the payload, 0 to 65535.
            payload: its octets.
            more: whether fragments follow it in the datagram.
            at: instant of its capture, seconds.
            cut: the capture holds less of it than was on the wire.

        Returns:
            The whole payload and whether any piece was cut, or None while pieces are missing.
        """
        datagram = self._datagrams.get(key)
        if datagram is None or at - datagram.began_at > LIFETIME_S:
            self.lost += datagram is not None
            self._make_room()
            datagram = self._datagrams[key] = _Datagram(at)
        if offset + len(payload) > MAX_OCTETS or not payload:
            return None
        if len(payload) > len(datagram.pieces.get(offset, b"")):
            datagram.pieces[offset] = payload
        if not more:
            datagram.end = offset + len(payload)
        datagram.cut |= cut
        whole = datagram.whole()
        if whole is None:
            return None
        del self._datagrams[key]
        return whole, datagram.cut

    def _make_room(self) -> None:
        while len(self._datagrams) >= MAX_DATAGRAMS:
            self._datagrams.pop(next(iter(self._datagrams)))
            self.lost += 1
