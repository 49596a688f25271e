"""Telephone numbers, extensions and mailbox aliases: what may be written, and normal form.

Pure functions on text. Normal form is E.164 with a plus, ``+493023125101``, so that one
number has one spelling everywhere in phonerig. Spaces (no-break ones too) are always
accepted on input and dropped.
"""

from __future__ import annotations

import re

from provisioning.errors import UsageError

MIN_E164_DIGITS = 5
MAX_E164_DIGITS = 15
MAX_ALIAS_CHARS = 23
"""Longest alias once spaces and hyphens are gone, including the plus."""
MAX_TRANSFER_CHARS = 30
MIN_EXTENSION_DIGITS = 2
MAX_EXTENSION_DIGITS = 8

# Space, no-break space, figure space, thin space, narrow no-break space.
_SPACES = re.compile("[ \u00a0\u2007\u2009\u202f]+")
_SEPARATORS = re.compile(r"[-/.()\u2010\u2011\u2013]")
_DIGITS = re.compile(r"[0-9]+")
_HYPHENATED = re.compile(r"\+?[0-9]+(?:-[0-9]+)*")
_DIAL_STRING = re.compile(r"\+?[0-9*#]{1,30}")
_SERVICE_CODE = re.compile(r"[*#]{1,2}[0-9]{1,6}#?")
_FLOAT = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE]\+?[0-9]+")


class NumberError(UsageError, ValueError):
    """A number that breaks a rule; the message says which, without a position.

    Attributes:
        expected: what would have been right.
    """

    def __init__(self, what: str, expected: str) -> None:
        super().__init__(f"{what}; expected {expected}")
        self.what = what
        self.expected = expected


def normalise(
    text: str, country_code: str = "49", prefix: str = "0", international_prefix: str = "00"
) -> str:
    """Bring a public number to normal form, ``+493023125101``.

    Args:
        text: as people write it: ``+49 30 23125-101``, ``0049 30 23125101``,
            ``030/23125 101``, ``+49 (0)30 23125101``.
        country_code: digits of the own country, without plus.
        prefix: trunk prefix of national numbers; empty in countries without one.
        international_prefix: what stands for the plus when dialling.

    Raises:
        NumberError: it has no unambiguous normal form.

    Source: ITU-T E.164 (15 digits at most); E.123 for the spelling ``+49 30 ...``.
    """
    squeezed = _without_spaces(text)
    if prefix:
        # "+49 (0)30": the zero in brackets is for national dialling only.
        squeezed = squeezed.replace(f"({prefix})", "") if squeezed[:1] == "+" else squeezed
    digits = _SEPARATORS.sub("", squeezed)
    if digits.startswith("+"):
        international = digits[1:]
    elif international_prefix and digits.startswith(international_prefix):
        international = digits[len(international_prefix) :]
    elif digits.startswith(prefix):
        international = country_code + digits[len(prefix) :]
    else:
        raise NumberError(
            _not_a_number(digits) or "the number has no area code",
            f"a number such as +{country_code} 30 23125101 or {prefix}30 23125101",
        )
    return _checked_e164(international, country_code, prefix)


def parse_alias(text: str, country_code: str = "49", prefix: str = "0") -> str:
    """Read a mailbox alias by the rules of the mailbox guide and give its normal form.

    Digits and single hyphens between digits; a plus only in front; one leading zero at
    most; spaces are dropped. A number without plus or zero stays as it is: it may be an
    extension (see :func:`alias_notes`).

    Args:
        text: as written, for example ``+49 2115551111``, ``02115551111``,
            ``0211-555-1111``: these three are one number.
        country_code: digits of the own country.
        prefix: trunk prefix.

    Raises:
        NumberError: a rule is broken.

    Source: German mailbox guide, "Ihr Mailbox-Passwort und Ihre Mailbox-Aliase".
    """
    expected = "digits and hyphens, a + only in front, at most one leading 0"
    squeezed = _without_spaces(text)
    if not squeezed:
        raise NumberError("the alias is empty", expected)
    if "+" in squeezed[1:]:
        raise NumberError("a + stands inside the alias", expected)
    if not _HYPHENATED.fullmatch(squeezed):
        raise NumberError(
            _not_a_number(squeezed.replace("-", "")) or "a hyphen stands alone", expected
        )
    number = squeezed.replace("-", "")
    if number.startswith("00"):
        raise NumberError("the alias begins with more than one 0", expected)
    if len(number) > MAX_ALIAS_CHARS:
        raise NumberError("the alias is too long", f"at most {MAX_ALIAS_CHARS} characters")
    return _with_country(number, country_code, prefix)


def alias_notes(text: str) -> tuple[str, ...]:
    """Say what is accepted in an alias but worth a look.

    Args:
        text: an alias that :func:`parse_alias` accepts.

    Returns:
        Notes in plain words; empty when there is nothing to say.
    """
    squeezed = _without_spaces(text)
    notes = []
    if squeezed != text.strip():
        notes.append("the alias holds spaces, which are dropped before it is used")
    if squeezed[:1] not in {"+", "0"}:
        notes.append("the alias has neither + nor 0 in front: it works only inside the site")
    return tuple(notes)


def parse_transfer_number(text: str, country_code: str = "49", prefix: str = "0") -> str:
    """Read the number that a caller reaches by pressing 0 and give its normal form.

    Digits and hyphens; it may begin with a plus or with zeros. Unlike an alias it may
    begin with ``00``; an extension stays as it is.

    Args:
        text: as written, for example ``+49 211-555-1111``.
        country_code: digits of the own country.
        prefix: trunk prefix.

    Raises:
        NumberError: a rule is broken.

    Source: German mailbox guide, "So richten Sie eine alternative Rufnummer für Anrufer ein".
    """
    expected = "digits and hyphens, with + or 0 in front or an extension"
    squeezed = _without_spaces(text)
    if not _HYPHENATED.fullmatch(squeezed):
        raise NumberError(
            _not_a_number(squeezed.replace("-", "")) or "a hyphen stands alone", expected
        )
    number = squeezed.replace("-", "")
    if len(number) > MAX_TRANSFER_CHARS:
        raise NumberError("the number is too long", f"at most {MAX_TRANSFER_CHARS} characters")
    if number.startswith("00"):
        return _checked_e164(number[2:], country_code, prefix)
    return _with_country(number, country_code, prefix)


def parse_extension(text: str) -> str:
    """Read an internal extension; leading zeros are part of it.

    Args:
        text: as written.

    Raises:
        NumberError: it is not 2 to 8 digits.
    """
    squeezed = _without_spaces(text)
    if not _DIGITS.fullmatch(squeezed) or not (
        MIN_EXTENSION_DIGITS <= len(squeezed) <= MAX_EXTENSION_DIGITS
    ):
        raise NumberError(
            "this is no extension", f"{MIN_EXTENSION_DIGITS} to {MAX_EXTENSION_DIGITS} digits"
        )
    return squeezed


def parse_service_number(text: str, country_code: str = "49", prefix: str = "0") -> str:
    """Read a number that a handset dials for a service, such as the voice portal.

    Args:
        text: a feature code (``*97``), an extension or a public number.
        country_code: digits of the own country.
        prefix: trunk prefix.

    Returns:
        The code or extension as written, a public number in normal form.

    Raises:
        NumberError: it is none of these.
    """
    squeezed = _without_spaces(text)
    if _SERVICE_CODE.fullmatch(squeezed):
        return squeezed
    if _DIGITS.fullmatch(squeezed) and len(squeezed) <= MAX_EXTENSION_DIGITS:
        return squeezed
    return normalise(text, country_code, prefix)


def parse_dial_string(text: str) -> str:
    """Read what a speed dial key dials: digits, ``*``, ``#``, with a plus in front perhaps.

    Args:
        text: as written; spaces, hyphens, slashes, dots and brackets are dropped.

    Raises:
        NumberError: nothing that a handset can dial.
    """
    squeezed = _SEPARATORS.sub("", _without_spaces(text))
    if not _DIAL_STRING.fullmatch(squeezed):
        raise NumberError("this cannot be dialled", "up to 30 digits, * and #, a + only in front")
    return squeezed


def display_form(number: str, country_code: str = "49", extension: str = "") -> str:
    """Write a normal form for people: ``+49 3023125-101``.

    Args:
        number: normal form; anything else is given back as it is.
        country_code: digits of the own country; only its numbers are split.
        extension: set off with a hyphen when the number ends with it.
    """
    own = f"+{country_code}"
    if not number.startswith(own):
        return number
    national = number[len(own) :]
    if extension and national.endswith(extension) and national != extension:
        national = f"{national.removesuffix(extension)}-{extension}"
    return f"{own} {national}"


def same_number(first: str, second: str, country_code: str = "49", prefix: str = "0") -> bool:
    """Say whether two spellings are one number; a spelling without normal form equals none.

    Args:
        first: one spelling.
        second: the other.
        country_code: digits of the own country.
        prefix: trunk prefix.
    """
    try:
        return normalise(first, country_code, prefix) == normalise(second, country_code, prefix)
    except NumberError:
        return False


def _without_spaces(text: str) -> str:
    return _SPACES.sub("", text)


def _with_country(number: str, country_code: str, prefix: str) -> str:
    if number.startswith("+"):
        return _checked_e164(number[1:], country_code, prefix)
    if prefix and number.startswith(prefix):
        return _checked_e164(country_code + number[len(prefix) :], country_code, prefix)
    return number


def _checked_e164(digits: str, country_code: str, prefix: str) -> str:
    problem = _not_a_number(digits)
    if problem:
        raise NumberError(problem, f"digits, such as +{country_code} 30 23125101")
    if digits.startswith("0"):
        raise NumberError(
            "a 0 follows the international prefix", f"a country code, such as +{country_code}"
        )
    if prefix and digits.startswith(country_code + prefix):
        raise NumberError(
            f"the trunk prefix {prefix} follows the country code",
            f"the area code without {prefix}, such as +{country_code} 30",
        )
    if not MIN_E164_DIGITS <= len(digits) <= MAX_E164_DIGITS:
        raise NumberError(
            "the number is too short"
            if len(digits) < MIN_E164_DIGITS
            else "the number is too long",
            f"{MIN_E164_DIGITS} to {MAX_E164_DIGITS} digits with the country code",
        )
    return f"+{digits}"


def _not_a_number(digits: str) -> str:
    """What keeps the text from being digits, in words; empty when nothing does."""
    if not digits:
        return "the number is empty"
    if _FLOAT.fullmatch(digits):
        return "a spreadsheet turned the number into a floating point value"
    if not _DIGITS.fullmatch(digits):
        return "the number holds something other than digits"
    return ""
