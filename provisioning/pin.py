"""The rule for mailbox PINs, as a pure function, and PINs that keep it.

Nothing here ever puts a PIN, or part of one, into a message.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

_DIGITS = re.compile(r"[0-9]+")
_ALL_DIGITS = "0123456789"
_MOST_DRAWS = 100


@dataclass(frozen=True, slots=True)
class PinRules:
    """What a platform demands of a mailbox PIN.

    A run is a longest stretch in which every digit is one more (ascending) or one less
    (descending) than the one before; 9 and 0 are not neighbours.

    Attributes:
        min_length: fewest digits.
        max_length: most digits.
        max_ascending: longest ascending run allowed, digits, at least 1.
        max_descending: longest descending run allowed, digits, at least 1.
        max_repeated: longest stretch of one digit allowed, at least 1; None for no limit,
            because the guide knows no such rule and some platforms do.
        refuse_pattern: no PIN that is one shorter string written several times, such as
            ``408408``. What exactly a platform calls a repeated pattern is not documented.
        refuse_own_number: no PIN that is the owner's number or extension.
        refuse_reversed_own_number: nor one of these backwards.
        previous_pins: how many former PINs may not be chosen again, the present one among
            them; 0 for any but the present one.
        refuse_reversed_old: nor one of these backwards.

    Source: German mailbox guide, "Mailbox-Kennwort ändern": six digits at least, no run of
    more than three; ``123456`` is invalid and ``123567`` valid.
    """

    min_length: int = 6
    max_length: int = 30
    max_ascending: int = 3
    max_descending: int = 3
    max_repeated: int | None = None
    refuse_pattern: bool = False
    refuse_own_number: bool = False
    refuse_reversed_own_number: bool = False
    previous_pins: int = 0
    refuse_reversed_old: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.min_length <= self.max_length:
            raise ValueError("PinRules: 1 <= min_length <= max_length")
        if min(self.max_ascending, self.max_descending, self.max_repeated or 1) < 1:
            raise ValueError("PinRules: a run limit is at least 1")
        if self.previous_pins < 0:
            raise ValueError("PinRules: previous_pins is at least 0")


GUIDE_RULES = PinRules()
"""The rules of the mailbox guide."""

PLATFORM_RANGES: dict[str, tuple[int, int]] = {
    "min_length": (2, 15),
    "max_length": (3, 30),
    "max_ascending": (2, 5),
    "max_descending": (2, 5),
    "max_repeated": (1, 6),
    "previous_pins": (0, 10),
}
"""What an administrator can set, smallest and largest.

Source: the vendor's OCI schema, ``GroupPortalPasscodeRules``; 0 previous PINs stands for
``disallowOldPasscode`` switched off.
"""


def outside_platform_ranges(rules: PinRules) -> list[str]:
    """Say which limits no administrator could have set; empty when all could be real."""
    return [
        f"{name} is {getattr(rules, name)}; expected {low} to {high}"
        for name, (low, high) in PLATFORM_RANGES.items()
        if getattr(rules, name) is not None and not low <= getattr(rules, name) <= high
    ]


class DigitChooser(Protocol):
    """Where random digits come from: ``random.SystemRandom()`` live, a seeded one in tests."""

    def choice(self, seq: Sequence[str], /) -> str:
        """One element of ``seq``, each as likely."""
        ...


class PinFault(StrEnum):
    """A rule that a PIN breaks."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NOT_DIGITS = "not_digits"
    ASCENDING = "ascending"
    DESCENDING = "descending"
    REPEATED = "repeated"
    PATTERN = "pattern"
    OWN_NUMBER = "own_number"
    OLD = "old"


def pin_faults(
    pin: str, rules: PinRules = GUIDE_RULES, own_numbers: Sequence[str] = ()
) -> list[PinFault]:
    """Name every rule that a PIN breaks, for programs.

    Former PINs are known to whoever keeps them as hashes, so :attr:`PinFault.OLD` is not
    found here.

    Args:
        pin: the PIN.
        rules: what the platform demands.
        own_numbers: digits of the owner's number and extension, in every spelling that counts.

    Returns:
        Empty when it is valid; runs are looked for only in what is digits throughout.
    """
    faults = []
    if len(pin) < rules.min_length:
        faults.append(PinFault.TOO_SHORT)
    if len(pin) > rules.max_length:
        faults.append(PinFault.TOO_LONG)
    if not _DIGITS.fullmatch(pin):
        return [*faults, PinFault.NOT_DIGITS]
    if longest_run(pin, 1) > rules.max_ascending:
        faults.append(PinFault.ASCENDING)
    if longest_run(pin, -1) > rules.max_descending:
        faults.append(PinFault.DESCENDING)
    if rules.max_repeated is not None and longest_run(pin, 0) > rules.max_repeated:
        faults.append(PinFault.REPEATED)
    if rules.refuse_pattern and is_pattern(pin):
        faults.append(PinFault.PATTERN)
    own = set(own_numbers) if rules.refuse_own_number else set()
    if rules.refuse_reversed_own_number:
        own |= {number[::-1] for number in own_numbers}
    if pin in own:
        faults.append(PinFault.OWN_NUMBER)
    return faults


def check_pin(
    pin: str, rules: PinRules = GUIDE_RULES, own_numbers: Sequence[str] = ()
) -> list[str]:
    """Name every rule that a PIN breaks, for people.

    Args:
        pin: the PIN.
        rules: what the platform demands.
        own_numbers: as for :func:`pin_faults`.

    Returns:
        One sentence per broken rule, without the PIN; empty when it is valid.
    """
    return [sentence_of(fault, rules) for fault in pin_faults(pin, rules, own_numbers)]


def sentence_of(fault: PinFault, rules: PinRules) -> str:
    """Say in words which rule is broken, without the PIN."""
    sentences = {
        PinFault.TOO_SHORT: f"a PIN has at least {rules.min_length} digits",
        PinFault.TOO_LONG: f"a PIN has at most {rules.max_length} digits",
        PinFault.NOT_DIGITS: "a PIN has digits only",
        PinFault.ASCENDING: (
            f"a PIN has no ascending run of more than {rules.max_ascending} digits"
        ),
        PinFault.DESCENDING: (
            f"a PIN has no descending run of more than {rules.max_descending} digits"
        ),
        PinFault.REPEATED: f"a PIN repeats no digit more than {rules.max_repeated} times in a row",
        PinFault.PATTERN: "a PIN is not one shorter number written several times",
        PinFault.OWN_NUMBER: "a PIN is not the owner's number, nor that backwards",
        PinFault.OLD: "a PIN is none of the last ones, nor one of them backwards",
    }
    return sentences[fault]


def is_pattern(pin: str) -> bool:
    """Whether a PIN is one shorter string written two or more times.

    Args:
        pin: decimal digits.
    """
    # A string is such a pattern exactly when it is found inside its double, ends cut off.
    return bool(pin) and pin in (pin + pin)[1:-1]


def spellings_of_own_number(
    number: str, extension: str, country_code: str = "49", prefix: str = "0"
) -> tuple[str, ...]:
    """Digits under which an owner's number could be chosen as a PIN.

    Args:
        number: normal form, with plus.
        extension: internal number, or empty.
        country_code: digits of the own country.
        prefix: trunk prefix of national numbers; may be empty.

    Returns:
        The international and the national form, without plus, and the extension.
    """
    digits = number.removeprefix("+")
    national = digits.removeprefix(country_code) if number.startswith("+") else digits
    return tuple(one for one in dict.fromkeys((digits, prefix + national, extension)) if one)


def longest_run(pin: str, step: int) -> int:
    """Length of the longest run in which each digit is ``step`` more than the one before.

    Args:
        pin: decimal digits.
        step: 1 ascending, -1 descending, 0 the same digit.

    Returns:
        Length in digits; 0 for an empty PIN, else at least 1.
    """
    longest = run = 1 if pin else 0
    for previous, digit in itertools.pairwise(pin):
        run = run + 1 if int(digit) - int(previous) == step else 1
        longest = max(longest, run)
    return longest


def generate_pin(
    rng: DigitChooser,
    rules: PinRules = GUIDE_RULES,
    *,
    length: int | None = None,
    own_numbers: Sequence[str] = (),
) -> str:
    """Make a PIN that keeps the rules.

    Digit by digit, each drawn from those that make no run too long: at most three of ten
    are ever ruled out. A PIN that is a pattern or the own number is drawn anew.

    Args:
        rng: source of randomness; give ``random.SystemRandom()`` for a real mailbox.
        rules: what the platform demands.
        length: digits wanted; None for the shortest that the rules allow.
        own_numbers: as for :func:`pin_faults`.

    Raises:
        ValueError: ``length`` is outside what the rules allow, or every PIN of this length
            breaks one.
    """
    wanted = rules.min_length if length is None else length
    if not rules.min_length <= wanted <= rules.max_length:
        raise ValueError(f"length: {rules.min_length} to {rules.max_length}, not {wanted}")
    for _ in range(_MOST_DRAWS):
        pin = ""
        while len(pin) < wanted:
            pin += rng.choice([digit for digit in _ALL_DIGITS if _may_follow(pin, digit, rules)])
        if not pin_faults(pin, rules, own_numbers):
            return pin
    raise ValueError(f"no PIN of {wanted} digits keeps the rules")


def _may_follow(pin: str, digit: str, rules: PinRules) -> bool:
    # Only the tail can form a new run, and the longest limit tells how much of it counts.
    tail = pin[-max(rules.max_ascending, rules.max_descending, rules.max_repeated or 1) :] + digit
    return (
        longest_run(tail, 1) <= rules.max_ascending
        and longest_run(tail, -1) <= rules.max_descending
        and (rules.max_repeated is None or longest_run(tail, 0) <= rules.max_repeated)
    )
