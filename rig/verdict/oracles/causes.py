"""Whether the reason that a diverted call gives is what really happened on the leg before.

Only legs that this capture holds are compared; a platform may know more than its wire shows.
Covers RFC 5806 4, RFC 4458 2, RFC 7544.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import ClassVar

from rig.errors import ProtocolError
from rig.sip.diversion import DiversionEntry, parse_diversions
from rig.sip.diversion_cause import reason_of
from rig.sip.history_info import parse_history
from rig.verdict.oracles.exchange import Exchange
from rig.verdict.oracles.finding import Severity
from rig.verdict.oracles.oracle import Oracle
from rig.verdict.oracles.scene import Scene
from rig.verdict.oracles.shelf import Shelf
from rig.verdict.oracles.view import SipView, uri_of, who

SOON_S = 1.5
"""A leg that ended this shortly before is why the call was diverted."""

TRIED_S = 200.0
TRY_S = 1800.0
"""An attempt that goes on for longer is forgotten."""
SHORT_RING_S = 1.0

BUSY = frozenset({486, 600})
VAGUE = frozenset({"", "unknown", "away", "follow-me", "time-of-day"})
FITS: dict[str, frozenset[str]] = {
    "busy": frozenset({"user-busy", "do-not-disturb"}),
    "declined": frozenset({"user-busy", "do-not-disturb", "deflection", "unconditional"}),
    "rang": frozenset({"no-answer"}),
    "temporarily": frozenset({"no-answer", "unavailable", "do-not-disturb", "user-busy"}),
    "moved": frozenset(
        {"deflection", "unconditional", "user-busy", "no-answer", "do-not-disturb"}
    ),
    "failed": frozenset({"unavailable", "no-answer", "out-of-service", "deflection"}),
    "absent": frozenset({"unavailable", "no-answer", "out-of-service"}),
}
"""What happened on the leg, and the reasons that can say so."""


@dataclass(slots=True)
class _Leg:
    """One attempt to reach somebody.

    Attributes:
        number: packet of its INVITE.
        source: host that tried.
        caller: user of From.
        callee: user of To.
        target: user of the Request-URI.
        at: when.
        rang_at: when it rang, or None.
        cancelled_at: when it was cancelled, or None.
        ended_at: when its final answer came, or None.
        status: of that.
        end_number: its packet.
        moved_reason: reason of the first Diversion in a 3xx, or empty.
    """

    number: int
    source: str
    caller: str
    callee: str
    target: str
    at: float
    rang_at: float | None = None
    cancelled_at: float | None = None
    ended_at: float | None = None
    status: int = 0
    end_number: int = 0
    moved_reason: str = ""

    @property
    def kind(self) -> str:
        """What happened, by :data:`FITS`; empty when it says nothing."""
        if self.status in BUSY:
            return "busy"
        if self.status == 603:
            return "declined"
        if self.status == 487 or (self.status == 408 and self.rang_at is not None):
            return "rang" if self.rang_at is not None else ""
        if self.status == 480:
            return "temporarily"
        if 300 <= self.status < 400:
            return "moved"
        if self.status in {404, 408, 410, 503}:
            return "absent"
        return "failed" if self.status >= 400 and self.status not in {401, 407} else ""


class Causes(Oracle):
    """Compares the newest reason of a diverted INVITE with the leg that failed before it."""

    cares: ClassVar = {
        "request": frozenset({"INVITE", "CANCEL"}),
        "progress": frozenset({"INVITE"}),
        "answer": frozenset({"INVITE"}),
    }

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._legs: Shelf[tuple[str, str], deque[_Leg]] = Shelf(idle_s=2 * TRIED_S, clock=scene)
        self._by_call: Shelf[tuple[str, int], _Leg] = Shelf(idle_s=TRY_S, clock=scene)
        self._came: Shelf[str, float] = Shelf(idle_s=TRIED_S, clock=scene)
        """When a host last got a call from another one."""

    def request(self, view: SipView, exchange: Exchange) -> None:
        """An INVITE tries somebody; a CANCEL gives up."""
        del exchange
        if view.method == "CANCEL":
            leg = self._by_call.get((view.call_id, view.cseq))
            if leg is not None and leg.cancelled_at is None:
                leg.cancelled_at = view.at
        if view.method != "INVITE" or view.to_tag:
            return
        key = (view.source[0], view.message.from_.uri.user_unescaped)
        legs = self._legs.get(key)
        if legs is None:
            legs = self._legs.put(key, deque(maxlen=12))
        self._compare(view, [leg for leg in legs if view.at - leg.at < TRIED_S])
        try:
            target = uri_of(view.request.uri).user_unescaped
        except ProtocolError:
            target = ""
        if view.destination[0] != view.source[0]:
            self._came.put(view.destination[0], view.at)
        leg = _Leg(view.number, key[0], key[1], who(view), target, view.at)
        legs.append(leg)
        self._by_call.put((view.call_id, view.cseq), leg)

    def progress(self, view: SipView, exchange: Exchange) -> None:
        """It rings."""
        del exchange
        if view.method == "INVITE" and view.status in {180, 183}:
            leg = self._by_call.get((view.call_id, view.cseq))
            if leg is not None and leg.rang_at is None:
                leg.rang_at = view.at

    def answer(self, view: SipView, exchange: Exchange, request: SipView) -> None:
        """How the attempt ended."""
        del exchange, request
        if view.method != "INVITE":
            return
        leg = self._by_call.pop((view.call_id, view.cseq))
        if leg is None:
            return
        leg.ended_at, leg.status, leg.end_number = view.at, view.status, view.number
        if 300 <= view.status < 400:
            newest = _newest(view)
            leg.moved_reason = newest.reason if newest else ""

    def _compare(self, view: SipView, legs: list[_Leg]) -> None:
        newest = _newest(view)
        reason = newest.reason if newest is not None else _reason_by_history(view)
        if reason is None:
            return
        party = newest.name_addr.uri.user_unescaped if newest is not None else ""
        before = [
            leg
            for leg in legs
            if leg.ended_at is not None
            and 0 <= view.at - leg.ended_at < SOON_S
            and leg.kind
            # A call that came in since may be what is diverted here: From need not say whose.
            and (self._came.get(leg.source) or 0.0) < leg.ended_at
        ]
        kinds = {leg.kind for leg in before}
        if len(kinds) == 1:
            self._judge(view, before[-1], reason)
        elif not before:
            self._judge_untried(view, legs, reason, party)

    def _judge(self, view: SipView, leg: _Leg, reason: str) -> None:
        fits = FITS[leg.kind]
        packets = [view.number, leg.end_number, leg.number]
        if leg.moved_reason and reason != leg.moved_reason:
            self.scene.report(
                "cause-not-carried",
                packets,
                view.call_id,
                who=leg.callee,
                got=reason or "none",
                want=leg.moved_reason,
            )
        elif not leg.moved_reason and reason not in fits:
            vague = reason in VAGUE
            self.scene.report(
                "cause-other",
                packets,
                view.call_id,
                who=leg.callee,
                got=reason or "none",
                status=leg.status,
                want=", ".join(sorted(fits)),
                severity=Severity.WARNING if vague else None,
            )
        if leg.kind == "rang" and leg.rang_at is not None and reason == "no-answer":
            given_up = leg.cancelled_at or leg.ended_at or view.at
            if given_up - leg.rang_at < SHORT_RING_S:
                self.scene.report(
                    "cause-short-ring",
                    packets,
                    view.call_id,
                    who=leg.callee,
                    rang=f"{given_up - leg.rang_at:.2f}",
                )

    def _judge_untried(self, view: SipView, legs: list[_Leg], reason: str, party: str) -> None:
        """Nobody was rung, and yet the reason says so; only where that would have been seen."""
        bindings = [
            binding
            for binding in self.scene.registrations.of_user(party)
            if binding.valid(view.at)
        ]
        if not bindings or any(party in {leg.callee, leg.target} for leg in legs):
            return
        if reason in {"no-answer", "unavailable"}:
            self.scene.report(
                "cause-not-tried",
                [view.number, bindings[-1].number],
                view.call_id,
                who=party,
                got=reason,
            )


def _newest(view: SipView) -> DiversionEntry | None:
    try:
        entries = parse_diversions(view.message.headers)
    except ProtocolError:
        return None
    return entries[0] if entries else None


def _reason_by_history(view: SipView) -> str | None:
    try:
        causes = [e.cause for e in parse_history(view.message.headers) if e.uri.param("cause")]
    except ProtocolError:
        return None
    return None if not causes or causes[-1] is None else reason_of(causes[-1])
