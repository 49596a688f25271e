"""The notifier on the event loop: keeps subscriptions and writes NOTIFYs at once.

Who may watch what is the owner's business: it authenticates, decides, and then hands the
SUBSCRIBE to :meth:`Notifier.accept`. Covers RFC 6665 4.2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from math import inf

from rig.errors import RigError
from rig.sip.back_off import retry_after_s
from rig.sip.errors import MessageError
from rig.sip.matching import host_port
from rig.sip.message import Request, Response
from rig.sip.notification import NotifierPolicy, NotifierState, judge_subscribe
from rig.sip.timers import TimerQueue
from rig.sip.uri import Uri
from rig.sip_transport.server_subscription import BodyProvider, LastWord, ServerSubscription
from rig.sip_transport.stack import IncomingRequest, RequestTimedOut, SipStack, TransportFailed

__all__ = ["BodyProvider", "Notifier", "ServerSubscription"]

PressingTest = Callable[[bytes, bytes], bool]
"""Says of the body told last and the present one whether the news may not be held back."""

DEFAULT_DIALOG_LIMIT = 5
RETRY_AFTER_DISPLACED_S = 300
_SLACK_TIMERS = 256
"""So many cancelled timers may lie about before they are swept out."""


class Notifier:
    """Keeps the subscriptions of one stack.

    Args:
        stack: sends and receives.
        package: the event package served.
        limit_per_aor: most dialogs of one AOR; the newest wins and the oldest is ended.
        min_expires_s: shorter wishes get 423; 0 takes any.
        min_interval_s: least time between two NOTIFYs of one subscription, seconds; changes in
            between are merged. Answers to a SUBSCRIBE are never held back.
        pressing: says which news may not be held back by that; none by default.

    Attributes:
        on_end: called with every subscription that ended.
    """

    __slots__ = (
        "_by_aor",
        "_by_dialog",
        "_pressing",
        "_queue",
        "_stack",
        "_timer",
        "_timer_at",
        "limit_per_aor",
        "min_expires_s",
        "min_interval_s",
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
        min_interval_s: float = 0.0,
        pressing: PressingTest | None = None,
    ) -> None:
        self._stack = stack
        self.package = package
        self.limit_per_aor = limit_per_aor
        self.min_expires_s = min_expires_s
        self.min_interval_s = min_interval_s
        self._pressing = pressing
        self._by_dialog: dict[tuple[str, str], ServerSubscription] = {}
        self._by_aor: dict[str, dict[ServerSubscription, None]] = {}
        self._queue: TimerQueue[ServerSubscription] = TimerQueue()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self.on_end: Callable[[ServerSubscription], None] | None = None

    @property
    def patience_s(self) -> float:
        """How long news waits for the answer to the NOTIFY before: T1."""
        return self._stack.timers.t1_s

    def __len__(self) -> int:
        return len(self._by_dialog)

    def __iter__(self) -> Iterator[ServerSubscription]:
        return iter(list(self._by_dialog.values()))

    def of_aor(self, aor: str) -> list[ServerSubscription]:
        """The subscriptions that count against an AOR, oldest first."""
        return list(self._by_aor.get(aor, ()))

    @property
    def timers(self) -> int:
        """Entries of the timer queue, cancelled ones included: bounded by the subscriptions."""
        return len(self._queue)

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
        accepted_type: str = "",
        aor: str | None = None,
    ) -> ServerSubscription | None:
        """Answer a SUBSCRIBE: 200 and at once a NOTIFY with the full state, or the refusal.

        Args:
            incoming: the SUBSCRIBE, outside or inside a dialog.
            expires_s: most to grant, seconds; None leaves it to the request.
            body_of: gives the full state, also for later NOTIFYs.
            content_type: of the bodies.
            accepted_type: media type that the subscriber must accept; that of the bodies by
                default. Another one when several documents of it go in one body.
            aor: whose limit it counts against; the From URI by default.

        Returns:
            The subscription, which may have ended already (Expires 0); None when it was
            refused.
        """
        request = incoming.request
        policy = NotifierPolicy(
            packages=(self.package,),
            content_types=(accepted_type or content_type,),
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
            if verdict.expires_s:
                self._by_aor.setdefault(owner, {})[subscription] = None
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
            subscription.notify()
            self._schedule(subscription)
        return subscription

    async def close(self) -> None:
        """Forget every subscription without a word, as a crash does."""
        self._disarm()
        for subscription in self:
            subscription.drop("closed")
        self._queue = TimerQueue()

    # ---- for ServerSubscription ---------------------------------------------------------

    def flush(self, subscription: ServerSubscription) -> None:
        """Send what is wanted of an active subscription, if its pace lets it go now."""
        pace = subscription.pace
        now = self._stack.now
        if not pace.ready(now):
            if pace.wanted:
                self._schedule(subscription)
            return
        silent_since = subscription.silent_since
        if silent_since is not None and now - silent_since >= self._stack.timers.give_up_s:
            self._unanswered(subscription, RequestTimedOut("several NOTIFYs without an answer"))
            return
        given = subscription.given
        body = subscription.body_of() if given is None else given
        told = pace.told
        pressing = told is not None and self._pressing is not None and self._pressing(told, body)
        if pace.take(body, now, pressing=pressing):
            subscription.given = None
            self._send(subscription, body)
        elif pace.wanted:
            self._schedule(subscription)

    def end(self, subscription: ServerSubscription, last_word: LastWord) -> None:
        """End a subscription; its last NOTIFY waits for the answer to the one before."""
        subscription.state.active = False
        self._ended(subscription, last_word[0])
        subscription.last_word = last_word
        if subscription.pace.in_flight:
            loop = asyncio.get_running_loop()
            loop.call_later(self.patience_s, self._say_last_word, subscription)
        else:
            self._say_last_word(subscription)

    def forget(self, subscription: ServerSubscription, because: str) -> None:
        """End a subscription without a word."""
        subscription.last_word = None
        self._stop_sending(subscription)
        if subscription.state.active:
            subscription.state.active = False
            self._ended(subscription, because)

    # ---- inside -------------------------------------------------------------------------

    def _stop_sending(self, subscription: ServerSubscription) -> None:
        """Repeat the NOTIFY that waits for its answer no more."""
        if subscription.outgoing is not None:
            self._stack.abandon(subscription.outgoing)
            subscription.outgoing = None

    def _say_last_word(self, subscription: ServerSubscription) -> None:
        if subscription.last_word is None or self._stack.closed:
            return
        (reason, retry_s, body), subscription.last_word = subscription.last_word, None
        self._send(subscription, body, reason=reason, retry_s=retry_s)

    def _send(
        self,
        subscription: ServerSubscription,
        body: bytes,
        *,
        reason: str = "",
        retry_s: int | None = None,
    ) -> None:
        notify = subscription.state.make_notify(
            self._stack.now,
            body,
            subscription.content_type,
            reason=reason,
            retry_after_s=retry_s,
        )
        self._stop_sending(subscription)
        try:
            outgoing = self._stack.request(notify, subscription.flow)
        except TransportFailed:
            self.forget(subscription, "transport failed")
            return
        subscription.outgoing = outgoing
        if subscription.silent_since is None:
            subscription.silent_since = self._stack.now
        outgoing.on_final = partial(self._answered, subscription)
        outgoing.on_failure = partial(self._unanswered, subscription)

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
            if not known.state.concerns(request):
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
        mine = self._by_aor[aor]
        if len(mine) <= self.limit_per_aor:
            return
        older = [s for s in mine if s is not newest]
        for subscription in older[: len(older) + 1 - self.limit_per_aor]:
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
        subscription.outgoing = subscription.silent_since = None
        pace = subscription.pace
        if NotifierState.ends_by(response):
            pace.refused()
            self.forget(subscription, f"NOTIFY answered {response.status}")
            return
        later_s = retry_after_s(response)
        if response.is_success:
            pace.answered()
        elif later_s is not None:
            pace.postponed(self._stack.now + later_s)
        else:
            pace.refused()
        if subscription.active:
            self.flush(subscription)
        else:
            self._say_last_word(subscription)

    def _unanswered(self, subscription: ServerSubscription, error: RigError) -> None:
        lost = isinstance(error, TransportFailed)
        subscription.last_status = 503 if lost else 408
        subscription.pace.refused()
        self.forget(subscription, "transport failed" if lost else "NOTIFY not answered")

    def _ended(self, subscription: ServerSubscription, because: str) -> None:
        subscription.ended_because = because
        subscription.wake_at = inf
        dialog = subscription.state.dialog
        self._by_dialog.pop((dialog.call_id, dialog.local_tag), None)
        mine = self._by_aor.get(subscription.aor)
        if mine is not None:
            mine.pop(subscription, None)
            if not mine:
                del self._by_aor[subscription.aor]
        self._stack.guarded(self.on_end, subscription)

    # ---- inside: time -------------------------------------------------------------------

    def _schedule(self, subscription: ServerSubscription) -> None:
        """Have a subscription looked at when it expires, or may be told what was held back.

        Each has one entry that counts; one that comes up early because a refresh moved the
        expiry is simply entered again.
        """
        at = subscription.expires_at
        wanted_at = subscription.pace.next_at()
        if wanted_at is not None:
            at = min(at, wanted_at)
        if at >= subscription.wake_at:
            return
        subscription.wake_at = at
        self._queue.push(at, subscription)
        if len(self._queue) > 2 * len(self._by_dialog) + _SLACK_TIMERS:
            self._queue.keep(lambda at, owner: owner.wake_at == at)
        self._arm()

    def _arm(self) -> None:
        first = self._queue.peek()
        if first is None or self._stack.closed or first[0] >= self._timer_at:
            return
        self._disarm()
        self._timer_at = first[0]
        delay_s = max(0.0, first[0] - self._stack.now)
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._due)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._timer_at = inf

    def _due(self) -> None:
        self._timer = None
        self._timer_at = inf
        now = self._stack.now
        while (due := self._queue.pop_due(now)) is not None:
            at, subscription = due
            if not subscription.active or subscription.wake_at != at:
                continue
            subscription.wake_at = inf
            if subscription.expires_at <= now:
                self._stack.guarded(subscription.terminate, "timeout")
            else:
                self._stack.guarded(self.flush, subscription)
                if subscription.active:
                    self._schedule(subscription)
        self._arm()
