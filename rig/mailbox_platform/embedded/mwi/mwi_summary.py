"""What a phone is told about its mailboxes: sums, switches, other classes of messages.

Pure: counts and switches are given in. Source: RFC 3842 section 5.2, RFC 3458 section 6.2.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from rig.errors import UsageError
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.directory import Watch
from rig.sip.grammar import MAX_UINT32
from rig.sip.message_summary import MESSAGE_CLASSES, Counts, MessageSummary
from rig.timeline import MailboxSeen

OTHER_CLASSES = tuple(name for name in MESSAGE_CLASSES if name not in {"voice-message", "none"})
"""Classes that a message summary may count besides voice."""

CLOSING_BODY = MessageSummary(waiting=False).to_bytes()
"""What somebody is told who may not watch a mailbox any more: dark lamp, no count, no name."""

OtherCounts = Mapping[str, Counts]


def check_others(others: OtherCounts) -> None:
    """Refuse classes and counts that no summary can carry.

    Raises:
        UsageError: an unknown class, or a number that is negative or beyond 32 bits.
    """
    for name, counts in others.items():
        if name not in OTHER_CLASSES:
            raise UsageError(
                f"message class {name!r} is unknown; expected one of {', '.join(OTHER_CLASSES)}"
            )
        numbers = (counts.new, counts.saved, counts.urgent_new, counts.urgent_saved)
        if any(not 0 <= (number or 0) <= MAX_UINT32 for number in numbers):
            raise UsageError(f"{name}: counts are {counts}; expected 0 to {MAX_UINT32} each")


def others_to_text(others: OtherCounts) -> str:
    """Write the counts of other classes for the store."""
    return json.dumps(
        {
            name: [counts.new, counts.saved, counts.urgent_new, counts.urgent_saved]
            for name, counts in others.items()
        }
    )


def others_from_text(text: str | None) -> dict[str, Counts]:
    """Read what :func:`others_to_text` wrote; nothing for None."""
    return {} if text is None else {name: Counts(*row) for name, row in json.loads(text).items()}


class SummaryWriter:
    """Says what holds for the mailboxes that somebody watches.

    Args:
        config: which counts are sent.
        truth: counts of a mailbox, now.
        enabled: whether a mailbox's owner wants to be told (R32).
        others: counts of other classes than voice, of a mailbox.

    Attributes:
        put_out: mailboxes of which nothing is shown until they change.
    """

    def __init__(
        self,
        config: PlatformConfig,
        truth: Callable[[str], MailboxSeen],
        enabled: Callable[[str], bool],
        others: Callable[[str], OtherCounts],
    ) -> None:
        self._config = config
        self._truth = truth
        self._enabled = enabled
        self._others = others
        self.put_out: set[str] = set()

    def summary(self, watch: Watch) -> MessageSummary:
        """State of everything that is watched, counts added.

        A mailbox with its MWI option off counts as empty: nobody is ever told that something
        waits there. With any class new, messages wait; which lamp that lights is the phone's.
        """
        shown = [mailbox for mailbox in watch.mailboxes if self._shows(mailbox)]
        seen = [self._truth(mailbox) for mailbox in shown]
        urgent = self._config.mwi_send_urgent
        voice = Counts(
            new=sum(one.new for one in seen),
            saved=sum(one.saved for one in seen) if self._config.mwi_send_saved else None,
            urgent_new=sum(one.urgent_new for one in seen) if urgent else None,
            urgent_saved=sum(one.urgent_saved for one in seen) if urgent else None,
        )
        others: dict[str, Counts] = {}
        for mailbox in shown:
            for name, counts in self._others(mailbox).items():
                sofar = others.get(name)
                others[name] = counts if sofar is None else _sum(sofar, counts)
        waiting = voice.new > 0 or any(counts.new for counts in others.values())
        return MessageSummary(
            waiting=waiting, account=watch.account_uri, voice=voice, others=others
        )

    def _shows(self, mailbox: str) -> bool:
        return self._enabled(mailbox) and mailbox not in self.put_out


def lamp_changes(told: bytes, body: bytes) -> bool:
    """Whether the status line is another: such news is not held back. Source: RFC 3842 3.10."""
    return told.partition(b"\r\n")[0] != body.partition(b"\r\n")[0]


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(
        one.new + other.new,
        _sum_known(one.saved, other.saved),
        _sum_known(one.urgent_new, other.urgent_new),
        _sum_known(one.urgent_saved, other.urgent_saved),
    )


def _sum_known(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other
