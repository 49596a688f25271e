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

    Source: German mailbox guide, "Mailbox-Kennwort ändern": six digits at least, no run of
    more than three; ``123456`` is invalid and ``123567`` valid.
    """

    min_length: int = 6
    max_length: int = 30
    max_ascending: int = 3
    max_descending: int = 3
    max_repeated: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.min_length <= self.max_length:
            raise ValueError("PinRules: 1 <= min_length <= max_length")
        if min(self.max_ascending, self.max_descending, self.max_repeated or 1) < 1:
            raise ValueError("PinRules: a run limit is at least 1")


GUIDE_RULES = PinRules()
"""The rules of the mailbox guide."""


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


def pin_faults(pin: str, rules: PinRules = GUIDE_RULES) -> list[PinFault]:
    """Name every rule that a PIN breaks, for programs.

    Args:
        pin: the PIN.
        rules: what the platform demands.

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
    return faults


def check_pin(pin: str, rules: PinRules = GUIDE_RULES) -> list[str]:
    """Name every rule that a PIN breaks, for people.

    Args:
        pin: the PIN.
        rules: what the platform demands.

    Returns:
        One sentence per broken rule, without the PIN; empty when it is valid.
    """
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
    }
    return [sentences[fault] for fault in pin_faults(pin, rules)]


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
    rng: DigitChooser, rules: PinRules = GUIDE_RULES, *, length: int | None = None
) -> str:
    """Make a PIN that keeps the rules.

    Digit by digit, each drawn from those that break no rule, so it always ends; at most
    three of ten digits are ever ruled out.

    Args:
        rng: source of randomness; give ``random.SystemRandom()`` for a real mailbox.
        rules: what the platform demands.
        length: digits wanted; None for the shortest that the rules allow.

    Raises:
        ValueError: ``length`` is outside what the rules allow.
    """
    wanted = rules.min_length if length is None else length
    if not rules.min_length <= wanted <= rules.max_length:
        raise ValueError(f"length: {rules.min_length} to {rules.max_length}, not {wanted}")
    pin = ""
    while len(pin) < wanted:
        pin += rng.choice([digit for digit in _ALL_DIGITS if _may_follow(pin, digit, rules)])
    return pin


def _may_follow(pin: str, digit: str, rules: PinRules) -> bool:
    # Only the tail can form a new run, and the longest limit tells how much of it counts.
    tail = pin[-max(rules.max_ascending, rules.max_descending, rules.max_repeated or 1) :] + digit
    return (
        longest_run(tail, 1) <= rules.max_ascending
        and longest_run(tail, -1) <= rules.max_descending
        and (rules.max_repeated is None or longest_run(tail, 0) <= rules.max_repeated)
    )
