"""Repetitions: retransmissions, storms, requests without an answer, loops.

Covers RFC 3261 16.3, 16.6 (loops, Max-Forwards), 17.1 (retransmission), RFC 5393.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from rig.errors import ProtocolError
from rig.sip.diversion import parse_diversions
from rig.sip.history_info import parse_history
from rig.sip.timers import DEFAULT_TIMERS
from rig.timeline import Address
from rig.verdict.oracles.exchange import INVITE_PATIENCE_S, Exchange
from rig.verdict.oracles.oracle import METHODS, Oracle
from rig.verdict.oracles.scene import GIVE_UP_S, Scene
from rig.verdict.oracles.shelf import Shelf
from rig.verdict.oracles.view import SipView, hops_left_of, shown_address, uri_of, who

MOST_SENDS = {"INVITE": 7}
"""How often a request is sent at most. Source: RFC 3261 17.1.1.2."""

MOST_OTHER_SENDS = 11
"""Source: RFC 3261 17.1.2.2: 0, .5, 1.5, 3.5, 7.5, 11.5 ... 31.5 s."""

EARLY_S = DEFAULT_TIMERS.t1_s * 0.4
STORM = 10
STORM_S = 1.0
_STORMY = frozenset({"REGISTER", "SUBSCRIBE", "OPTIONS", "PUBLISH", "NOTIFY"})

ENOUGH_SENDS = 4
"""Sent so often within 3.5 s, a request has not found its receiver."""
PATIENT_S = 10.0
"""So long may an answer over TCP take, which is not asked for again."""
WHOLE_OCTETS = 1400
"""A datagram that is not much larger passes everywhere unfragmented; a tunnel takes up to 100."""

_FOR_SERVERS = frozenset({"PUBLISH", "REGISTER", "SUBSCRIBE"})
LOW_HOPS = 10
RING = 6
RING_S = 5.0


class Repetition(Oracle):
    """Who sends what how often."""

    cares: ClassVar = {"request": _STORMY}

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._pace: Shelf[tuple[Address | str, str, str], deque[tuple[float, int]]] = Shelf(
            idle_s=64 * STORM_S, clock=scene
        )

    def request(self, view: SipView, exchange: Exchange) -> None:
        """A new request: is it one of too many?"""
        del exchange
        if view.method not in _STORMY:
            return
        key: tuple[Address | str, str, str] = (view.source, view.method, view.receiver.aor)
        if view.method == "NOTIFY":
            key = (view.call_id, view.method, view.to_tag)
        pace = self._pace.get(key)
        if pace is None:
            pace = self._pace.put(key, deque(maxlen=STORM))
        pace.append((view.at, view.number))
        if len(pace) == STORM and view.at - pace[0][0] < STORM_S:
            if view.method != "NOTIFY":
                key = (f"{view.source} {view.receiver.aor}", view.method, "")
            self.scene.report(
                "request-storm",
                [number for _, number in pace],
                f"{key}",
                who=who(view),
                method=view.method,
                source=shown_address(view.source),
                count=STORM,
                seconds=f"{view.at - pace[0][0]:.2f}",
            )

    def again(self, view: SipView, exchange: Exchange) -> None:
        """The same request once more."""
        if exchange.sends == 1:
            return  # at its next hop, for the first time
        subject = f"{exchange.call_id} {exchange.method} {exchange.number}"
        packets = [view.number, exchange.number]
        values: dict[str, Any] = {
            "method": exchange.method,
            "source": shown_address(exchange.source),
        }
        if exchange.method == "ACK":
            return  # repeated for each repeated 2xx
        if exchange.transport != "UDP":
            self.scene.report("retransmission-stream", packets, subject, **values)
            return
        if exchange.sends == 2 and view.at - exchange.at < EARLY_S:
            gap_s = view.at - exchange.at
            self.scene.report(
                "retransmission-early", packets, subject, gap=f"{gap_s:.3f}", **values
            )
        most = MOST_SENDS.get(exchange.method, MOST_OTHER_SENDS)
        if exchange.sends > most:
            self.scene.report(
                "retransmission-storm", packets, subject, sends=exchange.sends, most=most, **values
            )
        if exchange.final_at is not None and exchange.sends >= 4:
            late_s = view.at - exchange.final_at
            if late_s > DEFAULT_TIMERS.t2_s:
                self.scene.report(
                    "answer-not-heard",
                    [view.number, exchange.final_number, exchange.number],
                    subject,
                    late=f"{late_s:.1f}",
                    **values,
                )

    def late(self, view: SipView, exchange: Exchange) -> None:
        """A further final answer."""
        fork = exchange.method == "INVITE" and max(view.status, exchange.status) < 300
        if not fork and view.status != exchange.status:
            self.scene.report(
                "answer-two",
                [view.number, exchange.final_number, exchange.number],
                f"{exchange.call_id} {exchange.number}",
                first=exchange.status,
                second=view.status,
                method=exchange.method,
            )

    def unanswered(self, exchange: Exchange) -> None:
        """No final answer in 64*T1 (an INVITE that rings has longer)."""
        scene = self.scene
        subject = f"{exchange.call_id} {exchange.method} {exchange.number}"
        values: dict[str, Any] = {
            "method": exchange.method,
            "destination": shown_address(exchange.destination),
            "sends": exchange.sends,
        }
        rings = _rings(exchange)
        if exchange.sends == 1 and exchange.transport == "UDP" and not rings:
            scene.hole(exchange.at)
            scene.report(
                "hole-no-retransmission", [exchange.number], subject, at=exchange.at, **values
            )
            return
        octets = self._too_large(exchange)
        scene.report(
            "request-large-unanswered" if octets else "request-unanswered",
            [exchange.number],
            subject,
            at=exchange.at + GIVE_UP_S,
            peer=(exchange.destination, exchange.transport),
            octets=octets,
            **values,
        )

    def waiting(self, exchange: Exchange, now: float) -> None:
        """The capture ends while it is repeated: so much is known already."""
        waited_s = now - exchange.at
        udp = exchange.transport == "UDP"
        if _rings(exchange) or (exchange.sends < ENOUGH_SENDS if udp else waited_s < PATIENT_S):
            return
        octets = self._too_large(exchange)
        self.scene.report(
            "request-large-unanswered" if octets else "request-waiting",
            [exchange.number],
            f"{exchange.call_id} {exchange.method} {exchange.number}",
            peer=(exchange.destination, exchange.transport),
            method=exchange.method,
            destination=shown_address(exchange.destination),
            sends=exchange.sends,
            who=exchange.view.receiver.name if exchange.view else "",
            seconds=f"{waited_s:.1f}",
            octets=octets,
        )

    def _too_large(self, exchange: Exchange) -> int:
        """Octets of a datagram that goes in fragments to somebody who was heard; else 0."""
        heard = self.scene.is_heard(exchange.destination, exchange.transport)
        if exchange.transport != "UDP" or exchange.view is None or not heard:
            return 0
        octets = len(exchange.view.message.to_bytes(keep_content_length=True))
        return octets if octets > WHOLE_OCTETS else 0


def _rings(exchange: Exchange) -> bool:
    return exchange.method == "INVITE" and exchange.provisional_at is not None


_Step = tuple[Address, str]
"""Sender and Request-URI."""


@dataclass(slots=True)
class _Way:
    """Where one request has been.

    Attributes:
        number: packet of its first hop.
        first: sender and Request-URI there.
        hops_left: there, or less.
        more: those of further hops.
    """

    number: int
    first: _Step
    hops_left: int | None
    more: set[_Step] | None = None

    def passes(self, step: _Step) -> bool:
        """Note a further hop; says whether it had been there before."""
        if self.more is None:
            self.more = {self.first}
        again = step in self.more
        self.more.add(step)
        return again


class Loops(Oracle):
    """Requests that come by again, and calls that go round."""

    cares: ClassVar = {"request": METHODS - {"ACK"}, "again": METHODS - {"ACK"}}

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._ways: Shelf[tuple[str, str, int], _Way] = Shelf(
            idle_s=INVITE_PATIENCE_S + GIVE_UP_S, clock=scene
        )
        self._rings: Shelf[tuple[str, str], deque[tuple[float, str, int]]] = Shelf(
            idle_s=64 * RING_S, clock=scene
        )

    def request(self, view: SipView, exchange: Exchange) -> None:
        """The first hop of a request."""
        del exchange
        if view.method == "ACK":
            return
        left = hops_left_of(view.message)
        if view.hops == 1 and left is not None and left < LOW_HOPS:
            self.scene.report(
                "hops-low",
                [view.number],
                view.call_id,
                who=who(view),
                method=view.method,
                got=left,
            )
        way = _Way(view.number, (view.source, view.request.uri), left)
        self._ways.put((view.origin, view.method, view.cseq), way)
        if view.method == "INVITE" and not view.to_tag:
            self._judge_parties(view)
            self._judge_ring(view)

    def message(self, view: SipView) -> None:
        """Nobody may pass a message on twice."""
        if view.hops < 2:
            return
        try:
            ways = [(via.host.lower(), via.port, via.branch) for via in view.message.vias]
        except ProtocolError:
            return  # named by the syntax
        if len(set(ways)) < len(ways):
            self.scene.report("loop-via", [view.number], view.call_id, method=view.method)

    def again(self, view: SipView, exchange: Exchange) -> None:
        """A further hop of a request."""
        if exchange.sends > 1 or not exchange.relayed or view.method == "ACK":
            return
        way = self._ways.get((view.origin, view.method, view.cseq))
        if way is None:
            return
        packets = [view.number, way.number]
        if way.passes((view.source, view.request.uri)):
            self.scene.report(
                "loop-same-uri", packets, view.call_id, method=view.method, uri=view.request.uri
            )
        if view.method in _FOR_SERVERS and view.destination == way.first[0]:
            self.scene.report(
                "request-sent-back",
                packets,
                view.call_id,
                who=who(view),
                method=view.method,
                source=shown_address(view.source),
                place=shown_address(view.destination),
            )
        left = hops_left_of(view.message)
        if left is not None and way.hops_left is not None and left >= way.hops_left:
            self.scene.report(
                "hops-not-counted",
                packets,
                f"{view.source}",
                source=shown_address(view.source),
                got=left,
                before=way.hops_left,
            )
        if left is not None:
            way.hops_left = min(left, way.hops_left if way.hops_left is not None else left)

    def answer(self, view: SipView, exchange: Exchange, request: SipView) -> None:
        """Somebody has noticed a loop; or answers, so that there was none."""
        del exchange
        if view.method == "INVITE" and 200 <= view.status < 300:
            self._rings.pop(_ring_of(request))
        if view.status in {482, 483}:
            phrase = view.message.start_line.split(" ", 1)[-1]
            self.scene.report(
                "loop-answer", [view.number, request.number], view.call_id, answer=phrase
            )

    def _judge_parties(self, view: SipView) -> None:
        try:
            parties = [
                entry.name_addr.uri.user_unescaped
                for entry in parse_diversions(view.message.headers)
            ]
            steps = [
                entry.uri.user_unescaped
                for entry in parse_history(view.message.headers)
                if entry.uri.param("cause") is not None
            ]
        except ProtocolError:
            return  # named by others
        for names, header in ((parties, "Diversion"), (steps, "History-Info")):
            again = next((n for n in names if n and names.count(n) > 1), None)
            if again is not None:
                self.scene.report(
                    "loop-party",
                    [view.number],
                    f"{view.call_id} {header}",
                    who=again,
                    header=header,
                )

    def _judge_ring(self, view: SipView) -> None:
        """The same call sent to and fro between a few, ever anew."""
        try:
            target = uri_of(view.request.uri).user_unescaped
        except ProtocolError:
            return
        key = _ring_of(view)
        ring = self._rings.get(key)
        if ring is None:
            ring = self._rings.put(key, deque(maxlen=RING))
        ring.append((view.at, target, view.number))
        names = [name for _, name, _ in ring]
        if len(ring) < RING or view.at - ring[0][0] > RING_S:
            return
        kinds = set(names)
        if 2 <= len(kinds) <= 3 and all(names.count(name) >= 2 for name in kinds):
            changes = sum(a != b for a, b in pairwise(names))
            if changes >= RING - 2:
                self.scene.report(
                    "loop-ring",
                    [number for _, _, number in ring],
                    f"{key}",
                    who=", ".join(sorted(kinds)),
                    count=RING,
                    seconds=f"{view.at - ring[0][0]:.1f}",
                )


def _ring_of(invite: SipView) -> tuple[str, str]:
    """What the calls of one ring share: who sends them, and for whom."""
    return invite.source[0], invite.message.from_.uri.user_unescaped
