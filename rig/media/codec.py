"""The speech codecs of the rig: G.711 of both laws by table, G.722 by libg722.

G.722 is there when its library is (``pip install phonerig[g722]``); without it nobody offers
or takes it.

All audio inside is 8 kHz, 16 bit. G.722 is a wideband codec: of what it carries only the lower
band is heard and made here, which is what a mailbox keeps anyway. Its RTP clock runs at 8000 Hz
for historical reasons, so every codec here has one timestamp unit per sample.

Source: RFC 3551 sections 4.5.2 (G722) and 4.5.14 (PCMA, PCMU), table 4 (payload types).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from enum import Enum
from importlib.util import find_spec
from typing import Protocol

from rig.errors import RigError
from rig.media import g711
from rig.media.g711 import SAMPLE_RATE_HZ, Law

_G722_BITS_PER_S = 64_000


class Codec(Enum):
    """A codec by its SDP encoding name.

    Attributes:
        static_payload: payload type that needs no rtpmap.
        law: of G.711; None for others.
    """

    PCMU = "PCMU"
    PCMA = "PCMA"
    G722 = "G722"

    static_payload: int
    law: Law | None

    def __init__(self, name: str) -> None:
        self.static_payload = {"PCMU": 0, "PCMA": 8, "G722": 9}[name]
        self.law = {"PCMU": Law.ULAW, "PCMA": Law.ALAW}.get(name)


HAS_G722 = find_spec("G722") is not None
"""Whether the library is installed."""

NAMES = tuple(codec.value for codec in Codec if codec.law is not None or HAS_G722)
"""What we can speak, as an SDP calls it."""

STATIC = {Codec[name].static_payload: Codec[name] for name in NAMES}
"""Codec by static payload type."""

G711_PAYLOADS = {0: Codec.PCMU, 8: Codec.PCMA}
"""What is taken where nothing else was agreed."""


class Decoder(Protocol):
    """Turns payloads of one stream into PCM, in order."""

    def decode(self, payload: bytes | bytearray) -> bytes:
        """PCM, 8 kHz, 16 bit."""
        ...


class Encoder(Protocol):
    """Turns PCM of one stream into payloads, in order."""

    def encode(self, pcm: bytes) -> bytes:
        """One octet for each sample."""
        ...


class _G711:
    """Both directions; keeps nothing."""

    def __init__(self, law: Law) -> None:
        self._law = law

    def decode(self, payload: bytes | bytearray) -> bytes:
        return g711.decode(payload, self._law)

    def encode(self, pcm: bytes) -> bytes:
        return g711.encode(pcm, self._law)


class _G722:
    """One direction of one stream: the predictor lives on from packet to packet."""

    def __init__(self) -> None:
        from G722 import G722  # noqa: PLC0415 - an extra; who gets here has it

        self._engine = G722(SAMPLE_RATE_HZ, _G722_BITS_PER_S)

    def decode(self, payload: bytes | bytearray) -> bytes:
        return self._engine.decode(bytes(payload)).tobytes() if payload else b""

    def encode(self, pcm: bytes) -> bytes:
        return bytes(self._engine.encode(array("h", pcm[: len(pcm) & ~1]))) if pcm else b""


def make_decoder(codec: Codec) -> Decoder:
    """A decoder for one stream."""
    return _G722() if codec.law is None else _G711(codec.law)


def make_encoder(codec: Codec) -> Encoder:
    """An encoder for one stream."""
    return _G722() if codec.law is None else _G711(codec.law)


def codec_of(payload_type: int, rtpmap: Sequence[tuple[int, str]] = ()) -> Codec:
    """The codec of a payload type.

    Args:
        payload_type: 0 to 127.
        rtpmap: payload types and encodings such as ``PCMA/8000``; static ones need none.

    Raises:
        RigError: it is none that we speak.
    """
    name = dict(rtpmap).get(payload_type, "").partition("/")[0].upper()
    if name in NAMES:
        return Codec[name]
    if not name and payload_type in STATIC:
        return STATIC[payload_type]
    raise RigError(
        f"RTP payload type {payload_type} ({name or 'no rtpmap'}) cannot be spoken; "
        f"offer one of {', '.join(NAMES)}"
    )
