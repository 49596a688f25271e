"""Decides from which address a call's media is taken, and to which it is sent. Pure rules.

Symmetric RTP (RFC 4961): media goes back to where media comes from, because a phone behind an
address translation cannot say in SDP where it is. Whoever can send a packet to our port could
take a call over that way, so:

1. Only a valid packet counts: RTP of a negotiated payload type.
2. Nobody heard yet: the first source is taken.
3. The address that signalling named is always taken back from another.
4. Any other source is refused, unless the present one has been silent for ``SILENT_S`` and the
   newcomer goes on with its SSRC close to its sequence number for ``PROOFS`` packets in a row: a
   translation that changed its port. To do so without having seen the stream, one must guess 48
   bits.

Source: RFC 4961 section 3; RFC 7362 section 4 (latching and its dangers).
"""

from __future__ import annotations

from rig.timeline import Address

SILENT_S = 2.0
"""Silence of the present source after which another may take its place."""

PROOFS = 3
"""Packets in a row that the newcomer must send."""

_NEAR = 3000


class Latch:
    """Where the media of one call comes from.

    Attributes:
        told: address from signalling; None before, or on hold.
        source: whom we hear; None while nobody was heard.
        refused: packets of strangers.
        heard_at: when the last packet of the source was taken, seconds.
    """

    __slots__ = ("_candidate", "_proofs", "_sequence", "heard_at", "refused", "source", "told")

    def __init__(self) -> None:
        self.told: Address | None = None
        self.source: Address | None = None
        self.refused = 0
        self.heard_at = 0.0
        self._candidate: Address | None = None
        self._proofs = 0
        self._sequence = 0

    def tell(self, address: Address | None) -> None:
        """Signalling named an address; the same one again changes nothing.

        Args:
            address: None for hold.
        """
        if address is not None and address != self.told:
            self.source = None
            self._candidate = None
        if address is not None:
            self.told = address

    def admits(
        self, source: Address, at: float, *, known: int | None, ssrc: int, distance: int
    ) -> bool:
        """Judge a valid packet of a source that is not the present one; may make it that.

        Args:
            source: where it came from.
            at: when, seconds.
            known: SSRC that was heard so far; None for none.
            ssrc: of the packet.
            distance: its sequence number less the one expected, -32768 to 32767.

        Returns:
            Whether to take the packet.
        """
        if self.source is None or source == self.told:
            self._take(source, at)
            return True
        if at - self.heard_at >= SILENT_S and ssrc == known and abs(distance) < _NEAR:
            follows = source == self._candidate and distance > self._sequence
            self._proofs = self._proofs + 1 if follows else 1
            self._candidate, self._sequence = source, distance
            if self._proofs >= PROOFS:
                self._take(source, at)
                return True
        else:
            self._candidate = None
        self.refused += 1
        return False

    def _take(self, source: Address, at: float) -> None:
        self.source = source
        self.heard_at = at
        self._candidate = None
        self._proofs = 0
