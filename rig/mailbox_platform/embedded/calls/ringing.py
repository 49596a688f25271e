"""Rings several contacts of one user at once and says how it ended.

Source: RFC 3261 sections 9 and 16.7 (the best of several answers), RFC 3326 (Reason).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from rig.mailbox_platform.embedded.calls.call_leg import CalleeLeg
from rig.sip.message import Response

BUSY = frozenset({486, 600, 603})
REFUSED_FOR_DND = frozenset({480})
UNREACHABLE = frozenset({404, 408, 410, 430, 500, 501, 502, 503, 504})

Provisional = Callable[[CalleeLeg, Response], None]


class RingEnd(StrEnum):
    """How ringing ended."""

    ANSWERED = "answered"
    CANCELLED = "cancelled"
    UNANSWERED = "unanswered"
    BUSY = "busy"
    DO_NOT_DISTURB = "do_not_disturb"
    UNREACHABLE = "unreachable"
    REDIRECTED = "redirected"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RingResult:
    """How ringing ended.

    Attributes:
        end: in one word.
        status: SIP status that decided; 408 when it rang out.
        leg: the leg that answered or decided, if there was one.
        response: its final response, if there was one.
        rang: some contact had rung.
    """

    end: RingEnd
    status: int
    leg: CalleeLeg | None = None
    response: Response | None = None
    rang: bool = False


CANCEL_REASONS = {
    RingEnd.ANSWERED: 'SIP;cause=200;text="Call completed elsewhere"',
    RingEnd.UNANSWERED: 'SIP;cause=408;text="No answer"',
    RingEnd.BUSY: 'SIP;cause=486;text="Busy elsewhere"',
}
"""Reason that the CANCEL of the remaining legs carries. Source: RFC 3326 sections 2 and 3.1."""


def end_of_status(status: int) -> RingEnd:
    """What a failure status of a handset means to the user's services."""
    if 300 <= status < 400:
        return RingEnd.REDIRECTED
    if status in BUSY:
        return RingEnd.BUSY
    if status in REFUSED_FOR_DND:
        return RingEnd.DO_NOT_DISTURB
    if status in UNREACHABLE:
        return RingEnd.UNREACHABLE
    return RingEnd.REFUSED


class Ringing:
    """One round of ringing.

    Args:
        legs: not started yet; at least one.
        ring_s: how long they may ring, from the first 180, in seconds; None for no limit.
        on_provisional: called with every 1xx of every leg.
        one_user: all contacts are one user's, who can refuse (6xx) for all of them; members
            of a group refuse each for themselves.
    """

    def __init__(
        self,
        legs: list[CalleeLeg],
        ring_s: float | None,
        on_provisional: Provisional,
        *,
        one_user: bool = True,
    ) -> None:
        self._legs = legs
        self._ring_s = ring_s
        self._on_provisional = on_provisional
        self._one_user = one_user
        self._failures: list[tuple[CalleeLeg, int, Response | None]] = []
        self._result: asyncio.Future[RingResult] = asyncio.get_running_loop().create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._from_ring = False

    async def run(self) -> RingResult:
        """Ring until somebody answers, all have refused, time is up or the caller gave up."""
        for leg in self._legs:
            leg.on_provisional = self._provisional
            leg.on_answer = self._answered
            leg.on_failure = self._failed
        self._start_timer()
        for leg in self._legs:
            leg.start()
        try:
            result = await self._result
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._leave_others()
        return result

    def cancel(self) -> None:
        """The caller gave up."""
        self._finish(RingResult(RingEnd.CANCELLED, 487))

    def _start_timer(self) -> None:
        if self._ring_s is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._ring_s, self._rang_out)

    def _provisional(self, leg: CalleeLeg, response: Response) -> None:
        if leg.rang and not self._from_ring:
            # Ring time is what a person hears: it counts from the first ringing.
            self._from_ring = True
            self._start_timer()
        self._on_provisional(leg, response)

    def _rang_out(self) -> None:
        self._finish(RingResult(RingEnd.UNANSWERED, 408, rang=True))

    def _answered(self, leg: CalleeLeg, response: Response) -> None:
        if self._result.done():
            leg.acknowledge_answer()
            leg.bye(CANCEL_REASONS[RingEnd.ANSWERED])
            return
        self._finish(RingResult(RingEnd.ANSWERED, response.status, leg, response, rang=True))

    def _failed(self, leg: CalleeLeg, status: int, response: Response | None) -> None:
        self._failures.append((leg, status, response))
        if (status >= 600 and self._one_user) or len(self._failures) == len(self._legs):
            leg, status, response = min(self._failures, key=lambda f: _preference(f[1]))
            rang = any(one.rang for one in self._legs)
            self._finish(RingResult(end_of_status(status), status, leg, response, rang=rang))

    def _finish(self, result: RingResult) -> None:
        if not self._result.done():
            self._result.set_result(result)
            self._leave_others(CANCEL_REASONS.get(result.end, ""))

    def _leave_others(self, reason: str = "") -> None:
        done = self._result.done() and not self._result.cancelled()
        winner = self._result.result().leg if done else None
        for leg in self._legs:
            if leg is not winner and not leg.finished:
                leg.give_up(reason)


def _preference(status: int) -> int:
    """RFC 3261 16.7: any 6xx first, else the lowest class; then what says most."""
    if status >= 600:
        return 0
    if 300 <= status < 400:
        return 1
    if status in BUSY:
        return 2
    return 3 if status in REFUSED_FOR_DND else 4 + (status in UNREACHABLE)
