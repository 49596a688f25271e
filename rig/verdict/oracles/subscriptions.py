"""Watches the subscriber's side and the end of subscriptions.

Covers RFC 6665 4.1 (subscriber), 4.2.1 (answers to SUBSCRIBE), 4.4.1 (ends).
"""

from __future__ import annotations

from typing import ClassVar

from rig.errors import ProtocolError
from rig.sip.subscription_state import (
    SUBSCRIPTION_ENDING_STATUSES,
    AfterEnd,
    SubscriptionStateValue,
)
from rig.verdict.oracles.books import Ended, Subscription
from rig.verdict.oracles.exchange import Exchange
from rig.verdict.oracles.finding import Lack, Severity
from rig.verdict.oracles.open_ends import report_untold
from rig.verdict.oracles.oracle import Oracle
from rig.verdict.oracles.refusals import Refusals
from rig.verdict.oracles.scene import GIVE_UP_S, Scene
from rig.verdict.oracles.shelf import Reminders
from rig.verdict.oracles.view import (
    SipView,
    contact_uri,
    event_of,
    expires_of,
    place_of,
    subscription_state_of,
    uri_of,
    who,
)

EARLY_END_S = 30.0

GONE_S = 600.0
"""A phone that is silent for so long after the end of its subscription is switched off."""

REFUSED_AS = {403: "sub-forbidden", 404: "sub-no-mailbox", 489: "sub-not-offered"}
"""What is said of a refusal, by its status, where that names the cause."""

_CHALLENGES = frozenset({401, 407})


class Subscriptions(Oracle):
    """The subscriber's half of the machine, and who ends it."""

    cares: ClassVar = {
        "request": frozenset({"NOTIFY", "SUBSCRIBE"}),
        "answer": frozenset({"SUBSCRIBE"}),
    }

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._refusals = Refusals(scene)
        self._reminders: Reminders[tuple[str, str]] = Reminders()

    # -- SUBSCRIBE -------------------------------------------------------------------------

    def request(self, view: SipView, exchange: Exchange) -> None:
        """A SUBSCRIBE begins, refreshes or ends a subscription; a NOTIFY tells of its state."""
        del exchange
        if view.method == "NOTIFY" and view.to_tag:
            self._notified(view)
        if view.method == "SUBSCRIBE":
            self._asked(view)

    def _asked(self, view: SipView) -> None:
        package, event_id = event_of(view.message)
        if not package:
            self.scene.report("sub-event-missing", [view.number], view.call_id, who=who(view))
            return
        contact = contact_uri(view.message)
        if contact is None:
            self.scene.report(
                "sub-no-contact", [view.number], view.call_id, what="SUBSCRIBE", who=who(view)
            )
        sub = self.scene.subscriptions.find(view.call_id, view.from_tag)
        if sub is None:
            sub = self._begin(view, package, event_id)
        elif (package, event_id) != (sub.package, sub.event_id) and sub.package:
            self.scene.report(
                "sub-event-other",
                [view.number, sub.number],
                view.call_id,
                who=sub.user,
                got=package + (f";id={event_id}" if event_id else ""),
                want=sub.package + (f";id={sub.event_id}" if sub.event_id else ""),
            )
        self._judge_target(view)
        requested_s = expires_of(view.message)
        sub.asked_at, sub.asked_number, sub.end_told = view.at, view.number, False
        sub.requested_s, sub.transport, sub.flow = requested_s, view.transport, view.source
        if contact is not None:
            sub.contact_host = contact.address_host
            sub.contacts.add(place_of(contact))
            if view.hops == 1:  # behind a proxy the source is the proxy's, and many share it
                sub.contacts.add(f"{contact.user_unescaped}@{view.source[0]}:{view.source[1]}")
        if requested_s == 0:
            sub.leaving = True
            sub.fetch = sub.fetch or (not view.to_tag and sub.accepted_at is None)
        self._reminders.at(view.at + GIVE_UP_S, sub.key)

    def _judge_target(self, view: SipView) -> None:
        """A phone that asks for the voicemail number instead of its own mailbox."""
        try:
            target = uri_of(view.request.uri)
        except ProtocolError:
            return
        if not view.to_tag and target.user and target.user_unescaped != who(view):
            self.scene.report(
                "sub-target-other",
                [view.number],
                f"{who(view)} {target.user}",
                who=who(view),
                got=view.request.uri,
            )

    def _begin(self, view: SipView, package: str, event_id: str) -> Subscription:
        owner = (view.receiver.aor, package, view.source[0])
        sub = Subscription(
            call_id=view.call_id,
            tag=view.from_tag,
            owner=owner,
            event_id=event_id,
            host=view.source[0],
            flow=view.source,
            transport=view.transport,
            user=who(view),
            subscriber=view.sender.aor,
            number=view.number,
            begun=not view.to_tag,
            asked_at=view.at,
        )
        if not view.to_tag:
            self._refusals.asked(view, owner)
        for earlier in self.scene.subscriptions.of_owner(owner):
            earlier.renewed = True
        return self.scene.subscriptions.add(sub)

    # -- answers to SUBSCRIBE --------------------------------------------------------------

    def answer(self, view: SipView, exchange: Exchange, request: SipView) -> None:
        """An answer decides what becomes of the subscription."""
        del exchange
        if request.method != "SUBSCRIBE" or view.status in _CHALLENGES:
            return
        sub = self.scene.subscriptions.find(request.call_id, request.from_tag)
        if sub is None:
            return
        if view.status < 300:
            self._accepted(view, request, sub)
        elif view.status == 423:
            self._refusals.too_brief(view, request, sub)
        else:
            self._refused(view, request, sub)

    def _accepted(self, view: SipView, request: SipView, sub: Subscription) -> None:
        scene = self.scene
        self._refusals.forget(sub.owner)
        packets = (view.number, request.number)
        granted_s = expires_of(view.message)
        wish = expires_of(request.message)
        if granted_s is None:
            scene.report("sub-expiry-missing", packets, sub.call_id, who=sub.user)
            granted_s = wish
        elif wish is not None and granted_s > wish:
            scene.report(
                "sub-expiry-longer", packets, sub.call_id, who=sub.user, wish=wish, got=granted_s
            )
        if contact_uri(view.message) is None:
            scene.report(
                "sub-no-contact",
                packets,
                f"{sub.call_id} 2xx",
                what=f"{view.status} to SUBSCRIBE",
                who=sub.user,
            )
        sub.accepted_at, sub.accepted_number = view.at, view.number
        sub.public = view.message.via.received or ""
        sub.granted_s = granted_s
        sub.notifier_tags.add(view.to_tag)
        sub.accepted_tag = view.to_tag
        if granted_s is not None:
            sub.expires_at = view.at + granted_s
            if granted_s == 0:
                sub.leaving = True
            self._reminders.at(sub.expires_at + GIVE_UP_S, sub.key)
        if sub.ended is Ended.REFUSED:
            sub.ended = Ended.NOT

    def _refused(self, view: SipView, request: SipView, sub: Subscription) -> None:
        scene, packets = self.scene, (view.number, request.number)
        refresh = bool(request.to_tag)
        if refresh and view.status == 481:
            sub.end(Ended.GONE, view.at, view.number)
            self._reminders.at(view.at + 2 * GIVE_UP_S, sub.key)
            scene.report(
                "sub-refresh-481",
                packets,
                sub.call_id,
                who=sub.user,
                severity=Severity.NOTE if not sub.begun else None,
            )
            return
        if not refresh or view.status in SUBSCRIPTION_ENDING_STATUSES:
            sub.end(Ended.REFUSED, view.at, view.number)
        phrase = view.message.start_line.split(" ", 1)[-1]
        scene.report(
            REFUSED_AS.get(view.status, "sub-refused"),
            packets,
            " ".join((*sub.owner, str(view.status))),
            who=sub.user,
            package=sub.package,
            answer=phrase,
            target=request.request.uri,
        )
        self._refusals.refused(view, sub)

    # -- the notifier ends it --------------------------------------------------------------

    def _notified(self, view: SipView) -> None:
        book = self.scene.subscriptions
        sub = book.find(view.call_id, view.to_tag)
        if sub is None:
            if book.with_call_id(view.call_id) is not None:
                return  # its tags fit no dialog
            sub = self._joined(view)
        sub.notified_at, sub.notify_number = view.at, view.number
        sub.notify_cseq = max(sub.notify_cseq, view.cseq)
        sub.body = view.message.body
        sub.notifier_tags.add(view.from_tag)
        sub.notify_tags.add(view.from_tag)
        try:
            state = subscription_state_of(view.request)
        except ProtocolError:
            return
        if not state.terminated:
            if state.expires_s is not None and not sub.begun and sub.accepted_at is None:
                sub.expires_at, sub.granted_s = view.at + state.expires_s, state.expires_s
                self._reminders.at(sub.expires_at + GIVE_UP_S, sub.key)
            return
        sub.end_told = True
        self._judge_early_end(sub, view, state)
        if sub.ended is Ended.NOT:
            sub.end(Ended.TERMINATED, view.at, view.number)
        self._after_end(sub, view, state)

    def _judge_early_end(
        self, sub: Subscription, view: SipView, state: SubscriptionStateValue
    ) -> None:
        """Ended by the notifier, long before its time and without the subscriber's wish."""
        expires_at = sub.expires_at
        if sub.leaving or sub.ended or expires_at is None or sub.accepted_at is None:
            return
        left_s = expires_at - view.at
        if left_s > EARLY_END_S:
            anew = state.after_end is AfterEnd.AT_ONCE
            self.scene.report(
                "sub-ended-early",
                [view.number, sub.accepted_number],
                sub.call_id,
                who=sub.user,
                package=sub.package,
                reason=state.reason or "none",
                left=f"{left_s:.0f}",
                severity=Severity.NOTE if anew else None,
            )

    def _joined(self, view: SipView) -> Subscription:
        """A dialog that was there before the capture, or whose SUBSCRIBE was not seen."""
        package, event_id = event_of(view.message)
        sub = Subscription(
            call_id=view.call_id,
            tag=view.to_tag,
            owner=(view.receiver.aor, package, view.destination[0]),
            event_id=event_id,
            host=view.destination[0],
            flow=view.destination,
            transport=view.transport,
            user=who(view),
            subscriber=view.receiver.aor,
            number=view.number,
            begun=False,
        )
        return self.scene.subscriptions.add(sub)

    def _after_end(self, sub: Subscription, view: SipView, state: SubscriptionStateValue) -> None:
        after = state.after_end
        if sub.leaving or after is AfterEnd.AT_ONCE:
            self._reminders.at(view.at + 2 * GIVE_UP_S, sub.key)
            return
        self._refusals.ended(view, sub, state)

    # -- time ------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Things that are due and have not come."""
        for _, key in self._reminders.due(now):
            sub = self.scene.subscriptions.find(*key)
            if sub is not None:
                self._check_notify(sub, now)
                self._check_expiry(sub, now)
                self._check_renewal(sub, now)

    def _check_notify(self, sub: Subscription, now: float) -> None:
        accepted_at = sub.accepted_at
        if accepted_at is None or accepted_at < sub.asked_at or now - sub.asked_at < GIVE_UP_S:
            return
        if sub.is_told:
            self._check_told(sub)
            return
        if sub.ended is Ended.GONE:
            return
        report_untold(self.scene, sub, GIVE_UP_S, sub.asked_at + GIVE_UP_S)

    def _check_told(self, sub: Subscription) -> None:
        """A NOTIFY came; does it fit the 2xx?"""
        packets = [sub.notify_number, sub.accepted_number]
        if sub.leaving and not sub.end_told:
            self.scene.report(
                "notify-end-not-told", packets, sub.call_id, who=sub.user, state="active"
            )
        if sub.accepted_tag and sub.accepted_tag not in sub.notify_tags:
            self.scene.report("notify-from-other", packets, sub.call_id, who=sub.user)

    def _check_expiry(self, sub: Subscription, now: float) -> None:
        expires_at = sub.expires_at
        if expires_at is None or now < expires_at + GIVE_UP_S:
            return
        if not sub.ended:
            sub.end(Ended.EXPIRED, expires_at, 0)
        if sub.ended is not Ended.EXPIRED or sub.leaving or sub.renewed:
            return
        if not self.scene.heard_since(sub.host, expires_at):
            self._ask_again(sub, expires_at, now)  # the phone may be gone for good
            return
        self.scene.report(
            "sub-not-refreshed",
            [sub.accepted_number, sub.asked_number],
            sub.call_id,
            at=expires_at,
            who=sub.user,
            package=sub.package,
            granted=sub.granted_s,
        )

    def _ask_again(self, sub: Subscription, since: float, now: float) -> None:
        if now < since + GONE_S:
            self._reminders.at(now + GIVE_UP_S, sub.key)

    def _check_renewal(self, sub: Subscription, now: float) -> None:
        if sub.ended not in {Ended.GONE, Ended.TERMINATED} or sub.leaving or sub.renewed:
            return
        if now < sub.ended_at + 2 * GIVE_UP_S or sub.asked_at > sub.ended_at:
            return
        if not self.scene.heard_since(sub.host, sub.ended_at + GIVE_UP_S):
            self._ask_again(sub, sub.ended_at, now)
            return
        self.scene.report(
            "sub-not-renewed",
            [sub.ended_number],
            sub.call_id,
            at=sub.ended_at,
            lacks=() if sub.begun else (Lack.START,),
            who=sub.user,
            package=sub.package,
            seconds=f"{2 * GIVE_UP_S:g}",
        )
