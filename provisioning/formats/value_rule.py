"""Which values a syntax can hold exactly; everything else is refused, never repaired.

A line break in a flat file makes a new setting, XML cannot hold control characters, and
handsets trim blanks. What cannot come back exactly as it was is refused with its reason.

Source: XML 1.0 (Fifth Edition) section 2.2; Unicode Standard section 23.7 (noncharacters).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

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
        one_per_line: a value that looks like a further setting would make a file in which
            two joined lines cannot be told from one.
    """

    reserved: frozenset[str] = frozenset()
    max_length: int = 511
    one_per_line: bool = False


LOOKS_LIKE_SETTING = re.compile(r"(?:^|\s)[a-z_]+(?:\.[A-Za-z0-9_]+)+ ?=")
"""A dotted key and an equals sign inside a value: two settings on one line."""
_FLAT = ValueRule(reserved=frozenset({"%NULL%"}), one_per_line=True)


@lru_cache(maxsize=64)
def rule_of(format_name: str, max_length: int) -> ValueRule:
    """The rule of a format.

    Args:
        format_name: as a profile names it.
        max_length: of the model.
    """
    base = _FLAT if format_name == "key_value" else ValueRule()
    return replace(base, max_length=max_length)


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
    if rule.one_per_line and LOOKS_LIKE_SETTING.search(value):
        return "looks like a further setting on the same line"
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
