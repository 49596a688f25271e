"""Who says that somebody cannot be reached: the phone itself, or a server before it.

Covers RFC 3261 10.2.4 (bindings lapse), 16.5 and 21.4.1, 21.4.18 (no target at a proxy).
"""

from __future__ import annotations

from typing import ClassVar

from rig.verdict.oracles.exchange import Exchange
from rig.verdict.oracles.oracle import Oracle
from rig.verdict.oracles.scene import Scene
from rig.verdict.oracles.view import SipView

NOT_THERE = frozenset({404, 410, 480, 604})


class Reach(Oracle):
    """Refusals that only a lapsed registration explains."""

    cares: ClassVar = {"answer": frozenset({"INVITE", "MESSAGE", "NOTIFY", "OPTIONS"})}

    def answer(self, view: SipView, exchange: Exchange, request: SipView) -> None:
        """Somebody is not there: had they registered?"""
        if view.status not in NOT_THERE:
            return
        aor = request.receiver.aor
        mine = self.scene.registrations.of_aor(aor)
        lapsed = [b for b in mine if b.removed_at is None and b.expires_at < view.at]
        if not lapsed or len(lapsed) < len(mine) or exchange.relays:
            return
        if view.source in {binding.flow for binding in mine}:
            return  # the phone itself says so
        last = max(lapsed, key=lambda binding: binding.expires_at)
        last.lapse_told = True
        self.scene.report(
            "reg-lapsed",
            [view.number, request.number, last.accepted_number],
            f"{aor} {last.place}",
            who=request.receiver.name,
            method=request.method,
            answer=view.message.start_line.split(" ", 1)[-1],
            granted=last.granted_s,
            late=f"{view.at - last.expires_at:.1f}",
        )


def turned_back(scene: Scene, answer: SipView, request: SipView, exchange: Exchange) -> bool:
    """Whether a server before the phone refused a request, and did not pass it on.

    That is known only where the capture holds what the server and the phone say to each other.

    Args:
        scene: with the books.
        answer: to the request.
        request: in a dialog or not.
        exchange: of both.
    """
    bindings = scene.registrations.of_user(request.receiver.name)
    if exchange.relays or answer.source in {binding.flow for binding in bindings}:
        return False
    return answer.source in {binding.server for binding in bindings}
