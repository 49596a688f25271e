"""Makes tones and speech-like sound for callers, always the same for the same arguments."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from functools import cache, lru_cache
from operator import mul

from rig.media.g711 import SAMPLE_RATE_HZ

SILENT_LEVEL = 180
"""Mean absolute sample below which nobody speaks; about -45 dB below full scale."""

_RAMP_S = 0.002
_SPEECH_PERIOD_S = 2.0
_FRAME_S = 0.01
_POINTS = 80
_HARMONICS = 20


def tone(frequencies_hz: Sequence[float], duration_s: float, *, amplitude: int = 6000) -> bytes:
    """Several sine waves at once, with soft edges so that they do not click.

    Args:
        frequencies_hz: each below 4000.
        duration_s: length; soft edges of 2 ms are within it.
        amplitude: peak of each wave; the sum must stay below 32767.

    Returns:
        PCM.
    """
    count = round(duration_s * SAMPLE_RATE_HZ)
    ramp = max(int(_RAMP_S * SAMPLE_RATE_HZ), 1)
    steps = [2 * math.pi * frequency / SAMPLE_RATE_HZ for frequency in frequencies_hz]
    samples = array("h", bytes(2 * count))
    for index in range(count):
        edge = min(1.0, (index + 1) / ramp, (count - index) / ramp)
        total = sum(math.sin(step * index) for step in steps)
        samples[index] = int(amplitude * edge * total)
    return samples.tobytes()


def chime(frequencies_hz: Sequence[float], duration_s: float, *, amplitude: int = 8000) -> bytes:
    """Notes one after the other, each dying away like a struck bar.

    Args:
        frequencies_hz: one per note.
        duration_s: of the whole phrase.
        amplitude: peak at the beginning of a note.
    """
    each = round(duration_s * SAMPLE_RATE_HZ / len(frequencies_hz))
    ramp = int(_RAMP_S * SAMPLE_RATE_HZ)
    samples = array("h")
    for frequency in frequencies_hz:
        step = 2 * math.pi * frequency / SAMPLE_RATE_HZ
        for index in range(each):
            edge = min(1.0, index / ramp) * (1 - index / each) ** 2
            samples.append(int(amplitude * edge * math.sin(step * index)))
    return samples.tobytes()


def silence(duration_s: float) -> bytes:
    """Silence as PCM."""
    return bytes(2 * round(duration_s * SAMPLE_RATE_HZ))


@lru_cache(maxsize=32)
def speech(duration_s: float) -> bytes:
    """Sound with the rhythm and spectrum of speech: what a caller of the rig says.

    Voiced syllables at about four a second with moving formants, hissing consonants and
    short pauses. It begins at once, and holds neither prompts nor digits.

    Args:
        duration_s: length, more than 0.

    Returns:
        PCM; the same for the same length.
    """
    wanted = 2 * round(duration_s * SAMPLE_RATE_HZ)
    period = _speech_period()
    return (period * (wanted // len(period) + 1))[:wanted]


def mean_level(pcm: bytes) -> int:
    """Mean absolute value of the samples: how loud it is.

    Returns:
        0 to 32768; compare with :data:`SILENT_LEVEL`.
    """
    samples = memoryview(pcm).cast("h")
    return sum(map(abs, samples)) // len(samples) if samples else 0


@cache
def _speech_period() -> bytes:
    """Two seconds of it, frame by frame: one pitch period drawn from the formants, repeated."""
    samples = array("h")
    noise, phase = 1, 0.0
    waves = [
        [math.sin(2 * math.pi * harmonic * point / _POINTS) for harmonic in range(1, _HARMONICS)]
        for point in range(_POINTS)
    ]
    for frame in range(round(_SPEECH_PERIOD_S / _FRAME_S)):
        at = frame * _FRAME_S
        syllable = (at * 4) % 1
        pitch = 118 + 22 * math.sin(2 * math.pi * at / _SPEECH_PERIOD_S)
        formants = (550 + 200 * math.sin(7 * at), 1450 + 500 * math.sin(5 * at + 1))
        strengths = [
            sum(math.exp(-(((harmonic * pitch - formant) / 160) ** 2)) for formant in formants)
            for harmonic in range(1, _HARMONICS)
        ]
        loudness = math.sin(math.pi * (syllable + 0.1)) ** 0.5 if syllable < 0.85 else 0.05
        period = [4700 * loudness * sum(map(mul, wave, strengths)) for wave in waves]
        hiss = 6000 if syllable < 0.12 else 200
        step = pitch * _POINTS / SAMPLE_RATE_HZ
        for _ in range(round(_FRAME_S * SAMPLE_RATE_HZ)):
            noise = (noise * 1_103_515_245 + 12_345) & 0x7FFFFFFF
            phase = (phase + step) % _POINTS
            samples.append(int(period[int(phase)] + hiss * (noise / 0x7FFFFFFF - 0.5)))
    return samples.tobytes()
