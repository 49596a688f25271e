"""Tells sound from silence, frame by frame, straight from G.711 octets where there are some."""

from __future__ import annotations

from functools import cache

from rig.media.g711 import Law, decode_sample
from rig.media.rtp import SAMPLES_PER_PACKET
from rig.media.tones import SILENT_LEVEL, mean_level

_LEAST_LOUD = SAMPLES_PER_PACKET * 3 // 8
"""So many samples above the level are in a frame of speech whose mean is at the level: its
samples are distributed about as Laplace's curve, of which exp(-1) lies beyond the mean."""


def loud_frames(octets: bytes | bytearray, law: Law) -> list[bool]:
    """For each whole frame of 20 ms, whether it is louder than silence.

    Args:
        octets: G.711.
        law: which table.
    """
    flags = octets.translate(_loud_table(law))
    if not flags.count(1):
        return [False] * (len(flags) // SAMPLES_PER_PACKET)
    return [
        flags.count(1, start, start + SAMPLES_PER_PACKET) >= _LEAST_LOUD
        for start in range(0, len(flags) - SAMPLES_PER_PACKET + 1, SAMPLES_PER_PACKET)
    ]


def loud_pcm_frames(pcm: bytes | bytearray) -> list[bool]:
    """The same for PCM."""
    octets = 2 * SAMPLES_PER_PACKET
    whole = bytes(pcm)
    return [
        mean_level(whole[start : start + octets]) >= SILENT_LEVEL
        for start in range(0, len(whole) - octets + 1, octets)
    ]


@cache
def _loud_table(law: Law) -> bytes:
    return bytes(abs(decode_sample(code, law)) >= SILENT_LEVEL for code in range(256))
