"""Finds telephone digits in audio: two tones at once, one of each group. Sans-IO.

Each window of 25 ms is correlated with the eight nominal frequencies (Goertzel's single bins,
as dot products). For the strongest of each group the spectrum half a bin below and above tells
the true frequency and power. A window shows a digit when both tones are
within limits of frequency, level and twist and hold nearly all of the energy: speech does not do
that twice in a row. The limits are data, see ``inband_limits.yaml``.

Source: ITU-T Q.23 (frequencies), Q.24 (receivers).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from importlib import resources
from operator import mul
from typing import Any

import yaml

from rig.media.g711 import SAMPLE_RATE_HZ

LOW_HZ = (697, 770, 852, 941)
"""Lower group: the row of the key."""

HIGH_HZ = (1209, 1336, 1477, 1633)
"""Upper group: the column of the key."""

KEYS = "123A456B789C*0#D"
"""Keys by row and column."""

FULL_SCALE_DBM0 = 3.14
"""Level of a sine that just reaches full scale (G.711, A-law)."""

_STEPS = 8
_LEAST_SHARE = 0.1
"""Of the energy, that the lower tone shows at its nominal frequency with the worst lawful twist
and as far off as is lawful: nothing is lost by looking no further below that."""

_LONGEST_TAIL = SAMPLE_RATE_HZ
_TAIL_GAP = SAMPLE_RATE_HZ // 4

_Wave = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class InbandLimits:
    """How the detector judges; see the data file."""

    window_samples: int
    hop_samples: int
    windows: int
    missed_windows: int
    frequency_percent: float
    level_dbm0: float
    twist_db: tuple[float, float]
    explained: float


def load_limits() -> tuple[InbandLimits, dict[str, Any]]:
    """Read the limits that come with the package: those of the detector, and Q.24's."""
    text = (resources.files("rig.media") / "inband_limits.yaml").read_text("utf-8")
    data = yaml.safe_load(text)
    own = data["detector"]
    twist = own.pop("twist_db")
    limits = InbandLimits(twist_db=tuple(twist), **own)
    return limits, data["q24"]


@cache
def _limits() -> InbandLimits:
    return load_limits()[0]


@cache
def _wave(frequency_hz: float, samples: int) -> _Wave:
    """Cosine and sine, scaled so that the squares' sum is the tone's energy."""
    step = 2 * math.pi * frequency_hz / SAMPLE_RATE_HZ
    scale = math.sqrt(2 / samples)
    return (
        tuple(scale * math.cos(step * index) for index in range(samples)),
        tuple(scale * math.sin(step * index) for index in range(samples)),
    )


class InbandDigits:
    """Listens to one stream for digits."""

    def __init__(self) -> None:
        self._limits = _limits()
        self._samples: list[int] = []
        self._candidate = ""
        self._hits = 0
        self._told = ""
        self._missed = 0

    def feed(self, pcm: bytes) -> list[tuple[str, float]]:
        """Take the next piece of audio.

        Args:
            pcm: 8 kHz, 16 bit, any number of samples; missing ones as silence.

        Returns:
            Digits that are now recognised, each with how long before the end of ``pcm`` its tone
            began, seconds, rather too early than too late.
        """
        limits = self._limits
        samples = self._samples
        samples.extend(memoryview(pcm).cast("h"))
        found: list[tuple[str, float]] = []
        start = 0
        while start + limits.window_samples <= len(samples):
            key = key_in(samples[start : start + limits.window_samples], limits)
            if self._is_new(key):
                began = start - limits.windows * limits.hop_samples
                found.append((key, (len(samples) - began) / SAMPLE_RATE_HZ))
            start += limits.hop_samples
        del samples[:start]
        return found

    def _is_new(self, key: str) -> bool:
        """Take note of a window; whether a digit is now certain that was not told yet."""
        limits = self._limits
        if key == self._told:
            self._missed = 0
        else:
            self._missed += 1
            if self._missed >= limits.missed_windows:
                self._told = ""
        self._hits = self._hits + 1 if key and key == self._candidate else int(bool(key))
        self._candidate = key
        if not key or key == self._told or self._hits < limits.windows:
            return False
        self._told = key
        self._missed = 0
        return True


def without_tone_tail(pcm: bytes) -> bytes:
    """Cut the tone of a key off the end of a recording.

    A phone that sends a digit by other means lets its tone into the audio as well, just before
    or, by SIP, some time before the digit is known.

    Args:
        pcm: 8 kHz, 16 bit.

    Returns:
        What is before the tone; all of it when no tone is within the last quarter of a second.
    """
    limits = _limits()
    samples = memoryview(pcm[-2 * _LONGEST_TAIL :]).cast("h").tolist()
    end = len(samples) - limits.window_samples
    cut, missed = len(samples), 0
    for start in range(end, -1, -limits.hop_samples):
        if key_in(samples[start : start + limits.window_samples], limits):
            cut, missed = start, 0
        else:
            missed += 1
            if missed > _TAIL_GAP // limits.hop_samples:
                break
    return pcm[: len(pcm) - 2 * (len(samples) - cut)]


def key_in(samples: list[int], limits: InbandLimits) -> str:
    """Say which key's tones a window holds.

    Args:
        samples: a whole window.
        limits: how to judge.

    Returns:
        One of :data:`KEYS`, or an empty string.
    """
    energy = sum(map(mul, samples, samples))
    least = _energy_of(limits.level_dbm0, len(samples))
    if energy < 2 * least:
        return ""
    row = _strongest(samples, LOW_HZ)
    if _power(samples, LOW_HZ[row]) < _LEAST_SHARE * energy:
        return ""
    column = _strongest(samples, HIGH_HZ)
    low = _fitted(samples, LOW_HZ[row], limits.frequency_percent)
    high = _fitted(samples, HIGH_HZ[column], limits.frequency_percent)
    if low < least or high < least or low + high < limits.explained * energy:
        return ""
    twist_db = 10 * math.log10(high / low)
    if not limits.twist_db[0] <= twist_db <= limits.twist_db[1]:
        return ""
    return KEYS[4 * row + column]


def _energy_of(level_dbm0: float, samples: int) -> float:
    """Energy of a window of one tone."""
    peak = 32768 * 10 ** ((level_dbm0 - FULL_SCALE_DBM0) / 20)
    return samples * peak * peak / 2


def _power(samples: list[int], frequency_hz: float) -> float:
    cosine, sine = _wave(frequency_hz, len(samples))
    real, imaginary = sum(map(mul, samples, cosine)), sum(map(mul, samples, sine))
    return float(real * real + imaginary * imaginary)


def _strongest(samples: list[int], group: tuple[int, ...]) -> int:
    powers = [_power(samples, frequency) for frequency in group]
    return powers.index(max(powers))


def _fitted(samples: list[int], nominal_hz: float, percent: float) -> float:
    """Energy of the tone near a frequency; 0 when its own frequency is too far off.

    Half a bin below and above, the spectrum of a tone that is ``x`` bins off has magnitudes in
    the ratio of ``1/2 - x`` to ``1/2 + x``, with opposite phases as long as the tone is between
    the two.
    """
    count = len(samples)
    bin_hz = SAMPLE_RATE_HZ / count
    below = _spectrum(samples, nominal_hz - bin_hz / 2)
    above = _spectrum(samples, nominal_hz + bin_hz / 2)
    low, high = abs(below), abs(above)
    if (above * below.conjugate()).real > 0:
        low, high = (low, -high) if low > high else (-low, high)
    if not low + high:
        return 0.0
    off = 0.5 * (high - low) / (high + low)
    if abs(off) * bin_hz > nominal_hz * percent / 100:
        return 0.0
    # Looked at where it is: a tone that fills part of the window has a wider lobe, and its
    # energy must not be guessed from the side of it.
    return _power(samples, nominal_hz + round(off * _STEPS) / _STEPS * bin_hz)


def _spectrum(samples: list[int], frequency_hz: float) -> complex:
    cosine, sine = _wave(frequency_hz, len(samples))
    return complex(sum(map(mul, samples, cosine)), -sum(map(mul, samples, sine)))
