"""Decides when a stream reports, and what. Sans-IO: packets and instants in, datagrams out.

Two members share a session: we and the far side. The interval is the deterministic one of RFC
3550 section 6.3.1 for 5 % of 64 kbit/s, at least 5 s (half of it before the first report),
drawn at random from half to one and a half of that and divided by e - 1.5. Reconsideration
(6.3.3) has nothing to reconsider while the number of members does not grow; a session that has
said nothing leaves without a goodbye (6.3.7).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from rig.media.reception import Reception
from rig.media.rtcp import (
    Cname,
    Goodbye,
    Report,
    ReportBlock,
    SenderInfo,
    middle_of,
    ntp_of,
    pack_compound,
    unpack_compound,
)

LEAST_INTERVAL_S = 5.0
"""Section 6.2: recommended minimum."""

_BANDWIDTH_OCTETS_PER_S = 0.05 * 64_000 / 8
_COMPENSATION = math.e - 1.5
_MEMBERS = 2
_UDP_IP_OCTETS = 28
_SHORT = 1 << 16


@dataclass(slots=True)
class FarSide:
    """What the far side's RTCP has told.

    Attributes:
        reports: sender and receiver reports taken.
        cname: its canonical name; empty before it was told.
        said_goodbye: a BYE came.
        last_block: its latest word on our stream; None before.
        round_trip_s: from that word; None when it cannot be told.
        bad: datagrams that were no lawful RTCP.
    """

    reports: int = 0
    cname: str = ""
    said_goodbye: bool = False
    last_block: ReportBlock | None = None
    round_trip_s: float | None = None
    bad: int = 0


@dataclass(frozen=True, slots=True)
class StreamBooks:
    """What there is to report at one instant.

    Attributes:
        timestamp: RTP timestamp of our stream at this instant.
        packets: RTP packets sent so far.
        octets: of payload, sent so far.
        source: whom we hear; None for nobody yet.
    """

    timestamp: int
    packets: int
    octets: int
    source: Reception | None


class RtcpSession:
    """The reporting of one stream.

    Args:
        ssrc: our own.
        cname: our canonical name; must not tell who calls (RFC 7022).
        uniform: draws a number from 0 to 1.

    Attributes:
        far: what the far side told.
        reports_sent: compound packets made so far.
    """

    def __init__(self, ssrc: int, cname: str, uniform: Callable[[], float]) -> None:
        self.far = FarSide()
        self.reports_sent = 0
        self._ssrc = ssrc
        self._cname = cname
        self._uniform = uniform
        self._average_octets = 100.0
        self._packets_told = 0
        self._quiet_reports = 2
        self._last_sr = 0
        self._last_sr_at = 0.0
        self._last_sr_ssrc = -1

    def interval_s(self) -> float:
        """How long to wait until the next report."""
        least = LEAST_INTERVAL_S if self.reports_sent else LEAST_INTERVAL_S / 2
        wanted = max(least, _MEMBERS * self._average_octets / _BANDWIDTH_OCTETS_PER_S)
        return wanted * (self._uniform() + 0.5) / _COMPENSATION

    def report(self, at: float, books: StreamBooks) -> bytes:
        """Make the compound packet that is due.

        A sender report when RTP was sent since the last two reports, else a receiver report.

        Args:
            at: now, seconds since 1970.
            books: what there is to report.
        """
        data = self._compound(at, books)
        self._note_size(data)
        self.reports_sent += 1
        return data

    def goodbye(self, at: float, books: StreamBooks) -> bytes:
        """Make the last packet; empty when we never sent anything."""
        if not books.packets and not self.reports_sent:
            return b""
        return self._compound(at, books) + Goodbye((self._ssrc,)).pack()

    def receive(self, data: bytes, at: float) -> bool:
        """Take a datagram of the far side.

        Args:
            data: the whole datagram.
            at: when it came, seconds since 1970.

        Returns:
            False when it is no lawful RTCP.
        """
        packets = unpack_compound(data)
        if packets is None:
            self.far.bad += 1
            return False
        self._note_size(data)
        for packet in packets:
            match packet:
                case Report():
                    self._take_report(packet, at)
                case Cname(name=name):
                    self.far.cname = name
                case Goodbye():
                    self.far.said_goodbye = True
        return True

    def _compound(self, at: float, books: StreamBooks) -> bytes:
        quiet = books.packets == self._packets_told
        self._quiet_reports = self._quiet_reports + 1 if quiet else 0
        self._packets_told = books.packets
        sender = None
        if books.packets and self._quiet_reports < 2:
            sender = SenderInfo(
                ntp_of(at), books.timestamp & 0xFFFFFFFF, books.packets, books.octets
            )
        blocks: tuple[ReportBlock, ...] = ()
        source = books.source
        if source is not None:
            known = self._last_sr_ssrc == source.ssrc
            delay = round((at - self._last_sr_at) * _SHORT) if known else 0
            blocks = (source.report(self._last_sr if known else 0, max(delay, 0)),)
        return pack_compound(Report(self._ssrc, sender, blocks), Cname(self._ssrc, self._cname))

    def _note_size(self, data: bytes) -> None:
        self._average_octets += (len(data) + _UDP_IP_OCTETS - self._average_octets) / 16

    def _take_report(self, report: Report, at: float) -> None:
        self.far.reports += 1
        if report.sender is not None:
            self._last_sr = middle_of(report.sender.ntp)
            self._last_sr_at = at
            self._last_sr_ssrc = report.ssrc
        for block in report.blocks:
            if block.ssrc == self._ssrc:
                self.far.last_block = block
                self.far.round_trip_s = _round_trip(block, at)


def _round_trip(block: ReportBlock, at: float) -> float | None:
    """Section 6.4.1: now less the last report less the delay in between."""
    if not block.last_sr:
        return None
    units = (middle_of(ntp_of(at)) - block.last_sr - block.delay) & 0xFFFFFFFF
    return units / _SHORT if units < 0x80000000 else None
