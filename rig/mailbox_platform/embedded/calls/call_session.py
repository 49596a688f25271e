"""One call through the platform, from the INVITE to the BYE.

It asks the rules, rings, diverts, and once somebody has answered hands the two legs to an
:class:`.EstablishedCall`. Loops end by the table of who diverted already, by the diversion
limit and by Max-Forwards.

A call leaves the site only when one of its users answers for that: by calling, by forwarding,
or by transferring. A call that came by the trunk does not go out by it again on its own.

Source: RFC 3261 sections 13 to 16; RFC 5806; 3GPP TS 24.604 section 4.5.2.6 (loops); RFC 3398
and RFC 3326 for reasons.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from provisioning.feature_code import Feature, read_feature
from provisioning.hunt_group import HuntGroup
from provisioning.inventory_model import User
from rig.errors import RigError
from rig.mailbox_platform.embedded.calls.call_delivery import CallDelivery
from rig.mailbox_platform.embedded.calls.call_leg import CalleeLeg
from rig.mailbox_platform.embedded.calls.call_party import MailboxVisit
from rig.mailbox_platform.embedded.calls.diversion_headers import DiversionStep, DiversionTrail
from rig.mailbox_platform.embedded.calls.established_call import NewCall, RouteNewCall
from rig.mailbox_platform.embedded.calls.feature_call import plain_dialled, serve_feature
from rig.mailbox_platform.embedded.calls.hunting import hunt_rounds, outcome, state_of_member
from rig.mailbox_platform.embedded.calls.invite_builder import (
    CallerIdentity,
    number_addr,
)
from rig.mailbox_platform.embedded.calls.redirect import Redirect, read_redirect
from rig.mailbox_platform.embedded.calls.ringing import RingEnd, RingResult
from rig.mailbox_platform.embedded.calls.routing_context import RoutingContext
from rig.mailbox_platform.embedded.calls.rules import (
    CONDITIONS,
    CallFacts,
    Condition,
    Decision,
    DecisionKind,
    LineState,
    decide,
)
from rig.mailbox_platform.embedded.calls.transfer import AnyCallerLeg, TransferLeg
from rig.mailbox_platform.embedded.directory import (
    GroupTarget,
    OutsideTarget,
    PortalTarget,
    Target,
    UserTarget,
    number_of,
)
from rig.sip.matching import host_port
from rig.sip.message import Request
from rig.sip.uri import Uri

_NUMBER = re.compile(r"\+?[0-9]{2,15}")

LINE_STATE = {
    RingEnd.BUSY: LineState(busy=True),
    RingEnd.DO_NOT_DISTURB: LineState(do_not_disturb=True),
    RingEnd.UNREACHABLE: LineState(registered=False),
    RingEnd.UNANSWERED: LineState(unanswered=True),
}
"""What the end of ringing tells the rules."""


class CallSession:
    """One call.

    Args:
        context: what it needs of the platform.
        request: the INVITE.
        caller: who calls, proven.
        leg: the dialog with the caller.
        authority: the user who answers for where the call goes; by default the caller.
        for_owner: the owner of a mailbox has set where the call goes.
    """

    def __init__(
        self,
        context: RoutingContext,
        request: Request,
        caller: CallerIdentity,
        leg: AnyCallerLeg,
        *,
        authority: User | None = None,
        for_owner: bool = False,
    ) -> None:
        self._context = context
        self._request = request
        self._caller = caller
        self._caller_leg = leg
        self._caller_leg.on_cancel = self._cancelled
        self._authority = authority or caller.user
        self._may_leave_site = self._authority is not None or for_owner
        uri = Uri.parse(request.uri)
        self._trail = DiversionTrail.of_call(request.headers, uri)
        self._diverted_from = [
            self._context.directory.normal_form(entry.name_addr.uri.user_unescaped or "")
            for entry in self._trail.received_diversions
        ]
        self._dialled = uri.user_unescaped or ""
        self._delivery = CallDelivery(
            context, request, caller, leg, self._trail, route_new_call(context)
        )

    async def run(self) -> None:
        """Route the call until it is over.

        Raises:
            RigError: the transport is gone.
        """
        with self._delivery.dialling():
            target = await self._first_target()
            while target is not None and self._caller_leg.waiting:
                target = await self._go_to(target)

    async def run_guarded(self, visit: MailboxVisit | None = None) -> None:
        """Route a call that came of another one; an end by error is an end like others.

        Args:
            visit: the mailbox that it goes to at once; None to route it.
        """
        try:
            if visit is None:
                await self.run()
            else:
                await self._delivery.visit(visit)
        except RigError:
            self.fail(500)

    async def _first_target(self) -> Target | None:
        """Where the dialled string leads; None when that was a code, which has been served."""
        context = self._context
        dialled = read_feature(plain_dialled(self._dialled), context.directory.site.feature_codes)
        if dialled is None:
            target = context.directory.resolve(self._dialled)
            unknown = isinstance(target, OutsideTarget) and self._dialled.startswith(("*", "#"))
            if unknown and self._authority is not None:
                await self._announce(("feature.unknown_code",))
                return None
            return target
        if self._authority is None:
            self._delivery.reject(403, "feature codes are for users of this platform")
            return None
        if dialled.feature is Feature.VOICE_PORTAL:
            portal = context.directory.portal()
            if portal is None:
                self._delivery.reject(404, "this site has no voice portal")
            return portal
        if dialled.feature is Feature.MAILBOX_DEPOSIT:
            await self._deposit(dialled.argument)
        elif isinstance(self._caller_leg, TransferLeg):
            self._delivery.reject(403, "a transfer cannot set services")
        else:
            await self._announce(await serve_feature(context, dialled, self._authority))
        return None

    async def _go_to(self, target: Target) -> Target | None:
        """Try one target; gives back the next one, if there is one."""
        if isinstance(target, UserTarget):
            return await self._offer(target.user)
        if isinstance(target, GroupTarget):
            return await self._group(target.group)
        if isinstance(target, PortalTarget):
            await self._portal(target)
        else:
            await self._outside(target)
        return None

    def fail(self, status: int) -> None:
        """End a call that cannot go on."""
        self._caller_leg.reject(status)

    def _cancelled(self) -> None:
        self._delivery.cancel()

    @property
    def _domain(self) -> str:
        return self._context.directory.domain

    # -- one user -----------------------------------------------------------------------

    async def _offer(self, user: User) -> Target | None:
        """Offer the call to a user and their services; returns where it goes next, if at all."""
        context = self._context
        bindings = context.registrar.bindings(context.directory.aor(user), context.clock())
        decision = self._decide(user, self._line_state(user, registered=bool(bindings)))
        if decision.kind is not DecisionKind.RING:
            return await self._carry_out(user, decision, status=None)
        if self._delivery.out_of_hops():
            return None
        refusal = context.hook.visit(self._request, user.number)
        if refusal:
            self._delivery.reject(refusal)
            return None
        legs = self._delivery.legs_of(user)
        with context.calls.ringing(user.number):
            result = await self._delivery.ring(legs, self._ring_s(decision.after_rings))
        if result.end is RingEnd.ANSWERED:
            await self._delivery.connect(result, self._delivery.answered_by(user))
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

    def _line_state(self, user: User, *, registered: bool) -> LineState:
        """State of a user's phones as far as the platform itself knows it."""
        context = self._context
        waiting = context.settings.services(user.number).call_waiting
        own = self._caller.user is not None and self._caller.user.number == user.number
        engaged = not waiting and not own and context.calls.engaged(user.number)
        return LineState(registered=registered, busy=engaged and registered)

    def _decide(self, user: User, state: LineState) -> Decision:
        context = self._context
        diverted_from, most = self._loop_guard()
        facts = CallFacts(
            called=user.number,
            diverted_from=tuple(diverted_from),
            diversions=self._trail.count,
        )
        decision = decide(
            facts,
            context.settings.options(user.number),
            context.settings.services(user.number),
            state,
            most_diversions=most,
        )
        return context.hook.decision(user.number, decision)

    def _loop_guard(self) -> tuple[list[str], int]:
        """Who has diverted this call, and how often it may be diverted."""
        context = self._context
        return context.hook.loop_guard(self._diverted_from, context.config.max_diversions)

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
        self._delivery.reject(decision.status or 480, decision.warning)
        return None

    async def _follow(
        self, user: User | HuntGroup, redirect: Redirect, status: int | None = 302
    ) -> Target | None:
        """Send the call on to a number."""
        context = self._context
        target = context.directory.resolve(redirect.target)
        code = read_feature(redirect.target, context.directory.site.feature_codes)
        portal_code = code is not None and code.feature is Feature.VOICE_PORTAL
        if portal_code or isinstance(target, PortalTarget):
            # Forwarding to the portal's number means one's own mailbox, never its menu.
            await self._to_mailbox(user, redirect.reason, redirect.cause, status, redirect)
            return None
        number = number_of(target)
        diverted_from, limit = self._loop_guard()
        if number == user.number or number in diverted_from:
            self._delivery.reject(482, f"forwarding loop: {number} already diverted this call")
            return None
        if self._trail.count >= limit:
            self._delivery.reject(480, f"too many diversions: {self._trail.count}, limit {limit}")
            return None
        uri = Uri.parse(f"sip:{number}@{self._domain}")
        self._divert(user, uri, redirect, status)
        return target

    def _divert(
        self, user: User | HuntGroup, target: Uri, redirect: Redirect, status: int | None
    ) -> None:
        self._diverted_from.insert(0, user.number)
        # Whoever set this up is a user of ours, and answers for it.
        self._may_leave_site = True
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
            self._caller_leg.provisional(181, headers=self._delivery.diversion_rows())

    # -- hunt group ---------------------------------------------------------------------

    async def _group(self, group: HuntGroup) -> Target | None:
        """Ring the members of a group, by its own rules alone."""
        if self._delivery.out_of_hops():
            return None
        ends: list[RingEnd] = []
        for members in hunt_rounds(group):
            legs: list[CalleeLeg] = []
            users: dict[CalleeLeg, User] = {}
            for user in self._ringable(members, ends):
                for leg in self._delivery.legs_of(user):
                    legs.append(leg)
                    users[leg] = user
            if not legs:
                continue
            numbers = {user.number for user in users.values()}
            with self._context.calls.ringing(*numbers):
                result = await self._delivery.ring(legs, self._ring_s(group.rings), one_user=False)
            if result.end is RingEnd.ANSWERED and result.leg in users:
                await self._delivery.connect(result, self._delivery.answered_by(users[result.leg]))
                return None
            if result.end is RingEnd.CANCELLED:
                return None
            ends.append(result.end)
        facts = CONDITIONS[outcome(ends)]
        if not group.no_answer:
            self._delivery.reject(facts.status)
            return None
        return await self._follow(
            group, Redirect(group.no_answer, facts.reason, facts.cause), facts.cause
        )

    def _ringable(self, members: Iterable[str], ends: list[RingEnd]) -> list[User]:
        """Members whose phones can be rung; why the others cannot goes into ``ends``."""
        context = self._context
        users = []
        for number in members:
            user = context.directory.user(number)
            if user is None:
                continue
            bindings = context.registrar.bindings(context.directory.aor(user), context.clock())
            state = self._line_state(user, registered=bool(bindings))
            end = state_of_member(number, context.settings.services(number), state)
            if end is None:
                users.append(user)
            else:
                ends.append(end)
        return users

    # -- mailbox, portal, outside -------------------------------------------------------

    async def _deposit(self, dialled: str) -> None:
        """Leave a message with a user at once: "direct voice mail transfer"."""
        target = self._context.directory.resolve(dialled) if dialled else None
        user = target.user if isinstance(target, UserTarget) else None
        options = self._context.settings.options(user.number) if user is not None else None
        if user is None or options is None or not options.active:
            await self._announce(("feature.no_such_mailbox",))
        else:
            facts = CONDITIONS[Condition.ALWAYS]
            await self._to_mailbox(user, facts.reason, facts.cause, None)

    async def _announce(self, prompts: tuple[str, ...]) -> None:
        """Answer, say something, and hang up; a transferee stays where it is instead.

        Source: RFC 4240 section 3 (the announcement service of a media server).
        """
        if isinstance(self._caller_leg, TransferLeg):
            self._delivery.reject(404)
            return
        uri = f"sip:annc@{host_port(self._context.voicemail)};play={'/'.join(prompts)}"
        to = number_addr(self._dialled, "", self._domain)
        await self._delivery.visit(MailboxVisit(uri, to))

    async def _to_mailbox(
        self,
        user: User | HuntGroup,
        reason: str,
        cause: int,
        status: int | None,
        redirect: Redirect | None = None,
    ) -> None:
        """Let the mailbox answer for a user."""
        if not isinstance(user, User) or user.mailbox is None:
            self._delivery.reject(480, f"{user.number} has no mailbox")
            return
        name = self._context.directory.site.voice_portal_number or "voicemail"
        target = f"sip:{user.number}@{self._domain}"
        uri = (
            Uri.parse(f"sip:{name}@{host_port(self._context.voicemail)}")
            .with_param("target", target.replace("@", "%40"))
            .with_param("cause", str(cause))
        )
        self._divert(user, uri, redirect or Redirect(target, reason, cause), status)
        to = number_addr(user.number, user.name, self._domain)
        rows = tuple(self._delivery.diversion_rows(to_mailbox=True))
        await self._delivery.visit(MailboxVisit(str(uri), to, rows))

    async def _portal(self, target: PortalTarget) -> None:
        """A call to the portal's own number: the caller wants to hear messages."""
        uri = f"sip:{target.number}@{host_port(self._context.voicemail)}"
        await self._delivery.visit(MailboxVisit(uri, number_addr(target.number, "", self._domain)))

    async def _outside(self, target: OutsideTarget) -> None:
        """A number that the site does not have: by the trunk, or nowhere."""
        if _NUMBER.fullmatch(target.number) and self._may_leave_site:
            await self._delivery.outside(target.number)
        else:
            self._delivery.reject(404)


def route_new_call(context: RoutingContext) -> RouteNewCall:
    """Give transfers the means to begin calls."""

    async def route(call: NewCall) -> None:
        session = CallSession(
            context,
            call.request,
            call.caller,
            call.leg,
            authority=call.authority,
            for_owner=call.for_owner,
        )
        await session.run_guarded(call.visit)

    return route
