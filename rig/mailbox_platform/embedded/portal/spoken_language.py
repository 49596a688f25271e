"""Says dates, times and lengths in words, in the order of each language. Pure functions.

German: "Empfangen am einundzwanzigsten November um vierzehn Uhr dreißig, Dauer eine Minute fünf
Sekunden". English: "Received on November the twenty-first at two thirty p.m., length one minute
five seconds". The words are prompts, recorded per language (``prompt_audio/<language>.yaml``);
"tones" says digits, as programs count them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_MOST = 59
_Words = tuple[str, ...]


def spoken_digits(text: str) -> _Words:
    """One prompt for every digit of a number, and for its plus; anything else is silent."""
    return tuple(
        "spoken.plus" if character == "+" else f"spoken.{character}"
        for character in text
        if character == "+" or (character.isascii() and character.isdecimal())
    )


@dataclass(frozen=True, slots=True)
class Phrases:
    """How a language says what a mailbox says of a message.

    Attributes:
        moment: from day of the month, month, hour and minute.
        length: from whole seconds.
    """

    moment: Callable[[int, int, int, int], _Words]
    length: Callable[[int], _Words]


def phrases(language: str) -> Phrases:
    """The phrases of a language; digits for any that has none."""
    return _PHRASES.get(language, _DIGITS)


def _number(value: int) -> _Words:
    """A number in one word; what no word was recorded for is said digit by digit."""
    return (f"spoken.{value}",) if 0 <= value <= _MOST else spoken_digits(str(value))


def _counted(value: int, one: str, many: str) -> _Words:
    if value == 1:
        return ("spoken.one_female", f"spoken.{one}")
    return (*_number(value), f"spoken.{many}")


def _length(seconds: int) -> _Words:
    """Minutes and seconds; what is nothing is left out, but for no time at all."""
    minutes, rest = divmod(max(seconds, 0), 60)
    said = _counted(minutes, "minute", "minutes") if minutes else ()
    return (*said, *_counted(rest, "second", "seconds")) if rest or not minutes else said


def _german_moment(day: int, month: int, hour: int, minute: int) -> _Words:
    hours = ("spoken.hour_one",) if hour == 1 else _number(hour)
    minutes = _number(minute) if minute else ()
    return (
        f"spoken.day.{day}",
        f"spoken.month.{month}",
        "spoken.at",
        *hours,
        "spoken.oclock",
        *minutes,
    )


def _english_moment(day: int, month: int, hour: int, minute: int) -> _Words:
    minutes: _Words = ()
    if 0 < minute < 10:
        minutes = ("spoken.oh", f"spoken.{minute}")
    elif minute:
        minutes = _number(minute)
    return (
        f"spoken.month.{month}",
        f"spoken.day.{day}",
        "spoken.at",
        *_number((hour - 1) % 12 + 1),
        *minutes,
        "spoken.am" if hour < 12 else "spoken.pm",
    )


def _digits_moment(day: int, month: int, hour: int, minute: int) -> _Words:
    return spoken_digits(f"{day:02}{month:02}{hour:02}{minute:02}")


_DIGITS = Phrases(_digits_moment, lambda seconds: spoken_digits(str(seconds)))
_PHRASES = {"de": Phrases(_german_moment, _length), "en": Phrases(_english_moment, _length)}
