"""Reads and writes WAV files of 8 kHz mono audio, whole in memory.

Source: Microsoft/IBM RIFF WAVE; RFC 2361 (codec registry: 1 PCM, 6 A-law, 7 mu-law).
"""

from __future__ import annotations

import struct
import sys
from array import array

from rig.errors import UsageError
from rig.media.g711 import SAMPLE_RATE_HZ, Law, decode

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_CHUNK = struct.Struct("<4sI")
_FORMAT = struct.Struct("<HHIIHH")
_PCM = 1
_EXTENSIBLE = 0xFFFE
_LAWS = {6: Law.ALAW, 7: Law.ULAW}


def to_wav(pcm: bytes) -> bytes:
    """Wrap audio in a WAV file.

    Args:
        pcm: 8 kHz mono, 16 bit.

    Returns:
        The whole file.
    """
    data = _little_endian(pcm)
    size = len(data)
    return (
        _HEADER.pack(
            b"RIFF",
            36 + size,
            b"WAVE",
            b"fmt ",
            16,
            _PCM,
            1,
            SAMPLE_RATE_HZ,
            2 * SAMPLE_RATE_HZ,
            2,
            16,
            b"data",
            size,
        )
        + data
    )


def law_to_wav(octets: bytes, law: Law) -> bytes:
    """Wrap G.711 in a WAV file: half the size.

    Args:
        octets: one per sample, 8 kHz mono.
        law: which table.

    Returns:
        The whole file.
    """
    kind = next(kind for kind, known in _LAWS.items() if known is law)
    form = _FORMAT.pack(kind, 1, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ, 1, 8) + b"\0\0"
    chunks = (
        _CHUNK.pack(b"fmt ", len(form))
        + form
        + _CHUNK.pack(b"fact", 4)
        + len(octets).to_bytes(4, "little")
        + _CHUNK.pack(b"data", len(octets))
        + octets
        + b"\0" * (len(octets) % 2)
    )
    return b"RIFF" + (4 + len(chunks)).to_bytes(4, "little") + b"WAVE" + chunks


def from_wav(content: bytes, *, name: str = "WAV data") -> bytes:
    """Take the audio out of a WAV file.

    Args:
        content: the whole file; PCM of 16 bits, A-law or mu-law; 8 kHz mono.
        name: of the file, for the message.

    Returns:
        PCM. A data chunk that says more than there is (a recorder that was killed) gives
        what there is.

    Raises:
        UsageError: it is no WAV file, or of another kind; says which.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise UsageError(f"{name}: not a WAV file (no RIFF/WAVE header); convert it first")
    position, law, known = 12, None, False
    while position + _CHUNK.size <= len(content):
        kind, size = _CHUNK.unpack_from(content, position)
        position += _CHUNK.size
        body = content[position : position + size]
        if kind == b"fmt ":
            law, known = _law(body, name), True
        elif kind == b"data" and known:
            whole = body if law is not None else body[: len(body) & ~1]
            return decode(whole, law) if law is not None else _little_endian(whole)
        position += size + size % 2
    raise UsageError(f"{name}: WAV file without a data chunk after its fmt chunk")


def _law(body: bytes, name: str) -> Law | None:
    if len(body) < _FORMAT.size:
        raise UsageError(f"{name}: WAV fmt chunk of {len(body)} octets; expected 16 or more")
    kind, channels, rate, _, _, bits = _FORMAT.unpack_from(body)
    if kind == _EXTENSIBLE and len(body) >= 26:
        kind = int.from_bytes(body[24:26], "little")
    wanted_bits = 8 if kind in _LAWS else 16
    if (kind != _PCM and kind not in _LAWS) or (channels, rate, bits) != (
        1,
        SAMPLE_RATE_HZ,
        wanted_bits,
    ):
        raise UsageError(
            f"{name}: WAV format {kind}, {channels} channel(s), {rate} Hz, {bits} bits; "
            "expected PCM 16 bits, A-law or mu-law, mono, 8000 Hz. Convert it, e.g. with "
            "sox IN -r 8000 -c 1 -b 16 OUT"
        )
    return _LAWS.get(kind)


def _little_endian(pcm: bytes) -> bytes:
    """Swap octets on a machine where PCM in memory is not what a file holds."""
    if sys.byteorder == "little":
        return pcm
    samples = array("h", pcm)
    samples.byteswap()
    return samples.tobytes()
