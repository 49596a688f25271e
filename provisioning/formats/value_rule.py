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


@dataclass(frozen=True, slots=True)
class ValueRule:
    """What one format cannot hold.

    Attributes:
        reserved: values that mean something else to the handset.
        max_length: longest value, characters.
    """

    reserved: frozenset[str] = frozenset()
    max_length: int = 511


RESERVED: dict[str, frozenset[str]] = {"key_value": frozenset({"%NULL%"})}
"""By format: values that the syntax itself gives a meaning, such as "factory default"."""


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
    unfit = _UNFIT.search(value)
    if unfit is not None:
        return f"character U+{ord(unfit[0]):04X} at {unfit.start() + 1} cannot be written"
    if value.strip() != value:
        return "leading or trailing blanks would be lost"
    if value in rule.reserved:
        return f"{value} has a meaning of its own to the handset"
    return ""


def has_unfit_character(text: str) -> bool:
    """Whether text holds a character that no format can hold; the last line of defence."""
    return _UNFIT.search(text) is not None
