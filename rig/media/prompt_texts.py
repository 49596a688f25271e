"""Reads what the recorded prompts say, and the digests that tie each recording to its text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import yaml

_RECIPE = "1"
"""Changes when recordings are made in another way from the same text."""


@dataclass(frozen=True, slots=True)
class PromptTexts:
    """One language.

    Attributes:
        espeak_voice: voice of espeak-ng.
        words_per_minute: speed.
        pitch: 0 to 99.
        tones: prompts that are a tone in every language.
        texts: words by prompt.
    """

    espeak_voice: str
    words_per_minute: int
    pitch: int
    tones: tuple[str, ...]
    texts: Mapping[str, str]


def prompt_folder() -> Path:
    """Where texts and recordings are."""
    return Path(str(resources.files("rig.media"))) / "prompt_audio"


def spoken_languages() -> tuple[str, ...]:
    """Languages that have texts."""
    return tuple(sorted(path.stem for path in prompt_folder().glob("*.yaml")))


def load_texts(language: str) -> PromptTexts:
    """Read a language's texts.

    Args:
        language: one of :func:`spoken_languages`.
    """
    data = yaml.safe_load((prompt_folder() / f"{language}.yaml").read_text("utf-8"))
    return PromptTexts(tones=tuple(data["tones"]), texts=data["texts"], **data["voice"])


def load_digests(language: str) -> dict[str, dict[str, str]]:
    """Read the digests beside the recordings; none before they were made."""
    path = prompt_folder() / language / "digests.yaml"
    return dict(yaml.safe_load(path.read_text("utf-8"))) if path.is_file() else {}


def digest_of_text(texts: PromptTexts, text: str) -> str:
    """Digest of everything that a recording is made from."""
    parts = (_RECIPE, texts.espeak_voice, str(texts.words_per_minute), str(texts.pitch), text)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def digest_of_file(path: Path) -> str:
    """Digest of a recording."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]
