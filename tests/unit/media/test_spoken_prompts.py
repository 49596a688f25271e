"""The recordings that are shipped: whole, of their texts, audible, and recognised."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import pytest
import yaml

from rig.errors import LocalProtocolError, UsageError
from rig.media import prompt_texts
from rig.media.g711 import Law, decode, encode
from rig.media.prompt import prompt_pcm
from rig.media.prompt_detector import PromptDetector
from rig.media.prompt_ids import PROMPT_NUMBERS
from rig.media.prompt_texts import (
    digest_of_file,
    digest_of_text,
    load_digests,
    load_texts,
    prompt_folder,
    spoken_languages,
)
from rig.media.spoken import LANGUAGES, require_language, spoken_pcm
from rig.media.wav import from_wav

SPOKEN = ("de", "en")
TONES_EVERYWHERE = {"beep", "deposit.warning"}


@cache
def samples_of(language: str, prompt: str) -> list[int]:
    return memoryview(spoken_pcm(prompt, language)).cast("h").tolist()


def test_the_languages_are_those_that_have_texts():
    assert set(LANGUAGES) == {"tones", *spoken_languages()} == {"tones", *SPOKEN}
    with pytest.raises(UsageError, match="'fr' is not spoken here; expected one of tones, de, en"):
        require_language("fr")


@pytest.mark.parametrize("language", SPOKEN)
def test_every_prompt_has_words_in_every_language(language):
    texts = load_texts(language)
    assert set(texts.tones) == TONES_EVERYWHERE
    speechless = set(PROMPT_NUMBERS) - set(texts.texts) - TONES_EVERYWHERE
    assert not speechless, f"add words to {language}.yaml, then run tools/make_prompts.py"
    assert set(texts.texts) <= set(PROMPT_NUMBERS) - TONES_EVERYWHERE
    assert all(text.strip() for text in texts.texts.values())


def test_no_text_was_left_in_the_other_language():
    german, english = load_texts("de").texts, load_texts("en").texts
    same = {prompt for prompt in german if german[prompt] == english[prompt]}
    assert same == {
        "spoken.plus",
        "spoken.month.4",
        "spoken.month.8",
        "spoken.month.9",
        "spoken.month.11",
    }


@pytest.mark.parametrize("language", SPOKEN)
def test_every_recording_was_made_from_its_text_and_not_touched_since(language):
    texts, digests = load_texts(language), load_digests(language)
    folder = prompt_folder() / language
    assert set(digests) == set(texts.texts) == {path.stem for path in folder.glob("*.wav")}
    for prompt, text in texts.texts.items():
        said = digests[prompt]
        assert said["text"] == digest_of_text(texts, text), f"{prompt}: run tools/make_prompts.py"
        assert said["file"] == digest_of_file(folder / f"{prompt}.wav"), prompt


def test_another_word_or_voice_is_another_digest(monkeypatch, tmp_path: Path):
    data = yaml.safe_load((prompt_folder() / "de.yaml").read_text("utf-8"))
    data["texts"]["portal.main"] += " Neu."
    (tmp_path / "de.yaml").write_text(yaml.safe_dump(data), "utf-8")
    present = load_texts("de")
    monkeypatch.setattr(prompt_texts, "prompt_folder", lambda: tmp_path)
    changed = load_texts("de")
    before = digest_of_text(present, present.texts["portal.main"])
    assert digest_of_text(changed, changed.texts["portal.main"]) != before
    assert digest_of_text(changed, changed.texts["portal.saved"]) == digest_of_text(
        present, present.texts["portal.saved"]
    )
    data["voice"]["words_per_minute"] += 1
    (tmp_path / "de.yaml").write_text(yaml.safe_dump(data), "utf-8")
    faster = load_texts("de")
    assert digest_of_text(faster, faster.texts["portal.saved"]) != digest_of_text(
        present, present.texts["portal.saved"]
    )


@pytest.mark.parametrize("language", SPOKEN)
def test_every_recording_is_audible_not_clipped_and_of_sensible_length(language):
    for prompt, text in load_texts(language).texts.items():
        words = samples_of(language, prompt)[round(0.48 * 8000) :]
        rms = (sum(sample * sample for sample in words) / len(words)) ** 0.5
        assert 1200 < rms < 6000, (prompt, rms)
        assert max(map(abs, words)) < 26000, prompt
        assert 0.1 < len(words) / 8000 < 0.8 + 0.12 * len(text), prompt


def degraded(pcm: bytes, law: Law, lost: set[int]) -> bytes:
    """Through a codec, without some packets: those are silence."""
    octets = encode(pcm, law)
    octets += bytes(-len(octets) % 160)
    pieces = [octets[start : start + 160] for start in range(0, len(octets), 160)]
    return b"".join(
        bytes(320) if place in lost else decode(piece, law) for place, piece in enumerate(pieces)
    )


@pytest.mark.parametrize("law", list(Law))
@pytest.mark.parametrize("language", SPOKEN)
def test_the_detector_names_every_recording_and_no_other(language, law):
    for prompt in load_texts(language).texts:
        heard = PromptDetector().feed(degraded(spoken_pcm(prompt, language), law, set()))
        assert heard == [prompt]


@pytest.mark.parametrize("language", SPOKEN)
def test_the_detector_names_them_with_five_percent_of_the_packets_lost(language):
    chance = random.Random(5)
    for prompt in load_texts(language).texts:
        pcm = bytes(2 * chance.randrange(160)) + spoken_pcm(prompt, language)
        lost = {place for place in range(len(pcm) // 320) if chance.random() < 0.05}
        heard = PromptDetector().feed(degraded(pcm, Law.ULAW, lost))
        assert heard == [prompt], lost


def test_beeps_and_open_families_are_tones_in_every_language():
    for prompt in ("beep", "deposit.warning", "greeting.personal:123", "marker:abc"):
        assert spoken_pcm(prompt, "de") == spoken_pcm(prompt, "en") == prompt_pcm(prompt)
    assert spoken_pcm("portal.main", "de") != spoken_pcm("portal.main", "en")
    with pytest.raises(LocalProtocolError):
        spoken_pcm("../de/portal.main", "de")


def test_a_recording_that_is_no_wav_file_is_named():
    with pytest.raises(UsageError, match=r"portal\.main: not a WAV"):
        from_wav(b"nonsense" * 10, name="portal.main")
