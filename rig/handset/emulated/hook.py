"""The narrow hook through which seeded faults reach an emulated handset.

The handset itself contains no fault code: it asks its hook at four places and takes the answer.
The defaults change nothing.
"""

from __future__ import annotations

from rig.sip.message import Request, Response
from rig.sip_transport.stack import Flow
from rig.timeline import LampState


class HandsetHook:
    """What a handset asks before it acts; override one method to make a fault."""

    def lamp(self, lamp: str, state: LampState, cause: str) -> LampState:
        """Decide what an LED is driven to.

        Args:
            lamp: ``message`` or ``account:N``.
            state: what the rules say.
            cause: why it is driven: ``notify``, ``missed_call``, ``calls_seen`` or ``boot``.

        Returns:
            What the LED does.
        """
        del lamp, cause
        return state

    def on_missed_call(self) -> None:
        """A call was missed; the call log has it already."""

    def outgoing(self, message: Request | Response, flow: Flow) -> Request | Response | None:
        """Alter or drop a message just before it is sent.

        Args:
            message: what would be sent.
            flow: where it would go.

        Returns:
            What is sent instead; None to send nothing.
        """
        del flow
        return message

    def notify_status(self, request: Request) -> int | None:
        """Refuse a NOTIFY of message-summary before the handset looks at it.

        Args:
            request: the NOTIFY.

        Returns:
            The status to refuse with; None to treat it normally.
        """
        del request
        return None
