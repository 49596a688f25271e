"""One captured packet, wherever it was taken: the seam between taps and correlation."""

from __future__ import annotations

from dataclasses import dataclass

from rig.timeline import Address, Tap

PacketPath = tuple[Tap, int, Address, Address, bool | None]
"""Point of observation, interface, source, destination, whether it left there or arrived."""

MAX_PATHS = 16_384


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
        outbound: whether it left where it was taken (True) or arrived there (False); None where
            nobody knows.
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


class OneEnd:
    """Lets packets through as one end of a path saw them, where both ends lie on one interface.

    A capture of two programs on one host, or of both ends in one process, holds each packet as it
    leaves and as it arrives. Whoever counts octets or packets wants each once.
    """

    def __init__(self) -> None:
        self._ends: dict[tuple[str, int, Address, Address], bool] = {}

    def takes(self, packet: CapturedPacket) -> bool:
        """Whether it was seen by that end of its path that was the first to see any."""
        outbound = packet.outbound
        if outbound is None:
            return True
        path = (packet.transport, packet.interface, packet.source, packet.destination)
        end = self._ends.get(path)
        if end is None:
            if len(self._ends) >= MAX_PATHS:
                del self._ends[next(iter(self._ends))]
            end = self._ends[path] = outbound
        return end is outbound
