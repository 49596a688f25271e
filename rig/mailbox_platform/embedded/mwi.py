"""Tells handsets about waiting messages: inside their subscriptions, or without being asked.

Every change of a mailbox is told in the same turn of the event loop that made it, to every
phone of the mailbox. It must not know how messages are stored or recorded.

Source: RFC 3842 sections 3 and 5, RFC 6665 section 4.2.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from provisioning.inventory_model import User
from rig.errors import PhonerigError, ProtocolError, RigError
from rig.mailbox_platform.embedded.call_leg import contact_of
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.directory import Directory, Watch, WatchRefused
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.mailbox_platform.embedded.registrar import Binding, Place, Registrar, place_of
from rig.sip.header import Headers
from rig.sip.message import Request
from rig.sip.message_summary import MEDIA_TYPE, Counts, MessageSummary
from rig.sip.uri import Uri
from rig.sip_transport.notifier import Notifier, ServerSubscription
from rig.sip_transport.stack import IncomingRequest, SipStack
from rig.timeline import MailboxSeen

PACKAGE = "message-summary"

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Watching:
    """One live subscription."""

    subscription: ServerSubscription
    user: User
    watch: Watch


class MwiService:
    """The notifier's logic: entitlement, what to say, to whom, when.

    Args:
        stack: sends the NOTIFYs outside of subscriptions.
        notifier: keeps the subscriptions.
        directory: who may watch what.
        registrar: where the handsets are.
        config: delay, limits, which counts are sent.
        hook: may alter what is told.
        truth: counts of a mailbox, now.
        enabled: whether a mailbox's owner wants to be told (R32).
    """

    def __init__(
        self,
        *,
        stack: SipStack,
        notifier: Notifier,
        directory: Directory,
        registrar: Registrar,
        config: PlatformConfig,
        hook: PlatformHook,
        truth: Callable[[str], MailboxSeen],
        enabled: Callable[[str], bool],
    ) -> None:
        self._stack = stack
        self._notifier = notifier
        self._directory = directory
        self._registrar = registrar
        self._config = config
        self._hook = hook
        self._truth = truth
        self._enabled = enabled
        self._watching: dict[ServerSubscription, _Watching] = {}
        notifier.on_end = self._ended
        self._sending: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._again: dict[tuple[str, str], tuple[User, Watch, Binding]] = {}
        self._delayed: dict[str, asyncio.TimerHandle] = {}
        self._put_out: set[str] = set()

    @property
    def subscriptions(self) -> int:
        """Live subscriptions."""
        return len(self._watching)

    def handle_subscribe(self, incoming: IncomingRequest, user: User) -> None:
        """Answer an authenticated SUBSCRIBE, outside or inside of a dialog.

        Args:
            incoming: the request; for the message-summary package.
            user: who authenticated.
        """
        request = incoming.request
        limit_s = self._config.subscribe_max_expires_s
        if request.to.tag is not None:
            known = self._of(self._notifier.find(request))
            if known is None or known.user.number != user.number:
                incoming.respond(481)
                return
            body_of = known.subscription.body_of
            self._notifier.accept(incoming, expires_s=limit_s, body_of=body_of)
            return
        watch = self._directory.watch(user, Uri.parse(request.uri).user_unescaped or "")
        if isinstance(watch, WatchRefused):
            incoming.respond(watch.status, watch.reason)
            return
        subscription = self._notifier.accept(
            incoming,
            expires_s=limit_s,
            body_of=lambda: self.body(watch, user),
            aor=self._directory.aor(user),
        )
        if subscription is not None and subscription.active:
            self._drop_older(subscription, user, watch)
            self._watching[subscription] = _Watching(subscription, user, watch)

    def mailbox_changed(self, mailbox: str) -> None:
        """Tell everybody who watches a mailbox, now or after the configured delay."""
        self._put_out.discard(mailbox)
        if not self._hook.before_notify(mailbox):
            return
        if not self._config.mwi_delay_s:
            self._tell(mailbox)
        elif mailbox not in self._delayed:
            loop = asyncio.get_running_loop()
            self._delayed[mailbox] = loop.call_later(
                self._config.mwi_delay_s, self._tell_delayed, mailbox
            )

    def put_out(self, mailbox: str) -> None:
        """Say that nothing waits, until the mailbox changes: the messages stay as they are.

        This is what a "clear message waiting" code does to a lamp that is wrong or unwanted.
        """
        self._put_out.add(mailbox)
        self._tell(mailbox)

    def registered(self, user: User, bound: tuple[Binding, ...]) -> None:
        """Tell a handset that has just registered, if it relies on unsolicited NOTIFYs."""
        if not self._directory.wants_unsolicited(user.number):
            return
        watch = self._directory.own_watch(user)
        if watch is None or not self._hook.before_notify(watch.mailbox):
            return
        for binding in bound:
            if not self._has_subscription(user, binding):
                self._unsolicited(user, watch, binding)

    def body(self, watch: Watch, user: User) -> bytes:
        """The message summary that ``user`` gets about a mailbox."""
        return self._hook.summary(watch.mailbox, user.number, self.summary(watch)).to_bytes()

    def summary(self, watch: Watch) -> MessageSummary:
        """State of a mailbox as the platform means it.

        With the mailbox's MWI option off nobody is ever told that something waits.
        """
        truth = self._truth(watch.mailbox)
        shown = self._enabled(watch.mailbox) and watch.mailbox not in self._put_out
        urgent = self._config.mwi_send_urgent
        counts = Counts(
            new=truth.new if shown else 0,
            saved=truth.saved if shown and self._config.mwi_send_saved else 0,
            urgent_new=(truth.urgent_new if shown else 0) if urgent else None,
            urgent_saved=(truth.urgent_saved if shown else 0) if urgent else None,
        )
        return MessageSummary(waiting=counts.new > 0, account=watch.account_uri, voice=counts)

    async def close(self) -> None:
        """Forget everything without telling anybody, as a crash would."""
        for timer in self._delayed.values():
            timer.cancel()
        self._delayed.clear()
        self._again.clear()
        tasks = list(self._sending.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._notifier.close()

    def _tell_delayed(self, mailbox: str) -> None:
        self._delayed.pop(mailbox, None)
        self._tell(mailbox)

    def _tell(self, mailbox: str) -> None:
        for watching in list(self._watching.values()):
            if watching.watch.mailbox == mailbox:
                watching.subscription.notify(self.body(watching.watch, watching.user))
        instant = self._stack.now
        for user in self._directory.unsolicited_watchers(mailbox):
            watch = self._directory.own_watch(user)
            for binding in self._registrar.bindings(self._directory.aor(user), instant):
                if watch is not None and not self._has_subscription(user, binding):
                    self._unsolicited(user, watch, binding)

    def _ended(self, subscription: ServerSubscription) -> None:
        self._watching.pop(subscription, None)

    def _of(self, subscription: ServerSubscription | None) -> _Watching | None:
        return None if subscription is None else self._watching.get(subscription)

    def _drop_older(self, newest: ServerSubscription, user: User, watch: Watch) -> None:
        """A rebooted handset subscribes anew: its older subscription ends in silence.

        Otherwise every reboot adds one NOTIFY per change.
        """
        for watching in list(self._watching.values()):
            same = watching.user.number == user.number and watching.watch == watch
            if same and _place(watching.subscription) == _place(newest):
                watching.subscription.drop("replaced")

    def _has_subscription(self, user: User, binding: Binding) -> bool:
        """Whether this phone has subscribed with this account."""
        return any(
            watching.user.number == user.number and _place(watching.subscription) == binding.place
            for watching in self._watching.values()
        )

    def _unsolicited(self, user: User, watch: Watch, binding: Binding) -> None:
        """Send one NOTIFY outside of any dialog; one at a time for each contact.

        A NOTIFY that waits for its answer could otherwise be overtaken by a newer one and,
        retransmitted, bring the older state last.
        """
        key = (binding.aor, binding.uri)
        if key in self._sending:
            self._again[key] = (user, watch, binding)
            return
        request = self._unsolicited_request(user, watch, binding)
        try:
            outgoing = self._stack.request(request, binding.flow)
        except RigError:
            return

        async def finish() -> None:
            try:
                response = await outgoing.final()
                if response.status >= 300:
                    _LOG.info(
                        "%s answered %d to an unsolicited NOTIFY", binding.uri, response.status
                    )
            except PhonerigError as exc:
                _LOG.info("unsolicited NOTIFY to %s failed: %s", binding.uri, exc)
                self._again.pop(key, None)
            finally:
                self._sending.pop(key, None)
            waiting = self._again.pop(key, None)
            if waiting is not None:
                self._unsolicited(*waiting)

        self._sending[key] = asyncio.get_running_loop().create_task(finish())

    def _unsolicited_request(self, user: User, watch: Watch, binding: Binding) -> Request:
        aor = self._directory.aor(user)
        headers = Headers(
            [
                ("From", f"<{watch.account_uri}>"),
                ("To", f"<{aor}>"),
                *binding.routes,
                ("Contact", contact_of(self._stack, binding.flow)),
                ("Event", PACKAGE),
                ("Subscription-State", "terminated"),
                ("Allow-Events", PACKAGE),
                ("Content-Type", MEDIA_TYPE),
            ]
        )
        return Request("NOTIFY", binding.uri, headers, self.body(watch, user))


def _place(subscription: ServerSubscription) -> Place | None:
    """Which handset has subscribed; None when its Contact cannot be read."""
    try:
        return place_of(subscription.flow, Uri.parse(subscription.state.dialog.remote_target))
    except ProtocolError:
        return None
