"""Turns 16-bit PCM into G.711 and back, by table.

PCM is 8 kHz mono, signed 16 bit in the machine's byte order, as :class:`bytes`. Decoding
is done by two byte translations and is cheap enough for thousands of streams; encoding is
a table look-up for each sample, so what is sent often is encoded once and kept.

Source: ITU-T G.711 (11/1988), tables 1a and 2a; RFC 3551 section 4.5.14 (PCMA, PCMU).
"""

from __future__ import annotations

import sys
from enum import IntEnum
from functools import cache

SAMPLE_RATE_HZ = 8000
"""Sampling rate of both laws and of every PCM value in this package."""

_ULAW_BIAS = 132
_ULAW_CLIP = 32635
_ALAW_CLIP = 32767


class Law(IntEnum):
    """The two laws, by their static RTP payload type (RFC 3551 table 4)."""

    ULAW = 0
    ALAW = 8


def decode(payload: bytes | bytearray, law: Law) -> bytes:
    """Turn G.711 octets into PCM.

    Args:
        payload: one octet per sample.
        law: which table.

    Returns:
        Two octets per octet of ``payload``.
    """
    low, high = _decode_translations(law)
    pcm = bytearray(2 * len(payload))
    first, second = (low, high) if sys.byteorder == "little" else (high, low)
    pcm[0::2] = payload.translate(first)
    pcm[1::2] = payload.translate(second)
    return bytes(pcm)


def encode(pcm: bytes, law: Law) -> bytes:
    """Turn PCM into G.711 octets.

    Args:
        pcm: an even number of octets; an odd last one is ignored.
        law: which table.

    Returns:
        One octet per sample.
    """
    whole = memoryview(pcm)[: len(pcm) & ~1].cast("H")
    return bytes(map(_encode_table(law).__getitem__, whole))


def silence(samples: int, law: Law) -> bytes:
    """Silence in G.711, e.g. to keep a stream alive.

    Args:
        samples: how many, at 8 kHz.
        law: which table.
    """
    return (b"\xff" if law is Law.ULAW else b"\xd5") * samples


def decode_sample(code: int, law: Law) -> int:
    """One octet to one signed 16-bit sample, by the formula of the law.

    Args:
        code: 0 to 255.
        law: which formula.
    """
    return _ulaw_to_linear(code) if law is Law.ULAW else _alaw_to_linear(code)


def encode_sample(sample: int, law: Law) -> int:
    """One signed 16-bit sample to one octet, by the formula of the law.

    Args:
        sample: -32768 to 32767.
        law: which formula.
    """
    return _linear_to_ulaw(sample) if law is Law.ULAW else _linear_to_alaw(sample)


def _ulaw_to_linear(code: int) -> int:
    inverted = ~code & 0xFF
    exponent = (inverted >> 4) & 7
    magnitude = (((inverted & 15) << 3) + _ULAW_BIAS << exponent) - _ULAW_BIAS
    return -magnitude if inverted & 0x80 else magnitude


def _alaw_to_linear(code: int) -> int:
    toggled = code ^ 0x55
    exponent = (toggled >> 4) & 7
    magnitude = ((toggled & 15) << 4) + 8
    if exponent:
        magnitude = magnitude + 256 << exponent - 1
    return magnitude if toggled & 0x80 else -magnitude


def _linear_to_ulaw(sample: int) -> int:
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _ULAW_CLIP) + _ULAW_BIAS
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> exponent + 3) & 15
    return ~(sign | exponent << 4 | mantissa) & 0xFF


def _linear_to_alaw(sample: int) -> int:
    sign = 0x80 if sample >= 0 else 0
    magnitude = min(sample if sample >= 0 else ~sample, _ALAW_CLIP)
    exponent = max(magnitude.bit_length() - 8, 0)
    mantissa = (magnitude >> (exponent + 3 if exponent else 4)) & 15
    return (sign | exponent << 4 | mantissa) ^ 0x55


@cache
def _decode_translations(law: Law) -> tuple[bytes, bytes]:
    values = [decode_sample(code, law) & 0xFFFF for code in range(256)]
    return bytes(v & 0xFF for v in values), bytes(v >> 8 for v in values)


@cache
def _encode_table(law: Law) -> bytes:
    """All 65536 codes, by the sample's bit pattern; made from one sample in four.

    Both laws are constant over each four samples from a multiple of four, and a negative
    sample differs from its mirror image in the sign bit alone.
    """
    steps = bytes(encode_sample(sample, law) for sample in range(0, 32768, 4))
    positive = bytearray(32769)
    for offset in range(4):
        positive[offset:32768:4] = steps
    positive[32768] = positive[32767]
    mirror = bytes(positive[:0:-1] if law is Law.ULAW else positive[32767::-1])
    return bytes(positive[:32768]) + mirror.translate(bytes(code ^ 0x80 for code in range(256)))
