"""Envelopes in words: the order and forms of German and English."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.mailbox_platform.embedded.portal.portal_envelope import envelope_prompts
from rig.mailbox_platform.embedded.portal.portal_questions import Envelope
from rig.media.prompt_ids import PROMPT_NUMBERS
from rig.media.prompt_texts import load_texts


def said(language: str, envelope: Envelope) -> str:
    texts = load_texts(language).texts
    return " ".join(texts[prompt] for prompt in envelope_prompts(envelope, language))


@pytest.mark.parametrize(
    ("language", "envelope", "words"),
    [
        (
            "de",
            Envelope(21, 11, 14, 30, "+4917", 65.2),
            (
                "Empfangen am einundzwanzigsten November um vierzehn Uhr dreißig "
                "von plus vier neun eins sieben Dauer eine Minute fünf Sekunden"
            ),
        ),
        (
            "en",
            Envelope(21, 11, 14, 30, "+4917", 65.2),
            (
                "Received on November the twenty-first at two thirty p.m. "
                "from plus four nine one seven length one minute five seconds"
            ),
        ),
        (
            "de",
            Envelope(1, 3, 1, 0, "", 1),
            "Empfangen am ersten März um ein Uhr ohne Rufnummer Dauer eine Sekunde",
        ),
        (
            "en",
            Envelope(2, 1, 0, 5, "", 121, urgent=True),
            (
                "Urgent. Received on January the second at twelve oh five a.m. number withheld "
                "length two minutes one second"
            ),
        ),
        (
            "de",
            Envelope(7, 12, 0, 1, "30", 120),
            "Empfangen am siebten Dezember um null Uhr eins von drei null Dauer zwei Minuten",
        ),
        (
            "en",
            Envelope(31, 5, 12, 0, "1", 0.2),
            "Received on May the thirty-first at twelve p.m. from one length zero seconds",
        ),
        (
            "de",
            Envelope(30, 6, 21, 59, "1", 59 * 60 + 59),
            (
                "Empfangen am dreißigsten Juni um einundzwanzig Uhr neunundfünfzig von eins "
                "Dauer neunundfünfzig Minuten neunundfünfzig Sekunden"
            ),
        ),
    ],
)
def test_an_envelope_is_a_sentence(language, envelope, words):
    assert said(language, envelope) == words


def test_tones_say_digits_as_before():
    said = envelope_prompts(Envelope(1, 2, 3, 4, "+5", 61.4))
    assert said == (
        "portal.envelope",
        *(f"spoken.{digit}" for digit in "01020304"),
        "portal.envelope_caller",
        "spoken.plus",
        "spoken.5",
        "portal.envelope_length",
        "spoken.6",
        "spoken.1",
    )


@given(
    envelope=st.builds(
        Envelope,
        day=st.integers(1, 31),
        month=st.integers(1, 12),
        hour=st.integers(0, 23),
        minute=st.integers(0, 59),
        caller=st.text(max_size=20),
        duration_s=st.floats(0, 20_000),
        urgent=st.booleans(),
    ),
    language=st.sampled_from(["tones", "de", "en"]),
)
def test_whatever_an_envelope_holds_every_word_was_recorded(envelope, language):
    assert set(envelope_prompts(envelope, language)) <= set(PROMPT_NUMBERS)


ONES = {
    "ein": 1,
    "zwei": 2,
    "drei": 3,
    "vier": 4,
    "fünf": 5,
    "sechs": 6,
    "sieben": 7,
    "acht": 8,
    "neun": 9,
}
TENS = {"zwanzig": 20, "dreißig": 30, "vierzig": 40, "fünfzig": 50}


def test_german_numbers_put_the_ones_first():
    texts = load_texts("de").texts
    for value in range(21, 60):
        found = re.fullmatch(r"(?:(.+)und)?(.+)", texts[f"spoken.{value}"])
        assert found is not None
        ones, tens = found.groups()
        assert ONES.get(ones, 0) + TENS[tens] == value


def test_german_days_are_declined_after_am():
    texts = load_texts("de").texts
    days = [texts[f"spoken.day.{day}"] for day in range(1, 32)]
    assert all(day.endswith("sten") for day in days[19:])
    assert all(day.endswith("ten") for day in days)
    assert days[:3] + days[6:8] == ["ersten", "zweiten", "dritten", "siebten", "achten"]
