"""A call that has been answered: two parties, until both are gone, through every transfer.

Source: RFC 3515 and RFC 5589 (blind and attended transfer), RFC 3891 (Replaces), RFC 3261
sections 13.3.1.4 (no ACK) and 15.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Protocol

from provisioning.inventory_model import User
from rig.mailbox_platform.embedded.calls.bridge import Bridge
from rig.mailbox_platform.embedded.calls.call_check import check_for_ever
from rig.mailbox_platform.embedded.calls.call_leg import CallerLeg, Leg
from rig.mailbox_platform.embedded.calls.call_party import FoundDialog, MailboxVisit, Party
from rig.mailbox_platform.embedded.calls.invite_builder import CallerIdentity
from rig.mailbox_platform.embedded.calls.refer_target import ReferTarget, Replaced, read_refer
from rig.mailbox_platform.embedded.calls.routing_context import RoutingContext
from rig.mailbox_platform.embedded.calls.transfer import (
    AnyCalleeLeg,
    AnyCallerLeg,
    OfferedLeg,
    Referral,
    TransferLeg,
    continued_session,
    transferred_invite,
    without_hold,
)
from rig.sip.message import Request, Response
from rig.sip_transport.stack import IncomingRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCall:
    """A call that a transfer begins.

    Attributes:
        request: as if the transferee had sent it.
        caller: who the transferee is.
        leg: the transferee's.
        authority: the user who answers for where it goes; None for nobody.
        visit: the mailbox that it goes to at once; None to route it.
        for_owner: it may leave the site on the account of a mailbox's owner, who has set the
            number.
    """

    request: Request
    caller: CallerIdentity
    leg: TransferLeg
    authority: User | None = None
    visit: MailboxVisit | None = None
    for_owner: bool = False


class RouteNewCall(Protocol):
    """Begins calls that come of other ones."""

    def __call__(self, call: NewCall) -> Coroutine[Any, Any, None]:
        """See a call through to its end."""
        ...


class EstablishedCall:
    """One call after its answer.

    Args:
        context: what it needs of the platform.
        parties: who called, and who answered; their legs are of the kinds a bridge takes.
        invite: of whoever called.
        route: begins a call that a transfer asks for.
        rows: Diversion and History-Info so far, for a caller whom the mailbox sends on.

    Attributes:
        parties: as given.
    """

    def __init__(
        self,
        context: RoutingContext,
        parties: tuple[Party, Party],
        legs: tuple[AnyCallerLeg, AnyCalleeLeg],
        invite: Request,
        route: RouteNewCall,
        rows: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.parties = parties
        self._context = context
        self._invite = invite
        self._route = route
        self._rows = rows
        self._bridge = Bridge(*legs, context.on_bye)
        self._bridge.on_refer = self._refer
        self._bridge.outlives = self._outlives
        self._transfer: asyncio.Task[None] | None = None
        self._leg: TransferLeg | None = None
        self._transferee: Leg | None = None

    async def run(self, answer: Response) -> None:
        """Join the two and wait for the end of everything that comes of the call.

        Args:
            answer: 2xx of the party that answered.

        Raises:
            ProtocolError: the INVITE has no usable Contact; nothing has been joined.
        """
        self._bridge.join(self._invite, answer)
        self._context.calls.add(self)
        limit = self._limit_ack()
        check = self._begin_check()
        try:
            await self._bridge.wait_ended()
            self._context.calls.remove(self)
            if check is not None:
                check.cancel()  # the legs may belong to another call by now
            if self._leg is not None:
                self._leg.cancel()
            if self._transfer is not None:
                await self._transfer
        except asyncio.CancelledError:
            self._bridge.drop()
            if self._transfer is not None:
                self._transfer.cancel()
                await asyncio.gather(self._transfer, return_exceptions=True)
            raise
        finally:
            self._context.calls.remove(self)
            if check is not None:
                check.cancel()
            if limit is not None:
                limit.cancel()

    def said_by(self, party: Party) -> bytes:
        """Session description that a party gave last."""
        return self._bridge.said_by(party.leg)

    def said_to(self, party: Party) -> bytes:
        """Session description that a party has seen last."""
        return self._bridge.said_to(party.leg)

    def replace(self, party: Party) -> None:
        """Take a party out, and leave the other side to another call."""
        party.leg.bye()
        self._bridge.release()

    def _limit_ack(self) -> asyncio.TimerHandle | None:
        """A caller of the mailbox who never acknowledges must not hold it for 32 s."""
        caller, callee = self.parties
        if callee.visit is None or not isinstance(caller.leg, CallerLeg):
            return None
        loop = asyncio.get_running_loop()
        return loop.call_later(self._context.config.mailbox_ack_s, caller.leg.require_ack)

    def _begin_check(self) -> asyncio.Task[None] | None:
        """Ask the phones now and then whether they still have the call."""
        every_s = self._context.config.call_check_s
        phones = [party.leg for party in self.parties if party.visit is None]
        if not every_s:
            return None
        work = check_for_ever(phones, every_s, self._bridge.lost)
        return asyncio.get_running_loop().create_task(work)

    # -- transfers ----------------------------------------------------------------------

    def _outlives(self, leg: Leg) -> bool:
        """A transferor who hangs up early leaves the transferee waiting for the outcome."""
        if self._transferee is None or leg is self._transferee:
            return False
        return self._party(leg)[0].visit is None

    def _party(self, leg: Leg) -> tuple[Party, Party]:
        """The party of a leg, and the other one."""
        caller, callee = self.parties
        return (caller, callee) if leg is caller.leg else (callee, caller)

    def _refer(self, incoming: IncomingRequest, source: Leg) -> None:
        """Take a REFER: refuse it, or begin the transfer."""
        transferor, transferee = self._party(source)
        wanted = read_refer(incoming.request)
        if self._transfer is not None and not self._transfer.done():
            incoming.respond(491)
        elif wanted is None or not self.said_by(transferee):
            incoming.respond(400)
        elif transferor.user is None and transferor.visit is None:
            # Whoever is not a user of ours must not have calls placed by us.
            incoming.respond(403, "Not Your Platform")
        elif transferee.visit is not None:
            incoming.respond(403, "The Mailbox Is Not Transferred")
        else:
            referral = Referral(incoming, source, reports=wanted.wants_reports)
            referral.accept()
            work = self._begin(referral, wanted, transferor, transferee)
            self._transfer = asyncio.get_running_loop().create_task(work)

    async def _begin(
        self, referral: Referral, wanted: ReferTarget, transferor: Party, transferee: Party
    ) -> None:
        self._transferee = transferee.leg
        try:
            if wanted.replaces is None:
                await self._blind(referral, wanted.dialled, transferor, transferee)
            else:
                await self._replacing(referral, wanted.replaces, transferor, transferee)
        finally:
            self._transferee = None
        if transferor.leg.ended and not transferee.leg.ended and referral.status >= 300:
            # Nobody took the transferee, and the transferor does not wait any more.
            transferee.leg.bye()
            self._bridge.release()

    async def _replacing(
        self, referral: Referral, replaces: Replaced, transferor: Party, transferee: Party
    ) -> None:
        found = self._named(replaces, transferor)
        if found is None:
            referral.report(481)
        elif found.other.visit is not None:
            await self._into_mailbox(referral, found, found.other.visit, transferor, transferee)
        else:
            await self._attended(referral, found, transferor, transferee)

    def _named(self, replaces: Replaced, transferor: Party) -> FoundDialog | None:
        """The transferor's own other call; nobody may take over anybody else's."""
        found = self._context.calls.find(replaces.call_id, replaces.to_tag, replaces.from_tag)
        if found is None or found.call is self or transferor.user is None:
            return None
        theirs = found.party.user
        return found if theirs is not None and theirs.number == transferor.user.number else None

    async def _blind(
        self, referral: Referral, dialled: str, transferor: Party, transferee: Party
    ) -> None:
        leg = self._transfer_leg(referral, transferor, transferee)
        from_mailbox = transferor.visit is not None
        request = self._new_invite(
            f"sip:{dialled}@{self._context.directory.domain}",
            transferee,
            self._rows if from_mailbox else (),
        )
        call = NewCall(
            request=request,
            caller=transferee.identity,
            leg=leg,
            authority=transferor.user if transferor.visit is None else transferee.user,
            for_owner=from_mailbox and self._set_by_owner(referral.sponsor, dialled),
        )
        self._leg = leg
        await self._route(call)

    def _set_by_owner(self, owner: str, dialled: str) -> bool:
        """Whether a mailbox's owner wants callers to reach this number by pressing 0.

        Any other number that the mailbox asks for is a call back: that is on the account of
        the phone that called the portal, and of nobody when a phone outside did.
        """
        directory = self._context.directory
        user = directory.user(owner)
        wanted = user.mailbox.transfer_on_zero if user is not None and user.mailbox else None
        return bool(wanted) and directory.normal_form(wanted or "") == directory.normal_form(
            dialled
        )

    async def _into_mailbox(
        self,
        referral: Referral,
        found: FoundDialog,
        visit: MailboxVisit,
        transferor: Party,
        transferee: Party,
    ) -> None:
        """Send the transferee to the mailbox that the transferor reached: as a new caller.

        The mailbox greets from the beginning and learns who the message is from, which it
        would not when the transferee came into the transferor's own visit.
        """

        def end_visit() -> None:
            found.other.leg.bye()
            found.call.replace(found.party)

        leg = self._transfer_leg(referral, transferor, transferee, end_visit)
        call = NewCall(
            request=self._new_invite(visit.uri, transferee, ()),
            caller=transferee.identity,
            leg=leg,
            authority=transferor.user,
            visit=visit,
        )
        self._leg = leg
        await self._route(call)

    async def _attended(
        self, referral: Referral, found: FoundDialog, transferor: Party, transferee: Party
    ) -> None:
        target = found.other
        offered = OfferedLeg(target.leg)
        wanted = without_hold(self.said_by(transferee))
        offer = continued_session(found.call.said_to(target), wanted)
        response = await offered.offer(offer)
        if response is None or not response.is_success:
            referral.report(408 if response is None else response.status)
            return
        if transferee.leg.ended:
            offered.acknowledge_answer()
            found.call.replace(found.party)
            offered.bye()
            referral.report(487)
            return
        leg = self._transfer_leg(
            referral, transferor, transferee, lambda: found.call.replace(found.party)
        )
        request = self._new_invite(f"sip:{self._context.directory.domain}", transferee, ())
        request.body = wanted
        joined = EstablishedCall(
            self._context,
            (replace(transferee, leg=leg), replace(target, leg=offered)),
            (leg, offered),
            request,
            self._route,
        )
        await joined.run(response)

    def _transfer_leg(
        self,
        referral: Referral,
        transferor: Party,
        transferee: Party,
        also: Callable[[], None] = lambda: None,
    ) -> TransferLeg:
        def take_over() -> None:
            referral.report(200)
            transferor.leg.bye()
            also()
            self._bridge.release()

        return TransferLeg(transferee.leg, self.said_to(transferee), referral.report, take_over)

    def _new_invite(
        self, uri: str, transferee: Party, rows: tuple[tuple[str, str], ...]
    ) -> Request:
        offer = without_hold(self.said_by(transferee))
        return transferred_invite(self._invite, uri, offer, list(rows))
