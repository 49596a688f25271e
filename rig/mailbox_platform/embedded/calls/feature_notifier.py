"""Tells phones of their users' services, and takes what their keys ask for.

A phone gets the whole state when it subscribes and when something changes, whoever changed it: a
code, the settings page, an interface, another phone. Since it is always the whole, a NOTIFY that
gives way to a newer one loses nothing.
"""

from __future__ import annotations

import asyncio
from functools import partial

from provisioning.inventory_model import User
from rig.errors import PhonerigError
from rig.mailbox_platform.embedded.calls.feature_call import target_number
from rig.mailbox_platform.embedded.calls.feature_event import (
    MEDIA_TYPE,
    STATE_TYPE,
    FeatureRequest,
    feature_state,
    read_feature_request,
    with_request,
)
from rig.mailbox_platform.embedded.calls.routing_context import RoutingContext
from rig.mailbox_platform.embedded.directory import Directory, UserTarget
from rig.mailbox_platform.xsi_document import DocumentError
from rig.sip.uri import Uri
from rig.sip_transport.notifier import Notifier, ServerSubscription
from rig.sip_transport.stack import IncomingRequest


class FeatureNotifier:
    """Keeps the subscriptions to services.

    Args:
        notifier: for the package.
        context: settings and directory.
    """

    def __init__(self, notifier: Notifier, context: RoutingContext) -> None:
        self._notifier = notifier
        self._context = context
        self._users: dict[ServerSubscription, User] = {}
        self._setting: set[asyncio.Task[None]] = set()
        notifier.on_end = self._ended

    def handle_subscribe(self, incoming: IncomingRequest, user: User) -> None:
        """Answer an authenticated SUBSCRIBE; a body asks for a change.

        Args:
            incoming: for this package.
            user: who authenticated; nobody sees or sets another user's services.
        """
        request = incoming.request
        known = self._notifier.find(request)
        if not self._is_own(request.uri, user) and known is None:
            incoming.respond(403, "Not Your Services")
            return
        if known is not None and self._owner(known) != user.number:
            incoming.respond(481)
            return
        wanted: FeatureRequest | None = None
        if request.body:
            if request.content_type != MEDIA_TYPE:
                incoming.respond(415, headers=[("Accept", MEDIA_TYPE)])
                return
            try:
                wanted = read_feature_request(request.body)
            except DocumentError:
                incoming.respond(400, "Unreadable Feature Request")
                return
        subscription = self._notifier.accept(
            incoming,
            expires_s=self._context.config.subscribe_max_expires_s,
            body_of=lambda: self._state(user),
            content_type=STATE_TYPE,
            accepted_type=MEDIA_TYPE,
            aor=self._context.directory.aor(user),
        )
        if subscription is not None and subscription.active:
            self._users[subscription] = user
        if wanted is not None and subscription is not None:
            task = asyncio.get_running_loop().create_task(self._set(user, wanted))
            self._setting.add(task)
            task.add_done_callback(self._setting.discard)

    def changed(self, number: str) -> None:
        """Tell a user's phones how things are now."""
        for subscription, user in list(self._users.items()):
            if user.number == number:
                subscription.notify()

    async def close(self) -> None:
        """Forget every subscription without a word."""
        tasks = list(self._setting)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._notifier.close()

    async def _set(self, user: User, wanted: FeatureRequest) -> None:
        """Do what a key asks for; when that cannot be, its phone is told how things are."""
        context, number = self._context, user.number
        services = context.settings.services(number)
        target_of = partial(target_number, context.directory)
        after = with_request(wanted, number, services, target_of)
        if after is not None and after != services:
            try:
                await context.set_services(number, after)
            except PhonerigError:
                after = None
        if after is None or after == services:
            self.changed(number)

    def _state(self, user: User) -> bytes:
        number = user.number
        services = self._context.settings.services(number)
        return feature_state(user, self._context.hook.services_told(number, services))

    def _owner(self, subscription: ServerSubscription) -> str:
        user = self._users.get(subscription)
        return "" if user is None else user.number

    def _is_own(self, request_uri: str, user: User) -> bool:
        dialled = Uri.parse(request_uri).user_unescaped
        directory: Directory = self._context.directory
        target = directory.resolve(dialled) if dialled else UserTarget(user)
        return isinstance(target, UserTarget) and target.user.number == user.number

    def _ended(self, subscription: ServerSubscription) -> None:
        self._users.pop(subscription, None)
