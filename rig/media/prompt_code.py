"""Writes a small number into ten two-tone symbols, so that damage can be mended.

Each symbol is one of sixteen pairs of tones and lasts 40 ms. The ten symbols are a
Reed-Solomon code over GF(16) that carries 12 bits: any two numbers differ in at least
eight symbols, so a listener may miss four symbols and still know the number for sure. A fixed
mask is added to the symbols, so that a sequence heard one or more symbols too early or too
late looks like no other number.

The tones lie above 1700 Hz, apart from DTMF, dial and ring tones and from most of the
energy of speech, and are multiples of 50 Hz, so that a 20 ms frame sees them without
leakage whatever its alignment.

Source: I. S. Reed and G. Solomon, "Polynomial Codes over Certain Finite Fields" (1960).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

LOW_HZ = (1750, 1900, 2050, 2200)
"""The symbol's upper two bits choose one of these."""

HIGH_HZ = (2400, 2550, 2700, 2850)
"""The symbol's lower two bits choose one of these."""

SYMBOL_S = 0.04
"""Length of a symbol."""

SYMBOLS = 10
"""Symbols in one identifier."""

NUMBERS = 1 << 12
"""How many numbers can be told apart."""

ENOUGH_MATCHES = 6
"""Symbols that must be heard right."""

MOST_CONTRADICTIONS = 1
"""Symbols that may be heard wrong."""

_DIGITS = 3
_FIELD = 15
_REDUCTION = 0b1_0011
_MASK = (15, 7, 11, 7, 7, 14, 9, 0, 13, 3)


def _powers() -> tuple[int, ...]:
    powers, value = [], 1
    for _ in range(2 * _FIELD):
        powers.append(value)
        value <<= 1
        if value > _FIELD:
            value ^= _REDUCTION
    return tuple(powers)


_EXP = _powers()
_LOG = {value: exponent for exponent, value in enumerate(_EXP[:_FIELD])}


def _multiply(a: int, b: int) -> int:
    return _EXP[_LOG[a] + _LOG[b]] if a and b else 0


def _divide(a: int, b: int) -> int:
    return _EXP[_LOG[a] - _LOG[b] + _FIELD] if a else 0


@lru_cache(maxsize=512)
def symbols_of(number: int) -> tuple[int, ...]:
    """Say which symbols stand for a number.

    Args:
        number: 0 to 4095.

    Returns:
        Ten values of 0 to 15.
    """
    digits = (number >> 8 & 15, number >> 4 & 15, number & 15)
    return tuple(
        digits[0]
        ^ _multiply(digits[1], _EXP[place])
        ^ _multiply(digits[2], _EXP[2 * place % _FIELD])
        ^ _MASK[place]
        for place in range(SYMBOLS)
    )


def number_from(heard: Sequence[int]) -> int | None:
    """Find the number that a listener must have heard.

    Args:
        heard: for each of the ten places the symbol, or -1 where none was clear.

    Returns:
        The number, or None when no number fits well enough.
    """
    places = [place for place in range(SYMBOLS) if heard[place] >= 0]
    if len(places) < ENOUGH_MATCHES:
        return None
    for start in range(len(places) - _DIGITS + 1):
        number = _solve(places[start : start + _DIGITS], heard)
        if fits(number, heard):
            return number
    return None


def fits(number: int, heard: Sequence[int]) -> bool:
    """Whether a number is a good enough reading of what was heard."""
    matches = contradictions = 0
    for symbol, seen in zip(symbols_of(number), heard, strict=True):
        if symbol == seen:
            matches += 1
        elif seen >= 0:
            contradictions += 1
    return matches >= ENOUGH_MATCHES and contradictions <= MOST_CONTRADICTIONS


def _solve(places: Sequence[int], heard: Sequence[int]) -> int:
    """Find the number that has these three symbols: interpolation after Newton."""
    xs = [_EXP[place] for place in places]
    first, second, third = (heard[place] ^ _MASK[place] for place in places)
    slope = _divide(first ^ second, xs[0] ^ xs[1])
    other = _divide(second ^ third, xs[1] ^ xs[2])
    bend = _divide(slope ^ other, xs[0] ^ xs[2])
    linear = slope ^ _multiply(bend, xs[0] ^ xs[1])
    constant = first ^ _multiply(slope, xs[0]) ^ _multiply(bend, _multiply(xs[0], xs[1]))
    return constant << 8 | linear << 4 | bend
