"""Joins two established dialogs: what one side says inside its dialog reaches the other.

Session descriptions, INFO bodies and holds pass through unread. REFER does not: whoever made
the bridge takes it and transfers the other side; without that it is refused.

Source: RFC 3261 sections 12.2, 14 and 15; RFC 6086 (INFO).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rig.errors import RigError
from rig.mailbox_platform.embedded.calls.call_leg import ALLOW, Leg, body_rows, contact_of
from rig.mailbox_platform.embedded.calls.transfer import AnyCalleeLeg, AnyCallerLeg
from rig.sip.message import Request, Response
from rig.sip_transport.stack import IncomingRequest

RELAYED = frozenset({"INFO", "MESSAGE", "UPDATE"})
RELAYED_HEADERS = ("Info-Package", "Recv-Info", "Event")


class Bridge:
    """A call that two sides have.

    Args:
        caller: waiting for its answer.
        callee: has answered; its ACK is not sent yet.
        on_bye: called when a BYE has been passed on.

    Attributes:
        on_refer: takes a REFER and the leg it came by; None refuses it.
        outlives: told of the leg that hangs up; whether the other side goes on without it.
        caller_said: session description that the caller gave last; empty before one.
        callee_said: the same of the callee.
    """

    def __init__(
        self, caller: AnyCallerLeg, callee: AnyCalleeLeg, on_bye: Callable[[], None]
    ) -> None:
        self.on_refer: Callable[[IncomingRequest, Leg], None] | None = None
        self.outlives: Callable[[Leg], bool] | None = None
        self.caller_said = b""
        self.callee_said = b""
        self._on_bye = on_bye
        self._caller = caller
        self._callee = callee
        self._ended = asyncio.Event()

    def join(self, invite: Request, answer: Response) -> None:
        """Answer the caller with the callee's session description.

        Args:
            invite: the caller's.
            answer: the callee's 2xx.

        Raises:
            rig.errors.ProtocolError: the caller's INVITE makes no dialog.
        """
        caller, callee = self._caller, self._callee
        self.caller_said, self.callee_said = invite.body, answer.body
        caller.on_request = lambda incoming: self._relay(incoming, caller, callee)
        callee.on_request = lambda incoming: self._relay(incoming, callee, caller)
        caller.on_lost = self._caller_lost
        if not invite.body:
            caller.on_ack = self._acknowledged  # the caller's ACK holds its answer
        caller.accept(answer)
        if invite.body:
            callee.acknowledge_answer()

    async def wait_ended(self) -> None:
        """Wait until one side has hung up."""
        await self._ended.wait()

    def drop(self) -> None:
        """Forget both sides without a word."""
        self._caller.close()
        self._callee.close()
        self._ended.set()

    def lost(self, leg: Leg, reason: str) -> None:
        """One side is gone without a BYE: end the call for the other, as its BYE would have.

        Args:
            leg: of the side that is gone.
            reason: Reason header value for both.
        """
        leg_outlived = self.outlives is not None and self.outlives(leg)
        leg.bye(reason)
        if leg_outlived:
            return
        (self._callee if leg is self._caller else self._caller).bye(reason)
        self._on_bye()
        self._ended.set()

    def release(self) -> None:
        """What goes on, goes on in another call: forget it without a word."""
        self._ended.set()

    def said_by(self, leg: Leg) -> bytes:
        """Session description that one side gave last; empty before one."""
        return self.caller_said if leg is self._caller else self.callee_said

    def said_to(self, leg: Leg) -> bytes:
        """Session description that one side has seen last; empty before one."""
        return self.callee_said if leg is self._caller else self.caller_said

    def _acknowledged(self, ack: Request) -> None:
        self.caller_said = ack.body or self.caller_said
        self._callee.acknowledge_answer(ack)

    def _said(self, leg: Leg, body: bytes) -> None:
        if body and leg is self._caller:
            self.caller_said = body
        elif body:
            self.callee_said = body

    def _caller_lost(self) -> None:
        """The caller never acknowledged: there is no call."""
        self._callee.bye()
        self._ended.set()

    def _relay(self, incoming: IncomingRequest, source: Leg, destination: Leg) -> None:
        """Pass a request inside a dialog on to the other side."""
        method = incoming.request.method
        if source.dialog is not None and not source.dialog.in_order(incoming.request):
            incoming.respond(500, "CSeq Out Of Order")
        elif method == "BYE" and self.outlives is not None and self.outlives(source):
            incoming.respond(200)
            source.close()
        elif method == "BYE":
            reason = incoming.request.headers.get("Reason") or ""
            destination.bye(reason)
            self._on_bye()
            incoming.respond(200)
            source.close()
            self._ended.set()
        elif method == "INVITE":
            self._relay_invite(incoming, source, destination)
        elif method in RELAYED:
            self._relay_plain(incoming, source, destination)
        elif method == "REFER" and self.on_refer is not None:
            self.on_refer(incoming, source)
        elif method == "OPTIONS":
            incoming.respond(200, headers=[("Allow", ALLOW)])
        else:
            incoming.respond(405, headers=[("Allow", ALLOW)])

    def _relay_plain(self, incoming: IncomingRequest, source: Leg, destination: Leg) -> None:
        request = incoming.request
        if request.method == "UPDATE":
            source.refresh_target(request)
        rows = body_rows(request) + [
            (name, value) for name in RELAYED_HEADERS for value in request.headers.get_all(name)
        ]
        outgoing = destination.send(request.method, rows, request.body)
        if outgoing is None:
            incoming.respond(480)
            return

        def final(response: Response) -> None:
            rows = body_rows(response)
            if request.method == "UPDATE" and response.is_success:
                rows.append(("Contact", contact_of(source.stack, source.flow)))
            incoming.respond(response.status, response.reason, headers=rows, body=response.body)

        def failed(error: RigError) -> None:
            del error
            incoming.respond(408)

        outgoing.on_final = final
        outgoing.on_failure = failed

    def _relay_invite(self, incoming: IncomingRequest, source: Leg, destination: Leg) -> None:
        """Pass a re-INVITE on: hold, resume, or a new offer from either side."""
        request = incoming.request
        source.refresh_target(request)
        outgoing = destination.send("INVITE", body_rows(request), request.body)
        if outgoing is None:
            incoming.respond(480)
            return
        sent = outgoing.request
        acks: list[Request] = []

        def acknowledge(ack: Request | None) -> None:
            ours = destination.acknowledge(sent, ack)
            if ours is not None:
                acks.append(ours)

        def final(response: Response) -> None:
            rows = body_rows(response)
            if response.is_success:
                self._said(source, request.body)
                self._said(destination, response.body)
                destination.refresh_target(response)
                rows.append(("Contact", contact_of(source.stack, source.flow)))
                if request.body or incoming.cancelled:
                    acknowledge(None)
                else:
                    incoming.on_ack = acknowledge
            incoming.respond(response.status, response.reason, headers=rows, body=response.body)

        def repeated(response: Response) -> None:
            del response
            for ack in acks:
                destination.stack.send_ack(ack, destination.flow)

        def failed(error: RigError) -> None:
            del error
            incoming.respond(408)

        outgoing.on_final = final
        outgoing.on_failure = failed
        outgoing.on_repeated_success = repeated
        incoming.on_cancel = outgoing.cancel
