"""The subscriber: one event subscription made, kept, repaired and ended.

Sans-IO: gives the requests to send, takes their ends and the NOTIFYs; ``now`` is an argument.
Covers RFC 6665 4.1 (with timer N, NOTIFY before the 2xx, forks, refresh, reasons of
termination) and RFC 3261 22. The notifier's side is :mod:`rig.sip.notification`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from provisioning.secret import Secret
from rig.sip.back_off import BackOff, refresh_after_s, retry_after_s
from rig.sip.dialog import Dialog
from rig.sip.digest_client import DigestClient
from rig.sip.errors import MessageError
from rig.sip.grammar import MAX_UINT32
from rig.sip.message import Request, Response
from rig.sip.subscription_state import (
    SUBSCRIPTION_ENDING_STATUSES,
    AfterEnd,
    SubscriptionStateValue,
)
from rig.sip.subscription_usage import (
    NotifyVerdict,
    SubscribeForm,
    SubscriptionState,
    Usage,
)
from rig.sip.timers import DEFAULT_TIMERS, TimerValues
from rig.sip.tokens import TokenSource

__all__ = ["DEFAULT_BACK_OFF", "NotifyVerdict", "Subscriber", "SubscriptionState", "Usage"]

MAX_PROMPT_RESTARTS = 3
"""How often in a row a subscription is made anew at once before the back-off applies."""

MAX_INTERVAL_ROUNDS = 3
DEFAULT_BACK_OFF = BackOff(base_s=30.0, max_s=3600.0)


_MAY_FORK = frozenset(
    {SubscriptionState.SUBSCRIBING, SubscriptionState.PENDING, SubscriptionState.ACTIVE}
)


class Subscriber:
    """Keeps one subscription alive.

    Args:
        target_uri: Request-URI and To: the mailbox to watch.
        aor: ourselves, for From.
        contact: our Contact value.
        tokens: makes Call-IDs, tags and client nonces.
        event: event package, with parameters if any.
        accept: media types we understand.
        expires_s: lifetime to ask for, seconds; 0 asks for the state once.
        username: authentication user name.
        password: None never answers a challenge.
        timers: for timer N (64*T1).
        back_off: waiting times after failures.
        headers: more headers for every SUBSCRIBE.

    Attributes:
        state: where it stands.
        last_status: status of the last final response to SUBSCRIBE; 408 and 503 stand for
            silence and no transport; None before the first.
        call_id: Call-ID of the present attempt.
        local_tag: our tag of the present attempt.
        usages: dialogs by the notifier's tag.
    """

    __slots__ = (
        "_back_off",
        "_changes",
        "_cseq",
        "_expires_s",
        "_failures",
        "_forks_until",
        "_form",
        "_interval_rounds",
        "_prompt_restarts",
        "_queue",
        "_retry_at",
        "_timer_n_at",
        "_timers",
        "_tokens",
        "call_id",
        "digest",
        "last_status",
        "local_tag",
        "state",
        "usages",
    )

    def __init__(  # noqa: PLR0913 - a subscription has this many sides
        self,
        *,
        target_uri: str,
        aor: str,
        contact: str,
        tokens: TokenSource,
        event: str = "message-summary",
        accept: Sequence[str] = ("application/simple-message-summary",),
        expires_s: int = 3600,
        username: str = "",
        password: Secret | None = None,
        timers: TimerValues = DEFAULT_TIMERS,
        back_off: BackOff = DEFAULT_BACK_OFF,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        self._form = SubscribeForm(target_uri, aor, contact, event, tuple(accept), tuple(headers))
        self._tokens = tokens
        self._expires_s = expires_s
        self.digest = None if password is None else DigestClient(username, password, tokens)
        self._timers = timers
        self._back_off = back_off
        self.state = SubscriptionState.IDLE
        self.last_status: int | None = None
        self.call_id = ""
        self.local_tag = ""
        self.usages: dict[str, Usage] = {}
        self._cseq = 0
        self._failures = 0
        self._interval_rounds = 0
        self._prompt_restarts = 0
        self._retry_at: float | None = None
        self._timer_n_at: float | None = None
        self._forks_until = 0.0
        self._queue: list[Request] = []
        self._changes: list[SubscriptionState] = []

    # ---- commands -----------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Subscribe; does nothing while it is under way or stands."""
        if self.state in {
            SubscriptionState.IDLE,
            SubscriptionState.WAITING,
            SubscriptionState.ENDED,
            SubscriptionState.ENDING,
        }:
            self._failures = self._prompt_restarts = self._interval_rounds = 0
            self._subscribe(now)

    def refresh(self, now: float) -> None:
        """Refresh every dialog at once."""
        for usage in self.usages.values():
            usage.refresh_at = now
        self.handle_timer(now)

    def ask(self, body: bytes, content_type: str) -> bool:
        """Refresh with a body in which the notifier is asked for something.

        Returns:
            False when there is no dialog to ask in.
        """
        for usage in self.usages.values():
            self._queue.append(self._again(usage, self._expires_s, body, content_type))
        return bool(self.usages)

    def stop(self, now: float) -> None:
        """End the subscription politely: SUBSCRIBE with Expires 0 in every dialog.

        Source: RFC 6665 4.1.2.3.
        """
        self._retry_at = None
        self._queue.clear()
        if self.state in {SubscriptionState.ENDED, SubscriptionState.ENDING}:
            return
        if not self.usages:
            self._timer_n_at = None
            self._change(SubscriptionState.ENDED)
            return
        self._change(SubscriptionState.ENDING)
        self._timer_n_at = now + self._timers.give_up_s
        for usage in self.usages.values():
            usage.refresh_at = None
            self._queue.append(self._again(usage, 0))

    # ---- what the driver calls ----------------------------------------------------------

    def next_request(self) -> Request | None:
        """Take a request that must be sent now, or None."""
        return self._queue.pop(0) if self._queue else None

    def next_change(self) -> SubscriptionState | None:
        """Take the next change of state, or None."""
        return self._changes.pop(0) if self._changes else None

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` wants to be called; None for never."""
        instants = [at for at in (self._retry_at, self._timer_n_at) if at is not None]
        for usage in self.usages.values():
            instants += [at for at in (usage.refresh_at, usage.expires_at) if at is not None]
        return min(instants, default=None)

    def handle_timer(self, now: float) -> None:
        """Refresh, try again, or give up waiting, if it is time."""
        if self._retry_at is not None and now >= self._retry_at:
            self._subscribe(now)
        if self._timer_n_at is not None and now >= self._timer_n_at:
            self._timer_n_at = None
            self._without_notify(now)
        for tag, usage in list(self.usages.items()):
            if usage.expires_at is not None and now >= usage.expires_at:
                self._drop(tag)
                self._lost(now, AfterEnd.AT_ONCE, None)
            elif usage.refresh_at is not None and now >= usage.refresh_at:
                usage.refresh_at = None
                self._queue.append(self._again(usage, self._expires_s))

    def take_notify(self, notify: Request, now: float) -> NotifyVerdict:
        """Judge a NOTIFY; answer it as told before sending what :meth:`next_request` gives.

        Source: RFC 6665 4.1.3.
        """
        if notify.call_id != self.call_id or notify.to.tag != self.local_tag:
            return NotifyVerdict(481)
        event = notify.event
        if event is None or event[0].lower() != self._form.package:
            return NotifyVerdict(489, (("Allow-Events", self._form.package),))
        try:
            value = SubscriptionStateValue.of(notify)
        except MessageError:
            return NotifyVerdict(400)
        tag = notify.from_.tag or ""
        usage = self.usages.get(tag)
        if usage is None:
            if self.state not in _MAY_FORK or now > self._forks_until:
                return NotifyVerdict(481)
            usage = self.usages[tag] = Usage(self._dialog_of(notify))
        if not usage.dialog.in_order(notify):
            return NotifyVerdict(500)
        usage.dialog.refresh_target(notify)
        accept = self._form.accept
        if notify.body and accept and notify.content_type not in accept:
            return NotifyVerdict(415, (("Accept", ", ".join(accept)),))
        self._noted(tag, usage, value, now)
        return NotifyVerdict(200, accepted=True, terminated=value.terminated)

    def take_response(self, request: Request, response: Response, now: float) -> None:
        """Take the final response to a request of ours."""
        if request.call_id != self.call_id:
            return  # of an attempt that was given up
        self.last_status = response.status
        if response.status in {401, 407} and self.digest is not None:
            again = self.digest.answer(request, response)
            if again is not None:
                self._repeat(again)
                return
        if self.digest is not None:
            self.digest.settle()
        if response.status == 423 and self._longer_interval(response):
            again = request.copy()
            again.headers.remove("Via")
            again.headers.set("CSeq", f"{request.cseq.number + 1} SUBSCRIBE")
            again.headers.set("Expires", str(self._expires_s))
            self._repeat(again)
            return
        tag = request.to.tag
        if tag is not None:
            self._refreshed(tag, request, response, now)
        elif response.is_success:
            self._established(request, response, now)
        else:
            self._refused(response.status, now, retry_after_s(response))

    def take_failure(self, request: Request, now: float, *, timed_out: bool) -> None:
        """Take the news that a request got no final response."""
        if request.call_id != self.call_id:
            return
        self.last_status = 408 if timed_out else 503
        if self.digest is not None:
            self.digest.settle()
        tag = request.to.tag
        if tag is None:
            if not self.usages:
                self._refused(self.last_status, now, None)
            for usage in self.usages.values():  # made by NOTIFY although the response was lost
                if usage.expires_at is None:
                    self._granted(usage, self._expires_s, now)
        else:
            self._refresh_failed(tag, self.last_status, now, None)

    # ---- inside: notifications ----------------------------------------------------------

    def _dialog_of(self, notify: Request) -> Dialog:
        """The dialog that a NOTIFY makes. Source: RFC 6665 4.4.1."""
        dialog = Dialog.as_callee(notify, self.local_tag, self._form.contact)
        dialog.remote_cseq = None
        dialog.local_cseq = self._cseq
        return dialog

    def _noted(self, tag: str, usage: Usage, value: SubscriptionStateValue, now: float) -> None:
        usage.notified = True
        usage.state = value.state
        if self.state is not SubscriptionState.ENDING:
            self._timer_n_at = None
        if value.terminated:
            self._drop(tag)
            asked = None if value.retry_after_s is None else float(value.retry_after_s)
            # A notifier that granted no time at all is not asked again at once.
            after = AfterEnd.LATER if usage.fetched else value.after_end
            self._lost(now, after, asked)
            return
        if self.state is SubscriptionState.ENDING:
            return
        if value.expires_s is not None:
            self._granted(usage, value.expires_s, now)
        active = value.state != "pending"
        self._change(SubscriptionState.ACTIVE if active else SubscriptionState.PENDING)

    def _without_notify(self, now: float) -> None:
        """Timer N ran out."""
        if self.state is SubscriptionState.ENDING:
            self.usages.clear()
            self._change(SubscriptionState.ENDED)
            return
        for tag in [t for t, usage in self.usages.items() if not usage.notified]:
            self._drop(tag)
        if not self.usages:
            self._failures += 1
            self._subscribe(now)

    # ---- inside: responses --------------------------------------------------------------

    def _established(self, request: Request, response: Response, now: float) -> None:
        if self.state in {SubscriptionState.ENDED, SubscriptionState.ENDING}:
            # Stopped while the first SUBSCRIBE was under way: end what has just begun.
            usage = Usage(Dialog.as_caller(request, response))
            self._queue.append(self._again(usage, 0))
            return
        tag = response.to.tag or ""
        usage_or_none = self.usages.get(tag)
        if usage_or_none is None:
            usage_or_none = self.usages[tag] = Usage(Dialog.as_caller(request, response))
        usage = usage_or_none
        if usage.expires_at is None:
            granted = response.expires
            self._granted(usage, self._expires_s if granted is None else granted, now)
        if any(u.notified for u in self.usages.values()):
            self._timer_n_at = None
            self._failures = 0

    def _refreshed(self, tag: str, request: Request, response: Response, now: float) -> None:
        usage = self.usages.get(tag)
        if usage is None:
            return
        if not response.is_success:
            self._refresh_failed(tag, response.status, now, retry_after_s(response))
            return
        usage.dialog.refresh_target(response)
        if request.expires == 0 or self.state is SubscriptionState.ENDING:
            return
        granted = response.expires
        self._granted(usage, self._expires_s if granted is None else granted, now)
        self._failures = self._prompt_restarts = self._interval_rounds = 0

    def _refresh_failed(self, tag: str, status: int, now: float, asked_s: float | None) -> None:
        """A failed refresh ends the subscription only if the status says so.

        Source: RFC 6665 4.1.2.2.
        """
        usage = self.usages.get(tag)
        if usage is None:
            return
        if self.state is SubscriptionState.ENDING:
            self._drop(tag)
            self._lost(now, AfterEnd.NEVER, None)
        elif status in SUBSCRIPTION_ENDING_STATUSES:
            self._drop(tag)
            if status == 481:
                self._lost(now, AfterEnd.AT_ONCE, None)
            elif not self.usages:
                self._refused(status, now, asked_s)
        elif usage.expires_at is not None:
            self._failures += 1
            delay_s = self._back_off.delay_s(self._failures, asked_s)
            usage.refresh_at = min(now + delay_s, usage.expires_at)

    def _refused(self, status: int, now: float, asked_s: float | None) -> None:
        self._timer_n_at = None
        if self.state is SubscriptionState.ENDED:
            return
        if status == 489:  # asking again would change nothing
            self._change(SubscriptionState.ENDED)
            return
        self._failures += 1
        self._retry_at = now + self._back_off.delay_s(self._failures, asked_s)
        self._change(SubscriptionState.WAITING)

    def _granted(self, usage: Usage, seconds: int, now: float) -> None:
        usage.fetched = seconds == 0
        usage.expires_at = now + seconds if seconds else now + self._timers.give_up_s
        usage.refresh_at = now + refresh_after_s(seconds) if seconds else None

    def _longer_interval(self, response: Response) -> bool:
        value = (response.headers.get("Min-Expires") or "").strip()
        if not value.isdigit() or int(value) <= self._expires_s:
            return False
        self._interval_rounds += 1
        self._expires_s = min(int(value), MAX_UINT32)
        return self._interval_rounds <= MAX_INTERVAL_ROUNDS

    # ---- inside: life -------------------------------------------------------------------

    def _lost(self, now: float, after: AfterEnd, asked_s: float | None) -> None:
        """A dialog is gone; act if it was the last."""
        if self.usages:
            return
        self._timer_n_at = None
        if (
            self.state is SubscriptionState.ENDING
            or self._expires_s == 0
            or after is AfterEnd.NEVER
        ):
            self._change(SubscriptionState.ENDED)
            return
        if after is AfterEnd.AT_ONCE and self._prompt_restarts < MAX_PROMPT_RESTARTS:
            self._prompt_restarts += 1
            self._subscribe(now)
            return
        self._failures += 1
        self._retry_at = now + self._back_off.delay_s(self._failures, asked_s)
        self._change(SubscriptionState.WAITING)

    def _drop(self, tag: str) -> None:
        self.usages.pop(tag, None)

    def _subscribe(self, now: float) -> None:
        """Begin anew: new Call-ID, new tag, no dialog."""
        self.call_id = self._tokens.call_id()
        self.local_tag = self._tokens.tag()
        self._cseq = 1
        self.usages.clear()
        self._queue.clear()
        self.last_status = None
        self._retry_at = None
        self._timer_n_at = self._forks_until = now + self._timers.give_up_s
        self._change(SubscriptionState.SUBSCRIBING)
        request = self._form.first(self.call_id, self.local_tag, self._expires_s)
        if self.digest is not None:
            self.digest.authorise(request)
        self._queue.append(request)

    def _again(
        self, usage: Usage, expires_s: int, body: bytes = b"", content_type: str = ""
    ) -> Request:
        request = self._form.inside(usage.dialog, expires_s, body, content_type)
        if self.digest is not None:
            self.digest.authorise(request)
        return request

    def _repeat(self, request: Request) -> None:
        """Send a request once more with the next CSeq, and remember that number."""
        tag = request.to.tag
        if tag is None:
            self._cseq = request.cseq.number
        for usage in self.usages.values():
            if tag in (None, usage.dialog.remote_tag):
                usage.dialog.local_cseq = max(usage.dialog.local_cseq, request.cseq.number)
        self._queue.append(request)

    def _change(self, state: SubscriptionState) -> None:
        if state is not self.state:
            self.state = state
            self._changes.append(state)
