"""What a capture tells of message waiting, subscriptions and calls, as rows for a reader.

Every table is bounded; what no longer fits is counted. Must not judge.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from rig.capture.usual_body import usual_summary
from rig.errors import ProtocolError
from rig.sip.diversion import parse_diversions
from rig.sip.history_info import parse_history
from rig.sip.message import Request, Response
from rig.sip.message_summary import parse_summary
from rig.timeline import SipSeen

PACKAGE = "message-summary"
MAX_WAITING = 16_384
"""Requests whose answer is still to come."""
MAX_CHANGES = 50
"""Changes kept for each account."""
MAX_ACCOUNTS = 10_000

_USER = re.compile(r"[^<]*<sips?:([^@:;<>?]+)@[^>]*>(?:;.*)?")


@dataclass(slots=True)
class MwiLine:
    """One NOTIFY of message-summary.

    Attributes:
        at: seconds since the epoch.
        packet: number in the capture.
        account: user part of its To header.
        waiting: the flag; None if the body cannot be read or is empty.
        counts: ``new/saved`` or empty.
        state: Subscription-State as written.
        answer: status of the final response, or None.
    """

    at: float
    packet: int
    account: str
    waiting: bool | None
    counts: str
    state: str
    answer: int | None = None


@dataclass(slots=True)
class SubscribeLine:
    """One SUBSCRIBE of message-summary: who, for how long, answered how.

    Attributes:
        at: seconds since the epoch.
        packet: number in the capture.
        account: user part of its To header.
        expires_s: as asked.
        answer: status of the final response, or None.
        granted_s: Expires of a success.
        notifies: how many NOTIFYs have come in its dialog since.
    """

    at: float
    packet: int
    account: str
    expires_s: int | None
    answer: int | None = None
    granted_s: int | None = None
    notifies: int = 0


@dataclass(slots=True)
class CallLine:
    """One INVITE transaction with what it says about diversion.

    Attributes:
        at: seconds since the epoch.
        packet: number in the capture.
        caller: user part of From.
        target: Request-URI.
        answer: status of the final response, or None.
        diversion: entries of Diversion, newest first.
        history: entries of History-Info in their order.
        moved_to: Contacts of a 3xx.
        call_id: its Call-ID.
    """

    at: float
    packet: int
    caller: str
    target: str
    answer: int | None = None
    diversion: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    moved_to: tuple[str, ...] = ()
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class MwiChange:
    """An account was told something else than before."""

    at: float
    packet: int
    waiting: bool | None
    counts: str


@dataclass(slots=True)
class AccountHistory:
    """What one account was told, in order.

    Attributes:
        account: user part.
        notifies: how often.
        changes: where the flag or the counts became others, the first of them.
        changes_left_out: how many more there were.
        last: what it was told last.
    """

    account: str
    notifies: int = 0
    changes: list[MwiChange] = field(default_factory=list)
    changes_left_out: int = 0
    last: MwiChange | None = None

    def told(self, change: MwiChange) -> None:
        """Take one NOTIFY."""
        self.notifies += 1
        last, self.last = self.last, change
        if last is not None and (last.waiting, last.counts) == (change.waiting, change.counts):
            return
        if len(self.changes) < MAX_CHANGES:
            self.changes.append(change)
        else:
            self.changes_left_out += 1


_Told = tuple[bool | None, str]
"""Flag and counts."""

_Row = MwiLine | SubscribeLine | CallLine


class CaptureRows:
    """Fills the tables.

    Args:
        limit: most rows of each table.

    Attributes:
        mwi: NOTIFYs of message-summary.
        subscribes: SUBSCRIBEs of message-summary.
        calls: INVITEs outside of a dialog.
        accounts: by account.
        left_out: rows that no longer fitted, by table.
    """

    def __init__(self, limit: int) -> None:
        self.mwi: list[MwiLine] = []
        self.subscribes: list[SubscribeLine] = []
        self.calls: list[CallLine] = []
        self.accounts: dict[str, AccountHistory] = {}
        self.left_out: Counter[str] = Counter()
        self._limit = limit
        self._waiting: dict[str, _Row] = {}
        self._dialogs: dict[str, SubscribeLine] = {}
        self._bodies: dict[bytes, _Told] = {}

    def request(self, seen: SipSeen, request: Request) -> None:
        """Take a request, unless it is a retransmission.

        Raises:
            rig.errors.ProtocolError: a header that a row needs cannot be read.
        """
        method = request.method
        if method == "INVITE":
            if ";tag=" not in (request.headers.get("To") or "") and not request.to.tag:
                self._call(seen, request)
        elif method in {"NOTIFY", "SUBSCRIBE"} and _package(request) == PACKAGE:
            if method == "NOTIFY":
                self._notify(seen, request)
            else:
                self._subscribe(seen, request)

    def response(self, seen: SipSeen, response: Response) -> None:
        """Take a response; the first final one is the answer.

        Raises:
            rig.errors.ProtocolError: a header that a row needs cannot be read.
        """
        if response.status < 200:
            return
        row = self._waiting.pop(seen.transaction, None)
        if row is None:
            return
        row.answer = response.status
        if isinstance(row, SubscribeLine) and response.is_success:
            row.granted_s = response.expires
        elif isinstance(row, CallLine) and 300 <= response.status < 400:
            row.moved_to = tuple(str(contact.uri) for contact in response.contacts)

    def _notify(self, seen: SipSeen, request: Request) -> None:
        account = _account(request)
        waiting, counts = self._told(request.body)
        headers = request.headers
        state = headers.get("Subscription-State") or ""
        line = MwiLine(seen.at, seen.number, account, waiting, counts, state)
        if self._fits("mwi", len(self.mwi)):
            self.mwi.append(line)
            self._wait(seen.transaction, line)
        dialog = self._dialogs.get(headers.get("Call-ID") or "")
        if dialog is not None:
            dialog.notifies += 1
        history = self.accounts.get(account)
        if history is None:
            if not self._fits("accounts", len(self.accounts), MAX_ACCOUNTS):
                return
            history = self.accounts[account] = AccountHistory(account)
        history.told(MwiChange(seen.at, seen.number, waiting, counts))

    def _told(self, body: bytes) -> _Told:
        if not body:
            return None, ""
        usual = usual_summary(body)
        if usual is not None:
            return usual
        known = self._bodies.get(body)
        if known is None:
            try:
                summary = parse_summary(body)
                counts = summary.voice.new_and_saved if summary.voice is not None else ""
                known = summary.waiting, counts
            except ProtocolError:
                known = None, ""  # the oracles say why
            if len(self._bodies) >= MAX_WAITING:
                self._bodies.clear()
            self._bodies[body] = known
        return known

    def _subscribe(self, seen: SipSeen, request: Request) -> None:
        line = SubscribeLine(seen.at, seen.number, _account(request), request.expires)
        if not self._fits("subscribes", len(self.subscribes)):
            return
        self.subscribes.append(line)
        self._wait(seen.transaction, line)
        if len(self._dialogs) >= MAX_WAITING:
            del self._dialogs[next(iter(self._dialogs))]
        self._dialogs[request.headers.get("Call-ID") or ""] = line

    def _call(self, seen: SipSeen, request: Request) -> None:
        if not self._fits("calls", len(self.calls)):
            return
        headers = request.headers
        line = CallLine(
            at=seen.at,
            packet=seen.number,
            caller=request.from_.uri.user or str(request.from_.uri),
            target=request.uri,
            call_id=headers.get("Call-ID") or "",
        )
        if "Diversion" in headers:
            line.diversion = tuple(
                f"{entry.name_addr.uri.user or entry.name_addr.uri};reason={entry.reason}"
                for entry in parse_diversions(headers)
            )
        if "History-Info" in headers:
            line.history = tuple(
                f"{'.'.join(map(str, entry.index))} {entry.uri.user or entry.uri}"
                + (f";cause={entry.cause}" if entry.cause else "")
                for entry in parse_history(headers)
            )
        self.calls.append(line)
        self._wait(seen.transaction, line)

    def _fits(self, table: str, length: int, limit: int | None = None) -> bool:
        if length < (self._limit if limit is None else limit):
            return True
        self.left_out[table] += 1
        return False

    def _wait(self, transaction: str, row: _Row) -> None:
        if len(self._waiting) >= MAX_WAITING:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[transaction] = row


def _package(request: Request) -> str:
    """The event package as :attr:`rig.sip.message.Message.event` tells it."""
    value = request.headers.get("Event")
    if value is None or value == PACKAGE:
        return value or ""
    event = request.event
    return event[0] if event else ""


def _account(request: Request) -> str:
    found = _USER.fullmatch(request.headers.get("To") or "")
    return found[1] if found else request.to.uri.user or ""
