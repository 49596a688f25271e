"""One call through the platform, from the INVITE to the BYE.

It asks the rules, rings, diverts, and once somebody has answered hands the two legs to a
:class:`Bridge`. Loops end by the table of who diverted already and by the diversion limit.

Source: RFC 3261 sections 13 to 16; RFC 5806; 3GPP TS 24.604 section 4.5.2.6 (loops); RFC 3398
and RFC 3326 for reasons.
"""

from __future__ import annotations

import asyncio
from functools import partial

from provisioning.inventory_model import User
from rig.errors import ProtocolError, RigError
from rig.mailbox_platform.embedded.bridge import Bridge
from rig.mailbox_platform.embedded.call_leg import CalleeLeg
from rig.mailbox_platform.embedded.directory import OutsideTarget, PortalTarget, Target, UserTarget
from rig.mailbox_platform.embedded.diversion_headers import DiversionStep, DiversionTrail
from rig.mailbox_platform.embedded.invite_builder import (
    CallerIdentity,
    make_invite,
    number_addr,
)
from rig.mailbox_platform.embedded.redirect import Redirect, read_redirect
from rig.mailbox_platform.embedded.ringing import RingEnd, Ringing, RingResult
from rig.mailbox_platform.embedded.routing_context import RoutingContext
from rig.mailbox_platform.embedded.rules import (
    CallFacts,
    Decision,
    DecisionKind,
    LineState,
    decide,
)
from rig.mailbox_platform.embedded.transfer import (
    AnyCallerLeg,
    Referral,
    TransferLeg,
    transferred_invite,
)
from rig.sip.event import Flow
from rig.sip.message import Request, Response
from rig.sip.name_addr import NameAddr
from rig.sip.uri import Uri
from rig.sip_transport.stack import IncomingRequest

LINE_STATE = {
    RingEnd.BUSY: LineState(busy=True),
    RingEnd.DO_NOT_DISTURB: LineState(do_not_disturb=True),
    RingEnd.UNREACHABLE: LineState(registered=False),
    RingEnd.UNANSWERED: LineState(unanswered=True),
}
"""What the end of ringing tells the rules."""

MAILBOX_RING_S = 30.0
"""How long the mailbox's own endpoint may take to answer."""


class CallSession:
    """One call.

    Args:
        context: what it needs of the platform.
        request: the INVITE.
        caller: who calls, proven.
        leg: the dialog with the caller.
    """

    def __init__(
        self, context: RoutingContext, request: Request, caller: CallerIdentity, leg: AnyCallerLeg
    ) -> None:
        self._context = context
        self._request = request
        self._caller = caller
        self._caller_leg = leg
        self._caller_leg.on_cancel = self._cancelled
        self._ringing: Ringing | None = None
        self._transfer: tuple[TransferLeg, asyncio.Task[None]] | None = None
        uri = Uri.parse(request.uri)
        self._trail = DiversionTrail.of_call(request.headers, uri)
        self._diverted_from = [
            self._context.directory.normal_form(entry.name_addr.uri.user_unescaped or "")
            for entry in self._trail.received_diversions
        ]
        self._dialled = uri.user_unescaped or ""

    async def run(self) -> None:
        """Route the call until it is over.

        Raises:
            RigError: the transport is gone.
        """
        target: Target | None = self._context.directory.resolve(self._dialled)
        while target is not None and self._caller_leg.waiting:
            if isinstance(target, UserTarget):
                target = await self._offer(target.user)
            elif isinstance(target, PortalTarget):
                target = await self._portal(target)
            else:
                target = await self._outside(target)

    async def run_guarded(self) -> None:
        """Route a call that came of another one; an end by error is an end like others."""
        try:
            await self.run()
        except RigError:
            self.fail(500)

    def fail(self, status: int) -> None:
        """End a call that cannot go on."""
        self._caller_leg.reject(status)

    def _cancelled(self) -> None:
        if self._ringing is not None:
            self._ringing.cancel()

    # -- one user -----------------------------------------------------------------------

    async def _offer(self, user: User) -> Target | None:
        """Offer the call to a user and their services; returns where it goes next, if at all."""
        context = self._context
        bindings = context.registrar.bindings(context.directory.aor(user), context.clock())
        decision = self._decide(user, LineState(registered=bool(bindings)))
        if decision.kind is not DecisionKind.RING:
            return await self._carry_out(user, decision, status=None)
        to = number_addr(user.number, user.name, self._domain)
        legs = [self._leg(b.uri, b.flow, to, b.routes) for b in bindings]
        result = await self._ring(legs, self._ring_s(decision.after_rings))
        if result.end is RingEnd.ANSWERED:
            await self._connect(result)
            return None
        if result.end is RingEnd.CANCELLED:
            return None
        if result.end is RingEnd.REDIRECTED and result.response is not None:
            redirect = read_redirect(context.directory, context.config, user, result)
            if redirect is not None:
                return await self._follow(user, redirect)
            # A target that nobody may reach must not become a way out: the user is busy.
            result = RingResult(RingEnd.BUSY, 486, result.leg, result.response, rang=result.rang)
        if result.end not in LINE_STATE:
            self._caller_leg.reject(result.status)
            return None
        decision = self._decide(user, LINE_STATE[result.end])
        return await self._carry_out(user, decision, status=result.status)

    def _decide(self, user: User, state: LineState) -> Decision:
        context = self._context
        facts = CallFacts(
            called=user.number,
            diverted_from=tuple(self._diverted_from),
            diversions=self._trail.count,
        )
        return decide(
            facts,
            context.settings.options(user.number),
            context.settings.services(user.number),
            state,
            most_diversions=context.config.max_diversions,
        )

    def _ring_s(self, rings: int | None) -> float:
        if rings is None:
            return self._context.config.default_ring_s
        return self._context.hook.ring_seconds(rings * self._context.seconds_per_ring)

    async def _carry_out(
        self, user: User, decision: Decision, status: int | None
    ) -> Target | None:
        """Do what the rules decided, other than ringing."""
        if decision.kind is DecisionKind.MAILBOX:
            await self._to_mailbox(user, decision.reason, decision.cause, status)
            return None
        if decision.kind is DecisionKind.FORWARD:
            redirect = Redirect(decision.target, decision.reason, decision.cause)
            return await self._follow(user, redirect, status)
        self._reject(decision.status or 480, decision.warning)
        return None

    async def _follow(
        self, user: User, redirect: Redirect, status: int | None = 302
    ) -> Target | None:
        """Send the call on to a number."""
        context = self._context
        target = context.directory.resolve(redirect.target)
        if isinstance(target, PortalTarget):
            # Forwarding to the portal's number means one's own mailbox, never its menu.
            await self._to_mailbox(user, redirect.reason, redirect.cause, status, redirect)
            return None
        number = target.user.number if isinstance(target, UserTarget) else target.number
        if number == user.number or number in self._diverted_from:
            self._reject(482, f"forwarding loop: {number} already diverted this call")
            return None
        if self._trail.count >= context.config.max_diversions:
            limit = context.config.max_diversions
            self._reject(480, f"too many diversions: {self._trail.count}, limit {limit}")
            return None
        uri = Uri.parse(f"sip:{number}@{self._domain}")
        self._divert(user, uri, redirect, status)
        return target

    def _divert(self, user: User, target: Uri, redirect: Redirect, status: int | None) -> None:
        self._diverted_from.insert(0, user.number)
        self._trail.add(
            DiversionStep(
                party=number_addr(user.number, user.name, self._domain),
                target=target,
                reason=redirect.reason,
                cause=redirect.cause,
                status=status,
                own_entry=redirect.own_entry,
            )
        )
        if self._context.config.send_181:
            self._caller_leg.provisional(181, headers=self._diversion_rows())

    # -- mailbox, portal, outside -------------------------------------------------------

    async def _to_mailbox(
        self,
        user: User,
        reason: str,
        cause: int,
        status: int | None,
        redirect: Redirect | None = None,
    ) -> None:
        """Let the mailbox answer for a user."""
        if user.mailbox is None:
            self._reject(480, f"{user.number} has no mailbox")
            return
        host, port = self._context.voicemail
        name = self._context.directory.site.voice_portal_number or "voicemail"
        target = f"sip:{user.number}@{self._domain}"
        uri = (
            Uri.parse(f"sip:{name}@{host}:{port}")
            .with_param("target", target.replace("@", "%40"))
            .with_param("cause", str(cause))
        )
        self._divert(user, uri, redirect or Redirect(target, reason, cause), status)
        await self._voicemail(str(uri), number_addr(user.number, user.name, self._domain))

    async def _portal(self, target: PortalTarget) -> Target | None:
        """A call to the portal's own number: the caller wants to hear messages."""
        host, port = self._context.voicemail
        uri = f"sip:{target.number}@{host}:{port}"
        await self._voicemail(uri, number_addr(target.number, "", self._domain))
        return None

    async def _voicemail(self, uri: str, to: NameAddr) -> None:
        flow = self._context.stack.flow_to(self._context.voicemail)
        await self._ring_elsewhere(self._leg(uri, flow, to), MAILBOX_RING_S)

    async def _outside(self, target: OutsideTarget) -> Target | None:
        """A number that the site does not have: by the trunk, or nowhere."""
        trunk = self._context.config.trunk
        if trunk is None:
            self._reject(404, "")
            return None
        uri = f"sip:{target.number}@{trunk[0]}:{trunk[1]}"
        to = number_addr(target.number, "", self._domain)
        leg = self._leg(uri, self._context.stack.flow_to(trunk), to)
        await self._ring_elsewhere(leg, self._context.config.default_ring_s)
        return None

    async def _ring_elsewhere(self, leg: CalleeLeg, ring_s: float) -> None:
        """Ring what has no services of its own."""
        result = await self._ring([leg], ring_s)
        if result.end is RingEnd.ANSWERED:
            await self._connect(result)
        elif result.end is not RingEnd.CANCELLED:
            status = result.status if result.status >= 400 else 480
            self._caller_leg.reject(480 if status == 408 else status)

    # -- legs ---------------------------------------------------------------------------

    @property
    def _domain(self) -> str:
        return self._context.directory.domain

    def _diversion_rows(self) -> list[tuple[str, str]]:
        return self._trail.rows(self._context.config, self._context.hook)

    def _leg(
        self, uri: str, flow: Flow, to: NameAddr, routes: list[tuple[str, str]] | None = None
    ) -> CalleeLeg:
        stack = self._context.stack
        invite = make_invite(
            self._request,
            uri=uri,
            to=to,
            caller=self._caller,
            stack=stack,
            flow=flow,
            diversion_rows=self._diversion_rows(),
            routes=routes,
        )
        return CalleeLeg(stack, flow, invite, self._context.cancel_reasons)

    async def _ring(self, legs: list[CalleeLeg], ring_s: float) -> RingResult:
        self._ringing = Ringing(legs, ring_s, self._relay_provisional)
        try:
            return await self._ringing.run()
        finally:
            self._ringing = None

    def _relay_provisional(self, leg: CalleeLeg, response: Response) -> None:
        del leg
        if response.status in {180, 182, 183}:
            self._caller_leg.relay_provisional(response)

    async def _connect(self, result: RingResult) -> None:
        """Join the two legs and wait for the end of the call."""
        if result.leg is None or result.response is None:
            raise RigError("a call was answered by nobody")
        if not self._caller_leg.waiting:
            result.leg.acknowledge_answer()
            result.leg.bye()
            return
        bridge = Bridge(self._caller_leg, result.leg, self._context.on_bye)
        if result.leg.flow.remote == self._context.voicemail:
            bridge.on_refer = partial(self._refer, bridge, result.leg)
        try:
            bridge.join(self._request, result.response)
        except ProtocolError:
            result.leg.acknowledge_answer()
            result.leg.bye()
            self._reject(400, "the INVITE has no usable Contact")
            return
        try:
            await bridge.wait_ended()
            await self._transferred()
        except asyncio.CancelledError:
            bridge.drop()
            if self._transfer is not None:
                self._transfer[1].cancel()
                await asyncio.gather(self._transfer[1], return_exceptions=True)
            raise

    # -- from the mailbox to another number ---------------------------------------------

    def _refer(self, bridge: Bridge, mailbox: CalleeLeg, incoming: IncomingRequest) -> None:
        """Try to reach the number that the mailbox sends its caller to."""
        referral = Referral(incoming, mailbox)
        number = referral.target()
        running = self._transfer is not None and not self._transfer[1].done()
        if not number or running or not bridge.caller_said:
            incoming.respond(491 if running else 400)
            return
        referral.accept()

        def take_over() -> None:
            referral.report(200)
            mailbox.bye()
            bridge.release()

        leg = TransferLeg(self._caller_leg, bridge.callee_said, referral.report, take_over)
        uri = f"sip:{number}@{self._domain}"
        rows = self._trail.plain_rows()
        request = transferred_invite(self._request, uri, bridge.caller_said, rows)
        session = CallSession(self._context, request, self._caller, leg)
        self._transfer = leg, asyncio.get_running_loop().create_task(session.run_guarded())

    async def _transferred(self) -> None:
        """The call with the mailbox is over: see the other one to its end, if there is one."""
        if self._transfer is None:
            return
        leg, task = self._transfer
        leg.cancel()
        await task

    def _reject(self, status: int, warning: str) -> None:
        host, port = self._context.stack.address
        rows = [("Warning", f'399 {host}:{port} "{warning}"')] if warning else []
        self._caller_leg.reject(status, headers=rows)
