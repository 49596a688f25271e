"""The notifier's side of a subscription: what to answer a SUBSCRIBE, and the NOTIFYs.

Sans-IO: pure judgement and one small state; ``now`` is an argument. Covers RFC 6665 4.2 and
RFC 3842 3.4, 3.5 (no Accept means the package's default body).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from rig.sip.dialog import Dialog
from rig.sip.errors import MessageError
from rig.sip.message import Request, Response
from rig.sip.subscription_state import SUBSCRIPTION_ENDING_STATUSES, SubscriptionStateValue

LONG_EXPIRES_S = 3600
"""A SUBSCRIBE that asks for this long or more is never answered 423. Source: RFC 6665 4.2.1.1."""


@dataclass(frozen=True, slots=True)
class NotifierPolicy:
    """What a notifier offers.

    Attributes:
        packages: event packages, lower case.
        content_types: media types of the bodies it can send, lower case.
        default_expires_s: granted when the SUBSCRIBE names no time.
        min_expires_s: shorter wishes get 423; 0 takes any.
        max_expires_s: longer wishes are cut to this.
    """

    packages: Collection[str]
    content_types: Collection[str]
    default_expires_s: int = 3600
    min_expires_s: int = 0
    max_expires_s: int = 86400


@dataclass(frozen=True, slots=True)
class SubscribeVerdict:
    """How to answer a SUBSCRIBE.

    Attributes:
        status: 200, or the refusal.
        headers: headers of the answer.
        expires_s: granted time; 0 ends the subscription or fetches the state once.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    expires_s: int = 0


def judge_subscribe(request: Request, policy: NotifierPolicy) -> SubscribeVerdict:
    """Take the decisions that need no knowledge of mailboxes or users.

    Args:
        request: the SUBSCRIBE.
        policy: what we offer.

    Raises:
        MessageError: Event or Expires is malformed.

    Source: RFC 6665 4.2.1 (489, 423), RFC 3261 8.2.3 and 21.4.7 (406).
    """
    allowed = ("Allow-Events", ", ".join(sorted(policy.packages)))
    event = request.event
    if event is None or event[0].lower() not in policy.packages:
        return SubscribeVerdict(489, (allowed,))
    wanted_types = {
        row.partition(";")[0].strip().lower() for row in request.headers.get_list("Accept")
    }
    if wanted_types and not any(_covers(wanted_types, known) for known in policy.content_types):
        return SubscribeVerdict(406, (("Accept", ", ".join(sorted(policy.content_types))),))
    if len(request.headers.get_all("Expires")) > 1:
        return SubscribeVerdict(400)
    wanted_s = request.expires
    if wanted_s is None:
        wanted_s = policy.default_expires_s
    if 0 < wanted_s < min(policy.min_expires_s, LONG_EXPIRES_S):
        return SubscribeVerdict(423, (("Min-Expires", str(policy.min_expires_s)),))
    if wanted_s and not request.contacts:
        return SubscribeVerdict(400)
    return SubscribeVerdict(200, (allowed,), min(wanted_s, policy.max_expires_s))


def _covers(wanted: Collection[str], known: str) -> bool:
    kind = known.partition("/")[0]
    return known in wanted or f"{kind}/*" in wanted or "*/*" in wanted


class NotifierState:
    """One subscription at the notifier.

    Args:
        request: the SUBSCRIBE that began it.
        local_tag: To tag of the 200.
        contact: our Contact value.
        expires_at: instant at which it ends unless refreshed.

    Attributes:
        dialog: its dialog; CSeq of NOTIFYs rises in it.
        active: it has not ended.
        expires_at: instant at which it ends unless refreshed.
        notified: how many NOTIFYs were made.
    """

    __slots__ = ("_event", "_id", "active", "dialog", "expires_at", "notified")

    def __init__(self, request: Request, local_tag: str, contact: str, expires_at: float) -> None:
        self.dialog = Dialog.as_callee(request, local_tag, contact)
        self._event = request.headers.get("Event") or ""
        event = request.event
        self._id = None if event is None else event[1].get("id")
        self.active = True
        self.expires_at = expires_at
        self.notified = 0

    def concerns(self, request: Request) -> bool:
        """Whether a SUBSCRIBE inside the dialog is about this subscription: the same ``id``.

        Source: RFC 6665 4.5.2: package and ``id`` tell subscriptions of one dialog apart.
        """
        event = request.event
        return event is not None and event[1].get("id") == self._id

    def refresh(self, request: Request, expires_at: float) -> bool:
        """Take a SUBSCRIBE inside the dialog.

        Returns:
            False when it is older than the last one: answer 500.
        """
        if not self.dialog.in_order(request):
            return False
        try:
            self.dialog.refresh_target(request)
        except MessageError:
            return False
        self.expires_at = expires_at
        return True

    def make_notify(
        self,
        now: float,
        body: bytes,
        content_type: str,
        *,
        reason: str = "",
        retry_after_s: int | None = None,
    ) -> Request:
        """The next NOTIFY; full state, as the package wants it.

        Args:
            now: instant, seconds.
            body: state; empty sends no body.
            content_type: of the body.
            reason: ends the subscription for this reason; empty lets it go on.
            retry_after_s: when the subscriber may come back, seconds.

        Source: RFC 6665 4.2.2.
        """
        if reason:
            self.active = False
            value = SubscriptionStateValue("terminated", reason, retry_after_s=retry_after_s)
        else:
            left_s = max(0, round(self.expires_at - now))
            value = SubscriptionStateValue("active", expires_s=left_s)
        self.notified += 1
        return self.dialog.make_request(
            "NOTIFY",
            headers=[("Event", self._event), ("Subscription-State", str(value))],
            body=body,
            content_type=content_type if body else "",
        )

    @staticmethod
    def ends_by(response: Response) -> bool:
        """Whether an answer to a NOTIFY ends the subscription.

        Server errors without Retry-After do as well: the subscriber has lost its way.

        Source: RFC 6665 4.2.2, RFC 5057 5.1; RFC 3265 3.2.2 for the server errors.
        """
        status = response.status
        if status in SUBSCRIPTION_ENDING_STATUSES:
            return True
        server_error = status == 408 or 500 <= status < 600
        return server_error and response.headers.get("Retry-After") is None
