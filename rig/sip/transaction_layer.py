"""Carries out what the transition tables say: timers, retransmission, reports.

Sans-IO: knows messages as things to send again, and instants as arguments. Matching of what
arrives is the business of :mod:`rig.sip.user_agent`, which builds on this layer.

Covers RFC 3261 17 and 13.3.1.4 with RFC 6026; the tables are in :mod:`rig.sip.transaction`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import ClassVar, NamedTuple

from rig.sip import event as ev
from rig.sip import matching
from rig.sip.event import ClientKey, Flow, ServerKey
from rig.sip.message import Request, Response
from rig.sip.parser import parse_message
from rig.sip.timers import TimerQueue, TimerValues
from rig.sip.transaction import TABLES, Action, Input, Kind, State
from rig.sip.transaction_record import ANSWERED, Transaction

OutgoingFilter = Callable[[Request | Response, Flow], Request | Response | bytes | None]
"""Sees a copy of every message just before it is sent: returns what to send, or None to drop."""

IncomingFilter = Callable[[Request | Response, Flow], Request | Response | None]
"""Sees every message that could be read, with its flow: returns what to take, or None."""


class Turned(NamedTuple):
    """How to answer a request that gets no transaction.

    Attributes:
        status: of the answer, 300 to 699.
        reason: phrase; empty for the usual one.
        headers: further rows.
    """

    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()


Gate = Callable[[Request, Flow, float], Turned | None]
"""Sees every new request before anything is remembered of it, with its flow and the instant."""


class TransactionLayer:
    """All transactions of one endpoint and what they want to send and report.

    Args:
        timers: base timer values.

    Attributes:
        outgoing_filter: alters or drops messages just before they are sent; None for none.
        filtered_methods: the filter sees requests of these methods alone; None for everything.
        incoming_filter: alters or drops messages just before they are taken; None for none.
        gate: turns requests away without a transaction; None lets all in.
    """

    __slots__ = (
        "_accepted",
        "_clients",
        "_events",
        "_incoming",
        "_merged",
        "_outbox",
        "_queue",
        "_servers",
        "_timers",
        "filtered_methods",
        "gate",
        "incoming_filter",
        "outgoing_filter",
    )

    def __init__(self, timers: TimerValues) -> None:
        self._timers = timers
        self.outgoing_filter: OutgoingFilter | None = None
        self.filtered_methods: frozenset[str] | None = None
        self.incoming_filter: IncomingFilter | None = None
        self.gate: Gate | None = None
        self._clients: dict[ClientKey, Transaction] = {}
        self._servers: dict[ServerKey, Transaction] = {}
        self._accepted: dict[matching.AckKey, Transaction] = {}
        self._merged: dict[matching.MergeKey, Transaction] = {}
        self._queue: TimerQueue[Transaction] = TimerQueue()
        self._events: deque[ev.Event] = deque()
        self._outbox: list[tuple[bytes, Flow]] = []
        self._incoming: Request | Response | None = None

    def handle_timer(self, now: float) -> None:
        """Do whatever is due.

        Args:
            now: instant, seconds.
        """
        while (due := self._queue.pop_due(now)) is not None:
            at, transaction = due
            if transaction.due_at != at:
                continue  # moved or ended since
            transaction.due_at = inf
            if transaction.end_at <= now:
                transaction.end_at = inf
                self._step(transaction, transaction.end_timer, now)
            elif transaction.repeat_at <= now:
                # Count on from the planned instant, unless the owner came far too late.
                planned = transaction.repeat_at
                late = planned + transaction.interval_s <= now
                transaction.repeat_at = inf
                self._step(transaction, transaction.repeat_timer, now if late else planned)
            if transaction.state is not State.TERMINATED:
                self._enqueue(transaction)

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` wants to be called next; None for never."""
        while (first := self._queue.peek()) is not None:
            if first[1].due_at == first[0]:
                return first[0]
            self._queue.drop_first()
        return None

    def data_to_send(self) -> list[tuple[bytes, Flow]]:
        """Take what must be sent now, in order."""
        outbox = self._outbox
        if outbox:
            self._outbox = []
        return outbox

    def next_event(self) -> ev.Event | None:
        """Take the next event, or None."""
        return self._events.popleft() if self._events else None

    def fail_flow(self, flow: Flow, now: float) -> None:
        """Tell that a flow cannot carry messages any more.

        Args:
            flow: the flow.
            now: instant, seconds.
        """
        affected = [t for t in self._clients.values() if t.flow == flow]
        affected += [t for t in self._servers.values() if t.flow == flow]
        for transaction in affected:
            self._step(transaction, Input.TRANSPORT_ERROR, now)

    def abandon(self, key: ClientKey) -> None:
        """Send a request no more, and report nothing of it; an unknown key is fine.

        Args:
            key: of a client transaction other than INVITE.
        """
        transaction = self._clients.get(key)
        if transaction is not None:
            transaction.state = State.TERMINATED
            self._end(transaction)

    @property
    def transactions(self) -> int:
        """How many transactions are alive."""
        return len(self._clients) + len(self._servers)

    @property
    def has_events(self) -> bool:
        """Whether :meth:`next_event` would give one."""
        return bool(self._events)

    # ---- transitions --------------------------------------------------------------------

    def _step(self, transaction: Transaction, what: Input, now: float) -> None:
        transition = TABLES[transaction.kind].get((transaction.state, what))
        if transition is None:  # terminated
            return
        transaction.state, actions = transition
        for action in actions:
            self._do[action](self, transaction, now)
        if transaction.state is State.TERMINATED:
            self._end(transaction)
        elif transaction.end_at <= now:  # a timer of zero seconds: reliable transport
            transaction.end_at = inf
            self._step(transaction, transaction.end_timer, now)
        elif actions:
            self._enqueue(transaction)

    def _enqueue(self, transaction: Transaction) -> None:
        at = min(transaction.repeat_at, transaction.end_at)
        if at < transaction.due_at:
            transaction.due_at = at
            self._queue.push(at, transaction)

    def _end(self, transaction: Transaction) -> None:
        transaction.due_at = transaction.repeat_at = transaction.end_at = inf
        transaction.payload = b""
        transaction.last = None
        key = transaction.key
        if len(key) == 2:
            self._clients.pop(key, None)
        else:
            self._servers.pop(key, None)
            if transaction.merge_key is not None:
                self._merged.pop(transaction.merge_key, None)
            if transaction.ack_key is not None:
                self._accepted.pop(transaction.ack_key, None)
        if transaction.kind in {Kind.INVITE_CLIENT, Kind.INVITE_SERVER}:
            self._events.append(ev.TransactionEnded(key))

    def _is_filtered(self, message: Request | Response | None) -> bool:
        """Whether the filter wants to see a message; None for a response sent once more."""
        wanted = self.filtered_methods
        return wanted is None or (isinstance(message, Request) and message.method in wanted)

    def _transmit(self, message: Request | Response | None, payload: bytes, flow: Flow) -> None:
        """Send; a filter gets a copy of the message, read again if it was let go."""
        if self.outgoing_filter is not None and self._is_filtered(message):
            if message is None:
                message = parse_message(payload, datagram=not flow.reliable)
            changed = self.outgoing_filter(message.copy(), flow)
            if changed is None:
                return
            payload = changed if isinstance(changed, bytes) else changed.to_bytes()
        self._outbox.append((payload, flow))

    # ---- actions ------------------------------------------------------------------------

    def _deliver(self, transaction: Transaction, now: float) -> None:
        del now
        response, key = self._incoming, transaction.key
        if isinstance(response, Response) and len(key) == 2:
            self._events.append(ev.ResponseReceived(key, response, transaction.flow))

    def _deliver_ack(self, transaction: Transaction, now: float) -> None:
        del now
        ack, key = self._incoming, transaction.key
        transaction.acked = True
        if isinstance(ack, Request) and len(key) == 3:
            self._events.append(ev.AckReceived(key, ack, transaction.flow))

    def _retransmit(self, transaction: Transaction, now: float) -> None:
        del now
        if transaction.payload:
            self._transmit(transaction.last, transaction.payload, transaction.flow)

    def _send(self, transaction: Transaction, now: float) -> None:
        if self._incoming is not None:
            transaction.last = self._incoming
            transaction.payload = self._incoming.to_bytes()
            self._retransmit(transaction, now)

    def _send_100(self, transaction: Transaction, now: float) -> None:
        if not transaction.payload:
            trying = Response.to_request(transaction.request, 100)
            if transaction.reply_via is not None:
                trying.headers = matching.with_top_via(trying.headers, transaction.reply_via)
            self._incoming = trying
            self._send(transaction, now)

    def _send_ack(self, transaction: Transaction, now: float) -> None:
        del now
        if isinstance(self._incoming, Response):
            ack = matching.make_failure_ack(transaction.request, self._incoming)
            self._transmit(ack, ack.to_bytes(), transaction.flow)

    def _send_cancel(self, transaction: Transaction, now: float) -> None:
        cancel = matching.make_cancel(transaction.request)
        self._begin_client(cancel, transaction.flow, now)

    def _begin_client(self, request: Request, flow: Flow, now: float) -> ClientKey:
        key = (request.via.branch or "", request.method)
        invite = request.method == "INVITE"
        kind = Kind.INVITE_CLIENT if invite else Kind.CLIENT
        transaction = self._clients[key] = Transaction(kind, key, request, flow)
        transaction.last = request
        transaction.payload = request.to_bytes()
        self._transmit(request, transaction.payload, flow)
        if not flow.reliable:
            transaction.interval_s = self._timers.t1_s
            transaction.repeat_timer = Input.TIMER_A if invite else Input.TIMER_E
            transaction.repeat_at = now + transaction.interval_s
        transaction.end_timer = Input.TIMER_B if invite else Input.TIMER_F
        transaction.end_at = now + self._timers.give_up_s
        self._enqueue(transaction)
        return key

    @staticmethod
    def _start(transaction: Transaction, timer: Input, at: float) -> None:
        transaction.end_timer = timer
        transaction.end_at = at

    @staticmethod
    def _start_absorbing(transaction: Transaction, timer: Input, now: float, for_s: float) -> None:
        """A reliable transport brings no repetitions to absorb: zero seconds."""
        transaction.end_timer = timer
        transaction.end_at = now if transaction.flow.reliable else now + for_s

    def _start_d(self, transaction: Transaction, now: float) -> None:
        self._start_absorbing(transaction, Input.TIMER_D, now, self._timers.d_s)

    def _start_h(self, transaction: Transaction, now: float) -> None:
        self._start(transaction, Input.TIMER_H, now + self._timers.give_up_s)

    def _start_i(self, transaction: Transaction, now: float) -> None:
        self._start_absorbing(transaction, Input.TIMER_I, now, self._timers.t4_s)

    def _start_j(self, transaction: Transaction, now: float) -> None:
        self._start_absorbing(transaction, Input.TIMER_J, now, self._timers.give_up_s)
        transaction.request = ANSWERED  # the octets suffice from here on
        transaction.last = None

    def _start_k(self, transaction: Transaction, now: float) -> None:
        self._start_absorbing(transaction, Input.TIMER_K, now, self._timers.t4_s)
        transaction.request = ANSWERED
        transaction.last = None
        transaction.payload = b""

    def _start_l(self, transaction: Transaction, now: float) -> None:
        self._start(transaction, Input.TIMER_L, now + self._timers.give_up_s)

    def _start_m(self, transaction: Transaction, now: float) -> None:
        self._start(transaction, Input.TIMER_M, now + self._timers.give_up_s)

    def _start_cancel(self, transaction: Transaction, now: float) -> None:
        self._start(transaction, Input.TIMER_CANCEL, now + self._timers.give_up_s)

    def _start_g(self, transaction: Transaction, now: float) -> None:
        self._stop_repeat(transaction, now)
        if not transaction.flow.reliable:
            self._repeat(transaction, Input.TIMER_G, now, self._timers.t1_s)

    def _start_2xx(self, transaction: Transaction, now: float) -> None:
        # On a connection too: behind the next hop the path may be UDP (RFC 3261 13.3.1.4).
        self._repeat(transaction, Input.TIMER_2XX, now, self._timers.t1_s)
        if isinstance(self._incoming, Response):
            to_tag = self._incoming.to.tag or ""
            transaction.ack_key = matching.ack_key(transaction.request, to_tag)
            self._accepted[transaction.ack_key] = transaction

    def _repeat(
        self, transaction: Transaction, timer: Input, now: float, interval_s: float
    ) -> None:
        transaction.repeat_timer = timer
        transaction.interval_s = interval_s
        transaction.repeat_at = now + interval_s

    def _again_doubled(self, transaction: Transaction, now: float) -> None:
        self._repeat(transaction, transaction.repeat_timer, now, 2 * transaction.interval_s)

    def _again_capped(self, transaction: Transaction, now: float) -> None:
        interval_s = min(2 * transaction.interval_s, self._timers.t2_s)
        self._repeat(transaction, transaction.repeat_timer, now, interval_s)

    def _again_t2(self, transaction: Transaction, now: float) -> None:
        self._repeat(transaction, transaction.repeat_timer, now, self._timers.t2_s)

    def _stop_repeat(self, transaction: Transaction, now: float) -> None:
        del now
        transaction.repeat_at = inf

    def _stop_end(self, transaction: Transaction, now: float) -> None:
        del now
        transaction.end_at = inf

    def _report_timeout(self, transaction: Transaction, now: float) -> None:
        del now
        if len(transaction.key) == 2:
            self._events.append(ev.TransactionTimedOut(transaction.key))

    def _report_transport(self, transaction: Transaction, now: float) -> None:
        del now
        if len(transaction.key) == 2:
            self._events.append(ev.TransactionFailed(transaction.key))
        else:
            self._events.append(ev.ResponseUndeliverable(transaction.key))

    def _report_no_ack(self, transaction: Transaction, now: float) -> None:
        del now
        if len(transaction.key) == 3 and not transaction.acked:
            self._events.append(ev.AckMissed(transaction.key))

    _do: ClassVar[dict[Action, Callable[[TransactionLayer, Transaction, float], None]]] = {
        Action.DELIVER: _deliver,
        Action.DELIVER_ACK: _deliver_ack,
        Action.RETRANSMIT: _retransmit,
        Action.SEND: _send,
        Action.SEND_ACK: _send_ack,
        Action.SEND_CANCEL: _send_cancel,
        Action.SEND_100: _send_100,
        Action.START_D: _start_d,
        Action.START_G: _start_g,
        Action.START_H: _start_h,
        Action.START_I: _start_i,
        Action.START_J: _start_j,
        Action.START_K: _start_k,
        Action.START_L: _start_l,
        Action.START_M: _start_m,
        Action.START_2XX: _start_2xx,
        Action.START_CANCEL: _start_cancel,
        Action.AGAIN_DOUBLED: _again_doubled,
        Action.AGAIN_CAPPED: _again_capped,
        Action.AGAIN_T2: _again_t2,
        Action.STOP_REPEAT: _stop_repeat,
        Action.STOP_END: _stop_end,
        Action.REPORT_TIMEOUT: _report_timeout,
        Action.REPORT_TRANSPORT: _report_transport,
        Action.REPORT_NO_ACK: _report_no_ack,
    }
