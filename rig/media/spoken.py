"""Gives every prompt its sound in the language that the platform speaks.

``tones`` are the short sounds of :mod:`.prompt`, which benches and tests use because they are
quick. ``de`` and ``en`` are recordings of a synthetic voice that come with the package
(``prompt_audio/``, made by ``tools/make_prompts.py``). Each recording begins with the same
identifier as its tone, quietly, so a program proves in any language which prompt was heard.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

from rig.errors import RigError, UsageError
from rig.media.prompt import prompt_pcm
from rig.media.prompt_ids import PROMPT_NUMBERS
from rig.media.wav import from_wav

TONES = "tones"
"""No language: identifiers and notes."""

LANGUAGES = (TONES, "de", "en")
"""What :func:`spoken_pcm` speaks."""


def require_language(language: str) -> str:
    """Check a language.

    Raises:
        UsageError: none that the package speaks.
    """
    if language not in LANGUAGES:
        raise UsageError(
            f"prompt language {language!r} is not spoken here; expected one of "
            f"{', '.join(LANGUAGES)}"
        )
    return language


@lru_cache(maxsize=512)
def spoken_pcm(prompt: str, language: str = TONES) -> bytes:
    """The sound of a prompt.

    Args:
        prompt: its identifier.
        language: one of :data:`LANGUAGES`.

    Returns:
        PCM; the tone where there is no recording: beeps, and prompts of the open families.

    Raises:
        rig.errors.LocalProtocolError: there is no such prompt.
        RigError: the recording cannot be read.
    """
    if language == TONES or prompt not in PROMPT_NUMBERS:
        return prompt_pcm(prompt)
    path = resources.files("rig.media") / "prompt_audio" / language / f"{prompt}.wav"
    if not path.is_file():
        return prompt_pcm(prompt)
    try:
        return from_wav(path.read_bytes(), name=str(path))
    except (OSError, UsageError) as error:
        raise RigError(
            f"prompt {prompt!r} in {language!r} cannot be read: {error}; "
            "make it again with tools/make_prompts.py"
        ) from error
