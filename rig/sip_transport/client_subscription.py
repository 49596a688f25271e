"""A subscription that keeps itself: :class:`rig.sip.subscription.Subscriber` on the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from provisioning.secret import Secret
from rig.sip.back_off import BackOff
from rig.sip.event import Flow
from rig.sip.message import Request
from rig.sip.subscription import DEFAULT_BACK_OFF, Subscriber, SubscriptionState
from rig.sip_transport.stack import IncomingRequest, RequestTimedOut, SipStack
from rig.sip_transport.upkeep import UpkeepDriver

__all__ = ["SubscriptionClient", "SubscriptionState"]

STOP_TIMEOUT_S = 2.0


class SubscriptionClient:
    """Subscribes to an event package and keeps the subscription.

    NOTIFYs inside its dialogs reach it by themselves, those that overtake the 2xx included.

    Args:
        stack: sends and receives.
        flow: to the notifier.
        target_uri: what to watch: Request-URI and To.
        aor: ourselves, for From.
        contact: our Contact value.
        event: event package.
        accept: media types we understand; one or several.
        expires_s: lifetime to ask for, seconds; 0 asks for the state once.
        username: authentication user name.
        password: None never answers a challenge.
        back_off: waiting times after failures.
        headers: more headers for every SUBSCRIBE.

    Attributes:
        on_notify: called with every NOTIFY that was accepted, and its body, after the answer
            has been sent.
        judge: asked for the status of the answer to a NOTIFY that is acceptable so far; another
            one than 2xx refuses it, and ``on_notify`` is not called.
        on_change: called with every new :class:`SubscriptionState`.
    """

    __slots__ = ("_changed", "_driver", "_routed", "core", "judge", "on_change", "on_notify")

    def __init__(  # noqa: PLR0913 - a subscription has this many sides
        self,
        stack: SipStack,
        flow: Flow,
        *,
        target_uri: str,
        aor: str,
        contact: str,
        event: str = "message-summary",
        accept: str | Sequence[str] = "application/simple-message-summary",
        expires_s: int = 3600,
        username: str = "",
        password: Secret | None = None,
        back_off: BackOff = DEFAULT_BACK_OFF,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        self.core = Subscriber(
            target_uri=target_uri,
            aor=aor,
            contact=contact,
            tokens=stack.tokens,
            event=event,
            accept=(accept,) if isinstance(accept, str) else accept,
            expires_s=expires_s,
            username=username,
            password=password,
            timers=stack.timers,
            back_off=back_off,
            headers=headers,
        )
        self._driver = UpkeepDriver(stack, flow, self.core, self._after)
        self._routed = ("", "")
        self._changed: asyncio.Event | None = None
        self.on_notify: Callable[[Request, bytes], None] | None = None
        self.judge: Callable[[Request], int] | None = None
        self.on_change: Callable[[SubscriptionState], None] | None = None

    @property
    def state(self) -> SubscriptionState:
        """Where it stands."""
        return self.core.state

    @property
    def active(self) -> bool:
        """Whether a notifier has accepted it and told a state."""
        return self.core.state in {SubscriptionState.ACTIVE, SubscriptionState.PENDING}

    @property
    def last_status(self) -> int | None:
        """Status of the last final response; 408 and 503 stand for silence and no transport."""
        return self.core.last_status

    def start(self) -> None:
        """Subscribe and keep subscribed; begins anew when it had ended."""
        self.core.start(self._driver.stack.now)
        self._run()

    def refresh(self) -> None:
        """Refresh at once."""
        self.core.refresh(self._driver.stack.now)
        self._run()

    def ask(self, body: bytes, content_type: str) -> bool:
        """Refresh at once, with a body in which the notifier is asked for something.

        Returns:
            False when there is no dialog to ask in.
        """
        asked = self.core.ask(body, content_type)
        self._run()
        return asked

    async def stop(self, *, unsubscribe: bool = True, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End the upkeep. Safe to call twice.

        Args:
            unsubscribe: also end the subscription, and wait for the last NOTIFY.
            timeout_s: how long to wait for it, seconds.
        """
        if unsubscribe and not self._driver.stack.closed:
            self.core.stop(self._driver.stack.now)
            self._run()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._wait_for({SubscriptionState.ENDED})
            except TimeoutError:
                pass  # the notifier is gone; its side will run out
        self._driver.halt()
        self._driver.stack.remove_dialog(*self._routed)

    async def wait_active(self, timeout_s: float = 10.0) -> None:
        """Wait for the first NOTIFY.

        Args:
            timeout_s: seconds.

        Raises:
            RequestTimedOut: none in time; the message holds the last status.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._wait_for({SubscriptionState.ACTIVE, SubscriptionState.PENDING})
        except TimeoutError:
            host, port = self._driver.flow.remote
            status = self.core.last_status
            raise RequestTimedOut(
                f"subscription at {host}:{port} not active within {timeout_s} s; last answer: "
                f"{status if status is not None else 'none'}"
            ) from None

    def handle_notify(self, incoming: IncomingRequest) -> bool:
        """Take a NOTIFY if it belongs to this subscription.

        The stack brings those inside our dialogs by itself; this is for owners that route
        otherwise.

        Returns:
            True if it was ours; it has been answered.
        """
        request = incoming.request
        if (
            request.method != "NOTIFY"
            or request.call_id != self.core.call_id
            or request.to.tag != self.core.local_tag
        ):
            return False
        self._inside(incoming)
        return True

    def _inside(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        if request.method != "NOTIFY":
            incoming.respond(405, headers=[("Allow", "NOTIFY")])
            return
        verdict = self.core.take_notify(request, self._driver.stack.now)
        status = verdict.status
        if verdict.accepted and self.judge is not None:
            status = self.judge(request)
        incoming.respond(status, headers=verdict.headers)
        if verdict.accepted and 200 <= status < 300:
            self._driver.stack.guarded(self.on_notify, request, request.body)
        self._run()

    def _run(self) -> None:
        self._route()
        self._driver.run()

    def _route(self) -> None:
        """Have the stack bring us the requests of the present attempt's dialogs."""
        wanted = (self.core.call_id, self.core.local_tag)
        if wanted != self._routed:
            self._driver.stack.remove_dialog(*self._routed)
            self._driver.stack.add_dialog(*wanted, self._inside)
            self._routed = wanted

    async def _wait_for(self, states: set[SubscriptionState]) -> None:
        while self.core.state not in states:
            if self._changed is None:
                self._changed = asyncio.Event()
            self._changed.clear()
            await self._changed.wait()

    def _after(self) -> None:
        self._route()
        while (state := self.core.next_change()) is not None:
            if self._changed is not None:
                self._changed.set()
            self._driver.stack.guarded(self.on_change, state)
