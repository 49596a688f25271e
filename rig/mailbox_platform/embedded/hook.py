"""The narrow places where a test may make the embedded platform misbehave.

The platform asks the hook at each of them and does what it says; the default says "as you
were". Seeded faults are subclasses that live elsewhere, so the platform itself holds none.
"""

from __future__ import annotations

from collections.abc import Callable

from rig.sip.diversion import DiversionEntry
from rig.sip.event import Flow
from rig.sip.history_info import HistoryEntry
from rig.sip.message import Request, Response
from rig.sip.message_summary import MessageSummary


def nowhere(data: bytes, flow: Flow) -> None:
    """Sends nothing: the way out of a hook that no component has taken up."""
    del data, flow


class PlatformHook:
    """Leaves the platform as it is; override a method to alter one behaviour.

    Attributes:
        send: puts octets on a flow, beside everything that the platform itself sends.
    """

    send: Callable[[bytes, Flow], None] = staticmethod(nowhere)

    def summary(self, mailbox: str, subscriber: str, summary: MessageSummary) -> MessageSummary:
        """Alter what a subscriber is told.

        Args:
            mailbox: number of the mailbox.
            subscriber: number of the account that is told.
            summary: what the platform is about to send.
        """
        del mailbox, subscriber
        return summary

    def diversion(self, entries: list[DiversionEntry]) -> list[DiversionEntry]:
        """Alter the Diversion entries of a diverted leg, newest first."""
        return entries

    def history(self, entries: list[HistoryEntry]) -> list[HistoryEntry]:
        """Alter the History-Info entries of a diverted leg, oldest first."""
        return entries

    def outgoing(
        self, message: Request | Response, flow: Flow
    ) -> Request | Response | bytes | None:
        """Alter a message just before it leaves, damage it (bytes), or drop it (None)."""
        del flow
        return message

    def incoming(self, message: Request | Response, flow: Flow) -> Request | Response | None:
        """Alter a message as it is taken, or do not take it (None); captures see it as it came."""
        del flow
        return message

    def greeting(self, kind: str) -> str:
        """Choose another prompt than ``kind`` (``greeting.busy``, ``greeting.unavailable``)."""
        return kind

    def ring_seconds(self, value: float) -> float:
        """Alter how long a handset is rung, in seconds."""
        return value

    def before_notify(self, mailbox: str) -> bool:
        """Say whether a change of ``mailbox`` is told to anybody."""
        del mailbox
        return True

    def tells_on_register(self, number: str) -> bool:
        """Say whether a phone without subscription is told at its registration.

        Args:
            number: of the account that has registered.
        """
        del number
        return True
