"""Takes events from the core to those who wait for them, and lets no exception pass.

The asyncio side of :mod:`rig.sip.event`: transactions to the objects of
:mod:`rig.sip_transport.exchange`, requests inside dialogs to their owners, everything else to
the stack's owner.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from rig.sip import event as ev
from rig.sip.errors import MessageError
from rig.sip.event import Address, ClientKey, Flow, ServerKey
from rig.sip.lint import screen
from rig.sip.message import Response
from rig.sip.user_agent import UserAgentCore
from rig.sip_transport.exchange import IncomingRequest, OutgoingRequest

RequestHandler = Callable[[IncomingRequest], None]

DEFAULT_METHODS = frozenset(
    {
        *("ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS"),
        *("REFER", "REGISTER", "SUBSCRIBE", "UPDATE"),
    }
)

logger = logging.getLogger("phonerig.sip")


class EventDispatcher(ABC):
    """What a stack does with events; see :class:`rig.sip_transport.stack.SipStack`."""

    __slots__ = (
        "_closed",
        "_core",
        "_dialogs",
        "_incoming",
        "_outgoing",
        "bad_messages",
        "content_types",
        "extensions",
        "internal_errors",
        "methods",
        "on_bad_message",
        "on_connection_lost",
        "on_request",
        "stray_responses",
    )

    def __init__(self, core: UserAgentCore) -> None:
        self._core = core
        self._closed = False
        self._outgoing: dict[ClientKey, OutgoingRequest] = {}
        self._incoming: dict[ServerKey, IncomingRequest] = {}
        self._dialogs: dict[tuple[str, str], RequestHandler] = {}
        self.on_request: RequestHandler | None = None
        self.on_bad_message: Callable[[bytes, MessageError, Flow], None] | None = None
        self.on_connection_lost: Callable[[Address], None] | None = None
        self.methods: frozenset[str] = DEFAULT_METHODS
        self.extensions: frozenset[str] = frozenset()
        self.content_types: frozenset[str] | None = None
        self.internal_errors = 0
        self.bad_messages = 0
        self.stray_responses = 0

    def add_dialog(self, call_id: str, local_tag: str, handler: RequestHandler) -> None:
        """Route requests inside a dialog (Call-ID and To tag) to its owner."""
        self._dialogs[(call_id, local_tag)] = handler

    def remove_dialog(self, call_id: str, local_tag: str) -> None:
        """Forget a dialog; an unknown one is fine."""
        self._dialogs.pop((call_id, local_tag), None)

    def own_tag(self, key: ServerKey) -> str:
        """The To tag of our responses to a request; empty when its transaction is over."""
        try:
            return self._core.own_tag(key)
        except KeyError:
            return ""

    def capabilities(self) -> list[tuple[str, str]]:
        """Headers that say what we can do. Source: RFC 3261 11.2."""
        rows = [("Allow", ", ".join(sorted(self.methods)))]
        if self.content_types:
            rows.append(("Accept", ", ".join(sorted(self.content_types))))
        if self.extensions:
            rows.append(("Supported", ", ".join(sorted(self.extensions))))
        return rows

    def guarded(self, callback: Callable[..., object] | None, *args: object) -> bool:
        """Call a callback; an exception is logged and counted, never passed on.

        Args:
            callback: None does nothing.
            *args: for the callback.

        Returns:
            False when it raised.
        """
        if callback is None:
            return True
        try:
            callback(*args)
        except Exception:  # a broken callback or peer must not stop the endpoint
            self.internal_errors += 1
            logger.exception("internal error in %r", callback)
            return False
        return True

    def respond(
        self,
        incoming: IncomingRequest,
        status: int,
        reason: str = "",
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str = "",
        to_tag: str | None = None,
    ) -> Response:
        """What :meth:`IncomingRequest.respond` calls."""
        try:
            response = self._core.make_response(
                incoming.key,
                status,
                reason,
                headers=headers,
                body=body,
                content_type=content_type,
                to_tag=to_tag,
            )
        except KeyError:  # the transaction is over; nobody listens any more
            return Response.to_request(incoming.request, status, reason, headers=headers)
        if not self._closed and self._send_response(incoming.key, response):
            incoming.responded = status
        return response

    @abstractmethod
    def _send_response(self, key: ServerKey, response: Response) -> bool:
        """Give a response to the core and send what comes of it."""

    # ---- events -------------------------------------------------------------------------

    def dispatch(self, event: ev.Event) -> None:
        """Hand one event to whoever waits for it."""
        self._handlers[type(event)](self, event)

    def _ack_received(self, event: ev.AckReceived) -> None:
        incoming = None if event.key is None else self._incoming.get(event.key)
        if incoming is not None and incoming.take_ack(event.request):
            self.guarded(incoming.on_ack, event.request)

    def _ack_missed(self, event: ev.AckMissed) -> None:
        incoming = self._incoming.get(event.key)
        if incoming is not None:
            self.guarded(incoming.on_ack_missed)

    def _request_cancelled(self, event: ev.RequestCancelled) -> None:
        incoming = self._incoming.get(event.key)
        if incoming is not None:
            incoming.cancelled = True
            incoming.responded = 487
            self.guarded(incoming.on_cancel)

    def _transaction_ended(self, event: ev.TransactionEnded) -> None:
        if len(event.key) == 3:
            self._incoming.pop(event.key, None)
        else:
            self._outgoing.pop(event.key, None)

    def _transaction_timed_out(self, event: ev.TransactionTimedOut) -> None:
        self._request_failed(event.key, timed_out=True)

    def _transaction_failed(self, event: ev.TransactionFailed) -> None:
        self._request_failed(event.key, timed_out=False)

    def _bad_message_received(self, event: ev.BadMessageReceived) -> None:
        self.bad_messages += 1
        self.guarded(self.on_bad_message, event.data, event.error, event.flow)

    def _stray_response(self, event: ev.StrayResponse) -> None:
        del event
        self.stray_responses += 1

    def _response_undeliverable(self, event: ev.ResponseUndeliverable) -> None:
        logger.info("a response of transaction %s could not be delivered", event.key[0])

    @abstractmethod
    def _make_incoming(self, event: ev.RequestReceived) -> IncomingRequest:
        """Wrap a received request for its handler."""

    @abstractmethod
    def _flow_broken(self, event: ev.FlowBroken) -> None:
        """Close a connection that lost its framing."""

    def _request_received(self, event: ev.RequestReceived) -> None:
        request = event.request
        incoming = self._make_incoming(event)
        content_types = self.content_types
        verdict = screen(
            request,
            methods=self.methods,
            extensions=self.extensions,
            content_types={request.content_type} if content_types is None else content_types,
        )
        if verdict.status is not None:
            incoming.respond(verdict.status, headers=verdict.headers)
            return
        if request.method == "INVITE":
            self._incoming[event.key] = incoming
        handler = self.on_request
        to_tag = request.to.tag
        if to_tag is not None:
            handler = self._dialogs.get((request.call_id, to_tag), handler)
        if handler is not None and not self.guarded(handler, incoming):
            if incoming.responded is None:
                incoming.respond(500)
            return
        if incoming.responded is None and request.method == "OPTIONS":
            incoming.respond(200, headers=self.capabilities())
        elif handler is None:
            if to_tag is not None:
                incoming.respond(481)
            else:
                incoming.respond(405, headers=[("Allow", "OPTIONS")])

    def _response_received(self, event: ev.ResponseReceived) -> None:
        outgoing = self._outgoing.get(event.key)
        if outgoing is None:
            return  # our own CANCEL's
        response = event.response
        if response.status < 200:
            self.guarded(outgoing.on_provisional, response)
        elif outgoing.response is None:
            if event.key[1] != "INVITE":
                del self._outgoing[event.key]
            outgoing.resolve(response)
            self.guarded(outgoing.on_final, response)
        else:
            self.guarded(outgoing.on_repeated_success, response)

    def _request_failed(self, key: ClientKey, *, timed_out: bool) -> None:
        outgoing = self._outgoing.pop(key, None)
        if outgoing is not None:
            self.guarded(outgoing.on_failure, outgoing.fail(timed_out=timed_out))

    _handlers: ClassVar[dict[type[ev.Event], Callable[[Any, Any], None]]] = {
        ev.RequestReceived: _request_received,
        ev.ResponseReceived: _response_received,
        ev.AckReceived: _ack_received,
        ev.AckMissed: _ack_missed,
        ev.RequestCancelled: _request_cancelled,
        ev.ResponseUndeliverable: _response_undeliverable,
        ev.TransactionTimedOut: _transaction_timed_out,
        ev.TransactionFailed: _transaction_failed,
        ev.TransactionEnded: _transaction_ended,
        ev.StrayResponse: _stray_response,
        ev.BadMessageReceived: _bad_message_received,
        ev.FlowBroken: lambda self, event: self._flow_broken(event),
    }
