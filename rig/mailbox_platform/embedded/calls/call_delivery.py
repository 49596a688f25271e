"""Brings one call to where it shall go: to phones, to the mailbox's endpoint, to the trunk.

It knows how a leg is written, rung and joined to the caller's; where a call goes is decided
by :class:`.call_session.CallSession`.

Source: RFC 3261 sections 13 to 16; RFC 5806; RFC 3398 and RFC 3326 for reasons.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from provisioning.inventory_model import User
from rig.errors import ProtocolError, RigError
from rig.mailbox_platform.embedded.calls.call_leg import CalleeLeg
from rig.mailbox_platform.embedded.calls.call_party import MailboxVisit, Party
from rig.mailbox_platform.embedded.calls.diversion_headers import DiversionTrail
from rig.mailbox_platform.embedded.calls.established_call import EstablishedCall, RouteNewCall
from rig.mailbox_platform.embedded.calls.invite_builder import (
    CallerIdentity,
    identity_of_number,
    make_invite,
    number_addr,
)
from rig.mailbox_platform.embedded.calls.ringing import RingEnd, Ringing, RingResult
from rig.mailbox_platform.embedded.calls.routing_context import RoutingContext
from rig.mailbox_platform.embedded.calls.transfer import AnyCallerLeg
from rig.sip.event import Flow
from rig.sip.matching import host_port
from rig.sip.message import Request, Response
from rig.sip.name_addr import NameAddr

MAILBOX_RING_S = 30.0
"""How long the mailbox's own endpoint may take to answer."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Who answered a call.

    Attributes:
        identity: how they are named to others.
        visit: for the mailbox's endpoint: how the call got there.
    """

    identity: CallerIdentity
    visit: MailboxVisit | None = None


class CallDelivery:
    """The legs of one call.

    Args:
        context: what it needs of the platform.
        request: the INVITE.
        caller: who calls, proven.
        leg: the dialog with the caller.
        trail: who diverted the call so far; the owner adds to it.
        route: begins a call that a transfer asks for.
    """

    def __init__(
        self,
        context: RoutingContext,
        request: Request,
        caller: CallerIdentity,
        leg: AnyCallerLeg,
        trail: DiversionTrail,
        route: RouteNewCall,
    ) -> None:
        self._context = context
        self._request = request
        self._caller = caller
        self._caller_leg = leg
        self._trail = trail
        self._route = route
        self._ringing: Ringing | None = None
        self._dialling = ExitStack()

    def dialling(self) -> ExitStack:
        """Count the caller as engaged until the call is connected or over."""
        if self._caller.user is not None:
            number = self._caller.user.number
            self._dialling.enter_context(self._context.calls.ringing(number))
        return self._dialling

    def cancel(self) -> None:
        """The caller gave up."""
        if self._ringing is not None:
            self._ringing.cancel()

    def reject(self, status: int, warning: str = "") -> None:
        """Refuse the call.

        Args:
            status: SIP status.
            warning: text for a Warning header; empty for none.
        """
        host, port = self._context.stack.address
        rows = [("Warning", f'399 {host}:{port} "{warning}"')] if warning else []
        self._caller_leg.reject(status, headers=rows)

    def diversion_rows(self, *, to_mailbox: bool = False) -> list[tuple[str, str]]:
        """Diversion and History-Info of the next leg; only the mailbox gets all of it."""
        config, hook = self._context.config, self._context.hook
        return self._trail.rows(config, hook, to_mailbox=to_mailbox)

    def out_of_hops(self) -> bool:
        """Refuse a call that has no hop left for where it is to go.

        Every diversion inside the platform counts as a hop, so that a loop through other
        platforms ends too. Source: RFC 3261 section 16.3.
        """
        left = self._request.max_forwards
        if left is None or left >= self._hops:
            return False
        self.reject(483)
        return True

    def legs_of(self, user: User) -> list[CalleeLeg]:
        """A leg to every phone of a user; none is started yet."""
        context = self._context
        to = number_addr(user.number, user.name, self._domain)
        bindings = context.registrar.bindings(context.directory.aor(user), context.clock())
        return [self._leg(b.uri, b.flow, to, routes=b.routes) for b in bindings]

    async def ring(
        self, legs: list[CalleeLeg], ring_s: float, *, one_user: bool = True
    ) -> RingResult:
        """Ring several phones; the caller hears of it.

        Args:
            legs: at least one, not started.
            ring_s: how long, seconds.
            one_user: all are one user's.
        """
        self._ringing = Ringing(legs, ring_s, self._relay_provisional, one_user=one_user)
        try:
            return await self._ringing.run()
        finally:
            self._ringing = None

    def answered_by(self, user: User) -> Answered:
        """A user's phone took the call."""
        return Answered(identity_of_number(user.number, user.name, self._domain, user))

    async def visit(self, visit: MailboxVisit) -> None:
        """Bring the call to the mailbox's own endpoint."""
        flow = self._context.stack.flow_to(self._context.voicemail)
        leg = self._leg(visit.uri, flow, visit.to, visit.rows)
        number = visit.to.uri.user_unescaped or ""
        identity = identity_of_number(number, visit.to.display_name, self._domain, None)
        await self._ring_elsewhere(leg, MAILBOX_RING_S, Answered(identity, visit))

    async def outside(self, number: str) -> None:
        """Bring the call to a number that the site does not have, by the trunk."""
        trunk = self._context.config.trunk
        if trunk is None:
            self.reject(404)
            return
        to = number_addr(number, "", self._domain)
        uri = f"sip:{number}@{host_port(trunk)}"
        leg = self._leg(uri, self._context.stack.flow_to(trunk), to)
        answered = Answered(identity_of_number(number, "", self._domain, None))
        await self._ring_elsewhere(leg, self._context.config.default_ring_s, answered)

    async def connect(self, result: RingResult, answered: Answered) -> None:
        """Join caller and callee, and see the call to its end."""
        if result.leg is None or result.response is None:
            raise RigError("a call was answered by nobody")
        if not self._caller_leg.waiting:
            result.leg.acknowledge_answer()
            result.leg.bye()
            return
        call = EstablishedCall(
            self._context,
            (
                Party(self._caller_leg, self._caller, self._caller.user),
                Party(result.leg, answered.identity, answered.identity.user, answered.visit),
            ),
            (self._caller_leg, result.leg),
            self._request,
            self._route,
            tuple(self._trail.plain_rows()),
        )
        self._dialling.close()
        try:
            await call.run(result.response)
        except ProtocolError:
            result.leg.acknowledge_answer()
            result.leg.bye()
            self.reject(400, "the INVITE has no usable Contact")

    # -- inside -------------------------------------------------------------------------

    @property
    def _domain(self) -> str:
        return self._context.directory.domain

    @property
    def _hops(self) -> int:
        return 1 + len(self._trail.steps)

    def _leg(
        self,
        uri: str,
        flow: Flow,
        to: NameAddr,
        rows: tuple[tuple[str, str], ...] | None = None,
        routes: list[tuple[str, str]] | None = None,
    ) -> CalleeLeg:
        stack = self._context.stack
        invite = make_invite(
            self._request,
            uri=uri,
            to=to,
            caller=self._caller,
            stack=stack,
            flow=flow,
            further_rows=[*(routes or []), *(self.diversion_rows() if rows is None else rows)],
            hops=self._hops,
        )
        return CalleeLeg(stack, flow, invite, self._context.cancel_reasons)

    def _relay_provisional(self, leg: CalleeLeg, response: Response) -> None:
        del leg
        if response.status in {180, 182, 183}:
            self._caller_leg.relay_provisional(response)

    async def _ring_elsewhere(self, leg: CalleeLeg, ring_s: float, answered: Answered) -> None:
        """Ring what has no services of its own."""
        if self.out_of_hops():
            return
        result = await self.ring([leg], ring_s)
        if result.end is RingEnd.ANSWERED:
            await self.connect(result, answered)
        elif result.end is not RingEnd.CANCELLED:
            status = result.status if result.status >= 400 else 480
            self._caller_leg.reject(480 if status == 408 else status)
