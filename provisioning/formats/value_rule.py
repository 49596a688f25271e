"""Which values a syntax can hold exactly; everything else is refused, never repaired.

A line break in a flat file makes a new setting, XML cannot hold control characters, and
handsets trim blanks. What cannot come back exactly as it was is refused with its reason.

Source: XML 1.0 (Fifth Edition) section 2.2; Unicode Standard section 23.7 (noncharacters).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NONCHARACTERS = "".join(
    f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(17)
)
_UNFIT = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufeff" + _NONCHARACTERS + "]"
)
_UNFIT_IN_FILE = re.compile(_UNFIT.pattern.replace("\x00-\x1f", "\x00-\x09\x0b-\x1f"))
_PLAIN = bytes(range(0x20, 0x7F)) + b"\n"


@dataclass(frozen=True, slots=True)
class ValueRule:
    """What one format cannot hold.

    Attributes:
        reserved: values that mean something else to the handset.
        max_length: longest value, characters.
        smuggled: pattern of what a value must not look like, because a file with
            such a value could not be told from one with two joined lines; None for nothing.
        forbidden: characters that end a value in this syntax.
        encoding: characters beyond it are refused.
    """

    reserved: frozenset[str] = frozenset()
    max_length: int = 511
    smuggled: re.Pattern[str] | None = None
    forbidden: str = ""
    encoding: str = "utf-8"


def why_unfit(value: str, rule: ValueRule) -> str:
    """Say why a value cannot be written, or nothing.

    Args:
        value: the value.
        rule: of the format.

    Returns:
        The reason, without the value (it may be a secret); empty when it fits.
    """
    if len(value) > rule.max_length:
        return f"{len(value)} characters, at most {rule.max_length}"
    unfit = None if value.isprintable() else _UNFIT.search(value)
    if unfit is not None:
        return f"character U+{ord(unfit[0]):04X} at {unfit.start() + 1} cannot be written"
    if value.strip() != value:
        return "leading or trailing blanks would be lost"
    if value in rule.reserved:
        return f"{value} has a meaning of its own to the handset"
    if rule.smuggled is not None and rule.smuggled.search(value):
        return "looks like a further setting on the same line"
    if rule.forbidden or rule.encoding != "utf-8":
        return _why_not_in_syntax(value, rule)
    return ""


def _why_not_in_syntax(value: str, rule: ValueRule) -> str:
    for number, sign in enumerate(value, 1):
        if sign in rule.forbidden:
            return f"character {sign} at {number} ends a value in this syntax"
    try:
        value.encode(rule.encoding)
    except UnicodeEncodeError as error:
        code = f"U+{ord(value[error.start]):04X} at {error.start + 1}"
        return f"character {code} is not in {rule.encoding}, the encoding of the file"
    return ""


def has_unfit_character(content: bytes) -> bool:
    """Whether a whole file holds a character that no format can hold.

    The last line of defence behind :func:`why_unfit`; line feeds are what files are made of.

    Args:
        content: in UTF-8; lone surrogates, which are unfit, may be encoded in it.
    """
    # Hardly anything is left to look at when plain ASCII is taken away first.
    rest = content.translate(None, _PLAIN)
    if not rest:
        return False
    text = rest.decode("utf-8", "surrogatepass")
    # Whatever is unfit is not printable either, and that is told much faster.
    return not text.isprintable() and _UNFIT_IN_FILE.search(text) is not None
