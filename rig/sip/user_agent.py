"""The user agent core: bytes of many flows in, events out, with all transactions inside.

Sans-IO: five calls (receive, handle_timer, next_timer, data_to_send, next_event) and a few
commands; ``now`` is always an argument and tokens are injected, so a run can be replayed in
simulated time. Dialogs, registrations and subscriptions sit above and speak to it in requests
and responses.

Covers RFC 3261 8.1.1, 8.2.2.2, 8.2.6, 9 and 18; matching rules are in :mod:`rig.sip.matching`,
what a transaction does in :mod:`rig.sip.transaction_layer`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from rig.sip import event as ev
from rig.sip import matching
from rig.sip.errors import MessageError
from rig.sip.event import ClientKey, Flow, ServerKey
from rig.sip.framing import StreamFramer, is_keep_alive
from rig.sip.message import Request, Response
from rig.sip.parser import parse_message
from rig.sip.timers import DEFAULT_TIMERS, TimerValues
from rig.sip.tokens import TokenSource
from rig.sip.transaction import Input, Kind, State, response_input
from rig.sip.transaction_layer import IncomingFilter, OutgoingFilter, TransactionLayer, Turned
from rig.sip.transaction_record import ANSWERED, Transaction

__all__ = ["IncomingFilter", "OutgoingFilter", "UserAgentCore"]

TRYING_AFTER_S = 0.2
"""How long an INVITE may stay without any response. Source: RFC 3261 17.2.1."""


class UserAgentCore(TransactionLayer):
    """All transactions of one SIP endpoint, over any number of flows.

    Args:
        tokens: makes branches and tags.
        product: User-Agent of requests that have none; empty for none.
        timers: base timer values.
        detect_merged: answer 482 to a request that arrives a second time by another way.
    """

    __slots__ = ("_framers", "_tokens", "detect_merged", "product")

    def __init__(
        self,
        tokens: TokenSource,
        *,
        product: str = "",
        timers: TimerValues = DEFAULT_TIMERS,
        detect_merged: bool = True,
    ) -> None:
        super().__init__(timers)
        self._tokens = tokens
        self._framers: dict[Flow, StreamFramer] = {}
        self.product = product
        self.detect_merged = detect_merged

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """Take in one datagram, or some octets of a stream.

        Args:
            data: the octets.
            flow: where they came from and to; for a stream, always the same value.
            now: instant, seconds.
        """
        if not flow.reliable:
            if not is_keep_alive(data):
                self._receive_message(data, flow, now)
            return
        framer = self._framers.get(flow)
        if framer is None:
            framer = self._framers[flow] = StreamFramer()
        try:
            framer.feed(data)
            while (raw := framer.next_message()) is not None:
                self._receive_message(raw, flow, now)
        except MessageError as error:
            del self._framers[flow]
            self._events.append(ev.BadMessageReceived(data, error, flow))
            self._events.append(ev.FlowBroken(flow))
            return
        for _ in range(framer.take_keep_alives()):
            self._outbox.append((b"\r\n", flow))

    # ---- commands -----------------------------------------------------------------------

    def prepare(self, request: Request, flow: Flow) -> Request:
        """A copy of a request with every header a request must have.

        Adds a Via with a new branch, and Max-Forwards, From tag, Call-ID, CSeq and User-Agent
        if missing.

        Args:
            request: without a Via of ours.
            flow: where it will go.

        Source: RFC 3261 8.1.1.
        """
        headers = request.headers.copy()
        if "Max-Forwards" not in headers:
            headers.insert_first("Max-Forwards", "70")
        headers.insert_first("Via", matching.make_via(flow, self._tokens.branch()))
        sender = headers.get("From")
        if sender is not None and request.from_.tag is None:
            headers.set("From", f"{sender};tag={self._tokens.tag()}")
        if "Call-ID" not in headers:
            headers.add("Call-ID", self._tokens.call_id())
        if "CSeq" not in headers:
            headers.add("CSeq", f"1 {request.method}")
        if self.product and "User-Agent" not in headers:
            headers.add("User-Agent", self.product)
        return Request(request.method, request.uri, headers, request.body)

    def send_request(self, request: Request, flow: Flow, now: float) -> ClientKey:
        """Begin a client transaction with a prepared request, or send a prepared ACK of a 2xx.

        Args:
            request: from :meth:`prepare`; the ACK of a failure is sent automatically.
            flow: where to.
            now: instant, seconds.

        Returns:
            The key that later events carry.
        """
        if request.method == "ACK":
            self._transmit(request, request.to_bytes(), flow)
            return request.via.branch or "", "ACK"
        return self._begin_client(request, flow, now)

    def cancel(self, key: ClientKey, now: float) -> None:
        """Ask for an INVITE to be cancelled, as soon as that is allowed.

        Args:
            key: of the INVITE; one that has a final response is left alone.
            now: instant, seconds.

        Source: RFC 3261 9.1.
        """
        transaction = self._clients.get(key)
        if transaction is None or transaction.kind is not Kind.INVITE_CLIENT:
            return
        if not transaction.cancel_wanted:
            transaction.cancel_wanted = True
            self._step(transaction, Input.CANCEL, now)

    def make_response(
        self,
        key: ServerKey,
        status: int,
        reason: str = "",
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str = "",
        to_tag: str | None = None,
    ) -> Response:
        """A response for a request we received, with the To tag that all its responses share.

        Args:
            key: of the request.
            status: 100 to 699.
            reason: phrase; the usual one if empty.
            headers: more headers.
            body: body.
            content_type: media type of the body.
            to_tag: this tag instead of a made-up one.

        Raises:
            KeyError: the transaction is over, or has its final response.

        Source: RFC 3261 8.2.6.2.
        """
        transaction = self._unanswered(key)
        if to_tag is not None:
            transaction.to_tag = to_tag
        tagged = status == 100 or transaction.request.to.tag is not None
        response = Response.to_request(
            transaction.request,
            status,
            reason,
            to_tag=None if tagged else self._own_tag(transaction),
            headers=headers,
            body=body,
            content_type=content_type,
        )
        if transaction.reply_via is not None:
            response.headers = matching.with_top_via(response.headers, transaction.reply_via)
        return response

    def own_tag(self, key: ServerKey) -> str:
        """The To tag that responses to this request carry, made now if need be.

        Raises:
            KeyError: the transaction is over, or has its final response.
        """
        return self._own_tag(self._unanswered(key))

    def _unanswered(self, key: ServerKey) -> Transaction:
        transaction = self._servers[key]
        if transaction.request is ANSWERED:
            raise KeyError(key)
        return transaction

    def _own_tag(self, transaction: Transaction) -> str:
        if not transaction.to_tag:
            transaction.to_tag = transaction.request.to.tag or self._tokens.tag()
        return transaction.to_tag

    def send_response(self, key: ServerKey, response: Response, now: float) -> bool:
        """Answer a request.

        Args:
            key: of the request.
            response: from :meth:`make_response`.
            now: instant, seconds.

        Returns:
            False when the transaction is over or already has its final response.
        """
        transaction = self._servers.get(key)
        if transaction is None or transaction.state in {State.COMPLETED, State.CONFIRMED}:
            return False
        if transaction.state is State.ACCEPTED and not response.is_success:
            return False
        self._incoming = response
        self._step(transaction, response_input(response.status), now)
        return True

    def flow_failed(self, flow: Flow, now: float) -> None:
        """Tell that a flow cannot carry messages any more.

        Args:
            flow: the flow.
            now: instant, seconds.
        """
        self._framers.pop(flow, None)
        self.fail_flow(flow, now)

    # ---- receiving ----------------------------------------------------------------------

    def _receive_message(self, data: bytes, flow: Flow, now: float) -> None:
        message: Request | Response | None = None
        try:
            message = parse_message(data, datagram=not flow.reliable)
            if self.incoming_filter is not None:
                message = self.incoming_filter(message, flow)
            if message is None:
                return
            if isinstance(message, Request):
                self._receive_request(message, flow, now)
            else:
                self._receive_response(message, flow, now)
        except MessageError as error:
            self._reject(data, flow, error, error.partial or message)

    def _reject(
        self,
        data: bytes,
        flow: Flow,
        error: MessageError,
        partial: Request | Response | None,
    ) -> None:
        """Report a bad message, and answer it if a Via says where; without a transaction."""
        event = ev.BadMessageReceived(data, error, flow)
        self._events.append(event)
        status = error.status_hint
        if status is None or not isinstance(partial, Request) or partial.method == "ACK":
            return
        try:
            via = partial.via
        except MessageError:
            return
        response = Response.to_request(partial, status, to_tag=self._tokens.tag())
        marked = matching.marked_via(via, flow.remote)
        if marked is not None:
            response.headers = matching.with_top_via(response.headers, marked)
        self._transmit(response, response.to_bytes(), matching.response_flow(via, flow))
        event.answered = status

    def _receive_request(self, request: Request, flow: Flow, now: float) -> None:
        method = request.method
        key = matching.server_key(request)
        to_tag = request.to.tag
        # Whatever may turn out malformed is read before anything is remembered.
        call_id = request.call_id
        merge_key = None
        if to_tag is None and self.detect_merged:
            merge_key = matching.merge_key(request)
        if request.cseq.method != method:
            raise MessageError(
                f"CSeq of {call_id} names {request.cseq.method}, the request line {method}; "
                "expected the same"
            )
        transaction = self._servers.get(key)
        if transaction is None and method == "ACK":
            transaction = self._accepted.get(matching.ack_key(request, to_tag or ""))
            if transaction is None:
                self._events.append(ev.AckReceived(None, request, flow))
                return
        if transaction is not None:
            self._incoming = request
            self._step(transaction, Input.ACK if method == "ACK" else Input.REQUEST, now)
            return
        if self.gate is not None and method != "CANCEL":
            turned = self.gate(request, flow, now)
            if turned is not None:
                self._turn_away(key, request, flow, turned)
                return
        via = request.via
        transaction = self._servers[key] = Transaction(
            Kind.INVITE_SERVER if method == "INVITE" else Kind.SERVER,
            key,
            request,
            matching.response_flow(via, flow),
        )
        transaction.reply_via = matching.marked_via(via, flow.remote)
        if method == "INVITE":
            transaction.repeat_timer = Input.TIMER_100
            transaction.repeat_at = now + TRYING_AFTER_S
        else:
            transaction.end_timer = Input.TIMER_ABANDONED
            transaction.end_at = now + self._timers.give_up_s
        self._enqueue(transaction)
        if method == "CANCEL":
            self._receive_cancel(key, request, now)
            return
        if merge_key is not None:
            if self._merged.setdefault(merge_key, transaction) is not transaction:
                self._answer(key, 482, now)
                return
            transaction.merge_key = merge_key
        self._events.append(ev.RequestReceived(key, request, flow))

    def _turn_away(self, key: ServerKey, request: Request, flow: Flow, turned: Turned) -> None:
        """Answer without a transaction; a repetition gets the same To tag.

        Source: RFC 3261 8.2.7 (stateless UAS).
        """
        via = request.via
        seed = "|".join((*key, request.call_id)).encode("utf-8", "surrogateescape")
        response = Response.to_request(
            request,
            turned.status,
            turned.reason,
            to_tag=hashlib.blake2b(seed, digest_size=6).hexdigest(),
            headers=turned.headers,
        )
        marked = matching.marked_via(via, flow.remote)
        if marked is not None:
            response.headers = matching.with_top_via(response.headers, marked)
        self._transmit(response, response.to_bytes(), matching.response_flow(via, flow))

    def _receive_cancel(self, key: ServerKey, cancel: Request, now: float) -> None:
        target_key = matching.cancelled_key(cancel)
        target = self._servers.get(target_key)
        if target is None:
            self._answer(key, 481, now)
            return
        self._answer(key, 200, now, to_tag=self._own_tag(target))
        if target.state is State.PROCEEDING:
            self._answer(target_key, 487, now)
            self._events.append(ev.RequestCancelled(target_key, cancel))

    def _answer(
        self, key: ServerKey, status: int, now: float, *, to_tag: str | None = None
    ) -> None:
        self.send_response(key, self.make_response(key, status, to_tag=to_tag), now)

    def _receive_response(self, response: Response, flow: Flow, now: float) -> None:
        transaction = self._clients.get(matching.client_key(response))
        if (
            transaction is None
            or len(response.headers.get_list("Via")) != 1
            or matching.sent_by(response.via) != matching.own_sent_by(transaction.flow)
        ):
            self._events.append(ev.StrayResponse(response, flow))
            return
        self._incoming = response
        self._step(transaction, response_input(response.status), now)
        if (
            transaction.cancel_wanted
            and transaction.state is State.PROCEEDING
            and transaction.end_timer is not Input.TIMER_CANCEL
        ):
            self._step(transaction, Input.CANCEL, now)
