"""What both directions of a call share once its dialog is up: requests in it, and its end.

Covers RFC 3261 12.2, 14 (re-INVITE) and 15 (BYE). The two ways to get there are in
:mod:`rig.sip_transport.call`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from enum import StrEnum

from rig.errors import LocalProtocolError, RigError
from rig.sip.dialog import Dialog
from rig.sip.digest_client import DigestClient
from rig.sip.errors import MessageError
from rig.sip.event import Flow
from rig.sip.matching import host_port
from rig.sip.message import Request, Response
from rig.sip_transport.stack import IncomingRequest, OutgoingRequest, RequestTimedOut, SipStack

SDP = "application/sdp"
HANG_UP_TIMEOUT_S = 5.0

Rows = Iterable[tuple[str, str]]


class CallState(StrEnum):
    """Where a call stands."""

    CALLING = "calling"
    RINGING = "ringing"
    ESTABLISHED = "established"
    ENDED = "ended"


class CallDirection(StrEnum):
    """Who called."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"


class CallRefused(RigError):
    """The call ended before it was answered.

    Attributes:
        status: final status, if there was one.
    """

    def __init__(self, message: str, status: int | None) -> None:
        super().__init__(message)
        self.status = status


def default_contact(stack: SipStack, flow: Flow, user: str | None) -> str:
    """A Contact value that reaches a stack over a flow's transport.

    Args:
        stack: ours.
        flow: to the peer.
        user: user part as written in a URI, or None.
    """
    name = f"{user}@" if user else ""
    transport = f";transport={flow.transport.lower()}" if flow.reliable else ""
    return f"<sip:{name}{host_port(stack.address)}{transport}>"


class CallDialog:
    """A call and its dialog; see :class:`rig.sip_transport.call.Call` for its attributes."""

    __slots__ = (
        "_changed",
        "_digest",
        "_routed",
        "dialog",
        "direction",
        "ended_by_peer",
        "final_status",
        "flow",
        "local_sdp",
        "on_request",
        "on_state",
        "remote_sdp",
        "request",
        "stack",
        "state",
    )

    def __init__(
        self, stack: SipStack, flow: Flow, request: Request, direction: CallDirection
    ) -> None:
        self.stack = stack
        self.flow = flow
        self.request = request
        self.direction = direction
        self.state = CallState.CALLING
        self.dialog: Dialog | None = None
        self.local_sdp = b""
        self.remote_sdp = b""
        self.final_status: int | None = None
        self.ended_by_peer = False
        self.on_state: Callable[[CallState], None] | None = None
        self.on_request: Callable[[IncomingRequest], None] | None = None
        self._digest: DigestClient | None = None
        self._changed = asyncio.Event()
        self._routed: tuple[str, str] | None = None

    @property
    def call_id(self) -> str:
        """Call-ID of the call."""
        return self.request.call_id

    @property
    def remote_uri(self) -> str:
        """URI of the other party, as From or To names it."""
        caller = self.direction is CallDirection.INCOMING
        return str(self.request.from_.uri if caller else self.request.to.uri)

    @property
    def established(self) -> bool:
        """Whether it is answered and not over."""
        return self.state is CallState.ESTABLISHED

    # ---- waiting ------------------------------------------------------------------------

    async def wait_answered(self, timeout_s: float) -> None:
        """Wait for the answer.

        Args:
            timeout_s: seconds.

        Raises:
            RequestTimedOut: neither answered nor refused in time.
            CallRefused: it ended before the answer; carries the status.
        """
        await self._wait(timeout_s, {CallState.ESTABLISHED, CallState.ENDED}, "answered")
        if self.state is CallState.ENDED and not 200 <= (self.final_status or 0) < 300:
            raise CallRefused(
                f"call to {self.remote_uri} was not answered: {self.final_status}",
                self.final_status,
            )

    async def wait_ended(self, timeout_s: float) -> None:
        """Wait until the call is over.

        Args:
            timeout_s: seconds.

        Raises:
            RequestTimedOut: it still lives.
        """
        await self._wait(timeout_s, {CallState.ENDED}, "ended")

    async def _wait(self, timeout_s: float, states: set[CallState], what: str) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while self.state not in states:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise RequestTimedOut(
                f"call with {self.remote_uri} not {what} within {timeout_s} s; it is {self.state}"
            ) from None

    # ---- requests in the dialog ---------------------------------------------------------

    def send_request(
        self, method: str, *, headers: Rows = (), body: bytes = b"", content_type: str = ""
    ) -> OutgoingRequest:
        """Send a request in the dialog: INFO, UPDATE, REFER, NOTIFY.

        Args:
            method: not INVITE (see :meth:`update_media`), ACK or CANCEL.
            headers: more headers.
            body: body.
            content_type: of the body.

        Raises:
            LocalProtocolError: there is no dialog yet.
        """
        if self.dialog is None:
            raise LocalProtocolError(f"{method}: the call has no dialog before it is answered")
        request = self.dialog.make_request(
            method, headers=headers, body=body, content_type=content_type
        )
        if self._digest is not None:
            self._digest.authorise(request)
        return self.stack.request(request, self.flow)

    async def update_media(self, sdp: bytes, timeout_s: float = 32.0) -> Response:
        """Send a re-INVITE with a new offer, and its ACK.

        Args:
            sdp: offer.
            timeout_s: seconds.

        Returns:
            The final response; below 300 its body is the answer and counts from now on.

        Source: RFC 3261 14.1.
        """
        outgoing = self.send_request("INVITE", body=sdp, content_type=SDP)
        response = await outgoing.final(timeout_s)
        if response.is_success and self.dialog is not None:
            self.dialog.refresh_target(response)
            self.local_sdp = sdp
            self.remote_sdp = response.body or self.remote_sdp
            self.stack.send_ack(self.dialog.make_ack(outgoing.request), self.flow)
        return response

    def answer_by_default(self, incoming: IncomingRequest) -> None:
        """Answer a request in the dialog as a phone without opinion does.

        A re-INVITE or UPDATE gets the present session description; INFO and OPTIONS 200; other
        methods 405.
        """
        method = incoming.request.method
        if method in {"INVITE", "UPDATE"}:
            if incoming.request.body:
                self.remote_sdp = incoming.request.body
            wants_sdp = method == "INVITE" or bool(incoming.request.body)
            incoming.respond(
                200,
                headers=[("Contact", self.dialog.contact)] if self.dialog is not None else [],
                body=self.local_sdp if wants_sdp else b"",
                content_type=SDP if wants_sdp and self.local_sdp else "",
            )
        elif method in {"INFO", "OPTIONS"}:
            incoming.respond(200)
        else:
            incoming.respond(405, headers=[("Allow", "ACK, BYE, CANCEL, INFO, INVITE, OPTIONS")])

    def _open(self, call_id: str, local_tag: str) -> None:
        self._close_route()
        self._routed = (call_id, local_tag)
        self.stack.add_dialog(call_id, local_tag, self._inside)

    def _close_route(self) -> None:
        if self._routed is not None:
            self.stack.remove_dialog(*self._routed)
            self._routed = None

    def _inside(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        if self.dialog is not None:
            if not self.dialog.in_order(request):
                incoming.respond(500, headers=[("Retry-After", "1")])
                return
            if request.method in {"INVITE", "UPDATE"}:
                try:
                    self.dialog.refresh_target(request)
                except MessageError:
                    incoming.respond(400)
                    return
        if request.method == "BYE":
            incoming.respond(200)
            self.ended_by_peer = True
            self._bye_received()
        elif self.on_request is not None:
            self.on_request(incoming)
        else:
            self.answer_by_default(incoming)

    def _bye_received(self) -> None:
        self._set(CallState.ENDED)

    async def _bye(self) -> None:
        """Say BYE and see it answered, with credentials if asked for them."""
        if self.dialog is None or self.state is CallState.ENDED:
            return
        outgoing = self.send_request("BYE")
        self._set(CallState.ENDED)
        try:
            response = await outgoing.final(HANG_UP_TIMEOUT_S)
            if self._digest is not None:
                again = self._digest.answer(outgoing.request, response)
                if again is not None:
                    await self.stack.request(again, self.flow).final(HANG_UP_TIMEOUT_S)
        except RigError:
            pass  # the peer is gone: the call is over either way

    def _set(self, state: CallState) -> None:
        if state is self.state or self.state is CallState.ENDED:
            return
        self.state = state
        if state is CallState.ENDED:
            self._close_route()
        self._changed.set()
        self.stack.guarded(self.on_state, state)
