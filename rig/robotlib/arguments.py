"""Types of keyword arguments that Robot Framework does not know by itself."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from provisioning.secret import Secret, SecretResolver
from rig.errors import ProtocolError
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


CONVERTERS = {Counts: to_counts, Secret: to_secret}
