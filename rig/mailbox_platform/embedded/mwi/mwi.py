"""Tells handsets about waiting messages: inside their subscriptions, or without being asked.

Every change of a mailbox is told to every phone of the mailbox at the end of the turn of the
event loop that made it; changes of one turn are one change. What one change costs depends on the
phones of that mailbox, not on all phones. It must not know how messages are stored or recorded.

Source: RFC 3842 sections 3 and 5, RFC 6665 section 4.2.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TypeVar

from provisioning.inventory_model import User
from rig.errors import ProtocolError
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.directory import Directory, Watch, WatchChange
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.mailbox_platform.embedded.mwi.mwi_summary import CLOSING_BODY, SummaryWriter
from rig.mailbox_platform.embedded.mwi.mwi_unsolicited import UnsolicitedStream
from rig.mailbox_platform.embedded.registrar import Binding, Place, Registrar, place_of
from rig.sip.message_summary import MessageSummary
from rig.sip.uri import Uri
from rig.sip_transport.notifier import Notifier, ServerSubscription
from rig.sip_transport.stack import IncomingRequest, SipStack

PACKAGE = "message-summary"


@dataclass(frozen=True, slots=True)
class _Watching:
    """One live subscription.

    Attributes:
        subscription: at the notifier.
        user: who subscribed.
        target: user part of the Request-URI, as asked for.
        watch: what that means.
    """

    subscription: ServerSubscription
    user: User
    target: str
    watch: Watch


_Watchings = dict[ServerSubscription, _Watching]
_Key = TypeVar("_Key")
_Phone = tuple[str, Place | None]
"""Number of the account and place of the handset."""


class MwiService:
    """The notifier's logic: entitlement, what to say, to whom, when.

    Args:
        stack: sends the NOTIFYs outside of subscriptions.
        notifier: keeps the subscriptions.
        directory: who may watch what.
        registrar: where the handsets are.
        config: delay, limits, which counts are sent.
        hook: may alter what is told.
        writer: says what holds for a mailbox.
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
        writer: SummaryWriter,
    ) -> None:
        self._stack = stack
        self._notifier = notifier
        self._directory = directory
        self._registrar = registrar
        self._config = config
        self._hook = hook
        self._writer = writer
        self._unsolicited = UnsolicitedStream(stack, config, self.body, PACKAGE)
        self._watching: _Watchings = {}
        self._by_mailbox: dict[str, _Watchings] = {}
        self._by_phone: dict[_Phone, _Watchings] = {}
        self._phone_of: dict[ServerSubscription, _Phone] = {}
        notifier.on_end = self._ended
        directory.on_entitlement = self._entitlement_changed
        registrar.on_change = self._bindings_changed
        self._delayed: dict[str, asyncio.TimerHandle] = {}
        self._changed: dict[str, None] = {}
        self._turn: asyncio.Handle | None = None

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
        if request.to.tag is not None:
            self._refresh(incoming, user)
            return
        if self._config.mwi_only_as_configured and not self._directory.may_subscribe(user.number):
            incoming.respond(403)
            return
        target = Uri.parse(request.uri).user_unescaped or ""
        watch = self._directory.watch(user, target)
        if watch is None:
            incoming.respond(self._config.unknown_mailbox_status)
            return
        subscription = self._notifier.accept(
            incoming,
            expires_s=self._config.subscribe_max_expires_s,
            body_of=lambda: self.body(watch, user),
            aor=self._directory.aor(user),
        )
        if subscription is not None and subscription.active:
            self._drop_older(subscription, user, watch)
            self._enter(_Watching(subscription, user, target, watch))

    def _refresh(self, incoming: IncomingRequest, user: User) -> None:
        known = self._notifier.find(incoming.request)
        watching = None if known is None else self._watching.get(known)
        if watching is None or watching.user.number != user.number:
            incoming.respond(481)
            return
        subscription = watching.subscription
        self._notifier.accept(
            incoming,
            expires_s=self._config.subscribe_max_expires_s,
            body_of=subscription.body_of,
        )
        phone = (user.number, _place(subscription))
        if subscription in self._watching and phone != self._phone_of[subscription]:
            self._leave(self._by_phone, self._phone_of[subscription], subscription)
            self._at(phone, watching)

    def mailbox_changed(self, mailbox: str) -> None:
        """Tell everybody who watches a mailbox, at the end of this turn or after the delay."""
        self._writer.put_out.discard(mailbox)
        if not self._hook.before_notify(mailbox):
            return
        if not self._config.mwi_delay_s:
            self._changed[mailbox] = None
            if self._turn is None:
                self._turn = asyncio.get_running_loop().call_soon(self._end_of_turn)
        elif mailbox not in self._delayed:
            loop = asyncio.get_running_loop()
            self._delayed[mailbox] = loop.call_later(
                self._config.mwi_delay_s, self._tell_delayed, mailbox
            )

    def put_out(self, mailbox: str) -> None:
        """Say that nothing waits, until the mailbox changes: the messages stay as they are.

        This is what a "clear message waiting" code does to a lamp that is wrong or unwanted.
        """
        self._writer.put_out.add(mailbox)
        self._tell(mailbox, must=True)

    def registered(self, user: User, bound: tuple[Binding, ...]) -> None:
        """Tell a handset that has just registered, if it relies on unsolicited NOTIFYs."""
        if not self._directory.wants_unsolicited(user.number):
            return
        watch = self._directory.own_watch(user)
        if watch is None or not self._hook.tells_on_register(user.number):
            return
        for binding in bound:
            if not self._has_subscription(user, binding):
                self._unsolicited.registered(user, watch, binding)

    def body(self, watch: Watch, user: User) -> bytes:
        """The message summary that ``user`` gets about a mailbox."""
        return self._hook.summary(watch.mailbox, user.number, self.summary(watch)).to_bytes()

    def summary(self, watch: Watch) -> MessageSummary:
        """State of what is watched, as the platform means it."""
        return self._writer.summary(watch)

    async def close(self) -> None:
        """Forget everything without telling anybody, as a crash would."""
        self._directory.on_entitlement = None
        self._registrar.on_change = None
        if self._turn is not None:
            self._turn.cancel()
        for timer in self._delayed.values():
            timer.cancel()
        self._delayed.clear()
        self._unsolicited.close()
        await self._notifier.close()

    # -- telling ------------------------------------------------------------------------

    def _end_of_turn(self) -> None:
        self._turn = None
        changed, self._changed = self._changed, {}
        for mailbox in changed:
            self._stack.guarded(self._tell, mailbox)

    def _tell_delayed(self, mailbox: str) -> None:
        self._delayed.pop(mailbox, None)
        self._tell(mailbox)

    def _tell(self, mailbox: str, *, must: bool = False) -> None:
        for watching in list(self._by_mailbox.get(mailbox, {}).values()):
            if must:
                watching.subscription.notify()
            else:
                watching.subscription.changed()
        for user in self._directory.unsolicited_watchers(mailbox):
            watch = self._directory.own_watch(user)
            if watch is not None:
                self._tell_unasked(user, watch, must=must)

    def _tell_unasked(self, user: User, watch: Watch, *, must: bool) -> None:
        for binding in self._registrar.bindings(self._directory.aor(user), self._stack.now):
            if not self._has_subscription(user, binding):
                self._unsolicited.changed(user, watch, binding, must=must)

    # -- who is told --------------------------------------------------------------------

    def _enter(self, watching: _Watching) -> None:
        subscription = watching.subscription
        self._watching[subscription] = watching
        for mailbox in watching.watch.mailboxes:
            self._by_mailbox.setdefault(mailbox, {})[subscription] = watching
        self._at((watching.user.number, _place(subscription)), watching)

    def _at(self, phone: _Phone, watching: _Watching) -> None:
        self._phone_of[watching.subscription] = phone
        self._by_phone.setdefault(phone, {})[watching.subscription] = watching

    def _ended(self, subscription: ServerSubscription) -> None:
        watching = self._watching.pop(subscription, None)
        if watching is None:
            return
        for mailbox in watching.watch.mailboxes:
            self._leave(self._by_mailbox, mailbox, subscription)
        self._leave(self._by_phone, self._phone_of.pop(subscription), subscription)

    @staticmethod
    def _leave(index: dict[_Key, _Watchings], key: _Key, subscription: ServerSubscription) -> None:
        group = index.get(key)
        if group is not None:
            group.pop(subscription, None)
            if not group:
                del index[key]

    def _drop_older(self, newest: ServerSubscription, user: User, watch: Watch) -> None:
        """A rebooted handset subscribes anew: its older subscription ends in silence.

        Otherwise every reboot adds one NOTIFY per change. A handset on TCP comes back by another
        connection: it is known by its Contact, if the older connection is gone.
        """
        here = _place(newest)
        for watching in list(self._by_mailbox.get(watch.mailbox, {}).values()):
            before = self._phone_of[watching.subscription]
            mine = before[0] == user.number and watching.watch == watch
            if mine and (before[1] == here or self._came_back(before[1], here)):
                watching.subscription.drop("replaced")

    def _came_back(self, before: Place | None, now: Place | None) -> bool:
        if before is None or now is None or before[1:] != now[1:]:
            return False
        return before[0].reliable and not self._stack.has_connection(before[0])

    def _has_subscription(self, user: User, binding: Binding) -> bool:
        """Whether this phone has subscribed with this account."""
        return (user.number, binding.place) in self._by_phone

    def _bindings_changed(self, aor: str) -> None:
        self._unsolicited.forget_unbound(aor, self._registrar.bindings(aor, self._stack.now))

    def _entitlement_changed(self, mailbox: str, unasked: tuple[WatchChange, ...]) -> None:
        """A mailbox has other aliases: who may not watch it any more is told so at once.

        The last NOTIFY holds no count: it darkens the lamp and says nothing else.

        Source: RFC 6665 section 4.2.2 (terminated, reason rejected).
        """
        for watching in list(self._by_mailbox.get(mailbox, {}).values()):
            watch = self._directory.watch(watching.user, watching.target)
            if watch is None:
                watching.subscription.terminate("rejected", body=CLOSING_BODY)
            elif watch != watching.watch:
                watching.subscription.terminate("deactivated", body=CLOSING_BODY)
        for change in unasked:
            if change.now is not None:
                self._tell_unasked(change.user, change.now, must=True)
                continue
            former = Watch(mailbox, self._directory.aor(change.user))
            bindings = self._registrar.bindings(self._directory.aor(change.user), self._stack.now)
            for binding in bindings:
                self._unsolicited.close_off(change.user, former, binding, CLOSING_BODY)


def _place(subscription: ServerSubscription) -> Place | None:
    """Which handset has subscribed; None when its Contact cannot be read."""
    try:
        return place_of(subscription.flow, Uri.parse(subscription.state.dialog.remote_target))
    except ProtocolError:
        return None
