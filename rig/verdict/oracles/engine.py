"""All oracles over one stream of events: feed, close, settle.

Bounded: every oracle forgets its oldest, and findings are named once for each subject.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeVar

from rig.errors import ProtocolError
from rig.timeline import (
    BadSipSeen,
    CaptureHealth,
    DeliveryRefused,
    RtpStreamSeen,
    SipSeen,
    TimelineEvent,
    UnreadSeen,
)
from rig.verdict.oracles.all_oracles import ALL
from rig.verdict.oracles.exchange import Exchange, Exchanges, Sort
from rig.verdict.oracles.finding import Lack, OracleFinding, Severity
from rig.verdict.oracles.oracle import METHODS, OTHER, Oracle
from rig.verdict.oracles.scene import Scene
from rig.verdict.oracles.view import SipView, view_of

_Hook = Callable[[SipView, Exchange], None]
_Told = TypeVar("_Told")


LOOK_EVERY_S = 0.1
"""So often it is asked what has come due, however close to one another the messages are."""


@dataclass(frozen=True, slots=True)
class CaptureEnd:
    """How a capture ended.

    Attributes:
        at: instant of its last packet, or None for the last event fed.
        dropped: packets that the capture says it lost.
        cut: messages that it holds only in part.
    """

    at: float | None = None
    dropped: int = 0
    cut: int = 0


class OracleEngine:
    """Feeds on timeline events in order of time.

    Args:
        kinds: classes of oracles; default all of them.
    """

    def __init__(self, kinds: Sequence[type[Oracle]] | None = None) -> None:
        self.scene = Scene()
        self._look_at = LOOK_EVERY_S
        self._exchanges = Exchanges(self.scene)
        self._oracles = [kind(self.scene) for kind in (ALL if kinds is None else kinds)]
        self._tick = self._who_cares(lambda kind: kind.tick)
        self._message = self._by_method("message", lambda each: each.message)
        self._answer = self._by_method("answer", lambda each: each.answer)
        again = self._by_method("again", lambda each: each.again)
        self._told: dict[Sort, Mapping[str, Sequence[_Hook]]] = {
            Sort.NEW: self._by_method("request", lambda each: each.request),
            Sort.AGAIN: again,
            Sort.RELAYED: again,
            Sort.PROVISIONAL: self._by_method("progress", lambda each: each.progress),
            Sort.LATE: self._by_method("late", lambda each: each.late),
        }

    def _who_cares(self, hook: Callable[[type[Oracle]], object]) -> list[Oracle]:
        """Oracles that do something when they are told of this; most leave most to the others."""
        return [each for each in self._oracles if hook(type(each)) is not hook(Oracle)]

    def _by_method(
        self, name: str, hook: Callable[[Oracle], _Told]
    ) -> Mapping[str, Sequence[_Told]]:
        """Hooks of those who care, by the method of the message."""
        caring = [o for o in self._oracles if getattr(type(o), name) is not getattr(Oracle, name)]
        return {
            method: [hook(o) for o in caring if method in o.cares.get(name, METHODS)]
            for method in METHODS
        }

    def feed(self, event: TimelineEvent) -> list[OracleFinding]:
        """Take one event.

        Args:
            event: SIP messages, bad bytes, RTP streams, the capture's health; others are let
                pass. Streams may come at any time, the rest in order.

        Returns:
            What is known to be wrong now.
        """
        scene = self.scene
        if isinstance(event, SipSeen):
            self._pass_time(event.at)
            self._take(event)
        elif isinstance(event, BadSipSeen):
            self._pass_time(event.at)
            number = event.observation.number
            scene.hear(event.observation.source)
            scene.report("sip-unreadable", [number], f"packet {number}", error=event.error)
        elif isinstance(event, RtpStreamSeen):
            for oracle in self._oracles:
                oracle.stream(event)
        elif isinstance(event, DeliveryRefused):
            self._pass_time(event.at)
            for oracle in self._oracles:
                oracle.turned_back(event)
        elif isinstance(event, UnreadSeen):
            self._pass_time(event.at)
            for oracle in self._oracles:
                oracle.unread(event)
        elif isinstance(event, CaptureHealth) and (event.dropped or not event.running):
            scene.lost()
        return scene.take()

    def close(self, end: CaptureEnd | None = None) -> list[OracleFinding]:
        """Say that no event follows.

        Returns:
            What can only be said at the end.
        """
        end = end or CaptureEnd()
        scene = self.scene
        if end.dropped or end.cut:
            scene.lost()
        self._look_at = scene.now
        self._pass_time(scene.now if end.at is None else end.at)
        for exchange in self._exchanges.open():
            for oracle in self._oracles:
                oracle.waiting(exchange, scene.now)
        for oracle in self._oracles:
            oracle.end(scene.now)
        for oracle_id, more in scene.left_out().items():
            scene.report("oracle-more", [], oracle_id, more=more, oracle=oracle_id)
        return scene.take()

    def settle(self, findings: Iterable[OracleFinding]) -> list[OracleFinding]:
        """Give findings as they stand at the end: how often, how certain; in order of packets."""
        settled = [self.scene.settle(finding) for finding in findings]
        return sorted(settled, key=lambda f: (f.packet, f.oracle, f.subject))

    def fork(self) -> OracleEngine:
        """Give another engine that knows the same and goes its own way."""
        return deepcopy(self)

    @property
    def waiting(self) -> int:
        """Requests that are remembered because somebody may still wait for them."""
        return len(self._exchanges)

    def _pass_time(self, at: float) -> None:
        scene = self.scene
        if at >= self._look_at:
            self._look_at = at + LOOK_EVERY_S
            # What came due meanwhile is judged before the message that woke us.
            scene.passed(at)
            for exchange in self._exchanges.overdue(at):
                for oracle in self._oracles:
                    oracle.unanswered(exchange)
            for oracle in self._tick:
                oracle.tick(at)
        scene.passed(at)

    def _take(self, seen: SipSeen) -> None:
        scene = self.scene
        scene.hear(seen.source)
        try:
            view = view_of(seen)
        except ProtocolError as error:
            scene.report(
                "sip-unreadable", [seen.number], f"packet {seen.number}", error=str(error)
            )
            return
        if not view.retransmission:
            told = self._message
            for message in told.get(view.method) or told[OTHER]:
                message(view)
        sort, exchange = self._exchanges.take(view)
        if exchange is None:
            self._orphan(view)
            return
        self._tell(sort, view, exchange)

    def _orphan(self, view: SipView) -> None:
        notify = view.call_id if view.method == "NOTIFY" else ""
        self.scene.orphan(view.number, view.at, notify)
        early = self.scene.in_the_middle(view.at)
        if not early:
            self.scene.hole(view.at)
        self.scene.report(
            "hole-orphan-answer",
            [view.number],
            view.transaction,
            lacks=(Lack.START,) if early else (),
            status=view.status,
            method=view.method,
        )

    def _tell(self, sort: Sort, view: SipView, exchange: Exchange) -> None:
        method = exchange.method
        if sort is Sort.FINAL:
            self.scene.paired += 1
            request, exchange.view = exchange.view, None
            if request is not None and not exchange.relayed:
                for answer in self._answer.get(method) or self._answer[OTHER]:
                    answer(view, exchange, request)
        elif sort is not Sort.PROVISIONAL or not exchange.relayed:
            told = self._told[sort]
            for tell in told.get(method) or told[OTHER]:
                tell(view, exchange)


def judge_capture(
    events: Iterable[TimelineEvent], end: CaptureEnd | None = None
) -> list[OracleFinding]:
    """Run all oracles over a whole capture.

    Args:
        events: in order of time.
        end: how the capture ended.

    Returns:
        Settled findings, in order of packets.
    """
    engine = OracleEngine()
    found: list[OracleFinding] = []
    for event in events:
        found += engine.feed(event)
    found += engine.close(end)
    return engine.settle(found)


def worst_severity(findings: Iterable[OracleFinding]) -> Severity | None:
    """The heaviest of findings; None when there are none."""
    return max((f.severity for f in findings), key=lambda s: s.rank, default=None)
