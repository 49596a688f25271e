"""Digits as tones in the audio: what must be heard, and what must not."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.media.g711 import Law, decode, encode
from rig.media.inband import (
    FULL_SCALE_DBM0,
    HIGH_HZ,
    KEYS,
    LOW_HZ,
    InbandDigits,
    load_limits,
    without_tone_tail,
)
from rig.media.prompt_texts import load_texts
from rig.media.spoken import spoken_pcm
from rig.media.tones import speech, tone

LIMITS, Q24 = load_limits()
PAUSE = bytes(2 * 480)


def wave(
    frequencies: Sequence[float],
    duration_s: float,
    levels_dbm0: Sequence[float],
    *,
    phase: float = 0.3,
) -> list[float]:
    """Hard-edged tones at levels in dBm0."""
    peaks = [32767 * 10 ** ((level - FULL_SCALE_DBM0) / 20) for level in levels_dbm0]
    return [
        sum(
            peak * math.sin(2 * math.pi * frequency * index / 8000 + phase * place)
            for place, (frequency, peak) in enumerate(zip(frequencies, peaks, strict=True))
        )
        for index in range(round(duration_s * 8000))
    ]


def pcm(samples: Sequence[float]) -> bytes:
    return array("h", [max(-32768, min(32767, round(sample))) for sample in samples]).tobytes()


def key(
    digit: str,
    duration_s: float = 0.06,
    *,
    low_dbm0: float = -10.0,
    high_dbm0: float = -10.0,
    low_off: float = 0.0,
    high_off: float = 0.0,
) -> bytes:
    row, column = divmod(KEYS.index(digit), 4)
    frequencies = (LOW_HZ[row] * (1 + low_off / 100), HIGH_HZ[column] * (1 + high_off / 100))
    return pcm(wave(frequencies, duration_s, (low_dbm0, high_dbm0)))


def heard(audio: bytes, law: Law | None = Law.ALAW, *, lead: int = 0) -> str:
    """Digits in audio after a lead of so many samples, through a codec, in packets."""
    line = bytes(2 * lead) + audio + bytes(2 * 800)
    if law is not None:
        line = decode(encode(line, law), law)
    digits = InbandDigits()
    return "".join(
        digit
        for start in range(0, len(line), 320)
        for digit, _ in digits.feed(line[start : start + 320])
    )


@pytest.mark.parametrize("law", list(Law))
def test_every_key_is_heard_in_a_row(law):
    assert heard(b"".join(key(digit) + PAUSE for digit in KEYS), law) == KEYS


@settings(max_examples=60, deadline=None)
@given(
    digit=st.sampled_from(KEYS),
    lead=st.integers(0, 400),
    low_off=st.sampled_from([-1.5, -0.7, 0, 0.7, 1.5]),
    high_off=st.sampled_from([-1.5, -0.7, 0, 0.7, 1.5]),
    law=st.sampled_from(list(Law)),
)
def test_the_shortest_lawful_key_is_heard_off_by_the_lawful_amount(
    digit, lead, low_off, high_off, law
):
    shortest = Q24["signal_accept_ms"] / 1000
    assert Q24["frequency_accept_percent"] == 1.5
    assert heard(key(digit, shortest, low_off=low_off, high_off=high_off), law, lead=lead) == digit


@settings(max_examples=60, deadline=None)
@given(digit=st.sampled_from(KEYS), lead=st.integers(0, 400), law=st.sampled_from(list(Law)))
def test_a_click_of_tones_is_no_key(digit, lead, law):
    assert heard(key(digit, Q24["signal_reject_ms"] / 1000), law, lead=lead) == ""


@pytest.mark.parametrize("off", [-1, 1])
@pytest.mark.parametrize("digit", KEYS)
def test_frequencies_that_are_too_far_off_are_no_key(digit, off):
    off *= Q24["frequency_reject_percent"]
    assert heard(key(digit, 0.1, low_off=off)) == ""
    assert heard(key(digit, 0.1, high_off=off)) == ""


@pytest.mark.parametrize("digit", KEYS)
def test_levels_and_twist_within_the_limits_are_taken(digit):
    lowest, highest = Q24["level_accept_dbm0"]
    reverse, forward = Q24["twist_accept_db"]
    for low, high in [
        (lowest, lowest),
        (highest, highest - 3.2),
        (-10, -10 + forward),
        (-10, -10 + reverse),
        (lowest - reverse, lowest),
        (lowest, lowest + forward),
    ]:
        assert heard(key(digit, 0.05, low_dbm0=low, high_dbm0=high)) == digit, (low, high)


@pytest.mark.parametrize("digit", "159D")
def test_what_is_too_faint_or_twisted_is_no_key(digit):
    faint = Q24["level_reject_dbm0"]
    assert heard(key(digit, 0.2, low_dbm0=faint, high_dbm0=faint)) == ""
    assert heard(key(digit, 0.2, low_dbm0=-5, high_dbm0=faint)) == ""
    assert heard(key(digit, 0.2, low_dbm0=-20, high_dbm0=-8)) == ""
    assert heard(key(digit, 0.2, low_dbm0=-8, high_dbm0=-24)) == ""


@pytest.mark.parametrize("lead", range(0, 80, 11))
def test_a_pause_parts_two_keys_and_a_short_break_does_not(lead):
    pause, gap = bytes(16 * Q24["pause_ms"]), bytes(16 * Q24["interruption_ms"])
    shortest = key("8", 0.053)
    assert heard(shortest + pause + shortest, lead=lead) == "88"
    assert heard(key("8", 0.06) + gap + key("8", 0.06), lead=lead) == "8"


def test_a_key_that_is_held_for_seconds_is_one_digit():
    assert heard(key("0", 3)) == "0"


@pytest.mark.parametrize("seed", range(6))
def test_noise_below_a_key_does_not_hide_it(seed):
    chance = random.Random(seed)
    digits = "".join(chance.choice(KEYS) for _ in range(20))
    line = array("h", b"".join(key(digit, 0.06) + PAUSE for digit in digits))
    tone_power = 2 * (32767 * 10 ** ((-10 - FULL_SCALE_DBM0) / 20)) ** 2 / 2
    strength = math.sqrt(tone_power * 10 ** (Q24["noise_db"] / 10))
    noisy = pcm([sample + chance.gauss(0, strength) for sample in line])
    assert heard(noisy) == digits


def test_noise_tones_and_silence_are_no_keys():
    chance = random.Random(1)
    assert heard(pcm([chance.gauss(0, 6000) for _ in range(80_000)])) == ""
    assert heard(bytes(16_000)) == ""
    assert heard(tone((425,), 2)) == heard(tone((350, 440), 2)) == heard(tone((1000,), 1)) == ""
    for low in LOW_HZ:
        assert heard(tone((low,), 0.2)) == ""
    assert heard(tone((697, 770), 0.2)) == heard(tone((1209, 1336), 0.2)) == ""
    assert heard(tone((697, 770, 1209), 0.2)) == heard(tone((697, 1209, 1336), 0.2)) == ""


@pytest.mark.parametrize("language", ["de", "en"])
def test_minutes_of_speech_hold_no_key(language):
    """Talk-off: a synthetic voice says half of what the mailbox can say."""
    prompts = list(load_texts(language).texts)[language == "de" :: 2]
    line = b"".join(spoken_pcm(prompt, language) for prompt in prompts)
    assert len(line) / 16_000 > 100
    assert heard(line) == ""
    assert heard(speech(10.0)) == ""


def test_a_key_is_heard_between_words():
    words = spoken_pcm("portal.goodbye", "de")
    assert heard(words + PAUSE + key("#", 0.08) + PAUSE + words) == "#"


def test_the_beginning_of_a_key_is_told_rather_too_early():
    for lead in range(1600, 2000, 37):
        digits, line = InbandDigits(), bytes(2 * lead) + key("#", 0.1) + bytes(1600)
        for start in range(0, len(line), 320):
            found = digits.feed(line[start : start + 320])
            if found:
                began = (start + 320) / 2 - found[0][1] * 8000
                assert lead - 240 <= began <= lead + 40
                break
        else:
            pytest.fail(f"not heard with a lead of {lead}")


def test_the_tail_is_cut_off_and_speech_is_not():
    words = speech(1.0)
    for length in (0.04, 0.1, 0.5):
        for after in (0, 200, 1600):
            cut = without_tone_tail(words + key("#", length) + bytes(2 * after))
            assert len(words) - 2 * 240 <= len(cut) <= len(words) + 2 * 60
    late = words + key("#") + bytes(2 * 4000)
    assert without_tone_tail(late) == late
    assert without_tone_tail(words) == words
    assert without_tone_tail(b"") == b""
    assert without_tone_tail(key("5") + words) == key("5") + words
