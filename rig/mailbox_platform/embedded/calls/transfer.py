"""Transfers a party of a call to somebody else: the platform's side of a REFER.

The mailbox or a phone (the transferor) asks by REFER in its dialog. The platform routes a new
call to the number, with all services of whoever has it, and offers it the transferee's own
session description. When somebody answers, the transferee gets the answer by re-INVITE, so
that media flow from end to end again, and the transferor's dialog ends. When nobody does, the
transferor is told and keeps the call.

Source: RFC 3515 section 2.4 (REFER, NOTIFY with message/sipfrag); RFC 5589 section 6
(a transferor that keeps its call until the outcome is known); RFC 3261 section 14.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rig.errors import ProtocolError, RigError
from rig.mailbox_platform.embedded.calls.call_leg import CalleeLeg, CallerLeg, Leg, Rows, body_rows
from rig.sip.header import Headers
from rig.sip.message import REASONS, Request, Response
from rig.sip.name_addr import NameAddr
from rig.sip_transport.stack import IncomingRequest

_GLARE = 491
_GLARE_WAIT_S = 0.5
_GLARE_TRIES = 4


class TransferLeg(Leg):
    """A party who is in a call already and is being offered to somebody else.

    Args:
        caller: its leg in the call so far.
        seen: session description that it has seen last.
        report: told of the new call's statuses.
        take_over: lets go of the call so far; called once somebody has answered.

    Attributes:
        on_cancel: called when the caller gave up before the answer.
        on_ack: never called: the caller's answer needs no relaying.
        on_lost: called when the caller does not take the new session description.
    """

    def __init__(
        self,
        caller: Leg,
        seen: bytes,
        report: Callable[[int], None],
        take_over: Callable[[], None],
    ) -> None:
        super().__init__(caller.stack, caller.flow)
        self.on_cancel: Callable[[], None] | None = None
        self.on_ack: Callable[[Request], None] | None = None
        self.on_lost: Callable[[], None] | None = None
        self.waiting = True
        self._caller = caller
        self._seen = seen
        self._report = report
        self._take_over = take_over
        self._tries = 0

    def provisional(
        self, status: int, reason: str = "", headers: Rows = (), body: bytes = b""
    ) -> None:
        """Tell the mailbox how the call goes on; the caller hears the mailbox meanwhile."""
        del reason, headers, body
        if self.waiting:
            self._report(status)

    def relay_provisional(self, response: Response) -> None:
        """Tell the mailbox that it rings."""
        self.provisional(response.status)

    def reject(self, status: int, reason: str = "", headers: Rows = ()) -> None:
        """Nobody takes the call: the caller stays where it is."""
        del reason, headers
        if self.waiting:
            self.waiting = False
            self._report(status)

    def cancel(self) -> None:
        """The caller has hung up."""
        if self.waiting:
            self.waiting = False
            if self.on_cancel is not None:
                self.on_cancel()

    def accept(self, answer: Response) -> None:
        """Somebody has answered: take the caller's dialog over and offer it their media."""
        self.waiting = False
        self._take_over()
        if self._caller.dialog is not None:
            self._open(self._caller.dialog)
        self._offer(body_rows(answer), continued_session(self._seen, answer.body))

    def _offer(self, rows: list[tuple[str, str]], body: bytes) -> None:
        self._tries += 1
        outgoing = self.send("INVITE", rows, body)
        if outgoing is None:
            self._lost()
            return
        sent = outgoing.request
        acks: list[Request] = []

        def final(response: Response) -> None:
            if response.is_success:
                self.refresh_target(response)
                ack = self.acknowledge(sent)
                if ack is not None:
                    acks.append(ack)
            elif response.status == _GLARE and self._tries < _GLARE_TRIES and not self.ended:
                # Both sides offered at once; who did not begin the call waits less (14.1).
                loop = asyncio.get_running_loop()
                loop.call_later(_GLARE_WAIT_S, self._offer_again, rows, body)
            else:
                self._lost()

        def repeated(response: Response) -> None:
            del response
            for ack in acks:
                self.stack.send_ack(ack, self.flow)

        def failed(error: RigError) -> None:
            del error
            self._lost()

        outgoing.on_final = final
        outgoing.on_failure = failed
        outgoing.on_repeated_success = repeated

    def _offer_again(self, rows: list[tuple[str, str]], body: bytes) -> None:
        if not self.ended:
            self._offer(rows, body)

    def _lost(self) -> None:
        if not self.ended:
            self.bye()
            if self.on_lost is not None:
                self.on_lost()


AnyCallerLeg = CallerLeg | TransferLeg
"""Whoever waits for an answer: a caller, or a party that is being transferred."""


class OfferedLeg(Leg):
    """A party of a call that is offered somebody else to talk to, in the dialog it has.

    Args:
        party: its leg in the call so far; this one takes its dialog over.
    """

    def __init__(self, party: Leg) -> None:
        super().__init__(party.stack, party.flow)
        self._party = party
        self._sent: Request | None = None
        self._ack: Request | None = None

    async def offer(self, body: bytes) -> Response | None:
        """Offer a session description by re-INVITE and wait for the answer.

        Returns:
            The final response; None when there was none. Refused, the call so far stays as it
            was (RFC 3261 section 14.1); accepted, :meth:`acknowledge_answer` must follow.
        """
        outgoing = self._party.send("INVITE", [("Content-Type", "application/sdp")], body)
        if outgoing is None:
            return None
        self._sent = outgoing.request
        outgoing.on_repeated_success = lambda _: self._repeat_ack()
        try:
            response = await outgoing.final()
        except RigError:
            return None
        if response.is_success and self._party.dialog is not None:
            self._open(self._party.dialog)
            self.refresh_target(response)
        return response

    def acknowledge_answer(self, ack: Request | None = None) -> None:
        """Acknowledge the answer to the offer."""
        if self._sent is not None and self._ack is None:
            self._ack = self.acknowledge(self._sent, ack)

    def _repeat_ack(self) -> None:
        if self._ack is not None:
            self.stack.send_ack(self._ack, self.flow)


AnyCalleeLeg = CalleeLeg | OfferedLeg
"""Whoever has answered: a phone that rang, or a party of a call that is being transferred."""


class Referral:
    """One REFER, from its acceptance to its last NOTIFY.

    Args:
        incoming: the REFER.
        transferor: the leg it came by.
        reports: whether NOTIFYs are wanted (RFC 4488).
    """

    def __init__(
        self, incoming: IncomingRequest, transferor: Leg, *, reports: bool = True
    ) -> None:
        self._incoming = incoming
        self._transferor = transferor
        self._reports = reports
        self.status = 0

    @property
    def sponsor(self) -> str:
        """User part of Referred-By: on whose behalf; empty when nobody is named."""
        text = self._incoming.request.headers.get("Referred-By") or ""
        try:
            return NameAddr.parse(text).uri.user_unescaped or "" if text else ""
        except ProtocolError:
            return ""

    def accept(self) -> None:
        """Say that the transfer is being tried."""
        if self._reports:
            self._incoming.respond(202)
            self.report(100)
        else:
            self._incoming.respond(202, headers=[("Refer-Sub", "false")])

    def report(self, status: int) -> None:
        """Tell how it goes; a final status ends the implicit subscription."""
        if self.status >= 200:
            return
        self.status = status
        if not self._reports or self._transferor.ended:
            return
        final = status >= 200
        state = "terminated;reason=noresource" if final else "active;expires=180"
        rows = [
            ("Event", "refer"),
            ("Subscription-State", state),
            ("Content-Type", "message/sipfrag;version=2.0"),
        ]
        fragment = f"SIP/2.0 {status} {REASONS.get(status, 'Unknown')}\r\n"
        self._transferor.send("NOTIFY", rows, fragment.encode())


def transferred_invite(
    invite: Request, uri: str, offer: bytes, diversion_rows: list[tuple[str, str]]
) -> Request:
    """Write the INVITE that the new call begins with, as if the caller had sent it.

    Args:
        invite: the caller's own.
        uri: whom the caller shall reach.
        offer: the caller's session description as it is now.
        diversion_rows: Diversion and History-Info so far.
    """
    history = {"diversion", "history-info"}
    kept = [(name, value) for name, value in invite.headers if name.lower() not in history]
    headers = Headers([*kept, *diversion_rows])
    if not headers.get("Content-Type"):
        headers.set("Content-Type", "application/sdp")
    return Request("INVITE", uri, headers, offer)


def without_hold(description: bytes) -> bytes:
    """Take the direction out of a session description: media flow both ways then.

    A transferee has mostly been put on hold, so what it said last is ``recvonly``; offered to
    somebody new, that would be a call in which only one is heard.

    Source: RFC 3264 section 5.1: without a direction, ``sendrecv`` is meant.
    """
    held = {b"a=sendonly", b"a=recvonly", b"a=inactive"}
    lines = description.splitlines(keepends=True)
    return b"".join(line for line in lines if line.strip() not in held)


def continued_session(seen: bytes, offer: bytes) -> bytes:
    """Make a session description go on from the one that a party has seen last.

    Args:
        seen: that one.
        offer: the new one.

    Returns:
        ``offer`` with the origin of ``seen``, its version one higher; unchanged when one of
        them has no origin.

    Source: RFC 3264 section 8: the origin stays the same but for its version.
    """
    former = _origin(seen)
    present = _origin(offer)
    if former is None or present is None:
        return offer
    name, session, version, *rest = former.split()
    origin = " ".join([name, session, str(int(version) + 1), *rest])
    return offer.replace(f"o={present}".encode(), f"o={origin}".encode(), 1)


def _origin(description: bytes) -> str | None:
    for line in description.decode("utf-8", "surrogateescape").splitlines():
        if line.startswith("o="):
            words = line[2:].split()
            return line[2:] if len(words) == 6 and words[2].isdecimal() else None
    return None
