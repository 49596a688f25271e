"""WAV files: what is written is read, other kinds are read or refused by name."""

from __future__ import annotations

import contextlib
import struct
import wave
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.errors import UsageError
from rig.media.g711 import Law, decode
from rig.media.wav import from_wav, to_wav


def wav(
    kind: int, channels: int, rate: int, bits: int, data: bytes, *, extra: bytes = b""
) -> bytes:
    form = struct.pack("<HHIIHH", kind, channels, rate, rate * channels, channels, bits) + extra
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"LIST" + struct.pack("<I", 3) + b"abc\x00"
    chunks += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


@given(pcm=st.binary(max_size=400).map(lambda b: b[: len(b) & ~1]))
def test_round_trip(pcm):
    assert from_wav(to_wav(pcm)) == pcm


def test_the_standard_library_reads_it():
    with wave.open(BytesIO(to_wav(b"\x01\x02" * 100))) as opened:
        assert opened.getparams()[:4] == (1, 2, 8000, 100)
        assert opened.readframes(100) == b"\x01\x02" * 100


@pytest.mark.parametrize(("kind", "law"), [(6, Law.ALAW), (7, Law.ULAW)])
def test_g711_files_are_read(kind, law):
    assert from_wav(wav(kind, 1, 8000, 8, b"\x01\x80\xff")) == decode(b"\x01\x80\xff", law)


def test_extensible_format_is_read():
    extra = struct.pack("<HHI", 22, 16, 4) + struct.pack("<H", 1) + bytes(14)
    assert from_wav(wav(0xFFFE, 1, 8000, 16, b"abcd", extra=extra)) == b"abcd"


def test_a_file_cut_off_gives_what_there_is():
    assert from_wav(to_wav(b"abcdefgh")[:-3]) == b"abcd"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no RIFF/WAVE header"),
        (b"OggS" + bytes(40), "no RIFF/WAVE header"),
        (to_wav(b"")[:20], "fmt chunk of 0 octets"),
        (to_wav(b"")[:36], "without a data chunk"),
        (wav(1, 2, 8000, 16, b"abcd"), "2 channel"),
        (wav(1, 1, 44100, 16, b"abcd"), "44100 Hz"),
        (wav(85, 1, 8000, 16, b"abcd"), "format 85"),
    ],
)
def test_other_files_are_refused_by_name(content, said):
    with pytest.raises(UsageError, match=f"hello.wav.*{said}"):
        from_wav(content, name="hello.wav")


@given(content=st.binary(max_size=80))
def test_no_file_does_harm(content):
    whole = b"RIFF\x00\x00\x00\x00WAVEfmt " + content
    with contextlib.suppress(UsageError):
        assert len(from_wav(whole)) <= 2 * len(whole)
