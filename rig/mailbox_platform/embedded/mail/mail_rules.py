"""What mails follow from a message, and what follows from a mail that fails: rules on data.

What the mailbox guide says, under "So empfangen Sie Ihre Mailbox-Nachrichten":

* unified processing (R31): the message stays in the mailbox;
* redirecting to an address (R35): the message goes there and *not* into the mailbox;
* in both, a notice to one address (R33) and a copy of the message to another (R34) may be
  switched on, each for itself.

The guide's text for R34 speaks of the notice going to another address, its label of a copy of
the message as an attachment. The label decides here.

Every option that is on makes one mail of its own, even where two name the same address.

A redirected message is never lost: when its mail is given up it becomes a new message of the
mailbox, which then lights the lamp as any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rig.mailbox_platform.base import MailboxOptions


class MailPurpose(StrEnum):
    """Why a mail is sent."""

    NOTICE = "notice"
    COPY = "copy"
    REDIRECT = "redirect"
    LOCKED = "locked"

    @property
    def attaches_audio(self) -> bool:
        """Whether the message is in the mail."""
        return self in {MailPurpose.COPY, MailPurpose.REDIRECT}


@dataclass(frozen=True, slots=True)
class MailWanted:
    """One mail that a message calls for.

    Attributes:
        purpose: why.
        address: to whom.
    """

    purpose: MailPurpose
    address: str


def mails_for(options: MailboxOptions) -> tuple[MailWanted, ...]:
    """Say what mails a new message calls for.

    Args:
        options: of the mailbox that it was left for.

    Returns:
        At most three, the redirected message first. None at all when the service is off.

    Source: mailbox guide, R31 and R33 to R35.
    """
    if not options.active:
        return ()
    wishes = (
        (MailPurpose.REDIRECT, options.email_redirect),
        (MailPurpose.COPY, options.email_copy),
        (MailPurpose.NOTICE, options.email_notify),
    )
    return tuple(MailWanted(purpose, address) for purpose, address in wishes if address)


def stays_in_mailbox(options: MailboxOptions, *, mail: bool) -> bool:
    """Whether a new message goes into the mailbox (R31) rather than into a mail (R35).

    Args:
        options: of the mailbox.
        mail: whether the platform can send mail at all; without it, redirecting would lose
            the message.
    """
    return not mail or not options.email_redirect


def next_wait_s(attempts: int, first_s: float, longest_s: float) -> float:
    """How long to wait after a failed attempt: first, twice that, four times that ...

    Args:
        attempts: how many have failed, from 1.
        first_s: after the first.
        longest_s: never longer.
    """
    doublings = min(attempts - 1, 60)
    return float(min(longest_s, first_s * 2**doublings))
