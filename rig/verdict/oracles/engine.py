"""All oracles over one stream of events: feed, close, settle.

Bounded: every oracle forgets its oldest, and findings are named once for each subject.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rig.errors import ProtocolError
from rig.timeline import BadSipSeen, CaptureHealth, RtpStreamSeen, SipSeen, TimelineEvent
from rig.verdict.oracles.all_oracles import ALL
from rig.verdict.oracles.exchange import Exchange, Exchanges, Sort
from rig.verdict.oracles.finding import Lack, OracleFinding, Severity
from rig.verdict.oracles.oracle import Oracle
from rig.verdict.oracles.scene import Scene
from rig.verdict.oracles.view import SipView, view_of

_Hook = Callable[[SipView, Exchange], None]


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
        self._exchanges = Exchanges()
        self._oracles = [kind(self.scene) for kind in (ALL if kinds is None else kinds)]
        self._message = self._who_cares(lambda kind: kind.message)
        self._answer = self._who_cares(lambda kind: kind.answer)
        self._tick = self._who_cares(lambda kind: kind.tick)
        again: list[_Hook] = [each.again for each in self._who_cares(lambda kind: kind.again)]
        self._told: dict[Sort, list[_Hook]] = {
            Sort.NEW: [each.request for each in self._who_cares(lambda kind: kind.request)],
            Sort.AGAIN: again,
            Sort.RELAYED: again,
            Sort.PROVISIONAL: [
                each.progress for each in self._who_cares(lambda kind: kind.progress)
            ],
            Sort.LATE: [each.late for each in self._who_cares(lambda kind: kind.late)],
        }

    def _who_cares(self, hook: Callable[[type[Oracle]], object]) -> list[Oracle]:
        """Oracles that do something when they are told of this; most leave most to the others."""
        return [each for each in self._oracles if hook(type(each)) is not hook(Oracle)]

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
        self._pass_time(scene.now if end.at is None else end.at)
        for oracle in self._oracles:
            oracle.end(scene.now)
        for oracle_id, more in scene.left_out().items():
            scene.report("oracle-more", [], oracle_id, more=more, oracle=oracle_id)
        return scene.take()

    def settle(self, findings: Iterable[OracleFinding]) -> list[OracleFinding]:
        """Give findings as they stand at the end: how often, how certain; in order of packets."""
        settled = [self.scene.settle(finding) for finding in findings]
        return sorted(settled, key=lambda f: (f.packet, f.oracle, f.subject))

    @property
    def waiting(self) -> int:
        """Requests that are remembered because somebody may still wait for them."""
        return len(self._exchanges)

    def _pass_time(self, at: float) -> None:
        scene = self.scene
        if at - scene.now >= 0.1:
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
            for oracle in self._message:
                oracle.message(view)
        sort, exchange = self._exchanges.take(view)
        if exchange is None:
            self._orphan(view)
            return
        self._tell(sort, view, exchange)

    def _orphan(self, view: SipView) -> None:
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
        if sort is Sort.FINAL:
            request, exchange.view = exchange.view, None
            if request is not None and not exchange.relayed:
                for oracle in self._answer:
                    oracle.answer(view, exchange, request)
        elif sort is not Sort.PROVISIONAL or not exchange.relayed:
            for tell in self._told[sort]:
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
