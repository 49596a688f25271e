"""NOTIFYs outside of subscriptions: one stream for each contact, one NOTIFY at a time.

A NOTIFY that waits for its answer could otherwise be overtaken by a newer one and, sent once
more, bring the older state last. What changes meanwhile, or may not be told so soon, is told
afterwards as it is then. It must not know who is entitled or what a mailbox holds.

Source: RFC 3842 section 3, RFC 3261 section 17.1.2; widely used without a subscription.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from provisioning.inventory_model import User
from rig.errors import RigError
from rig.mailbox_platform.embedded.calls.call_leg import contact_of
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.directory import Watch
from rig.mailbox_platform.embedded.mwi.mwi_summary import lamp_changes
from rig.mailbox_platform.embedded.registrar import Binding
from rig.sip.back_off import retry_after_s
from rig.sip.header import Headers
from rig.sip.message import Request, Response
from rig.sip.message_summary import MEDIA_TYPE
from rig.sip.notify_pace import NotifyPace
from rig.sip_transport.stack import OutgoingRequest, SipStack

_LOG = logging.getLogger(__name__)

BodyOf = Callable[[Watch, User], bytes]


@dataclass(slots=True)
class _Contact:
    """What one contact has been told, and is still to be told."""

    user: User
    watch: Watch
    binding: Binding
    pace: NotifyPace
    outgoing: OutgoingRequest | None = None
    registration_told_at: float | None = None
    timer: asyncio.TimerHandle | None = None


class UnsolicitedStream:
    """Tells contacts without being asked.

    Args:
        stack: sends the NOTIFYs.
        config: how often.
        body_of: what to say now about a mailbox to a user.
        package: the event package.
    """

    def __init__(
        self, stack: SipStack, config: PlatformConfig, body_of: BodyOf, package: str
    ) -> None:
        self._stack = stack
        self._config = config
        self._body_of = body_of
        self._package = package
        self._contacts: dict[str, dict[str, _Contact]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._contacts.values()))

    def changed(self, user: User, watch: Watch, binding: Binding, *, must: bool = False) -> None:
        """Tell a contact what has changed, as soon as its pace allows.

        Args:
            user: whose account it is.
            watch: what it is told about.
            binding: where it is.
            must: even if that is what it was told last.
        """
        contact = self._contact(user, watch, binding)
        contact.pace.ask(must=must)
        self._flush(contact)

    def registered(self, user: User, watch: Watch, binding: Binding) -> None:
        """Tell a contact that has just registered, unless that was done a moment ago.

        Source: BroadWorks ``sendMessageSummaryUpdateOnRegister`` and
        ``minTimeBetweenMWIOnRegister``.
        """
        if not self._config.mwi_on_register:
            return
        contact = self._contact(user, watch, binding)
        now = self._stack.now
        last_at, least_s = contact.registration_told_at, self._config.mwi_on_register_min_s
        if last_at is not None and now - last_at < least_s:
            contact.pace.ask()  # in case the last one did not arrive, or says something else
        else:
            contact.registration_told_at = now
            contact.pace.ask(must=True)
        self._flush(contact)

    def close_off(self, user: User, watch: Watch, binding: Binding, body: bytes) -> None:
        """Tell a contact for the last time, with a body that is given."""
        contact = self._contacts.get(binding.aor, {}).pop(binding.uri, None)
        if contact is not None:
            self._drop(contact)
        self._send(_Contact(user, watch, binding, NotifyPace()), body, last=True)

    def forget_unbound(self, aor: str, bound: list[Binding]) -> None:
        """Forget the contacts of an AOR that are not bound any more."""
        contacts = self._contacts.get(aor)
        if contacts is None:
            return
        alive = {binding.uri for binding in bound}
        for uri in [uri for uri in contacts if uri not in alive]:
            self._drop(contacts.pop(uri))
        if not contacts:
            del self._contacts[aor]

    def close(self) -> None:
        """Forget everything without telling anybody."""
        for contacts in self._contacts.values():
            for contact in contacts.values():
                _stop(contact)
        self._contacts.clear()

    def _drop(self, contact: _Contact) -> None:
        """Tell a contact nothing more, also not once more."""
        _stop(contact)
        if contact.outgoing is not None:
            self._stack.abandon(contact.outgoing)
            contact.outgoing = None

    def _contact(self, user: User, watch: Watch, binding: Binding) -> _Contact:
        contacts = self._contacts.setdefault(binding.aor, {})
        contact = contacts.get(binding.uri)
        if contact is None:
            pace = NotifyPace(self._config.mwi_min_interval_s, self._stack.timers.t1_s)
            contact = contacts[binding.uri] = _Contact(user, watch, binding, pace)
        contact.user, contact.watch, contact.binding = user, watch, binding
        return contact

    def _flush(self, contact: _Contact) -> None:
        pace = contact.pace
        if not pace.wanted or self._stack.closed:
            return
        now = self._stack.now
        if contact.binding.expires_at <= now:
            self._contacts.get(contact.binding.aor, {}).pop(contact.binding.uri, None)
            return
        if pace.ready(now):
            body = self._body_of(contact.watch, contact.user)
            pressing = pace.told is not None and lamp_changes(pace.told, body)
            if pace.take(body, now, pressing=pressing):
                self._send(contact, body)
        if (at := pace.next_at()) is not None:
            _stop(contact)
            loop = asyncio.get_running_loop()
            contact.timer = loop.call_later(max(0.0, at - now), self._flush, contact)

    def _send(self, contact: _Contact, body: bytes, *, last: bool = False) -> None:
        binding = contact.binding
        request = self._request(contact, body)
        if contact.outgoing is not None:
            self._stack.abandon(contact.outgoing)
            contact.outgoing = None
        try:
            outgoing = self._stack.request(request, binding.flow)
        except RigError:
            contact.pace.refused()
            return
        if not last:
            contact.outgoing = outgoing
            outgoing.on_final = partial(self._answered, contact)
            outgoing.on_failure = partial(self._unanswered, contact)

    def _answered(self, contact: _Contact, response: Response) -> None:
        contact.outgoing = None
        later_s = retry_after_s(response)
        if response.is_success:
            contact.pace.answered()
        else:
            _LOG.info(
                "%s answered %d to an unsolicited NOTIFY", contact.binding.uri, response.status
            )
            if later_s is not None:
                contact.pace.postponed(self._stack.now + later_s)
            else:
                contact.pace.refused()
        self._go_on(contact)

    def _unanswered(self, contact: _Contact, error: RigError) -> None:
        _LOG.info("unsolicited NOTIFY to %s failed: %s", contact.binding.uri, error)
        contact.outgoing = None
        contact.pace.refused()
        self._go_on(contact)

    def _go_on(self, contact: _Contact) -> None:
        """Tell what came up meanwhile, if the contact is still there."""
        known = self._contacts.get(contact.binding.aor, {}).get(contact.binding.uri)
        if known is contact:
            self._flush(contact)

    def _request(self, contact: _Contact, body: bytes) -> Request:
        binding = contact.binding
        headers = Headers(
            [
                ("From", f"<{contact.watch.account_uri}>"),
                ("To", f"<{binding.aor}>"),
                *binding.routes,
                ("Contact", contact_of(self._stack, binding.flow)),
                ("Event", self._package),
                ("Subscription-State", "terminated"),
                ("Allow-Events", self._package),
                ("Content-Type", MEDIA_TYPE),
            ]
        )
        return Request("NOTIFY", binding.uri, headers, body)


def _stop(contact: _Contact) -> None:
    if contact.timer is not None:
        contact.timer.cancel()
        contact.timer = None
