"""One side of a call through the platform: a dialog with the caller, or with one callee.

The platform sits between two dialogs and passes session descriptions through untouched, so
that media flow from end to end. A leg knows its own dialog and nothing of the other side.

Source: RFC 3261 sections 12, 13 and 15; RFC 3326 (Reason).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

from rig.errors import ProtocolError, RigError
from rig.sip.dialog import Dialog
from rig.sip.event import Flow
from rig.sip.matching import host_port
from rig.sip.message import Request, Response
from rig.sip_transport.exchange import IncomingRequest, OutgoingRequest
from rig.sip_transport.stack import SipStack

Rows = Iterable[tuple[str, str]]

ALLOW = "ACK, BYE, CANCEL, INFO, INVITE, OPTIONS, REFER, UPDATE"
BODY_HEADERS = ("Content-Type", "Content-Disposition", "Content-Language", "MIME-Version")


def contact_of(stack: SipStack, flow: Flow) -> str:
    """Contact value under which we are reached on a flow."""
    transport = f";transport={flow.transport.lower()}" if flow.reliable else ""
    return f"<sip:{host_port(stack.address)}{transport}>"


def body_rows(message: Request | Response) -> list[tuple[str, str]]:
    """Headers that describe a body and travel with it."""
    if not message.body:
        return []
    return [(name, value) for name in BODY_HEADERS for value in message.headers.get_all(name)]


class Leg:
    """What both kinds of leg share once their dialog is up.

    Args:
        stack: our endpoint.
        flow: where the peer is.

    Attributes:
        on_request: called with requests inside the dialog (not ACK, CANCEL).
        ended: no more requests will be sent or accepted.
    """

    def __init__(self, stack: SipStack, flow: Flow) -> None:
        self.stack = stack
        self.flow = flow
        self.dialog: Dialog | None = None
        self.on_request: Callable[[IncomingRequest], None] | None = None
        self.ended = False

    def send(self, method: str, headers: Rows = (), body: bytes = b"") -> OutgoingRequest | None:
        """Send a request inside the dialog; None when there is no dialog or no transport."""
        if self.dialog is None:
            return None
        try:
            request = self.dialog.make_request(method, headers=headers, body=body)
            return self.stack.request(request, self.flow)
        except RigError:
            return None

    def bye(self, reason: str = "") -> None:
        """End an established dialog; safe to call twice."""
        if self.dialog is not None and not self.ended:
            self.send("BYE", [("Reason", reason)] if reason else ())
        self.close()

    def close(self) -> None:
        """Forget the dialog."""
        self.ended = True
        if self.dialog is not None:
            self.stack.remove_dialog(self.dialog.call_id, self.dialog.local_tag)

    def refresh_target(self, message: Request | Response) -> None:
        """Take over a new contact from a target refresh. Source: RFC 3261 12.2."""
        if self.dialog is not None:
            with contextlib.suppress(ProtocolError):
                self.dialog.refresh_target(message)

    def acknowledge(self, invite: Request, ack: Request | None = None) -> Request | None:
        """Send the ACK of a 2xx to our INVITE, with the body of the other side's ACK."""
        if self.dialog is None:
            return None
        ours = self.dialog.make_ack(invite)
        if ack is not None:
            ours.body = ack.body
            for name, value in body_rows(ack):
                ours.headers.add(name, value)
        return self.stack.send_ack(ours, self.flow)

    def _open(self, dialog: Dialog) -> None:
        self.dialog = dialog
        self.stack.add_dialog(dialog.call_id, dialog.local_tag, self._received)

    def _received(self, incoming: IncomingRequest) -> None:
        if self.on_request is None or self.ended:
            incoming.respond(481)
            return
        self.on_request(incoming)


class CallerLeg(Leg):
    """The dialog with whoever called.

    Args:
        stack: our endpoint.
        incoming: the INVITE.

    Attributes:
        incoming: the INVITE.
        on_cancel: called when the caller gave up before the answer.
        on_ack: called with the ACK of our 2xx.
        on_lost: called when our 2xx was never acknowledged; the leg is closed by then.
    """

    def __init__(self, stack: SipStack, incoming: IncomingRequest) -> None:
        super().__init__(stack, incoming.flow)
        self.incoming = incoming
        self.on_cancel: Callable[[], None] | None = None
        self.on_ack: Callable[[Request], None] | None = None
        self.on_lost: Callable[[], None] | None = None
        incoming.on_cancel = self._cancelled
        incoming.on_ack = self._acked
        incoming.on_ack_missed = self._ack_missed

    @property
    def waiting(self) -> bool:
        """Whether the caller still waits for a final answer."""
        responded = self.incoming.responded
        return not self.incoming.cancelled and (responded is None or responded < 200)

    def provisional(
        self, status: int, reason: str = "", headers: Rows = (), body: bytes = b""
    ) -> None:
        """Tell the caller how the call goes on; nothing after the final answer."""
        if self.waiting:
            rows = [("Contact", contact_of(self.stack, self.flow)), *headers]
            self.incoming.respond(status, reason, headers=rows, body=body)

    def relay_provisional(self, response: Response) -> None:
        """Pass a callee's 18x on, with its early session description."""
        self.provisional(response.status, response.reason, body_rows(response), response.body)

    def reject(self, status: int, reason: str = "", headers: Rows = ()) -> None:
        """Refuse the call; nothing after the final answer."""
        if self.waiting:
            self.incoming.respond(status, reason, headers=headers)
        self.close()

    def accept(self, answer: Response) -> None:
        """Answer the call with the callee's session description."""
        request = self.incoming.request
        contact = contact_of(self.stack, self.flow)
        rows = [
            *(("Record-Route", route) for route in request.headers.get_all("Record-Route")),
            ("Contact", contact),
            ("Allow", ALLOW),
            *body_rows(answer),
        ]
        self._open(Dialog.as_callee(request, self.incoming.to_tag, contact))
        self.incoming.respond(200, headers=rows, body=answer.body)

    def require_ack(self) -> None:
        """End the call unless the ACK of our 2xx has come by now."""
        if self.incoming.acked is None:
            self._ack_missed()

    def _cancelled(self) -> None:
        self.close()
        if self.on_cancel is not None:
            self.on_cancel()

    def _ack_missed(self) -> None:
        if self.dialog is not None:
            self.bye('SIP;cause=408;text="ACK missing"')
            if self.on_lost is not None:
                self.on_lost()

    def _acked(self, ack: Request) -> None:
        if self.on_ack is not None:
            self.on_ack(ack)


class CalleeLeg(Leg):
    """The dialog with one callee: a handset's contact, the mailbox, or a trunk.

    Args:
        stack: our endpoint.
        flow: where the INVITE goes.
        invite: the INVITE, complete but for Via, tag and Call-ID.
        cancel_reasons: Reason by Call-ID, for whoever sends the CANCEL of a leg.

    Attributes:
        name: the Request-URI, for logs.
        rang: a 180 or 183 came.
        finished: a final answer came, or the leg was given up.
        on_provisional: called with every 1xx above 100.
        on_answer: called with the 2xx.
        on_failure: called with the status that ended it and the response, if there was one.
    """

    def __init__(
        self, stack: SipStack, flow: Flow, invite: Request, cancel_reasons: dict[str, str]
    ) -> None:
        super().__init__(stack, flow)
        self.name = invite.uri
        self._cancel_reasons = cancel_reasons
        self.rang = False
        self.finished = False
        self.on_provisional: Callable[[CalleeLeg, Response], None] | None = None
        self.on_answer: Callable[[CalleeLeg, Response], None] | None = None
        self.on_failure: Callable[[CalleeLeg, int, Response | None], None] | None = None
        self._invite = invite
        self._outgoing: OutgoingRequest | None = None
        self._ack: Request | None = None
        self._given_up = False

    @property
    def call_id(self) -> str:
        """Call-ID of the leg once it is on its way, else empty."""
        return self._outgoing.request.call_id if self._outgoing is not None else ""

    def start(self) -> None:
        """Send the INVITE; callbacks come later, never from inside this call."""
        outgoing = self._outgoing = self.stack.request(self._invite, self.flow)
        outgoing.on_provisional = self._provisional
        outgoing.on_final = self._final
        outgoing.on_failure = self._failed
        outgoing.on_repeated_success = lambda _: self._repeat_ack()

    def give_up(self, reason: str = "") -> None:
        """Cancel a leg that has not answered, or hang one up that has.

        Args:
            reason: Reason header value that tells the callee why.
        """
        self._given_up = True
        if self._outgoing is not None and not self.finished:
            if reason:
                self._cancel_reasons[self.call_id] = reason
            self._outgoing.cancel()
        elif self.dialog is not None:
            self.bye(reason)

    def acknowledge_answer(self, ack: Request | None = None) -> None:
        """Acknowledge the 2xx, with the caller's body when the callee made the offer."""
        if self._outgoing is not None and self._ack is None:
            self._ack = self.acknowledge(self._outgoing.request, ack)

    def _provisional(self, response: Response) -> None:
        self.rang = self.rang or response.status in {180, 183}
        if self.on_provisional is not None and response.status > 100 and not self._given_up:
            self.on_provisional(self, response)

    def _final(self, response: Response) -> None:
        self.finished = True
        self._cancel_reasons.pop(self.call_id, None)
        if response.status >= 300:
            self._report_failure(response.status, response)
            return
        request = self._outgoing.request if self._outgoing is not None else self._invite
        try:
            self._open(Dialog.as_caller(request, response))
        except ProtocolError:
            self._report_failure(502, response)
            return
        if self._given_up or self.on_answer is None:
            # The 2xx crossed our CANCEL: the callee must not be left in a call with nobody.
            self.acknowledge_answer()
            self.bye()
            return
        self.on_answer(self, response)

    def _failed(self, error: RigError) -> None:
        del error
        self.finished = True
        self._cancel_reasons.pop(self.call_id, None)
        self._report_failure(408, None)

    def _report_failure(self, status: int, response: Response | None) -> None:
        self.close()
        if self.on_failure is not None:
            self.on_failure(self, status, response)

    def _repeat_ack(self) -> None:
        if self._ack is not None:
            self.stack.send_ack(self._ack, self.flow)
