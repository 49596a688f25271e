"""SIP cores in simulated time: nodes with addresses, a link with delay and loss between them."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from rig.sip.event import Event, Flow
from rig.sip.message import Request, Response
from rig.sip.parser import parse_message
from rig.sip.timers import DEFAULT_TIMERS, TimerValues
from rig.sip.tokens import SeededTokens
from rig.sip.user_agent import UserAgentCore

ROWS = (
    ("From", "<sip:alice@example.test>"),
    ("To", "<sip:bob@example.test>"),
    ("Contact", "<sip:alice@127.0.0.1:5060>"),
)


def make_request(method: str, *rows: tuple[str, str], body: bytes = b"") -> Request:
    """A request with From, To and Contact, to be prepared by a core."""
    return Request(method, "sip:bob@example.test", [*ROWS, *rows], body)


class Node:
    """One core at one address.

    Attributes:
        sent: what left: instant and parsed message.
        events: what the core reported: instant and event.
        on_event: called with every event, to react as a user of the core.
    """

    def __init__(
        self, link: Link, name: str, port: int, timers: TimerValues = DEFAULT_TIMERS
    ) -> None:
        self.link = link
        self.address = ("127.0.0.1", port)
        self.core = UserAgentCore(SeededTokens(name), timers=timers)
        self.sent: list[tuple[float, Request | Response]] = []
        self.events: list[tuple[float, Event]] = []
        self.on_event: Callable[[Event], None] | None = None

    def flow(self, other: Node, transport: str = "UDP") -> Flow:
        return Flow(transport, self.address, other.address)

    def request(
        self, method: str, other: Node, *rows: tuple[str, str], transport: str = "UDP"
    ) -> tuple[str, str]:
        flow = self.flow(other, transport)
        prepared = self.core.prepare(make_request(method, *rows), flow)
        key = self.core.send_request(prepared, flow, self.link.now)
        self.flush()
        return key

    def respond(self, key: tuple[str, str, str], status: int, **more: object) -> None:
        response = self.core.make_response(key, status, **more)  # type: ignore[arg-type]  # test sugar
        self.core.send_response(key, response, self.link.now)
        self.flush()

    def flush(self) -> None:
        for data, flow in self.core.data_to_send():
            self.sent.append((self.link.now, parse_message(data)))
            self.link.carry(data, flow)
        while (event := self.core.next_event()) is not None:
            self.events.append((self.link.now, event))
            if self.on_event is not None:
                self.on_event(event)
            for data, flow in self.core.data_to_send():
                self.sent.append((self.link.now, parse_message(data)))
                self.link.carry(data, flow)

    def instants(self, what: str) -> list[float]:
        """When messages left whose start line contains ``what``."""
        return [round(at, 6) for at, m in self.sent if what in m.start_line]

    def seen(self, kind: type[Event]) -> list[tuple[float, Event]]:
        """Events of one kind, with their instants."""
        return [(round(at, 6), e) for at, e in self.events if isinstance(e, kind)]


class Link:
    """Simulated time and the network of all nodes.

    Attributes:
        now: instant, seconds.
        delay_s: one-way delay.
        lose: says whether a message from one address to another is lost.
    """

    def __init__(self, delay_s: float = 0.0) -> None:
        self.now = 0.0
        self.delay_s = delay_s
        self.lose: Callable[[bytes], bool] = lambda _: False
        self._nodes: dict[tuple[str, int], Node] = {}
        self._queue: list[tuple[float, int, bytes, Flow]] = []
        self._count = count()

    def node(self, name: str, port: int, timers: TimerValues = DEFAULT_TIMERS) -> Node:
        node = self._nodes[("127.0.0.1", port)] = Node(self, name, port, timers)
        return node

    def carry(self, data: bytes, flow: Flow) -> None:
        if not self.lose(data):
            at = self.now + self.delay_s
            arriving = Flow(flow.transport, flow.remote, flow.local)
            heapq.heappush(self._queue, (at, next(self._count), data, arriving))

    def run(self, until: float) -> None:
        """Let everything happen up to an instant."""
        while True:
            timers = [
                (at, node)
                for node in self._nodes.values()
                if (at := node.core.next_timer()) is not None
            ]
            at, node = min(timers, key=lambda pair: pair[0], default=(float("inf"), None))
            if self._queue and self._queue[0][0] <= at:
                arrives_at, _, data, flow = self._queue[0]
                if arrives_at > until:
                    break
                heapq.heappop(self._queue)
                self.now = max(self.now, arrives_at)
                receiver = self._nodes.get(flow.local)
                if receiver is not None:
                    receiver.core.receive(data, flow, self.now)
                    receiver.flush()
            elif node is not None and at <= until:
                self.now = max(self.now, at)
                node.core.handle_timer(self.now)
                node.flush()
            else:
                break
        self.now = until
