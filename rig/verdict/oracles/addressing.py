"""Where a NOTIFY goes: Request-URI, To, Contact, transport, address.

Covers RFC 3261 12.2.1.1 (requests in a dialog go to the remote target), RFC 6665 4.2.2,
RFC 3261 18.1.1 (transport), RFC 3581 and RFC 5626 (the flow that a phone registered by).
"""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

from rig.errors import ProtocolError
from rig.sip.message_summary import parse_summary
from rig.sip.uri import Uri
from rig.verdict.oracles.addresses import address_of, is_hidden, is_private
from rig.verdict.oracles.books import Binding, Subscription
from rig.verdict.oracles.exchange import Exchange
from rig.verdict.oracles.oracle import Oracle
from rig.verdict.oracles.view import (
    SipView,
    contact_uri,
    place_of,
    shown_address,
    uri_of,
    who,
)


class Addressing(Oracle):
    """Judges each NOTIFY by the subscription or the bindings that it belongs to."""

    cares: ClassVar = {"request": frozenset({"NOTIFY"})}

    def request(self, view: SipView, exchange: Exchange) -> None:
        """A NOTIFY leaves."""
        del exchange
        if view.method != "NOTIFY":
            return
        try:
            target = uri_of(view.request.uri)
        except ProtocolError:
            return  # named by the syntax
        book = self.scene.subscriptions
        sub = book.find(view.call_id, view.to_tag) if view.to_tag else None
        if contact_uri(view.message) is None:
            self.scene.report("notify-no-contact", [view.number], view.call_id, who=who(view))
        if sub is not None and sub.begun:
            self._in_dialog(view, target, sub)
        elif not view.to_tag:
            self._unsolicited(view, target)
        self._transport(view, target, sub)
        self._account(view, sub)

    def _in_dialog(self, view: SipView, target: Uri, sub: Subscription) -> None:
        scene, packets = self.scene, [view.number, sub.asked_number]
        place = place_of(target)
        strange = sub.contacts and place not in sub.contacts
        if strange and "Route" not in view.message.headers and not _translated(view, target, sub):
            scene.report(
                "notify-target",
                packets,
                f"{sub.call_id} {place}",
                who=sub.user,
                got=view.request.uri,
                want=" / ".join(sorted(sub.contacts)[:2]),
            )
        if view.receiver.aor != sub.subscriber:
            scene.report(
                "notify-to-other",
                packets,
                sub.call_id,
                who=sub.user,
                got=view.receiver.aor,
                want=sub.subscriber,
            )
        self._destination(view, target, sub.flow)

    def _unsolicited(self, view: SipView, target: Uri) -> None:
        spot = f"{target.host.lower()}:{target.port or 5060}"
        bindings = [
            *self.scene.registrations.at(spot),
            *self.scene.registrations.at(f"{view.destination[0]}:{view.destination[1]}"),
        ]
        if not bindings:
            return  # who registered there was not seen
        aors = {binding.aor for binding in bindings}
        users = {aor.partition("@")[0] for aor in aors}
        to_user = view.message.to.uri.user_unescaped
        users |= {binding.place.partition("@")[0] for binding in bindings}
        if to_user not in users:
            self.scene.report(
                "notify-to-nobody",
                [view.number, bindings[0].number],
                f"{to_user} {spot}",
                got=view.receiver.aor,
                want=", ".join(sorted(aors)),
                place=spot,
            )
        if target.user_unescaped not in users:
            self.scene.report(
                "notify-target-nobody",
                [view.number, bindings[0].number],
                f"{target.user_unescaped} {spot}",
                got=view.request.uri,
                want=", ".join(sorted(users)),
            )
        self._destination(view, target, bindings[-1].flow)
        self._gone(view, bindings)

    def _gone(self, view: SipView, bindings: list[Binding]) -> None:
        if any(binding.valid(view.at) for binding in bindings):
            return
        last = max(bindings, key=lambda b: b.registered_at)
        why = "removed" if last.removed_at is not None else "lapsed"
        self.scene.report(
            "notify-to-unregistered",
            [view.number, last.number],
            f"{last.aor} {last.place}",
            who=last.aor,
            place=last.place,
            why=why,
        )

    def _destination(self, view: SipView, target: Uri, flow: tuple[str, int]) -> None:
        """A private address that came from behind a public one leads nowhere."""
        went, came = address_of(view.destination[0]), address_of(flow[0])
        written = address_of(target.address_host)
        if went is None or came is None or went == came:
            return
        if written == went and is_private(went) and not is_private(came):
            self.scene.report(
                "notify-private-address",
                [view.number],
                f"{who(view)} {shown_address(view.destination)}",
                who=who(view),
                got=shown_address(view.destination),
                want=shown_address(flow),
            )

    def _transport(self, view: SipView, target: Uri, sub: Subscription | None) -> None:
        direct = view.destination == (target.address_host, target.port or 5060)
        if "Route" in view.message.headers or not direct:
            return  # by way of a proxy, which may be reached by another transport
        asked = (target.param("transport") or "").upper()
        if asked in {"UDP", "TCP"} and view.transport == "UDP" and asked == "TCP":
            self.scene.report(
                "notify-transport",
                [view.number],
                f"{who(view)} uri",
                who=who(view),
                got=view.transport,
                want="TCP (Request-URI)",
            )
            return
        if view.transport != "UDP" or asked:
            return
        if sub is not None and sub.begun:
            flow, number = sub.transport, sub.asked_number
        else:
            bindings = [
                b
                for b in self.scene.registrations.of_aor(view.receiver.aor)
                if b.flow[0] == view.destination[0] and b.valid(view.at)
            ]
            if not bindings or any(b.transport == "UDP" for b in bindings):
                return
            flow, number = bindings[-1].transport, bindings[-1].number
        if flow == "TCP":
            self.scene.report(
                "notify-transport",
                [view.number, number],
                f"{who(view)} flow",
                who=who(view),
                got=view.transport,
                want=f"TCP (packet {number})",
            )

    def _account(self, view: SipView, sub: Subscription | None) -> None:
        """Message-Account: where the message key will call."""
        if b"essage-" not in view.message.body:
            return
        try:
            text = _account_of(view.message.body)
            uri = None if text is None else uri_of(text)
        except ProtocolError:
            return  # named by the body
        if text is None or uri is None:
            return
        host, port = view.source
        there = (host, uri.port or 5060)
        elsewhere = uri.is_sip and uri.address_host == host and there[1] != port
        if elsewhere and not self.scene.is_heard(there, "UDP"):
            self.scene.report(
                "account-port",
                [view.number],
                f"{who(view)} {text}",
                who=who(view),
                got=text,
                want=shown_address(view.source),
            )
        if sub is None:
            return
        if sub.account and sub.account != text:
            self.scene.report(
                "account-changed",
                [view.number, sub.notify_number],
                sub.call_id,
                who=sub.user,
                got=text,
                before=sub.account,
            )
        sub.account = text


def _translated(view: SipView, target: Uri, sub: Subscription) -> bool:
    """Whether a platform that helps with NAT wrote the public address, and NAT found the phone."""
    arrived = view.destination == sub.flow
    user = target.user_unescaped
    mine = any(contact.rpartition("@")[0] == user for contact in sub.contacts)
    return arrived and mine and is_hidden(sub.contact_host, target.address_host)


@lru_cache(maxsize=1024)
def _account_of(body: bytes) -> str | None:
    """Message-Account of a body; platforms tell many the same, and each often."""
    return parse_summary(body).account
