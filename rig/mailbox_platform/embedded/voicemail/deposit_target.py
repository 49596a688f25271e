"""Reads from an INVITE whose mailbox it is for and which greeting fits.

Whose mailbox, in this order, taking the first that has one:

1. the ``target`` of the Request-URI, because it names the mailbox outright (RFC 4458);
2. the diverting parties of ``Diversion``;
3. the diverting parties of ``History-Info``;
4. the To header, when only a ``cause`` tells that the call was diverted.

Within 2 and 3, :class:`OwnerRule` says who goes first when several diverted. By default it
is the one who diverted last: A calls B, B forwards to C, C does not answer: the caller was
sent to C's mailbox. Platforms differ, so the rule is a setting.

Source: RFC 4458 sections 2 and 3; RFC 5806 section 4; RFC 7044 section 5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from urllib.parse import unquote

from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind, greeting_kind
from rig.sip.diversion import DiversionEntry, parse_diversions
from rig.sip.errors import MessageError
from rig.sip.history_info import HistoryEntry, parse_history
from rig.sip.message import Request
from rig.sip.name_addr import NameAddr
from rig.sip.uri import Uri

_Entry = TypeVar("_Entry")


class OwnerRule(StrEnum):
    """Whose mailbox a call is for when several parties diverted it."""

    MOST_RECENT = "most_recent"
    ORIGINAL = "original"


@dataclass(frozen=True, slots=True)
class DepositTarget:
    """Where a diverted call leaves its message.

    Attributes:
        mailbox: number of the mailbox; empty when nobody who diverted has one.
        greeting: kind of greeting.
        reason: RFC 5806 reason; empty when the call carries none.
        cause: RFC 4458 cause; None when the call carries none.
    """

    mailbox: str
    greeting: GreetingKind
    reason: str = ""
    cause: int | None = None


def deposit_target(
    request: Request,
    mailbox_of: Callable[[str], str | None],
    *,
    rule: OwnerRule = OwnerRule.MOST_RECENT,
) -> DepositTarget | None:
    """Say where a call's message goes.

    Args:
        request: the INVITE.
        mailbox_of: number of the mailbox of a party, by the user part of its URI.
        rule: who goes first when several diverted.

    Returns:
        None when the call was not diverted: somebody dialled the portal.

    Raises:
        MessageError: the Request-URI cannot be read. Rows of Diversion or History-Info
            that cannot be read count as absent.
    """
    uri = Uri.parse(request.uri)
    target, cause = _target(uri), _cause(uri)
    diversions = _readable(lambda: parse_diversions(request.headers))
    history = _readable(lambda: parse_history(request.headers))
    if cause is None:
        cause = next((e.cause for e in reversed(history) if e.cause is not None), None)
    if target is None and cause is None and not diversions:
        return None
    newest_first = rule is OwnerRule.MOST_RECENT
    mailbox = ""
    reason = diversions[0 if newest_first else -1].reason if diversions else ""
    for party, party_reason in _parties(request, target, diversions, history, newest_first):
        owned = mailbox_of(party)
        if owned:
            mailbox, reason = owned, party_reason or reason
            break
    return DepositTarget(mailbox, greeting_kind(reason, cause), reason, cause)


def caller_of(request: Request) -> str:
    """The user part of the calling party's URI, for the message.

    The asserted identity decides; the From is what the caller says. The asserted identity
    is believed because only the platform itself sends calls here.

    Returns:
        As written, escapes undone; empty when the caller withholds the number.

    Source: RFC 3325 section 9.1; RFC 3323 section 4.1.
    """
    party = _calling_party(request)
    return "" if party is None else _user(party.uri)


def proven_caller_of(request: Request) -> str:
    """The user part of the asserted identity: whose call it is for the login.

    Returns:
        Empty when the number is withheld, and when nobody vouches for it: the From alone is
        what any caller from outside can write.
    """
    return caller_of(request) if request.headers.get("P-Asserted-Identity") else ""


def caller_name_of(request: Request) -> str:
    """The calling party's display name, as signalled: it may be anything, of any length.

    Returns:
        Empty when there is none, or when the caller withholds the number.
    """
    party = _calling_party(request)
    return "" if party is None else party.display_name


def _calling_party(request: Request) -> NameAddr | None:
    """Who calls; None when that is withheld or cannot be read."""
    privacy = (request.headers.get("Privacy") or "").lower().replace(",", ";")
    if {part.strip() for part in privacy.split(";")} & {"id", "user", "header", "full"}:
        return None
    try:
        asserted = request.headers.get_list("P-Asserted-Identity")
        party = NameAddr.parse(asserted[0]) if asserted else request.from_
    except MessageError:
        return None
    if _user(party.uri).lower() == "anonymous" or party.uri.host.endswith(".invalid"):
        return None
    return party


def _parties(
    request: Request,
    target: str | None,
    diversions: list[DiversionEntry],
    history: list[HistoryEntry],
    newest_first: bool,  # noqa: FBT001 - private, one caller
) -> Iterator[tuple[str, str]]:
    """Who may own the mailbox, in order, each with its own reason if it has one."""
    if target is not None:
        yield target, ""
    for diversion in diversions if newest_first else reversed(diversions):
        yield _user(diversion.name_addr.uri), diversion.reason
    by_index = {entry.index: entry for entry in history}
    for entry in reversed(history) if newest_first else history:
        party = by_index.get(entry.mp or entry.rc or entry.index[:-1])
        if entry.cause is not None and party is not None:
            yield _user(party.uri), ""
    yield _user(request.to.uri), ""


def _user(uri: Uri) -> str:
    return uri.number if uri.is_tel else uri.user_unescaped


def _target(uri: Uri) -> str | None:
    """The user part of the ``target`` parameter; a bare user is put up with."""
    text = uri.param("target")
    if not text:
        return None
    plain = unquote(text)
    try:
        return _user(Uri.parse(plain))
    except MessageError:
        return plain.partition("@")[0]


def _cause(uri: Uri) -> int | None:
    text = uri.param("cause") or ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) == 3 else None


def _readable(parse: Callable[[], list[_Entry]]) -> list[_Entry]:
    try:
        return parse()
    except MessageError:
        return []
