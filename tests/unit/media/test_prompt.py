"""Prompts are recognised through all that a telephone line does, and nothing else is."""

from __future__ import annotations

import random
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.errors import LocalProtocolError
from rig.media import prompt_code
from rig.media.g711 import Law, decode, encode
from rig.media.prompt import PROMPTS, marker, personal_greeting, prompt_pcm
from rig.media.prompt_code import number_from, symbols_of
from rig.media.prompt_detector import PromptDetector, symbol_in
from rig.media.prompt_ids import PROMPT_NUMBERS, number_of, prompt_id
from rig.media.tones import SILENT_LEVEL, mean_level, speech, tone

DTMF_HZ = [(low, high) for low in (697, 770, 852, 941) for high in (1209, 1336, 1477, 1633)]


def hear(pcm: bytes, chunk: int = 320) -> list[str]:
    detector = PromptDetector()
    return [
        prompt
        for start in range(0, len(pcm), chunk)
        for prompt in detector.feed(pcm[start : start + chunk])
    ]


def through_a_line(pcm: bytes, law: Law, gain: float, loss: float, seed: int) -> bytes:
    quiet = array("h", (int(sample * gain) for sample in array("h", pcm)))
    received = bytearray(decode(encode(quiet.tobytes(), law), law))
    rng = random.Random(seed)
    for start in range(2 * rng.randrange(160), len(received), 320):
        if rng.random() < loss:
            received[start : start + 320] = bytes(len(received[start : start + 320]))
    return bytes(received)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_prompt_is_recognised_once_and_is_short(prompt):
    pcm = PROMPTS[prompt]
    assert hear(pcm + bytes(6400)) == [prompt]
    assert len(pcm) / 16000 <= 0.8


def test_prompts_in_a_row_are_told_in_order():
    row = list(PROMPTS)
    assert hear(b"".join(PROMPTS[prompt] for prompt in row)) == row


def test_a_repeated_prompt_is_told_each_time():
    assert hear(PROMPTS["greeting.busy"] * 5) == ["greeting.busy"] * 5


@settings(deadline=None, max_examples=150)
@given(
    number=st.integers(0x100, 0xFFF) | st.sampled_from(list(PROMPT_NUMBERS.values())),
    law=st.sampled_from(list(Law)),
    gain=st.sampled_from([1.0, 0.3, 0.1]),
    lead=st.integers(0, 800),
    seed=st.integers(0, 10_000),
    chunk=st.sampled_from([2, 160, 320, 334, 4096]),
)
def test_recognised_through_g711_loss_and_attenuation(number, law, gain, lead, seed, chunk):
    prompt = prompt_id(number)
    pcm = bytes(2 * lead) + prompt_pcm(prompt) + bytes(3200)
    assert hear(through_a_line(pcm, law, gain, 0.02, seed), chunk) == [prompt]


def test_speech_noise_digits_and_tones_are_no_prompts():
    rng = random.Random(1)
    noise = array("h", (rng.randrange(-9000, 9000) for _ in range(80_000))).tobytes()
    keys = b"".join(tone(pair, 0.1) + bytes(800) for pair in DTMF_HZ)
    sweep = b"".join(tone((hz, hz + 650), 0.04) for hz in range(1700, 2300, 10))
    ringing = tone((425,), 1.0)
    for sound in (speech(10.0), noise, keys, sweep, ringing, bytes(32_000)):
        assert hear(sound) == []


def test_a_prompt_that_is_cut_short_is_not_guessed():
    half = PROMPTS["greeting.busy"][: 2 * 8000 * 20 // 100]
    assert hear(half + bytes(16_000)) == []


@given(number=st.integers(0, 4095), data=st.data())
def test_four_missing_symbols_are_mended(number, data):
    lost = data.draw(st.sets(st.integers(0, 9), max_size=4))
    heard = [-1 if place in lost else s for place, s in enumerate(symbols_of(number))]
    assert number_from(heard) == number


@given(number=st.integers(0, 4095), place=st.integers(0, 9), wrong=st.integers(1, 15))
def test_one_wrong_symbol_is_mended(number, place, wrong):
    heard = list(symbols_of(number))
    heard[place] ^= wrong
    assert number_from(heard) == number


@given(number=st.integers(0, 4095), shift=st.integers(1, 9))
def test_a_shifted_sequence_is_no_other_number(number, shift):
    symbols = list(symbols_of(number))
    assert number_from(symbols[shift:] + [-1] * shift) is None
    assert number_from([-1] * shift + symbols[:-shift]) is None


def test_any_two_numbers_differ_in_eight_symbols():
    zero = symbols_of(0)
    least = min(
        sum(a != b for a, b in zip(zero, symbols_of(number), strict=True))
        for number in range(1, prompt_code.NUMBERS)
    )
    assert least == 8  # the code is linear but for the mask, so zero stands for every number


def test_names_and_numbers_agree():
    for number in range(prompt_code.NUMBERS):
        prompt = prompt_id(number)
        assert number_of(prompt) == (number if prompt else None)
    assert len(set(PROMPT_NUMBERS.values())) == len(PROMPT_NUMBERS)
    for wrong in ("greeting.personal:9", "greeting.personal:zzz", "marker:100", "marker:0x9"):
        assert number_of(wrong) is None


def test_open_families_keep_to_their_numbers():
    assert personal_greeting("anna/summer").startswith("greeting.personal:")
    assert marker("a84b4c76e66710").startswith("marker:")
    assert personal_greeting("a") == personal_greeting("a") != personal_greeting("b")


def test_unknown_prompt_is_refused():
    with pytest.raises(LocalProtocolError, match=r"greeting\.bussy.*greeting\.busy"):
        prompt_pcm("greeting.bussy")
    assert "greeting.bussy" not in PROMPTS


def test_speech_is_loud_from_its_beginning_and_always_the_same():
    said = speech(1.0)
    assert len(said) == 16_000
    assert mean_level(said[:320]) > SILENT_LEVEL
    assert said == speech(2.0)[:16_000]


@pytest.mark.parametrize(
    ("tones_hz", "symbol"),
    [
        ((1750, 2400), 0),
        ((2200, 2850), 15),
        ((1900, 2700), 6),
        ((1900,), -1),
        ((1900, 2050), -1),
        ((1900, 2700, 1000), -1),
        ((1900, 2700, 500, 900), -1),
        ((941, 1477), -1),
    ],
)
def test_a_symbol_is_two_tones_and_nothing_beside(tones_hz, symbol):
    frame = tone(tones_hz, 0.06, amplitude=4000)[320:640]
    assert symbol_in(frame) == symbol
    assert symbol_in(bytes(320)) == -1
