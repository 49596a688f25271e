"""Types of keyword arguments that Robot Framework does not know by itself."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from pathlib import Path

from robot.api import Languages

from provisioning.secret import Secret, SecretResolver
from rig.errors import ProtocolError, UsageError
from rig.sip.message_summary import Counts, parse_summary


class Lamp(Enum):
    """What a person would say of a lamp."""

    LIT = True
    DARK = False

    @property
    def word(self) -> str:
        """``lit`` or ``dark``."""
        return self.name.lower()


class Greeting(Enum):
    """Greeting that the mailbox plays to a caller; the value identifies it in the audio."""

    BUSY = "greeting.busy"
    UNAVAILABLE = "greeting.unavailable"


class PortalPrompt(Enum):
    """What the voice portal says; the value identifies it in the audio."""

    ENTER_PIN = "portal.enter_pin"
    ENTER_MAILBOX = "portal.enter_mailbox"
    MAIN_MENU = "portal.main"
    BAD_PIN = "portal.bad_pin"


def seconds(time: timedelta) -> float:
    """A limit in seconds.

    Raises:
        UsageError: it is none.
    """
    if time < timedelta():
        raise UsageError(
            f"a time of {time.total_seconds():g} s has passed already; give 0 s or more"
        )
    return time.total_seconds()


def to_counts(text: str) -> Counts:
    """Read ``2/8`` or ``2/8 (0/2)``: new/saved and, in brackets, the urgent ones of them.

    Raises:
        ValueError: it is written otherwise.

    Source: RFC 3842 section 5.2.
    """
    line = " ".join(text.split())
    if "/" not in line:  # a platform may leave out the saved ones; who expects something may not
        raise ValueError("expected new/saved, as in 1/0 or 2/8 (0/2)")
    try:
        counts = parse_summary(f"Messages-Waiting: no\r\nVoice-Message: {line}\r\n".encode()).voice
    except ProtocolError as error:
        raise ValueError(str(error)) from None
    if counts is None:
        raise ValueError("expected new/saved, as in 1/0 or 2/8 (0/2)")
    return counts


def to_secret(value: object) -> Secret:
    """Take a secret that Robot Framework hides, or a reference to one.

    Args:
        value: a Robot ``Secret`` variable, or ``env:NAME``, or ``file:path``.

    Raises:
        ValueError: the secret itself is written in the test data.
    """
    if isinstance(value, Secret):
        return value
    hidden = getattr(value, "value", None)
    if type(value).__name__ == "Secret" and isinstance(hidden, str):
        return Secret(hidden)  # Robot's own type, which old versions do not have
    text = str(value)
    if not text.startswith(("env:", "file:", "sealed:")):
        raise ValueError("a secret is not written in test data: give env:NAME or file:path")
    return SecretResolver(Path.cwd()).resolve(text)


def to_bool(value: object) -> bool:
    """Read yes or no in one of the words that Robot Framework knows, English or German.

    By itself Robot hands any other word on, and every word counts as yes: ``aus`` too.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, (bool, int)):
        return bool(value)
    word = str(value).strip().title()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueError(f"expected one of {', '.join((*_YES, *_NO)).lower()}")


_SPOKEN = Languages("de")
_YES = sorted(_SPOKEN.true_strings)
_NO = sorted(word for word in _SPOKEN.false_strings if word)

CONVERTERS = {Counts: to_counts, Secret: to_secret, bool: to_bool}
