"""Transfers a caller from the mailbox to another number: the platform's side of a REFER.

The mailbox asks by REFER in its dialog. The platform routes a new call to the number, with
all services of whoever has it, and offers it the caller's own session description. When
somebody answers, the caller gets the answer by re-INVITE, so that media flow from end to
end again, and the mailbox's dialog ends. When nobody does, the mailbox is told and keeps
the caller.

Source: RFC 3515 section 2.4 (REFER, NOTIFY with message/sipfrag); RFC 5589 section 6
(a transferor that keeps its call until the outcome is known); RFC 3261 section 14.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rig.errors import ProtocolError, RigError
from rig.mailbox_platform.embedded.call_leg import CallerLeg, Leg, Rows, body_rows
from rig.sip.header import Headers
from rig.sip.message import REASONS, Request, Response
from rig.sip.name_addr import NameAddr
from rig.sip_transport.stack import IncomingRequest

_GLARE = 491
_GLARE_WAIT_S = 0.5
_GLARE_TRIES = 4


class TransferLeg(Leg):
    """A caller who is in a call already and is being offered to somebody else.

    Args:
        caller: the leg of the call so far.
        seen: session description that the caller has seen last.
        report: told of the new call's statuses.
        take_over: lets go of the call so far; called once somebody has answered.

    Attributes:
        on_cancel: called when the caller gave up before the answer.
        on_ack: never called: the caller's answer needs no relaying.
        on_lost: called when the caller does not take the new session description.
    """

    def __init__(
        self,
        caller: CallerLeg | TransferLeg,
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
"""Whoever waits for an answer: a caller from outside, or one who is being transferred."""


class Referral:
    """One REFER of the mailbox, from its acceptance to its last NOTIFY.

    Args:
        incoming: the REFER.
        mailbox: the leg it came by.
    """

    def __init__(self, incoming: IncomingRequest, mailbox: Leg) -> None:
        self._incoming = incoming
        self._mailbox = mailbox

    def target(self) -> str:
        """The user part of whom the caller shall reach; empty when that cannot be read.

        Source: RFC 3515 section 2.1: exactly one Refer-To.
        """
        wanted = self._incoming.request.headers.get_all("Refer-To")
        if len(wanted) != 1:
            return ""
        try:
            return NameAddr.parse(wanted[0]).uri.user_unescaped or ""
        except ProtocolError:
            return ""

    def accept(self) -> None:
        """Say that the transfer is being tried."""
        self._incoming.respond(202)
        self.report(100)

    def report(self, status: int) -> None:
        """Tell how it goes; a final status ends the implicit subscription."""
        final = status >= 200
        state = "terminated;reason=noresource" if final else "active;expires=180"
        rows = [
            ("Event", "refer"),
            ("Subscription-State", state),
            ("Content-Type", "message/sipfrag;version=2.0"),
        ]
        fragment = f"SIP/2.0 {status} {REASONS.get(status, 'Unknown')}\r\n"
        self._mailbox.send("NOTIFY", rows, fragment.encode())


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
