"""Makes every greeting, prompt and beep of the rig recognisable by a program.

A prompt is a short identifier of ten two-tone symbols (:mod:`rig.media.prompt_code`)
followed by a few notes that a person can tell apart. A listener therefore proves *which*
greeting was heard, not only that there was sound.

Three families are open-ended and take their number from a name:
``greeting.personal:xxx`` for greetings that a user added, ``marker:xxx`` for callers
who want to find their own message again.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache

from provisioning.known_names import known_names
from rig.errors import LocalProtocolError
from rig.media.prompt_code import HIGH_HZ, LOW_HZ, SYMBOL_S, symbols_of
from rig.media.prompt_detector import PromptDetector
from rig.media.prompt_ids import PROMPT_NUMBERS, number_of, prompt_id
from rig.media.tones import chime, tone

__all__ = [
    "PROMPTS",
    "QUIET_AMPLITUDE",
    "PromptDetector",
    "identifier_pcm",
    "marker",
    "number_of",
    "personal_greeting",
    "prompt_id",
    "prompt_pcm",
]

_PERSONAL_FIRST = 0x100
_MARKER_FIRST = 0x800
_LAST = 0x1000
_AMPLITUDE = 5000
QUIET_AMPLITUDE = 700
"""Of the identifier before speech; about 30 dB below full scale."""

_PHRASE_S = 0.24
_BEEPS = {"beep": 1000.0, "deposit.warning": 1400.0}
_BEEP_S = 0.2
_NOTES_HZ = (392.0, 440.0, 494.0, 523.0, 587.0, 659.0, 698.0, 784.0)


def personal_greeting(name: str) -> str:
    """Name the prompt for a greeting that a user recorded or added.

    Args:
        name: what tells it apart, e.g. ``+49211555001/summer``.

    Returns:
        ``greeting.personal:xxx``; one in about 1800 names shares it.
    """
    span = _MARKER_FIRST - _PERSONAL_FIRST
    return prompt_id(_PERSONAL_FIRST + zlib.crc32(name.encode()) % span)


def marker(name: str) -> str:
    """Name the prompt that a caller speaks to find the message again.

    Args:
        name: what tells it apart, e.g. the Call-ID.

    Returns:
        ``marker:xxx``.
    """
    return prompt_id(_MARKER_FIRST + zlib.crc32(name.encode()) % (_LAST - _MARKER_FIRST))


def identifier_pcm(prompt: str, *, amplitude: int = QUIET_AMPLITUDE) -> bytes:
    """The identifier of a prompt alone, 0.4 s.

    Args:
        prompt: one of :data:`PROMPTS`, or one of the open-ended families.
        amplitude: peak of each of the two tones; by default it can be heard but does not
            disturb.

    Raises:
        LocalProtocolError: there is no such prompt.
    """
    return b"".join(
        tone((LOW_HZ[symbol >> 2], HIGH_HZ[symbol & 3]), SYMBOL_S, amplitude=amplitude)
        for symbol in symbols_of(_number(prompt))
    )


@lru_cache(maxsize=256)
def prompt_pcm(prompt: str) -> bytes:
    """Make the sound of a prompt.

    Args:
        prompt: one of :data:`PROMPTS`, or one of the open-ended families.

    Returns:
        PCM of 0.6 to 0.7 s, the same for the same identifier.

    Raises:
        LocalProtocolError: there is no such prompt.
    """
    number = _number(prompt)
    identifier = identifier_pcm(prompt, amplitude=_AMPLITUDE)
    if prompt in _BEEPS:
        return identifier + tone((_BEEPS[prompt],), _BEEP_S)
    notes = [_NOTES_HZ[(number * step) % len(_NOTES_HZ)] for step in (1, 3, 5)]
    return identifier + chime(notes, _PHRASE_S)


def _number(prompt: str) -> int:
    number = number_of(prompt)
    if number is None:
        raise LocalProtocolError(
            f"prompt {prompt!r} does not exist; {known_names(prompt, PROMPT_NUMBERS)}; "
            "also greeting.personal:xxx and marker:xxx"
        )
    return number


class _Prompts(Mapping[str, bytes]):
    """The standard prompts, made when first asked for."""

    def __getitem__(self, prompt: str) -> bytes:
        if prompt not in PROMPT_NUMBERS:
            raise KeyError(prompt)
        return prompt_pcm(prompt)

    def __iter__(self) -> Iterator[str]:
        return iter(PROMPT_NUMBERS)

    def __len__(self) -> int:
        return len(PROMPT_NUMBERS)


PROMPTS: Mapping[str, bytes] = _Prompts()
"""The sound of every standard prompt, by identifier."""
