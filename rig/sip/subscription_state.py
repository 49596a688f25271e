"""The Subscription-State header, and what each way to end asks of a subscriber.

Covers RFC 6665 4.1.3 (reasons), 8.2.3 (syntax).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rig.sip.errors import MessageError
from rig.sip.grammar import MAX_UINT32, find_param, parse_number, parse_params
from rig.sip.message import Request

SUBSCRIPTION_ENDING_STATUSES = frozenset(
    {404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604}
)
"""Answers to a refresh or a NOTIFY after which the subscription is gone.

Source: RFC 6665 4.1.2.2 and 4.2.2, RFC 5057 5.1.
"""


class AfterEnd(StrEnum):
    """What a subscriber does when a notifier ended its subscription."""

    AT_ONCE = "subscribe anew at once"
    LATER = "subscribe anew after retry-after or the back-off"
    NEVER = "do not subscribe again"


AFTER_REASON: dict[str, AfterEnd] = {
    "deactivated": AfterEnd.AT_ONCE,
    "probation": AfterEnd.LATER,
    "rejected": AfterEnd.NEVER,
    "timeout": AfterEnd.AT_ONCE,
    "giveup": AfterEnd.LATER,
    "noresource": AfterEnd.NEVER,
    "invariant": AfterEnd.NEVER,
}
"""Source: RFC 6665 4.1.3. Another reason, or none, counts as :data:`UNKNOWN_REASON`."""

UNKNOWN_REASON = AfterEnd.LATER


@dataclass(frozen=True, slots=True)
class SubscriptionStateValue:
    """One Subscription-State header.

    Attributes:
        state: ``active``, ``pending``, ``terminated`` or an extension, in lower case.
        reason: why it ended, in lower case; empty when absent.
        expires_s: how long it lasts, seconds; None when absent.
        retry_after_s: when a new attempt is welcome, seconds; None when absent.
    """

    state: str
    reason: str = ""
    expires_s: int | None = None
    retry_after_s: int | None = None

    @classmethod
    def of(cls, notify: Request) -> SubscriptionStateValue:
        """Read it from a NOTIFY.

        Raises:
            MessageError: absent or malformed.
        """
        text = notify.headers.get("Subscription-State")
        if text is None or not text.strip():
            raise MessageError("NOTIFY without Subscription-State (RFC 6665 4.2.2)")
        name, semicolon, rest = text.partition(";")
        params = parse_params(semicolon + rest, where="Subscription-State")
        return cls(
            name.strip().lower(),
            (find_param(params, "reason") or "").lower(),
            _seconds(find_param(params, "expires"), "expires"),
            _seconds(find_param(params, "retry-after"), "retry-after"),
        )

    def __str__(self) -> str:
        """Write the header value."""
        text = self.state
        if self.reason:
            text += f";reason={self.reason}"
        if self.expires_s is not None:
            text += f";expires={self.expires_s}"
        if self.retry_after_s is not None:
            text += f";retry-after={self.retry_after_s}"
        return text

    @property
    def terminated(self) -> bool:
        """Whether the subscription is over."""
        return self.state == "terminated"

    @property
    def after_end(self) -> AfterEnd:
        """What a subscriber does next."""
        return AFTER_REASON.get(self.reason, UNKNOWN_REASON)


def _seconds(text: str | None, where: str) -> int | None:
    if text is None:
        return None
    return parse_number(text, where=f"Subscription-State {where}", maximum=MAX_UINT32, clamp=True)
