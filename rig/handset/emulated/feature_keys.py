"""The forwarding and do-not-disturb keys of one account: what they show and whom they tell.

With feature key synchronisation, told by the phone's files, a key asks the platform and shows what
the platform says (``as-feature-event``). Without it the phone forwards by itself, by 302.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from provisioning.intent import DivertIntent
from rig.handset.emulated.hook import HandsetHook
from rig.sip.feature_event import (
    DO_NOT_DISTURB,
    MEDIA_TYPE,
    PACKAGE,
    FeatureWord,
    do_not_disturb_request,
    feature_words,
    forwarding_request,
)
from rig.sip.message import Request
from rig.sip_transport.client_subscription import SubscriptionClient

if TYPE_CHECKING:
    from rig.handset.emulated.account import EmulatedAccount
    from rig.sip_transport.stack import SipStack

_EXPIRES_S = 3600
_REACTION_S = 0.3
_ACCEPT = (MEDIA_TYPE, "multipart/mixed")


class FeatureKeys:
    """Keys of one account.

    Args:
        account: whose.
        stack: the handset's SIP endpoint.
        hook: asked before anything is shown.
        synced: the platform does the forwarding; the phone asks for it.

    Attributes:
        on_shown: called when something else is shown than before.
    """

    def __init__(
        self, account: EmulatedAccount, stack: SipStack, hook: HandsetHook, *, synced: bool
    ) -> None:
        self.on_shown: Callable[[FeatureWord], None] | None = None
        self._account = account
        self._hook = hook
        self._shown: dict[str, FeatureWord] = {}
        self._subscription: SubscriptionClient | None = None
        self._begun = self._over = False
        if synced:
            intent = account.intent
            self._subscription = SubscriptionClient(
                stack,
                account.flow,
                target_uri=intent.aor,
                aor=intent.aor,
                contact=account.contact,
                event=PACKAGE,
                accept=_ACCEPT,
                expires_s=_EXPIRES_S,
                username=intent.auth_user,
                password=intent.password,
            )
            self._subscription.on_notify = self._told

    def start(self) -> None:
        """Subscribe, once the account is registered; nothing without synchronisation."""
        if self._subscription is not None and not self._begun:
            self._begun = True
            self._subscription.start()

    async def stop(self, *, goodbye: bool = True) -> None:
        """End the subscription.

        Args:
            goodbye: say so to the platform.
        """
        self._over = True
        if self._subscription is not None:
            await self._subscription.stop(unsubscribe=goodbye)

    async def wait_synced(self, timeout_s: float) -> None:
        """Wait until the platform has told how things are; at once without synchronisation.

        Raises:
            rig.errors.RigError: it did not in time.
        """
        if self._subscription is not None:
            await self._subscription.wait_active(timeout_s)

    def press(self, word: FeatureWord) -> None:
        """A person presses a key.

        Args:
            word: what it is to do.
        """
        if self._subscription is None and word.service == DO_NOT_DISTURB:
            self._account.dnd = word.active
        if self._subscription is None or self._hook.keeps_forwarding():
            self._show(word)
        self._ask(word)

    def _ask(self, word: FeatureWord) -> None:
        if self._subscription is None or self._over:
            return
        device = self._account.intent.user
        if word.service == DO_NOT_DISTURB:
            body = do_not_disturb_request(active=word.active, device=device)
        else:
            body = forwarding_request(word.service, word.target, active=word.active, device=device)
        self._subscription.ask(body, MEDIA_TYPE)

    def _told(self, request: Request, body: bytes) -> None:
        del body
        for word in feature_words(request):
            shown = self._hook.feature_shown(word)
            if shown is not None and self._show(shown):
                asked = self._hook.feature_asked(shown)
                if asked is not None:
                    asyncio.get_running_loop().call_later(_REACTION_S, self._ask, asked)

    def _divert(self, word: FeatureWord) -> None:
        """The phone itself forwards, by 302; only what it decides before it rings."""
        diverts = self._account.diverts
        own = DivertIntent(enabled=word.active, target=word.target)
        if word.service == "always":
            diverts = replace(diverts, always=own)
        elif word.service == "busy":
            diverts = replace(diverts, busy=own)
        self._account.diverts = diverts

    def _show(self, word: FeatureWord) -> bool:
        before = self._shown.get(word.service, FeatureWord(word.service, active=False))
        self._shown[word.service] = word
        if self._subscription is None or self._hook.keeps_forwarding():
            self._divert(word)
        changed = (before.active, before.target) != (word.active, word.target)
        if changed and self.on_shown is not None:
            self.on_shown(word)
        return changed
