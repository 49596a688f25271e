"""One captured packet, wherever it was taken: the seam between taps and correlation."""

from __future__ import annotations

from dataclasses import dataclass

from rig.timeline import Address, Tap

PacketPath = tuple[Tap, int, Address, Address, bool | None]
"""Point of observation, interface, source, destination, direction of an endpoint's own tap."""


@dataclass(slots=True)
class CapturedPacket:
    """A UDP datagram or a run of TCP octets. Not frozen: a capture makes millions of them.

    Attributes:
        at: instant, seconds of :mod:`rig.clock`.
        tap: where it was taken.
        transport: ``UDP`` or ``TCP``.
        source: sender.
        destination: receiver.
        payload: octets above UDP or TCP.
        number: packet number in its capture, from 1.
        outbound: for an endpoint's own tap, whether it left (True) or arrived (False).
        truncated: the capture holds less than was on the wire.
        breaks: for TCP, the octets do not continue those before on the same path: a new
            connection, or the capture has lost some.
        interface: of a file or host with several; the same octets at two of them are two
            sightings of one transmission.
    """

    at: float
    tap: Tap
    transport: str
    source: Address
    destination: Address
    payload: bytes
    number: int = 0
    outbound: bool | None = None
    truncated: bool = False
    breaks: bool = False
    interface: int = 0

    @property
    def path(self) -> PacketPath:
        """Where it was seen, from whom to whom: the same octets again here are sent again."""
        return (self.tap, self.interface, self.source, self.destination, self.outbound)
