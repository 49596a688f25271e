"""Routes calls: to handsets, to the number somebody forwards to, to the mailbox, to the portal.

Every call is a :class:`CallSession`: a caller's dialog, and one after the other the dialogs
that its services choose. Which service takes a call is decided by pure rules; this module
carries the decisions out. It must not know storage, prompts or who listens to MWI.

Source: RFC 3261 sections 13 to 16, RFC 5806, RFC 7044, RFC 4458; the mailbox guide for the
services.
"""

from __future__ import annotations

import asyncio
import logging

from provisioning.inventory_model import User
from rig.errors import PhonerigError
from rig.mailbox_platform.embedded.access import Door, Refusal, Trunk
from rig.mailbox_platform.embedded.calls.call_leg import CallerLeg
from rig.mailbox_platform.embedded.calls.call_session import CallSession
from rig.mailbox_platform.embedded.calls.invite_builder import (
    CallerIdentity,
    identity_from_trunk,
    identity_of_user,
)
from rig.mailbox_platform.embedded.calls.routing_context import RoutingContext
from rig.sip_transport.stack import IncomingRequest

_LOG = logging.getLogger(__name__)


class Router:
    """Takes INVITEs and keeps the calls that came of them.

    Args:
        context: what calls need.
        door: proves who calls.
    """

    def __init__(self, context: RoutingContext, door: Door) -> None:
        self._context = context
        self._door = door
        self._tasks: dict[asyncio.Task[None], CallSession] = {}

    @property
    def calls(self) -> int:
        """Calls being routed or established."""
        return len(self._tasks)

    def handle_invite(self, incoming: IncomingRequest) -> None:
        """Take an INVITE outside of a dialog."""
        context = self._context
        request = incoming.request
        admitted = self._door.admit(request, incoming.flow, context.clock())
        if isinstance(admitted, Refusal):
            incoming.respond(admitted.status, admitted.reason, headers=admitted.headers)
            return
        hops = request.max_forwards
        if hops is not None and hops < 1:
            incoming.respond(483)
            return
        if len(self._tasks) >= context.config.max_calls:
            incoming.respond(503, headers=[("Retry-After", "10")])
            return
        caller = self._identity(admitted, incoming)
        leg = CallerLeg(context.stack, incoming)
        session = CallSession(context, request, caller, leg)
        task = asyncio.get_running_loop().create_task(session.run())
        self._tasks[task] = session
        task.add_done_callback(self._done)

    async def close(self) -> None:
        """Drop every call without a word, as a crash would."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _identity(self, admitted: User | Trunk, incoming: IncomingRequest) -> CallerIdentity:
        directory = self._context.directory
        if isinstance(admitted, Trunk):
            return identity_from_trunk(incoming.request, directory)
        return identity_of_user(admitted, incoming.request, directory)

    def _done(self, task: asyncio.Task[None]) -> None:
        session = self._tasks.pop(task, None)
        if task.cancelled() or session is None:
            return
        error = task.exception()
        if error is None:
            return
        if not isinstance(error, PhonerigError):
            _LOG.error("a call ended by an internal error", exc_info=error)
        session.fail(500)
