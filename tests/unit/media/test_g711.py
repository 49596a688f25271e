"""G.711 against the values of the Recommendation and against its own tables."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.media.g711 import Law, decode, decode_sample, encode, encode_sample, silence

# ITU-T G.711 tables 1a and 2a: character signals after the even-bit or full inversion of
# the wire, and their decoder output values scaled to 16 bits.
KNOWN = [
    (Law.ULAW, 0xFF, 0),
    (Law.ULAW, 0x80, 32124),
    (Law.ULAW, 0x00, -32124),
    (Law.ULAW, 0xF0, 120),
    (Law.ULAW, 0x8F, 16764),
    (Law.ALAW, 0xD5, 8),
    (Law.ALAW, 0x55, -8),
    (Law.ALAW, 0xAA, 32256),
    (Law.ALAW, 0x2A, -32256),
    (Law.ALAW, 0x80, 5504),
]


@pytest.mark.parametrize(("law", "code", "value"), KNOWN)
def test_known_values(law, code, value):
    assert decode_sample(code, law) == value
    assert encode_sample(value, law) == code


@pytest.mark.parametrize("law", list(Law))
def test_tables_agree_with_the_formulas(law):
    every = array("h", range(-32768, 32768))
    assert encode(every.tobytes(), law) == bytes(encode_sample(v, law) for v in every)
    codes = bytes(range(256))
    assert array("h", decode(codes, law)).tolist() == [decode_sample(c, law) for c in codes]


@pytest.mark.parametrize("law", list(Law))
@given(sample=st.integers(-32768, 32767))
def test_error_is_small_against_the_sample(law, sample):
    error = abs(decode_sample(encode_sample(sample, law), law) - sample)
    assert error <= max(8, (abs(sample) + 132) / 32) + 1  # half a step of the segment


@pytest.mark.parametrize("law", list(Law))
def test_encoding_grows_with_the_sample(law):
    levels = [decode_sample(encode_sample(v, law), law) for v in range(-32768, 32768, 7)]
    assert levels == sorted(levels)


@pytest.mark.parametrize("law", list(Law))
def test_silence_is_quiet(law):
    assert max(map(abs, array("h", decode(silence(160, law), law)))) <= 8


def test_odd_last_octet_is_left_out():
    assert len(encode(b"\x00\x00\x01", Law.ULAW)) == 1
