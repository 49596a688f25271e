"""Lets the platform tell of a waiting fax, which it has none of its own; not a fault.

A fax is another message class of the same body (RFC 3842 section 3.5); the lamp for voice
messages must not care (guide R65).
"""

from __future__ import annotations

from dataclasses import replace

from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.sip.message_summary import Counts, MessageSummary


class FaxHook(PlatformHook):
    """Adds a fax to what subscribers of some mailboxes are told.

    Attributes:
        waiting: mailboxes with a fax.
    """

    def __init__(self) -> None:
        self.waiting: set[str] = set()

    def summary(self, mailbox: str, subscriber: str, summary: MessageSummary) -> MessageSummary:
        """Add the fax: the flag says yes, as it does for any class."""
        del subscriber
        if mailbox not in self.waiting:
            return summary
        fax = {"fax-message": Counts(1, 0, 0, 0)}
        return replace(summary, waiting=True, others={**summary.others, **fax})
