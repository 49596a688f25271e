"""One account of an emulated handset: its registration, its subscription, what waits for it.

It must not know lamps or files: it says what it has learnt, and the handset shows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from provisioning.intent import AccountIntent, MwiMode, SipTransport
from rig.errors import ProtocolError, RigError
from rig.handset.emulated.feature_keys import FeatureKeys
from rig.handset.emulated.hook import HandsetHook
from rig.handset.emulated.lamp_rule import voice_waiting
from rig.sip.matching import host_port
from rig.sip.message import Request
from rig.sip.message_summary import MEDIA_TYPE, MessageSummary, parse_summary
from rig.sip_transport.client_registration import (
    STOP_TIMEOUT_S,
    RegistrationClient,
    RegistrationState,
)
from rig.sip_transport.client_subscription import SubscriptionClient
from rig.sip_transport.stack import Flow, IncomingRequest, SipStack
from rig.timeline import Address

PACKAGE = "message-summary"
_EXPIRES_S = 3600
_REFUSALS = frozenset({401, 403, 404, 407})


class EmulatedAccount:
    """Registers one AOR and keeps up with its mailbox."""

    __slots__ = (
        "_hook",
        "_news",
        "_subscribing",
        "contact",
        "diverts",
        "dnd",
        "features",
        "flow",
        "intent",
        "on_change",
        "registration",
        "subscription",
        "summary",
        "waiting",
    )

    def __init__(
        self,
        intent: AccountIntent,
        stack: SipStack,
        registrar: Address,
        hook: HandsetHook,
        *,
        feature_key_sync: bool = False,
    ) -> None:
        """Prepare without sending.

        Args:
            intent: as read back from the files.
            stack: the handset's SIP endpoint.
            registrar: numeric address of the registrar.
            hook: asked before a NOTIFY is taken.
            feature_key_sync: its keys for forwarding and do-not-disturb tell the platform.
        """
        transport = "TCP" if intent.transport is SipTransport.TCP else "UDP"
        suffix = ";transport=tcp" if transport == "TCP" else ""
        self.intent = intent
        self.flow: Flow = stack.flow_to(registrar, transport)
        self.contact = f"<sip:{intent.user}@{host_port(stack.address)}{suffix}>"
        self.diverts = intent.diverts
        self.dnd = False
        self.waiting: bool | None = None
        self.summary: MessageSummary | None = None
        self.on_change: Callable[[EmulatedAccount], None] | None = None
        self._hook = hook
        self._subscribing = False
        self.registration = RegistrationClient(
            stack,
            self.flow,
            aor=intent.aor,
            contact=self.contact,
            username=intent.auth_user,
            password=intent.password,
            expires_s=intent.register_expires_s or _EXPIRES_S,
        )
        self.registration.on_change = self._registration_changed
        self._news: asyncio.Event | None = None
        self.subscription: SubscriptionClient | None = None
        if intent.mwi.mode is MwiMode.SUBSCRIBE:
            self.subscription = SubscriptionClient(
                stack,
                self.flow,
                target_uri=hook.watched(intent.mwi.mailbox_uri or intent.aor),
                aor=intent.aor,
                contact=self.contact,
                event=PACKAGE,
                accept=MEDIA_TYPE,
                expires_s=intent.mwi.expires_s or _EXPIRES_S,
                username=intent.auth_user,
                password=intent.password,
                back_off=hook.back_off(),
            )
            self.subscription.judge = self.judge
            self.subscription.on_notify = self._notified

        self.features = FeatureKeys(self, stack, hook, synced=feature_key_sync)

    def start(self) -> None:
        """Register; the subscriptions follow once the registrar has accepted."""
        self.registration.start()

    async def wait_registered(self, timeout_s: float) -> None:
        """Wait until the registrar has accepted.

        Args:
            timeout_s: seconds.

        Raises:
            RigError: refused for good, or not accepted in time.
        """
        registration = self.registration
        where = f"{self.intent.aor} at {self.flow.remote[0]}:{self.flow.remote[1]}"
        try:
            async with asyncio.timeout(timeout_s):
                while not registration.registered:
                    if registration.last_status in _REFUSALS and self._waits_in_vain:
                        raise RigError(
                            f"{where}: refused with {registration.last_status}; check user name, "
                            "password and whether the platform knows the account"
                        )
                    if self._news is None:
                        self._news = asyncio.Event()
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            status = registration.last_status or "none"
            raise RigError(
                f"{where}: not registered within {timeout_s:g} s; last answer: {status}"
            ) from None

    @property
    def _waits_in_vain(self) -> bool:
        return self.registration.state is RegistrationState.WAITING

    async def stop(self, *, patience_s: float = STOP_TIMEOUT_S) -> None:
        """End the subscription and remove the binding, as a phone does before a restart.

        What it has learnt stays; :meth:`start` begins anew.

        Args:
            patience_s: how long each goodbye waits for its answer, seconds.
        """
        await self.features.stop()
        if self.subscription is not None:
            await self.subscription.stop(timeout_s=patience_s)
        await self.registration.stop(timeout_s=patience_s)
        self._subscribing = False

    async def drop(self) -> None:
        """End all upkeep without a word."""
        await self.features.stop(goodbye=False)
        if self.subscription is not None:
            await self.subscription.stop(unsubscribe=False)
        await self.registration.stop(unregister=False)

    def take_unsolicited(self, incoming: IncomingRequest) -> None:
        """Answer a NOTIFY of message-summary that belongs to no subscription.

        Args:
            incoming: the NOTIFY; it was addressed to this account's contact.

        Source: RFC 6665 section 4.1.3 (481), section 8.3.2 (489).
        """
        request = incoming.request
        refusal = self._hook.notify_status(request)
        mode = self.intent.mwi.mode
        if refusal is not None:
            incoming.respond(refusal)
        elif mode is MwiMode.SUBSCRIBE or request.to.tag is not None:
            incoming.respond(481)
        elif mode is MwiMode.OFF:
            incoming.respond(489, headers=[("Allow-Events", "check-sync")])
        else:
            status = _status_of(request)
            incoming.respond(status, headers=[("Accept", MEDIA_TYPE)] if status == 415 else [])
            if status == 200:
                self._learn(request.body)

    def judge(self, request: Request) -> int:
        """Say with which status a NOTIFY inside the subscription is answered."""
        return self._hook.notify_status(request) or _status_of(request)

    def _notified(self, request: Request, body: bytes) -> None:
        del request
        self._learn(body)

    def _learn(self, body: bytes) -> None:
        """Take what a body says; an empty one, as some servers send first, says nothing."""
        if not body:
            return
        self.summary = parse_summary(body)
        self.waiting = voice_waiting(self.summary, before=self.waiting)
        if self.on_change is not None:
            self.on_change(self)

    def _registration_changed(self, state: RegistrationState) -> None:
        if self._news is not None:
            self._news.set()
        subscription = self.subscription
        registered = state is RegistrationState.REGISTERED
        if subscription is not None and registered and not self._subscribing:
            self._subscribing = True
            subscription.start()
        if registered:
            self.features.start()


def _status_of(request: Request) -> int:
    """With which status a NOTIFY is answered, from its own content."""
    if not request.body:
        return 200
    if request.content_type != MEDIA_TYPE:
        return 415
    try:
        parse_summary(request.body)
    except ProtocolError:
        return 400
    return 200
