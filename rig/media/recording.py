"""Keeps the audio that arrives on one stream, as it arrives, on a line of time.

G.711 stays in octets until somebody asks for PCM: a thousand recordings at a time cost a copy
of 160 octets per packet and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rig.media import g711
from rig.media.g711 import SAMPLE_RATE_HZ, Law
from rig.media.loudness import loud_frames, loud_pcm_frames
from rig.media.rtp import SAMPLES_PER_PACKET, timestamp_distance

_LONGEST_PAUSE = 600 * SAMPLE_RATE_HZ
_LEAST_NEW_SOURCE_PAUSE = 2 * SAMPLES_PER_PACKET
_MODULO = 1 << 32


@dataclass(slots=True)
class _Part:
    """What came in one encoding.

    Attributes:
        law: of G.711; None for PCM.
        octets: one per sample, or two.
    """

    law: Law | None
    octets: bytearray = field(default_factory=bytearray)

    @property
    def samples(self) -> int:
        return len(self.octets) if self.law is not None else len(self.octets) // 2

    def add_silence(self, samples: int) -> None:
        self.octets += bytes(2 * samples) if self.law is None else g711.silence(samples, self.law)

    def pcm(self) -> bytes:
        return bytes(self.octets) if self.law is None else g711.decode(self.octets, self.law)


class Recording:
    """The audio that arrives while it runs.

    A hole is filled with silence, so that times stay right; a hole of more than ten minutes is
    shortened to that. After a change of source the clock says how long the hole was.

    Attributes:
        packets: audio packets taken.
        digit_at_s: where the last digit began, seconds from the beginning; None for none.
    """

    __slots__ = (
        "_last_at",
        "_next",
        "_part",
        "_parts",
        "_seen",
        "_ssrc",
        "digit_at_s",
        "packets",
    )

    def __init__(self) -> None:
        self.packets = 0
        self.digit_at_s: float | None = None
        self._part = _Part(Law.ULAW)
        self._parts = [self._part]
        self._next = 0
        self._ssrc = -1
        self._last_at = 0.0
        self._seen = 0

    def add(
        self, timestamp: int, ssrc: int, payload: bytes | bytearray, law: Law | None, at: float
    ) -> None:
        """Append a packet's audio, after silence for what is missing.

        Args:
            timestamp: of the packet; packets come in order.
            ssrc: source.
            payload: G.711 octets, or PCM.
            law: of G.711; None for PCM.
            at: when it came, seconds.
        """
        part = self._part
        if timestamp != self._next or ssrc != self._ssrc or law is not part.law:
            gap = self._gap(timestamp, ssrc, len(payload), at)
            if gap < 0:
                return
            part = self._part_for(law)
            if gap:
                part.add_silence(gap)
            self._ssrc = ssrc
        self.packets += 1
        self._last_at = at
        part.octets += payload
        samples = len(payload) if law is not None else len(payload) // 2
        self._next = (timestamp + samples) % _MODULO

    def mark_digit(self, at_s: float) -> None:
        """Remember where a digit began.

        Args:
            at_s: seconds from the beginning; outside of the recording is put to its ends.
        """
        self.digit_at_s = max(0.0, min(at_s, self.duration_s))

    def mark_digit_timestamp(self, timestamp: int) -> None:
        """Remember where a digit began, by the RTP timestamp of its event."""
        behind = timestamp_distance(self._next, timestamp) / SAMPLE_RATE_HZ
        self.mark_digit(self.duration_s - (behind if self.packets else 0.0))

    def new_frames(self) -> list[bool]:
        """For each whole frame of 20 ms since the last call, whether it is louder than silence.

        The grid of frames begins anew where the encoding changes.
        """
        found: list[bool] = []
        position = 0
        for part in self._parts:
            samples = part.samples
            start = max(0, self._seen - position)
            whole = start + (samples - start) // SAMPLES_PER_PACKET * SAMPLES_PER_PACKET
            if whole > start:
                if part.law is None:
                    found += loud_pcm_frames(part.octets[2 * start : 2 * whole])
                else:
                    found += loud_frames(part.octets[start:whole], part.law)
                self._seen = position + whole
            position += samples
            if part is not self._part:
                self._seen = max(self._seen, position)
        return found

    @property
    def seen_s(self) -> float:
        """How far :meth:`new_frames` has looked, seconds from the beginning."""
        return self._seen / SAMPLE_RATE_HZ

    @property
    def pcm(self) -> bytes:
        """What was recorded so far."""
        return b"".join(part.pcm() for part in self._parts)

    @property
    def duration_s(self) -> float:
        """Length so far, seconds."""
        return sum(part.samples for part in self._parts) / SAMPLE_RATE_HZ

    def _gap(self, timestamp: int, ssrc: int, octets: int, at: float) -> int:
        """Samples that are missing before a packet; negative for one that is too late."""
        if self._ssrc < 0:
            return 0
        if ssrc == self._ssrc:
            gap = timestamp_distance(timestamp, self._next)
            if -_LONGEST_PAUSE < gap < 0:
                return -1
            return min(max(gap, 0), _LONGEST_PAUSE)
        # Another clock: only the time of arrival tells how long nothing came.
        passed = round((at - self._last_at) * SAMPLE_RATE_HZ) - min(octets, SAMPLES_PER_PACKET)
        return min(passed, _LONGEST_PAUSE) if passed >= _LEAST_NEW_SOURCE_PAUSE else 0

    def _part_for(self, law: Law | None) -> _Part:
        if self._part.law is not law:
            if self._part.octets:
                self._part = _Part(law)
                self._parts.append(self._part)
            else:
                self._part.law = law
        return self._part
