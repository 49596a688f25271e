"""The narrow hook through which seeded faults reach an emulated handset.

The handset itself contains no fault code: it asks its hook at a few places and takes the
answer. The defaults change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rig.sip.back_off import BackOff
from rig.sip.feature_event import FeatureWord
from rig.sip.message import Request, Response
from rig.sip.subscription import DEFAULT_BACK_OFF
from rig.sip_transport.stack import Flow
from rig.timeline import LampState


def nowhere(data: bytes, flow: Flow) -> None:
    """Sends nothing: the way out of a hook that no handset has taken up."""
    del data, flow


def stay_on() -> None:
    """Restarts nothing, likewise."""


class HandsetHook:
    """What a handset asks before it acts; override one method to make a fault.

    Attributes:
        send: puts octets on a flow, beside everything that the handset itself sends.
        crash: loses everything and boots again, as a firmware that has crashed does.
    """

    send: Callable[[bytes, Flow], None] = staticmethod(nowhere)
    crash: Callable[[], None] = staticmethod(stay_on)

    def lamp(self, lamp: str, state: LampState, cause: str) -> LampState:
        """Decide what an LED is driven to.

        Args:
            lamp: ``message`` or ``account:N``.
            state: what the rules say.
            cause: why it is driven: ``notify``, ``missed_call``, ``calls_seen``, ``forward_on``,
                ``forward_off`` or ``boot``.

        Returns:
            What the LED does.
        """
        del lamp, cause
        return state

    def on_missed_call(self) -> None:
        """A call was missed; the call log has it already."""

    def outgoing(
        self, message: Request | Response, flow: Flow
    ) -> Request | Response | bytes | None:
        """Alter or drop a message just before it is sent, or damage it (bytes).

        Args:
            message: what would be sent.
            flow: where it would go.

        Returns:
            What is sent instead; None to send nothing.
        """
        del flow
        return message

    def incoming(self, message: Request | Response, flow: Flow) -> Request | Response | None:
        """Alter a message as it is taken, or do not take it; captures see it as it came.

        Args:
            message: what has arrived.
            flow: where from.

        Returns:
            What is taken instead; None to take nothing.
        """
        del flow
        return message

    def message_key(self, number: str) -> str:
        """Decide what the message key dials.

        Args:
            number: the voicemail number that the account was told.

        Returns:
            User part of the URI that is called.
        """
        return number

    def watched(self, uri: str) -> str:
        """Decide what an account subscribes to.

        Args:
            uri: of the mailbox that it was told to watch.
        """
        return uri

    def back_off(self) -> BackOff:
        """Decide how long a refused SUBSCRIBE waits before the next."""
        return DEFAULT_BACK_OFF

    def notify_status(self, request: Request) -> int | None:
        """Refuse a NOTIFY of message-summary before the handset looks at it.

        Args:
            request: the NOTIFY.

        Returns:
            The status to refuse with; None to treat it normally.
        """
        del request
        return None

    def asks(self, path: str, got: tuple[str, ...]) -> str | None:
        """Alter the name that is asked for in a boot.

        Args:
            path: as the model asks for it.
            got: names of the files that came before, in order.

        Returns:
            The name that is asked for instead; None to leave it out.
        """
        del got
        return path

    def restarts(self, files: Mapping[str, bytes]) -> bool:
        """Say whether the firmware restarts by itself once it has its files.

        Args:
            files: content by name, in the order of fetching.
        """
        del files
        return False

    def heeds(self, event: str) -> bool:
        """Say whether a ``check-sync`` that was answered by 200 is followed at all.

        Args:
            event: value of the Event header.
        """
        del event
        return True

    def feature_shown(self, word: FeatureWord) -> FeatureWord | None:
        """Decide what the phone shows of a service that the platform tells.

        Args:
            word: what was told.

        Returns:
            What is shown; None to take no notice.
        """
        return word

    def feature_asked(self, word: FeatureWord) -> FeatureWord | None:
        """Say what the phone asks for by itself when a service has changed on it.

        Args:
            word: how the service is now.

        Returns:
            What the platform is asked for, as if a key had been pressed; None for nothing.
        """
        del word
        return None

    def keeps_forwarding(self) -> bool:
        """Whether the phone also forwards by itself what its key has given to the platform."""
        return False
