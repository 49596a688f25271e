"""Calls: INVITE dialogs in both directions, from the first INVITE to the BYE.

Covers RFC 3261 13 (INVITE, ACK, several 2xx by forking), 9 (CANCEL), 15 (BYE) and 22 (digest).
Audio is not its business: session descriptions are bytes here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable

from provisioning.secret import Secret
from rig.errors import LocalProtocolError, RigError
from rig.sip.dialog import Dialog
from rig.sip.digest_client import DigestClient
from rig.sip.errors import MessageError
from rig.sip.event import Flow
from rig.sip.header import Headers
from rig.sip.message import Request, Response
from rig.sip.name_addr import NameAddr
from rig.sip.uri import Uri
from rig.sip_transport.call_dialog import (
    HANG_UP_TIMEOUT_S,
    SDP,
    CallDialog,
    CallDirection,
    CallRefused,
    CallState,
    Rows,
    default_contact,
)
from rig.sip_transport.stack import (
    IncomingRequest,
    OutgoingRequest,
    RequestTimedOut,
    SipStack,
)

__all__ = [
    "Call",
    "CallDirection",
    "CallRefused",
    "CallState",
    "default_contact",
    "place_call",
]


class Call(CallDialog):
    """One call, placed with :func:`place_call` or taken with :meth:`Call.incoming`.

    Attributes:
        stack: sends and receives.
        flow: where the peer is.
        direction: who called.
        state: calling, ringing, established, ended.
        request: the initial INVITE (with credentials, if it was challenged).
        dialog: its dialog; None before the answer of an outgoing call.
        local_sdp: our session description.
        remote_sdp: the peer's, once known; an early one of a 183 counts until the answer.
        final_status: of the INVITE; 408 and 503 stand for silence and no transport, 487 for a
            call that was cancelled.
        ended_by_peer: the peer hung up, cancelled or refused.
        redirected_to: Contacts of a 3xx.
        provisionals: statuses of the 1xx, in order.
        final_response: the final response of an outgoing call.
        on_state: called with every new :class:`CallState`.
        on_ringing: called with every 1xx above 100 of an outgoing call.
        on_request: called with requests in the dialog except BYE; by default they are answered
            by :meth:`answer_by_default`.
    """

    __slots__ = (
        "_ack",
        "_incoming",
        "_outgoing",
        "_unwanted",
        "final_response",
        "on_ringing",
        "provisionals",
        "redirected_to",
    )

    def __init__(
        self, stack: SipStack, flow: Flow, request: Request, direction: CallDirection
    ) -> None:
        super().__init__(stack, flow, request, direction)
        self.redirected_to: list[NameAddr] = []
        self.provisionals: list[int] = []
        self.final_response: Response | None = None
        self.on_ringing: Callable[[Response], None] | None = None
        self._outgoing: OutgoingRequest | None = None
        self._incoming: IncomingRequest | None = None
        self._ack: Request | None = None
        self._unwanted = False

    # ---- outgoing -----------------------------------------------------------------------

    @classmethod
    def outgoing(
        cls,
        stack: SipStack,
        flow: Flow,
        invite: Request,
        credentials: tuple[str, Secret] | None = None,
    ) -> Call:
        """Send an INVITE; :func:`place_call` builds the usual one.

        Args:
            stack: sends and receives.
            flow: where to.
            invite: with From, To, Contact and its body.
            credentials: user name and password for challenges.
        """
        call = cls(stack, flow, invite, CallDirection.OUTGOING)
        call.local_sdp = invite.body
        if credentials is not None:
            call._digest = DigestClient(*credentials, stack.tokens)
        call._invite(invite)
        return call

    def _invite(self, request: Request) -> None:
        outgoing = self._outgoing = self.stack.request(request, self.flow)
        self.request = outgoing.request
        self._open(self.request.call_id, self.request.from_.tag or "")
        outgoing.on_provisional = self._provisional
        outgoing.on_final = self._final
        outgoing.on_failure = self._failed
        outgoing.on_repeated_success = self._repeated

    def _provisional(self, response: Response) -> None:
        self.provisionals.append(response.status)
        if response.status == 100 or self._unwanted:
            return
        if response.body and response.content_type == SDP:
            self.remote_sdp = response.body
        self._set(CallState.RINGING)
        self.stack.guarded(self.on_ringing, response)

    def _final(self, response: Response) -> None:
        if self._digest is not None and not self._unwanted:
            again = self._digest.answer(self.request, response)
            if again is not None:
                self._invite(again)
                return
            self._digest.settle()
        self.final_status = response.status
        self.final_response = response
        if response.is_success:
            self._answered(response)
            return
        if 300 <= response.status < 400:
            try:
                self.redirected_to = response.contacts
            except MessageError:
                self.redirected_to = []
        self.ended_by_peer = not self._unwanted
        self._set(CallState.ENDED)

    def _answered(self, response: Response) -> None:
        try:
            self.dialog = Dialog.as_caller(self.request, response)
        except MessageError:
            self.final_status = 502
            self._set(CallState.ENDED)
            return
        self.remote_sdp = response.body or self.remote_sdp
        ack = self.dialog.make_ack(self.request)
        self._ack = self.stack.send_ack(ack, self.flow)
        if self._unwanted:  # the answer crossed our CANCEL
            self._goodbye(self.dialog)
            self._set(CallState.ENDED)
        else:
            self._set(CallState.ESTABLISHED)

    def _repeated(self, response: Response) -> None:
        """A 2xx again: of our dialog, or of a fork that is one too many."""
        if self.dialog is not None and response.to.tag in {self.dialog.remote_tag, None}:
            if self._ack is not None:
                self.stack.send_ack(self._ack, self.flow)
            return
        fork = Dialog.as_caller(self.request, response)
        self.stack.send_ack(fork.make_ack(self.request), self.flow)
        self._goodbye(fork)

    def _goodbye(self, dialog: Dialog) -> None:
        bye = dialog.make_request("BYE")
        if self._digest is not None:
            self._digest.authorise(bye)
        self.stack.request(bye, self.flow)

    def _failed(self, error: RigError) -> None:
        cancelled = 487 if self._unwanted else 408
        self.final_status = cancelled if isinstance(error, RequestTimedOut) else 503
        self._set(CallState.ENDED)

    # ---- incoming -----------------------------------------------------------------------

    @classmethod
    def incoming(cls, incoming: IncomingRequest, *, contact: str = "") -> Call:
        """Take an INVITE.

        Args:
            incoming: outside of any dialog.
            contact: our Contact value; by default our address with the user that was called.

        Raises:
            MessageError: From or Contact cannot be used; answer 400.
        """
        stack, request = incoming.stack, incoming.request
        call = cls(stack, incoming.flow, request, CallDirection.INCOMING)
        if not contact:
            contact = default_contact(stack, incoming.flow, Uri.parse(request.uri).user)
        tag = incoming.to_tag
        call.dialog = Dialog.as_callee(request, tag, contact)
        call.remote_sdp = request.body
        call._incoming = incoming
        call._open(request.call_id, tag)
        incoming.on_cancel = call._cancelled
        incoming.on_ack = call._acked
        incoming.on_ack_missed = call._ack_missed
        return call

    def ring(self, status: int = 180, *, headers: Rows = (), sdp: bytes = b"") -> None:
        """Send a provisional response.

        Args:
            status: 101 to 199.
            headers: more headers.
            sdp: early media, with 183.
        """
        incoming = self._taken()
        rows = [*self._dialog_rows(), *headers]
        incoming.respond(status, headers=rows, body=sdp, content_type=SDP if sdp else "")
        if sdp:
            self.local_sdp = sdp
        self._set(CallState.RINGING)

    def accept(self, sdp: bytes, *, headers: Rows = ()) -> None:
        """Answer the call; a call that has been cancelled stays ended.

        Args:
            sdp: our answer, or our offer if the INVITE had none.
            headers: more headers.
        """
        incoming = self._taken()
        if self.state is CallState.ENDED:
            return
        self.local_sdp = sdp
        rows = [*self._dialog_rows(), *self.stack.capabilities(), *headers]
        incoming.respond(200, headers=rows, body=sdp, content_type=SDP if sdp else "")
        self.final_status = 200
        self._set(CallState.ESTABLISHED)

    def reject(self, status: int, reason: str = "", *, headers: Rows = ()) -> None:
        """Refuse or redirect the call; nothing when it has ended.

        Args:
            status: 300 to 699.
            reason: phrase; the usual one if empty.
            headers: more headers: Contact and Diversion of a 302, Retry-After of a 480.
        """
        incoming = self._taken()
        if self.state in {CallState.ENDED, CallState.ESTABLISHED}:
            return
        incoming.respond(status, reason, headers=headers)
        self.final_status = status
        self._set(CallState.ENDED)

    async def wait_ack(self, timeout_s: float = 32.0) -> Request:
        """Wait for the ACK of our answer.

        Raises:
            RequestTimedOut: none in time.
        """
        return await self._taken().wait_ack(timeout_s)

    def _taken(self) -> IncomingRequest:
        if self._incoming is None:
            raise LocalProtocolError("an outgoing call is answered by the other side")
        return self._incoming

    def _dialog_rows(self) -> list[tuple[str, str]]:
        """Contact and Record-Route of responses that make a dialog. Source: RFC 3261 12.1.1."""
        rows = [("Record-Route", v) for v in self.request.headers.get_all("Record-Route")]
        if self.dialog is not None:
            rows.append(("Contact", self.dialog.contact))
        return rows

    def _cancelled(self) -> None:
        self.final_status = 487
        self.ended_by_peer = True
        self._set(CallState.ENDED)

    def _acked(self, ack: Request) -> None:
        if ack.body and not self.request.body:
            self.remote_sdp = ack.body

    def _ack_missed(self) -> None:
        """Nobody took our answer: the dialog ends with a BYE. Source: RFC 3261 13.3.1.4."""
        if self.state is CallState.ESTABLISHED and self.dialog is not None:
            self._goodbye(self.dialog)
            self._set(CallState.ENDED)

    def _bye_received(self) -> None:
        incoming = self._incoming
        if incoming is not None and (incoming.responded or 0) < 200:
            incoming.respond(487)  # a BYE instead of a CANCEL (RFC 3261 15.1.2)
            self.final_status = 487
        super()._bye_received()

    # ---- both ---------------------------------------------------------------------------

    async def hang_up(self) -> None:
        """End the call the way its state asks for: CANCEL, refusal or BYE.

        Returns when the far side has answered, or could have. Safe to call twice.
        """
        if self.state is CallState.ENDED:
            return
        if self.state is CallState.ESTABLISHED:
            incoming = self._incoming
            if incoming is not None and incoming.acked is None:
                with contextlib.suppress(RequestTimedOut):  # no BYE before the ACK (15)
                    await incoming.wait_ack(self.stack.timers.give_up_s)
            await self._bye()
        elif self._incoming is not None:
            self.reject(486)
        elif self._outgoing is not None:
            self._unwanted = True
            self._outgoing.cancel()
            try:
                await self.wait_ended(HANG_UP_TIMEOUT_S)
            except RequestTimedOut:
                self.final_status = 487
                self._set(CallState.ENDED)


async def place_call(  # noqa: PLR0913 - an INVITE has this many sides
    stack: SipStack,
    flow: Flow,
    *,
    request_uri: str,
    from_: str,
    to: str | None = None,
    contact: str = "",
    sdp: bytes,
    headers: Iterable[tuple[str, str]] = (),
    credentials: tuple[str, Secret] | None = None,
) -> Call:
    """Send an INVITE; returns when it is out.

    Args:
        stack: sends and receives.
        flow: where to.
        request_uri: whom to call.
        from_: From value without tag, or a bare URI.
        to: To value; the Request-URI by default.
        contact: our Contact value; by default our address.
        sdp: offer; empty leaves the offer to the callee.
        headers: more headers (Diversion, History-Info, ...).
        credentials: user name and password for challenges.
    """
    caller = NameAddr.parse(from_)
    rows = [
        ("From", from_ if "<" in from_ else f"<{from_}>"),
        ("To", to or f"<{request_uri}>"),
        ("Contact", contact or default_contact(stack, flow, caller.uri.user)),
        *stack.capabilities(),
        *headers,
    ]
    if sdp:
        rows.append(("Content-Type", SDP))
    await asyncio.sleep(0)  # gives way once, so that a burst of calls leaves room for answers
    return Call.outgoing(
        stack, flow, Request("INVITE", request_uri, Headers(rows), sdp), credentials
    )
