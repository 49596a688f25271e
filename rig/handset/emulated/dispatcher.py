"""Requests outside every dialog that reach an emulated handset, each to whom it concerns."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rig.handset.emulated.account import PACKAGE, EmulatedAccount
from rig.sip.errors import MessageError
from rig.sip.uri import Uri
from rig.sip_transport.stack import IncomingRequest

_RESYNC_EVENTS = frozenset({"check-sync", "resync"})
_ALLOW = ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY, INFO, UPDATE")
_ALLOW_EVENTS = ("Allow-Events", "message-summary, check-sync")


class RequestDispatcher:
    """Answers what every handset answers, and hands calls and news to their account."""

    __slots__ = ("_accounts", "_heeds", "_on_call", "_on_resync")

    def __init__(
        self,
        accounts: Mapping[int, EmulatedAccount],
        *,
        on_call: Callable[[IncomingRequest, EmulatedAccount], None],
        on_resync: Callable[[bool], None],
        heeds: Callable[[str], bool],
    ) -> None:
        """Make a dispatcher.

        Args:
            accounts: of the handset, by index; looked at anew for each request.
            on_call: called with every INVITE to one of them.
            on_resync: called when the platform asks the handset to fetch again, with whether it
                must reboot: ``reboot=false`` leaves that to what was fetched.
            heeds: whether the handset follows such an Event at all.
        """
        self._accounts = accounts
        self._heeds = heeds
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
            incoming.respond(200, headers=[_ALLOW, _ALLOW_EVENTS])
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
        elif package in _RESYNC_EVENTS:
            incoming.respond(200)
            if self._heeds(incoming.request.headers.get("Event") or ""):
                params = event[1] if event else {}
                self._on_resync(params.get("reboot", "").lower() != "false")
        else:
            incoming.respond(489, headers=[_ALLOW_EVENTS])
