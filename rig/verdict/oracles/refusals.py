"""How a subscriber takes a refusal: Retry-After, Min-Expires, ends for good, back-off.

Covers RFC 6665 4.1.2.1, 4.1.3, 4.2.1.1; RFC 3261 21.4.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rig.sip.subscription_state import AfterEnd, SubscriptionStateValue
from rig.verdict.oracles.books import Owner, Subscription
from rig.verdict.oracles.scene import Scene
from rig.verdict.oracles.shelf import Shelf
from rig.verdict.oracles.view import SipView, expires_of, who

HURRY_S = 10.0
HURRIES = 3
"""So many refusals within so many seconds are no back-off."""

NEVER_S = 600.0
"""After an end for good a new attempt within this time is no decision of a person."""

MIN_REFUSABLE_S = 3600
"""423 must not be given to a wish of an hour or more. Source: RFC 6665 4.2.1.1."""


@dataclass(slots=True)
class _Past:
    """Refused SUBSCRIBEs of one owner since its last success."""

    at: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    status: int = 0
    not_before: float = 0.0
    why: str = ""
    min_expires_s: int = 0


class Refusals:
    """Remembers what each owner of subscriptions was refused, and judges what it does then.

    Args:
        scene: where it reports.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._past: Shelf[Owner, _Past] = Shelf()

    def _of(self, owner: Owner) -> _Past:
        return self._past.get(owner) or self._past.put(owner, _Past())

    def forget(self, owner: Owner) -> None:
        """It was accepted."""
        self._past.pop(owner)

    def asked(self, view: SipView, owner: Owner) -> None:
        """A new SUBSCRIBE: is it time, and for long enough?"""
        past = self._past.get(owner)
        if past is None:
            return
        packets = [view.number, *past.numbers[-1:]]
        if view.at < past.not_before - 0.05:
            self._scene.report(
                "sub-too-soon",
                packets,
                " ".join(owner),
                who=who(view),
                why=past.why,
                early=f"{past.not_before - view.at:.1f}",
            )
        wish = expires_of(view.message)
        if past.min_expires_s and wish is not None and 0 < wish < past.min_expires_s:
            self._scene.report(
                "sub-423-ignored",
                packets,
                " ".join(owner),
                who=who(view),
                wish=wish,
                least=past.min_expires_s,
            )

    def too_brief(self, view: SipView, request: SipView, sub: Subscription) -> None:
        """A 423."""
        scene, packets = self._scene, (view.number, request.number)
        wish = expires_of(request.message)
        least = (view.message.headers.get("Min-Expires") or "").strip()
        if not least.isdecimal():
            scene.report("sub-423-bare", packets, sub.call_id, who=sub.user)
        else:
            past = self._of(sub.owner)
            past.min_expires_s = int(least[:10])
            past.numbers.append(view.number)
        if wish == 0 or (wish is not None and wish >= MIN_REFUSABLE_S):
            scene.report("sub-423-wrong", packets, sub.call_id, who=sub.user, wish=wish)

    def refused(self, view: SipView, sub: Subscription) -> None:
        """Another refusal."""
        past = self._of(sub.owner)
        if past.status != view.status:
            past.status, past.at, past.numbers = view.status, [], []
        past.at.append(view.at)
        past.numbers.append(view.number)
        del past.at[:-HURRIES], past.numbers[:-HURRIES]
        wait = (view.message.headers.get("Retry-After") or "").partition(";")[0].partition("(")[0]
        if wait.strip().isdecimal():
            past.not_before = view.at + int(wait.strip()[:9])
            past.why = f"Retry-After: {wait.strip()}"
        if len(past.at) == HURRIES and view.at - past.at[0] < HURRY_S:
            self._scene.report(
                "sub-no-back-off",
                past.numbers[::-1],
                " ".join(sub.owner),
                who=sub.user,
                status=view.status,
                count=HURRIES,
                seconds=f"{view.at - past.at[0]:.1f}",
            )

    def ended(self, view: SipView, sub: Subscription, state: SubscriptionStateValue) -> None:
        """The notifier ended it, and said when a new attempt is welcome."""
        past = self._of(sub.owner)
        past.numbers.append(view.number)
        if state.after_end is AfterEnd.NEVER:
            past.not_before = view.at + NEVER_S
            past.why = f"terminated;reason={state.reason}"
        elif state.retry_after_s:
            past.not_before = view.at + state.retry_after_s
            past.why = f"terminated;reason={state.reason};retry-after={state.retry_after_s}"
