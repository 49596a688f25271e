"""Keeps the packets of one run in order, whoever takes them, and numbers them.

The endpoints' own taps call :meth:`PacketRecorder.tap`; a wire capture calls
:meth:`PacketRecorder.add`. Numbers are those of the exported pcapng. Of a wire, SIP and media
are kept and nothing else: handsets fetch their passwords over the same wire.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rig.capture.content import Content, ContentSorter
from rig.capture.packet import CapturedPacket
from rig.timeline import Address, CaptureHealth, Tap

PacketTap = Callable[[str, Address, Address, bytes, bool, float], None]
"""transport, source, destination, payload, outbound, instant."""

MAX_PACKETS = 2_000_000
MAX_OCTETS = 1 << 29


class PacketRecorder:
    """Collects packets of one run.

    Attributes:
        packets: in the order in which they were taken.
        limit: most packets kept; more are counted as dropped, never silently lost.
        limit_octets: most octets kept, likewise.
        passed_over: packets of the wire that are neither SIP nor media.
    """

    def __init__(self, *, limit: int = MAX_PACKETS, limit_octets: int = MAX_OCTETS) -> None:
        self.packets: list[CapturedPacket] = []
        self.limit = limit
        self.limit_octets = limit_octets
        self.passed_over = 0
        self._octets = 0
        self._sorter = ContentSorter()
        self._taken: dict[Tap, int] = {}
        self._dropped: dict[Tap, int] = {}
        self._stopped: dict[Tap, str] = {}

    def tap(self, tap: Tap) -> PacketTap:
        """Make the callback for one endpoint's own tap.

        Args:
            tap: the point of observation that the packets are labelled with.
        """

        def take(
            transport: str,
            source: Address,
            destination: Address,
            payload: bytes,
            outbound: bool,  # noqa: FBT001 - the signature is the endpoint's tap contract
            at: float,
        ) -> None:
            self.add(
                CapturedPacket(
                    at=at,
                    tap=tap,
                    transport=transport,
                    source=source,
                    destination=destination,
                    payload=payload,
                    outbound=outbound,
                )
            )

        return take

    def add(self, packet: CapturedPacket) -> None:
        """Take one packet, unless its tap has been stopped."""
        if packet.tap in self._stopped:
            return
        if packet.tap is not Tap.WIRE:
            self._keep(packet)
            return
        for content, decided in self._sorter.sort(packet):
            if content in {Content.OTHER, Content.FETCH}:
                self.passed_over += 1
                continue
            self._keep(decided)
            if decided.truncated:
                self.lost(decided.tap, 1)

    def _keep(self, packet: CapturedPacket) -> None:
        octets = self._octets + len(packet.payload)
        if len(self.packets) >= self.limit or octets > self.limit_octets:
            self.lost(packet.tap, 1)
            return
        self._octets = octets
        self._taken[packet.tap] = self._taken.get(packet.tap, 0) + 1
        self.packets.append(replace(packet, number=len(self.packets) + 1))

    def lost(self, tap: Tap, count: int) -> None:
        """Account for packets that a tap could not take."""
        self._dropped[tap] = self._dropped.get(tap, 0) + count

    def stop(self, tap: Tap, reason: str) -> None:
        """Note that a tap ended; nothing more is taken from it."""
        self._stopped.setdefault(tap, reason)

    def health(self, taps: frozenset[Tap], at: float) -> list[CaptureHealth]:
        """Whether each tap saw everything up to now.

        Args:
            taps: those that the run relies on.
            at: now.
        """
        return [
            CaptureHealth(
                at=at,
                tap=tap,
                packets=self._taken.get(tap, 0),
                dropped=self._dropped.get(tap, 0),
                running=tap not in self._stopped,
                note=self._stopped.get(tap, ""),
            )
            for tap in sorted(taps)
        ]
