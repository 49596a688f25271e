"""Watches the notifier's side: each NOTIFY against its subscription, and its answer.

Comes before the oracle that keeps the books, so that it sees the state before this NOTIFY.
Covers RFC 6665 4.1.3, 4.2.2, 8.2.
"""

from __future__ import annotations

from typing import ClassVar

from rig.errors import ProtocolError
from rig.sip.subscription_state import SUBSCRIPTION_ENDING_STATUSES
from rig.verdict.oracles.books import Ended, Subscription
from rig.verdict.oracles.exchange import Exchange
from rig.verdict.oracles.finding import Severity
from rig.verdict.oracles.oracle import Oracle
from rig.verdict.oracles.reach import turned_back
from rig.verdict.oracles.scene import GIVE_UP_S
from rig.verdict.oracles.view import SipView, event_of, shown_address, subscription_state_of, who

MWI = "message-summary"
STATES = frozenset({"active", "pending", "terminated"})
EXPIRY_SLACK_S = 2.0
SAME_CHANGE_S = 2.0
"""NOTIFYs this close that say the same tell of the same change."""

_CHALLENGES = frozenset({401, 407})
_BUSINESS_OF_PHONES = frozenset({"check-sync", "resync", "talk", "hold", "refer", "action-uri"})
"""Packages that are sent as orders, outside any subscription."""


class Notifies(Oracle):
    """The notifier's half of the machine."""

    cares: ClassVar = {"request": frozenset({"NOTIFY"}), "answer": frozenset({"NOTIFY"})}

    def request(self, view: SipView, exchange: Exchange) -> None:
        """A NOTIFY against what is known of its dialog."""
        del exchange
        if view.method != "NOTIFY":
            return
        package, event_id = event_of(view.message)
        book = self.scene.subscriptions
        sub = book.find(view.call_id, view.to_tag) if view.to_tag else None
        if not package:
            self.scene.report("notify-event-missing", [view.number], view.call_id, who=who(view))
        self._check_state(view, package, sub)
        if sub is not None:
            self._check_dialog(view, package, event_id, sub)
        elif view.to_tag and (other := book.with_call_id(view.call_id)) is not None:
            self.scene.report(
                "notify-wrong-dialog", [view.number, other.number], view.call_id, who=other.user
            )

    def _check_state(self, view: SipView, package: str, sub: Subscription | None) -> None:
        if "Subscription-State" not in view.message.headers:
            order = not view.to_tag and package in _BUSINESS_OF_PHONES
            self.scene.report(
                "notify-state-missing",
                [view.number],
                view.call_id,
                who=who(view),
                severity=Severity.NOTE if order else Severity.WARNING if not view.to_tag else None,
            )
            return
        try:
            state = subscription_state_of(view.request)
        except ProtocolError as error:
            self.scene.report(
                "notify-state-malformed", [view.number], view.call_id, who=who(view), error=error
            )
            return
        if state.state not in STATES:
            text = f"state {state.state}"
            self.scene.report(
                "notify-state-malformed", [view.number], view.call_id, who=who(view), error=text
            )
        if sub is None or sub.ended:
            return
        if sub.leaving and not state.terminated and sub.accepted_at is not None:
            if sub.accepted_at >= sub.asked_at and view.at - sub.accepted_at > SAME_CHANGE_S / 4:
                self.scene.report(
                    "notify-end-not-told",
                    [view.number, sub.asked_number],
                    sub.call_id,
                    who=sub.user,
                    state=state.state,
                )
            return
        left_s = self._left_s(view.at, sub)
        if (
            state.expires_s is not None
            and left_s is not None
            and not state.terminated
            and state.expires_s > left_s + EXPIRY_SLACK_S
        ):
            self.scene.report(
                "notify-expiry-longer",
                [view.number, sub.accepted_number],
                sub.call_id,
                who=sub.user,
                got=state.expires_s,
                left=f"{left_s:.0f}",
            )

    @staticmethod
    def _left_s(at: float, sub: Subscription) -> float | None:
        """How long the subscription can last at most; None when it is not known."""
        if sub.accepted_at is not None and sub.accepted_at >= sub.asked_at:
            return None if sub.expires_at is None else sub.expires_at - at
        asked = None if sub.requested_s is None else sub.asked_at + sub.requested_s - at
        known = [x for x in (asked, sub.expires_at and sub.expires_at - at) if x is not None]
        return max(known) if known and asked is not None else None

    def _check_dialog(self, view: SipView, package: str, event_id: str, sub: Subscription) -> None:
        scene, packets = self.scene, [view.number, sub.asked_number or sub.number]
        if package and sub.package and (package, event_id) != (sub.package, sub.event_id):
            scene.report(
                "notify-event-other",
                packets,
                sub.call_id,
                who=sub.user,
                got=package + (f";id={event_id}" if event_id else ""),
                want=sub.package + (f";id={sub.event_id}" if sub.event_id else ""),
            )
        if sub.notify_cseq >= 0 and view.from_tag in sub.notifier_tags:
            self._check_order(view, sub)
        if sub.ended is Ended.TERMINATED and not sub.asked_at > sub.ended_at:
            scene.report(
                "notify-after-end", [view.number, sub.ended_number], sub.call_id, who=sub.user
            )
        elif sub.ended is Ended.GONE and not sub.asked_at > sub.ended_at:
            scene.report(
                "notify-after-refusal", [view.number, sub.ended_number], sub.call_id, who=sub.user
            )
        elif (
            sub.expires_at is not None
            and view.at > sub.expires_at + GIVE_UP_S
            and not _terminated(view)
        ):
            scene.report(
                "notify-after-expiry",
                [view.number, sub.accepted_number],
                sub.call_id,
                who=sub.user,
                late=f"{view.at - sub.expires_at:.0f}",
            )

    def _check_order(self, view: SipView, sub: Subscription) -> None:
        packets = [view.number, sub.notify_number]
        if view.cseq <= sub.notify_cseq and len(sub.notifier_tags) == 1:
            self.scene.report(
                "notify-cseq-order",
                packets,
                sub.call_id,
                who=sub.user,
                got=view.cseq,
                before=sub.notify_cseq,
            )

    # -- answers ---------------------------------------------------------------------------

    def answer(self, view: SipView, exchange: Exchange, request: SipView) -> None:
        """What the subscriber says to a NOTIFY."""
        if request.method != "NOTIFY" or view.status in _CHALLENGES:
            return
        sub = self.scene.subscriptions.find(request.call_id, request.to_tag)
        if view.status < 300:
            if sub is not None:
                self._check_twice(view, request, sub)
            return
        packets = [view.number, request.number]
        phrase = view.message.start_line.split(" ", 1)[-1]
        name = who(request)
        if turned_back(self.scene, view, request, exchange):
            self.scene.report(
                "notify-turned-back",
                packets,
                f"{name} {view.status}",
                who=name,
                place=shown_address(view.source),
                answer=phrase,
            )
            return
        if not request.to_tag:
            self.scene.report(
                "notify-unsolicited-refused",
                packets,
                f"{name} {view.status}",
                who=name,
                answer=phrase,
            )
            return
        superseded = sub is not None and (sub.renewed or bool(sub.ended))
        if view.status == 481:
            self.scene.report(
                "notify-481",
                packets,
                request.call_id,
                who=name,
                severity=Severity.NOTE if superseded else None,
            )
        else:
            self.scene.report(
                "notify-refused", packets, f"{name} {view.status}", who=name, answer=phrase
            )
        if sub is not None and view.status in SUBSCRIPTION_ENDING_STATUSES and not sub.ended:
            sub.end(Ended.GONE, view.at, view.number)

    def _check_twice(self, view: SipView, request: SipView, sub: Subscription) -> None:
        """The same change told in two dialogs of one subscriber, and both taken."""
        if not sub.renewed or sub.package != MWI or not request.message.body:
            return
        for other in self.scene.subscriptions.of_owner(sub.owner):
            if other is sub or other.ended or other.notified_at is None:
                continue
            newer = other.asked_at > sub.asked_at and other.contacts & sub.contacts
            close = abs(other.notified_at - request.at) <= SAME_CHANGE_S
            if newer and close and other.body == request.message.body:
                self.scene.report(
                    "notify-twice",
                    [request.number, other.notify_number, view.number],
                    " ".join(sub.owner),
                    who=sub.user,
                    first=sub.number,
                    second=other.number,
                )


def _terminated(view: SipView) -> bool:
    try:
        return subscription_state_of(view.request).terminated
    except ProtocolError:
        return False
