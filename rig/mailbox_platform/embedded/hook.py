"""The narrow places where a test may make the embedded platform misbehave.

The platform asks the hook at each of them and does what it says; the default says "as you
were". Seeded faults are subclasses that live elsewhere, so the platform itself holds none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rig.sip.diversion import DiversionEntry
from rig.sip.event import Flow
from rig.sip.history_info import HistoryEntry
from rig.sip.message import Request, Response
from rig.sip.message_summary import MessageSummary

if TYPE_CHECKING:
    from rig.mailbox_platform.base import UserServices
    from rig.mailbox_platform.embedded.calls.rules import Decision


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
        """Choose another prompt than ``kind`` (``greeting.busy``, ``greeting.unavailable``).

        Returns:
            Its identifier; empty to say nothing before the beep.
        """
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

    def decision(self, number: str, decision: Decision) -> Decision:
        """Alter where a call to a user goes.

        Args:
            number: of the user.
            decision: what the rules say.
        """
        del number
        return decision

    def loop_guard(self, diverted_from: list[str], most: int) -> tuple[list[str], int]:
        """Alter what the guard against loops goes by.

        Args:
            diverted_from: numbers that have diverted the call, newest first.
            most: diversions that a call may suffer.
        """
        return diverted_from, most

    def visit(self, request: Request, number: str) -> int:
        """Say with which status a call is refused before a user's phones ring; 0 to let it in.

        Args:
            request: the call's INVITE; a transferred call keeps its Call-ID.
            number: of the user.
        """
        del request, number
        return 0

    def deposit_box(self, request: Request, mailbox: str) -> str:
        """Choose another mailbox for a diverted call.

        Args:
            request: the INVITE to the mailbox's endpoint.
            mailbox: number of the one that is right.
        """
        del request
        return mailbox

    def services_told(self, number: str, services: UserServices) -> UserServices:
        """Alter what phones are told of a user's forwarding and do-not-disturb."""
        del number
        return services
