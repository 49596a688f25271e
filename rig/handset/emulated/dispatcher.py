"""Requests outside every dialog that reach an emulated handset, each to whom it concerns."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rig.handset.emulated.account import PACKAGE, EmulatedAccount
from rig.handset.emulated.resync_rule import ResyncGuard, Turn, turn_for
from rig.sip.errors import MessageError
from rig.sip.uri import Uri
from rig.sip_transport.stack import IncomingRequest

_ALLOW = ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY, INFO, UPDATE")


class RequestDispatcher:
    """Answers what every handset answers, and hands calls and news to their account."""

    __slots__ = ("_accounts", "_allow_events", "_guard", "_heeds", "_on_call", "_on_resync")

    def __init__(
        self,
        accounts: Mapping[int, EmulatedAccount],
        *,
        on_call: Callable[[IncomingRequest, EmulatedAccount], None],
        on_resync: Callable[[bool], None],
        heeds: Callable[[str], bool],
        guard: ResyncGuard,
    ) -> None:
        """Make a dispatcher.

        Args:
            accounts: of the handset, by index; looked at anew for each request.
            on_call: called with every INVITE to one of them.
            on_resync: called when the platform asks the handset to fetch again, with whether it
                must reboot: ``reboot=false`` leaves that to what was fetched.
            heeds: whether the handset follows such an Event at all.
            guard: whom its model obeys, and which events it knows.
        """
        self._accounts = accounts
        self._heeds = heeds
        self._guard = guard
        packages = dict.fromkeys(event.partition(";")[0] for event in guard.resync.events)
        self._allow_events = ("Allow-Events", ", ".join(("message-summary", *packages)))
        self._on_call = on_call
        self._on_resync = on_resync

    def take(self, incoming: IncomingRequest) -> None:
        """Take one request."""
        method = incoming.request.method
        if method == "NOTIFY":
            self._notified(incoming)
        elif method == "INVITE":
            account = self._addressed(incoming)
            if account is None:
                incoming.respond(404)
            else:
                self._on_call(incoming, account)
        elif method == "OPTIONS":
            incoming.respond(200, headers=[_ALLOW, self._allow_events])
        else:
            incoming.respond(405, headers=[_ALLOW])

    def _addressed(self, incoming: IncomingRequest) -> EmulatedAccount | None:
        try:
            user = Uri.parse(incoming.request.uri).user_unescaped
        except MessageError:
            return None
        matching = (a for a in self._accounts.values() if a.intent.user == user)
        return next(matching, None)

    def _notified(self, incoming: IncomingRequest) -> None:
        event = incoming.request.event
        package = event[0] if event else ""
        if package == PACKAGE:
            account = self._addressed(incoming)
            if account is None:
                incoming.respond(404)
            else:
                account.take_unsolicited(incoming)
        else:
            self._asked_to_resync(incoming)

    def _asked_to_resync(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        turn = turn_for(self._guard.resync, request.headers.get("Event") or "", request.body)
        if turn is None:
            incoming.respond(489, headers=[self._allow_events])
            return
        challenges = self._guard.challenges(request, incoming.stack.now)
        if challenges:
            incoming.respond(401, headers=[("WWW-Authenticate", value) for value in challenges])
            return
        incoming.respond(200)
        if self._heeds(request.headers.get("Event") or ""):
            self._on_resync(turn is Turn.RESTART)
