"""One subscription as its notifier keeps it, and what its owner may do with it.

The work is done by :mod:`rig.sip_transport.notifier`; here is what one subscription remembers.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Protocol

from rig.sip.event import Flow
from rig.sip.notification import NotifierState
from rig.sip.notify_pace import NotifyPace
from rig.sip_transport.exchange import OutgoingRequest

BodyProvider = Callable[[], bytes]

LastWord = tuple[str, int | None, bytes]
"""Reason, seconds until the subscriber may come back, and the body of a last NOTIFY."""


class SubscriptionKeeper(Protocol):
    """What a subscription needs of its notifier."""

    min_interval_s: float

    @property
    def patience_s(self) -> float:
        """How long news waits for the answer to the NOTIFY before, seconds."""
        ...

    def flush(self, subscription: ServerSubscription) -> None:
        """Send what is wanted, if the pace lets it go now."""
        ...

    def end(self, subscription: ServerSubscription, last_word: LastWord) -> None:
        """End it with a last NOTIFY."""
        ...

    def forget(self, subscription: ServerSubscription, because: str) -> None:
        """End it without a word."""
        ...


class ServerSubscription:
    """One subscription at the notifier.

    Attributes:
        state: dialog, expiry and whether it is active.
        aor: the AOR whose limit it counts against.
        flow: where NOTIFYs go.
        content_type: media type of the bodies.
        max_expires_s: most to grant at a refresh; None leaves it to the request.
        last_status: status of the last answer to a NOTIFY; 408 and 503 stand for silence and
            no transport.
        ended_because: why it ended; empty while it lives.
    """

    __slots__ = (
        "_notifier",
        "aor",
        "body_of",
        "content_type",
        "ended_because",
        "flow",
        "given",
        "last_status",
        "last_word",
        "max_expires_s",
        "outgoing",
        "pace",
        "silent_since",
        "state",
        "wake_at",
    )

    def __init__(
        self,
        notifier: SubscriptionKeeper,
        state: NotifierState,
        *,
        aor: str,
        flow: Flow,
        body_of: BodyProvider,
        content_type: str,
    ) -> None:
        self._notifier = notifier
        self.state = state
        self.aor = aor
        self.flow = flow
        self.body_of = body_of
        self.content_type = content_type
        self.last_status: int | None = None
        self.max_expires_s: int | None = None
        self.ended_because = ""
        # For the notifier alone:
        self.pace = NotifyPace(notifier.min_interval_s, notifier.patience_s)
        self.outgoing: OutgoingRequest | None = None
        self.silent_since: float | None = None
        self.given: bytes | None = None
        self.last_word: LastWord | None = None
        self.wake_at = inf

    @property
    def active(self) -> bool:
        """Whether it still lives."""
        return self.state.active

    @property
    def call_id(self) -> str:
        """Call-ID of its dialog."""
        return self.state.dialog.call_id

    @property
    def expires_at(self) -> float:
        """Instant at which it ends unless refreshed, seconds."""
        return self.state.expires_at

    def notify(self, body: bytes | None = None) -> None:
        """Tell the subscriber, even what it knows already.

        The NOTIFY is on the socket when this returns, unless an earlier one still waits for its
        answer: then it follows that answer, or takes the earlier one's place after T1, with the
        state of that instant.

        Args:
            body: the full state; by default what ``body_of`` gives.
        """
        if self.state.active:
            self.given = body
            self.pace.ask(must=True)
            self._notifier.flush(self)

    def changed(self) -> None:
        """Tell the subscriber what has changed, at once or as soon as its pace allows.

        Nothing is sent when the state is what was told last.
        """
        if self.state.active:
            self.given = None
            self.pace.ask()
            self._notifier.flush(self)

    def terminate(
        self,
        reason: str = "deactivated",
        retry_after_s: int | None = None,
        *,
        body: bytes | None = None,
    ) -> None:
        """End it with a last NOTIFY; it follows the answer to an earlier one.

        Args:
            reason: ``deactivated``, ``probation``, ``rejected``, ``timeout``, ``giveup``,
                ``noresource`` or ``invariant``.
            retry_after_s: when the subscriber may come back, seconds.
            body: by default what ``body_of`` gives.
        """
        if self.state.active:
            last = self.body_of() if body is None else body
            self._notifier.end(self, (reason, retry_after_s, last))

    def drop(self, because: str = "dropped") -> None:
        """Forget it without a word."""
        self._notifier.forget(self, because)
