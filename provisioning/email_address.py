"""Mail addresses as a mailbox may hold them: one plain, deliverable address.

No display name, no quoted local part, no address literal and no letter outside ASCII: what
passes here needs no escaping in a header or an SMTP command, and every server takes it.
"""

from __future__ import annotations

import re

from provisioning.errors import UsageError

MAX_CHARS = 80
"""As much as the platform's own field holds."""
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?P<host>{_LABEL}(?:\.{_LABEL})*)")
_MAX_LOCAL = 64


class EmailAddressError(UsageError):
    """Says what is wrong with an address.

    Attributes:
        what: the fault, in a few words.
        expected: the right form.
        fix: what to do.
    """

    def __init__(self, what: str, *, expected: str = "", fix: str = "") -> None:
        self.what = what
        self.expected = expected or "an address like anna@company.example"
        self.fix = fix or "Write one address, without name or angle brackets."
        super().__init__(f"mail address: {what}; expected {self.expected}. {self.fix}")


def check_email(text: str) -> str:
    """Accept one mail address, to be used as it is.

    Args:
        text: as written.

    Returns:
        The same text.

    Raises:
        EmailAddressError: it is none, or is too long.

    Source: RFC 5321 sections 4.1.2 (Mailbox, Dot-string) and 4.5.3.1.1; the vendor's schema
    for the length of 80.
    """
    if len(text) > MAX_CHARS:
        raise EmailAddressError(
            f"it has {len(text)} characters",
            expected=f"at most {MAX_CHARS}",
            fix="Use a shorter address; an alias at the mail server will do.",
        )
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise EmailAddressError("this is no address")
    if len(match["local"]) > _MAX_LOCAL:
        raise EmailAddressError(
            f"{len(match['local'])} characters before the @",
            expected=f"at most {_MAX_LOCAL}",
            fix="Use a shorter address; an alias at the mail server will do.",
        )
    return text
