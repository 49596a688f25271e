"""Judges the packets of one source: order, loss, jitter. Sans-IO.

Source: RFC 3550 appendix A.1 (sequence numbers), A.3 (loss), A.8 (jitter).
"""

from __future__ import annotations

import math

from rig.media.g711 import SAMPLE_RATE_HZ
from rig.media.rtcp import ReportBlock

MAX_DROPOUT = 3000
"""A jump forward of so many sequence numbers is a restart, not a loss."""

MAX_MISORDER = 100
"""A jump backward of so many is a restart, not a late packet."""

_JITTER_GAIN = 16
_MODULO = 1 << 16


class Reception:
    """The books of one source.

    Attributes:
        received: packets taken, repeated ones included (as the RFC counts).
        highest: extended highest sequence number.
        jitter: estimate in samples of 8 kHz.
        restarted: the numbers began anew; set back by whoever has taken note.
        ssrc: the source.
        transit: arrival less timestamp of the last packet, in samples; :class:`.RtpReceiver`
            keeps these books itself for packets that come in order.
    """

    __slots__ = (
        "_base",
        "_prior_expected",
        "_prior_received",
        "_restart",
        "highest",
        "jitter",
        "received",
        "restarted",
        "ssrc",
        "transit",
    )

    def __init__(self, ssrc: int, sequence: int) -> None:
        self.ssrc = ssrc
        self.received = 0
        self.jitter = 0.0
        self.restarted = False
        self.transit = -math.inf
        self._prior_expected = 0
        self._prior_received = 0
        self._begin(sequence)

    def _begin(self, sequence: int) -> None:
        self._base = sequence
        self.highest = sequence
        self._restart = -1

    def note(self, sequence: int) -> bool:
        """Take note of a packet.

        Args:
            sequence: 0 to 65535.

        Returns:
            False when it lies so far off that it counts only if the next one follows it.
        """
        distance = (sequence - self.highest) & 0xFFFF
        if distance < MAX_DROPOUT:
            self.highest += distance
        elif distance <= _MODULO - MAX_MISORDER:
            if sequence != self._restart:
                self._restart = (sequence + 1) & 0xFFFF
                return False
            self._begin(sequence)
            self.restarted = True
            self.received = 0
            self._prior_expected = self._prior_received = 0
        self.received += 1
        return True

    def arrived(self, at: float, timestamp: int) -> None:
        """Update the jitter.

        Args:
            at: when the packet came, seconds.
            timestamp: of the packet.
        """
        transit = at * SAMPLE_RATE_HZ - timestamp
        change = abs(transit - self.transit)
        if change < SAMPLE_RATE_HZ:  # a wrapped or leaping timestamp says nothing of jitter
            self.jitter += (change - self.jitter) / _JITTER_GAIN
        self.transit = transit

    @property
    def expected(self) -> int:
        """Packets that should have come."""
        return self.highest - self._base + 1

    @property
    def lost(self) -> int:
        """Packets that did not come; negative when more were repeated than lost."""
        return self.expected - self.received

    def report(self, last_sr: int = 0, delay: int = 0) -> ReportBlock:
        """The report block of now; the next one's fraction counts from here.

        Args:
            last_sr: middle of the NTP time in the source's last sender report; 0 for none.
            delay: since that came, in 1/65536 s.
        """
        expected, received = self.expected, self.received
        in_interval = expected - self._prior_expected
        lost = in_interval - (received - self._prior_received)
        self._prior_expected, self._prior_received = expected, received
        fraction = min((lost << 8) // in_interval, 255) if in_interval and lost > 0 else 0
        return ReportBlock(
            self.ssrc, fraction, self.lost, self.highest, int(self.jitter), last_sr, delay
        )
