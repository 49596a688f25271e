"""Recognises the rig's prompts in received audio.

Sans-IO: PCM goes in in any chunks, identifiers come out. Missing packets must be fed as
silence (:class:`rig.media.rtp.GapFiller`), because time carries the meaning.
"""

from __future__ import annotations

import math
from collections import deque
from operator import mul

from rig.media.g711 import SAMPLE_RATE_HZ
from rig.media.prompt_code import (
    ENOUGH_MATCHES,
    HIGH_HZ,
    LOW_HZ,
    SYMBOLS,
    number_from,
)
from rig.media.prompt_ids import prompt_id

_FRAME = 160
_FRAME_OCTETS = 2 * _FRAME
_WINDOW = 2 * SYMBOLS
_QUIET = 60.0**2 * _FRAME
_EXPLAINED = 0.8
_WEAKER_TONE = 0.12
_REST_FRAMES = 20

_Wave = tuple[tuple[float, ...], tuple[float, ...]]


def _wave(frequency_hz: int) -> _Wave:
    """Cosine and sine over a frame, scaled so that the squares' sum is the tone's energy."""
    step = 2 * math.pi * frequency_hz / SAMPLE_RATE_HZ
    scale = math.sqrt(2 / _FRAME)
    return (
        tuple(scale * math.cos(step * index) for index in range(_FRAME)),
        tuple(scale * math.sin(step * index) for index in range(_FRAME)),
    )


_LOW_WAVES = tuple(_wave(frequency) for frequency in LOW_HZ)
_HIGH_WAVES = tuple(_wave(frequency) for frequency in HIGH_HZ)


class PromptDetector:
    """Listens to one stream and names the prompts in it.

    Works through G.711, at levels down to -40 dB below full scale, with a few lost packets
    within a prompt, and with any alignment of the audio to the frames.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._frames: deque[int] = deque([-1] * _WINDOW, maxlen=_WINDOW)
        self._heard = 0
        self._last = ""
        self._wait = 0

    def feed(self, pcm: bytes) -> list[str]:
        """Take the next piece of audio.

        Args:
            pcm: 8 kHz, 16 bit, any number of samples.

        Returns:
            Identifiers of the prompts that are now recognised; a prompt is told about
            0.4 s after its beginning, before its last notes.
        """
        data = self._rest + pcm if self._rest else pcm
        found: list[str] = []
        whole = len(data) - len(data) % _FRAME_OCTETS
        for start in range(0, whole, _FRAME_OCTETS):
            prompt = self._frame(data[start : start + _FRAME_OCTETS])
            if prompt:
                found.append(prompt)
        self._rest = data[whole:]
        return found

    def _frame(self, data: bytes) -> str:
        symbol = symbol_in(data)
        frames = self._frames
        if frames[0] >= 0:
            self._heard -= 1
        frames.append(symbol)
        if symbol >= 0:
            self._heard += 1
        if self._wait:
            self._wait -= 1
        if self._heard < ENOUGH_MATCHES:
            return ""
        return self._identify()

    def _identify(self) -> str:
        values = list(self._frames)
        pairs = zip(values[0::2], values[1::2], strict=True)
        heard = [max(pair) if min(pair) in {-1, max(pair)} else -1 for pair in pairs]
        number = number_from(heard)
        prompt = "" if number is None else prompt_id(number)
        if not prompt or (self._wait and prompt == self._last):
            return ""
        self._last = prompt
        self._wait = _REST_FRAMES
        return prompt


def symbol_in(frame: bytes) -> int:
    """Say which symbol a 20 ms frame holds.

    Args:
        frame: 160 samples of PCM.

    Returns:
        0 to 15, or -1 for anything that is not clearly two tones, one of each group.
    """
    samples = memoryview(frame).cast("h").tolist()
    energy = sum(map(mul, samples, samples))
    if energy < _QUIET:
        return -1
    low, low_share = _strongest(samples, _LOW_WAVES, energy)
    if low_share < _WEAKER_TONE:
        return -1
    high, high_share = _strongest(samples, _HIGH_WAVES, energy)
    if high_share < _WEAKER_TONE or low_share + high_share < _EXPLAINED:
        return -1
    return low << 2 | high


def _strongest(samples: list[int], waves: tuple[_Wave, ...], energy: int) -> tuple[int, float]:
    best, most = 0, 0.0
    for index, (cosine, sine) in enumerate(waves):
        share = sum(map(mul, samples, cosine)) ** 2 + sum(map(mul, samples, sine)) ** 2
        if share > most:
            best, most = index, share
    return best, most / energy
