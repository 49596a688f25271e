"""The notifier on the event loop: keeps subscriptions and writes NOTIFYs at once.

Who may watch what is the owner's business: it authenticates, decides, and then hands the
SUBSCRIBE to :meth:`Notifier.accept`. Covers RFC 6665 4.2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial

from rig.errors import RigError
from rig.sip.errors import MessageError
from rig.sip.event import Flow
from rig.sip.matching import host_port
from rig.sip.message import Request, Response
from rig.sip.notification import NotifierPolicy, NotifierState, judge_subscribe
from rig.sip.timers import TimerQueue
from rig.sip.uri import Uri
from rig.sip_transport.stack import IncomingRequest, SipStack, TransportFailed

BodyProvider = Callable[[], bytes]

DEFAULT_DIALOG_LIMIT = 5
RETRY_AFTER_DISPLACED_S = 300


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
        "last_status",
        "max_expires_s",
        "state",
    )

    def __init__(
        self,
        notifier: Notifier,
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
        """Tell the subscriber now: the NOTIFY is on the socket when this returns.

        Args:
            body: the full state; by default what ``body_of`` gives.
        """
        if self.state.active:
            self._notifier.send(self, self.body_of() if body is None else body)

    def terminate(self, reason: str = "deactivated", retry_after_s: int | None = None) -> None:
        """End it with a last NOTIFY.

        Args:
            reason: ``deactivated``, ``probation``, ``rejected``, ``timeout``, ``giveup``,
                ``noresource`` or ``invariant``.
            retry_after_s: when the subscriber may come back, seconds.
        """
        if self.state.active:
            body = self.body_of()
            self._notifier.send(self, body, reason=reason, retry_after_s=retry_after_s)

    def drop(self, because: str = "dropped") -> None:
        """Forget it without a word."""
        self._notifier.forget(self, because)


class Notifier:
    """Keeps the subscriptions of one stack.

    Args:
        stack: sends and receives.
        package: the event package served.
        limit_per_aor: most dialogs of one AOR; the newest wins and the oldest is ended.
        min_expires_s: shorter wishes get 423; 0 takes any.

    Attributes:
        on_end: called with every subscription that ended.
    """

    __slots__ = (
        "_by_dialog",
        "_queue",
        "_stack",
        "_timer",
        "limit_per_aor",
        "min_expires_s",
        "on_end",
        "package",
    )

    def __init__(
        self,
        stack: SipStack,
        *,
        package: str = "message-summary",
        limit_per_aor: int = DEFAULT_DIALOG_LIMIT,
        min_expires_s: int = 0,
    ) -> None:
        self._stack = stack
        self.package = package
        self.limit_per_aor = limit_per_aor
        self.min_expires_s = min_expires_s
        self._by_dialog: dict[tuple[str, str], ServerSubscription] = {}
        self._queue: TimerQueue[ServerSubscription] = TimerQueue()
        self._timer: asyncio.TimerHandle | None = None
        self.on_end: Callable[[ServerSubscription], None] | None = None

    def __len__(self) -> int:
        return len(self._by_dialog)

    def __iter__(self) -> Iterator[ServerSubscription]:
        return iter(list(self._by_dialog.values()))

    def of_aor(self, aor: str) -> list[ServerSubscription]:
        """The subscriptions that count against an AOR, oldest first."""
        return [s for s in self._by_dialog.values() if s.aor == aor]

    def find(self, request: Request) -> ServerSubscription | None:
        """The subscription that a SUBSCRIBE inside a dialog belongs to."""
        return self._by_dialog.get((request.call_id, request.to.tag or ""))

    def handle_subscribe(self, incoming: IncomingRequest) -> bool:
        """Answer a SUBSCRIBE inside a dialog: refresh, end, or 481.

        Returns:
            False when it is outside of any dialog; it is not answered then.
        """
        request = incoming.request
        if request.to.tag is None:
            return False
        known = self.find(request)
        if known is None:
            incoming.respond(481)
        else:
            self.accept(
                incoming,
                expires_s=known.max_expires_s,
                body_of=known.body_of,
                content_type=known.content_type,
            )
        return True

    def accept(
        self,
        incoming: IncomingRequest,
        *,
        expires_s: int | None = None,
        body_of: BodyProvider,
        content_type: str = "application/simple-message-summary",
        aor: str | None = None,
    ) -> ServerSubscription | None:
        """Answer a SUBSCRIBE: 200 and at once a NOTIFY with the full state, or the refusal.

        Args:
            incoming: the SUBSCRIBE, outside or inside a dialog.
            expires_s: most to grant, seconds; None leaves it to the request.
            body_of: gives the full state, also for later NOTIFYs.
            content_type: of the bodies.
            aor: whose limit it counts against; the From URI by default.

        Returns:
            The subscription, which may have ended already (Expires 0); None when it was
            refused.
        """
        request = incoming.request
        policy = NotifierPolicy(
            packages=(self.package,),
            content_types=(content_type,),
            min_expires_s=self.min_expires_s,
            default_expires_s=3600 if expires_s is None else expires_s,
            max_expires_s=86400 if expires_s is None else expires_s,
        )
        try:
            verdict = judge_subscribe(request, policy)
            owner = request.from_.uri.aor if aor is None else aor
        except MessageError as error:
            incoming.respond(error.status_hint or 400)
            return None
        if verdict.status != 200:
            incoming.respond(verdict.status, headers=verdict.headers)
            return None
        subscription = self._begin_or_refresh(incoming, verdict.expires_s)
        if subscription is None:
            return None
        if request.to.tag is None:
            subscription.aor = owner
            subscription.max_expires_s = expires_s
            self._keep_limit(owner, subscription)
        subscription.body_of = body_of
        subscription.content_type = content_type
        subscription.flow = incoming.flow
        headers = [
            *(("Record-Route", v) for v in request.headers.get_all("Record-Route")),
            ("Expires", str(verdict.expires_s)),
            ("Contact", self._contact(incoming)),
            *verdict.headers,
        ]
        incoming.respond(200, headers=headers)
        if verdict.expires_s == 0:
            subscription.terminate("timeout")
        else:
            self._queue.push(subscription.expires_at, subscription)
            self._arm()
            subscription.notify()
        return subscription

    async def close(self) -> None:
        """Forget every subscription without a word, as a crash does."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for subscription in self:
            subscription.drop("closed")

    # ---- for ServerSubscription ---------------------------------------------------------

    def send(
        self,
        subscription: ServerSubscription,
        body: bytes,
        *,
        reason: str = "",
        retry_after_s: int | None = None,
    ) -> None:
        """Send a NOTIFY of a subscription now."""
        notify = subscription.state.make_notify(
            self._stack.now,
            body,
            subscription.content_type,
            reason=reason,
            retry_after_s=retry_after_s,
        )
        if reason:
            self._ended(subscription, reason)
        try:
            outgoing = self._stack.request(notify, subscription.flow)
        except TransportFailed:
            self.forget(subscription, "transport failed")
            return
        outgoing.on_final = partial(self._answered, subscription)
        outgoing.on_failure = partial(self._unanswered, subscription)

    def forget(self, subscription: ServerSubscription, because: str) -> None:
        """End a subscription without a word."""
        if subscription.state.active:
            subscription.state.active = False
            self._ended(subscription, because)

    # ---- inside -------------------------------------------------------------------------

    def _begin_or_refresh(
        self, incoming: IncomingRequest, expires_s: int
    ) -> ServerSubscription | None:
        request = incoming.request
        expires_at = self._stack.now + expires_s
        if request.to.tag is not None:
            known = self.find(request)
            if known is None:
                incoming.respond(481)
                return None
            if not known.state.refresh(request, expires_at):
                incoming.respond(500, headers=[("Retry-After", "1")])
                return None
            return known
        tag = incoming.to_tag
        state = NotifierState(request, tag, self._contact(incoming), expires_at)
        subscription = ServerSubscription(
            self, state, aor="", flow=incoming.flow, body_of=bytes, content_type=""
        )
        self._by_dialog[(request.call_id, tag)] = subscription
        return subscription

    def _keep_limit(self, aor: str, newest: ServerSubscription) -> None:
        older = [s for s in self.of_aor(aor) if s is not newest]
        for subscription in older[: max(0, len(older) + 1 - self.limit_per_aor)]:
            # Not "deactivated": that asks the handset back at once, and two would alternate.
            subscription.terminate("probation", RETRY_AFTER_DISPLACED_S)

    def _contact(self, incoming: IncomingRequest) -> str:
        """Where refreshes shall go: us, with the user part that was asked for."""
        try:
            user = Uri.parse(incoming.request.uri).user
        except MessageError:
            user = None
        name = "" if user is None else f"{user}@"
        suffix = f";transport={incoming.flow.transport.lower()}" if incoming.flow.reliable else ""
        return f"<sip:{name}{host_port(self._stack.address)}{suffix}>"

    def _answered(self, subscription: ServerSubscription, response: Response) -> None:
        subscription.last_status = response.status
        if NotifierState.ends_by(response):
            self.forget(subscription, f"NOTIFY answered {response.status}")

    def _unanswered(self, subscription: ServerSubscription, error: RigError) -> None:
        lost = isinstance(error, TransportFailed)
        subscription.last_status = 503 if lost else 408
        self.forget(subscription, "transport failed" if lost else "NOTIFY not answered")

    def _ended(self, subscription: ServerSubscription, because: str) -> None:
        subscription.ended_because = because
        dialog = subscription.state.dialog
        self._by_dialog.pop((dialog.call_id, dialog.local_tag), None)
        self._stack.guarded(self.on_end, subscription)

    def _arm(self) -> None:
        first = self._queue.peek()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if first is not None and not self._stack.closed:
            delay_s = max(0.0, first[0] - self._stack.now)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._due)

    def _due(self) -> None:
        self._timer = None
        now = self._stack.now
        while (due := self._queue.pop_due(now)) is not None:
            at, subscription = due
            if subscription.active and subscription.expires_at == at:
                self._stack.guarded(subscription.terminate, "timeout")
        self._arm()
