"""Reads a handset's 302: where it wants the call to go, why, and whether it may.

Source: RFC 3261 section 8.1.3.4; RFC 5806; 3GPP TS 24.604 (deflection); RFC 4458 causes.
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioning.inventory_model import User
from rig.errors import ProtocolError
from rig.mailbox_platform.embedded.calls.ringing import RingResult
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.directory import Directory, OutsideTarget, UserTarget
from rig.sip.diversion import DiversionEntry, parse_diversions
from rig.sip.diversion_cause import cause_of
from rig.sip.message import Response

_DEFLECTED_WHILE_RINGING = ("deflection", 487)
_FORWARDED_AT_ONCE = ("unconditional", 302)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where a call is sent on to.

    Attributes:
        target: number.
        reason: RFC 5806 reason.
        cause: RFC 4458 cause.
        own_entry: the Diversion entry that the handset itself wrote, or None.
    """

    target: str
    reason: str
    cause: int
    own_entry: DiversionEntry | None = None


def read_redirect(
    directory: Directory, config: PlatformConfig, user: User, result: RingResult
) -> Redirect | None:
    """Say where a handset's 3xx leads; None when it may not lead there.

    A handset may send a call to users of the site, to the voice portal, and to outside
    numbers with an allowed prefix: everything else would be a way to call at the owner's
    expense.

    Args:
        directory: whose number is whose.
        config: allowed prefixes.
        user: whose handset it is.
        result: of the ringing; its response is the 3xx.
    """
    response = result.response
    if response is None:
        return None
    try:
        contacts = response.contacts
    except ProtocolError:
        return None
    for contact in contacts:
        number = contact.uri.user_unescaped or ""
        target = directory.resolve(number)
        if isinstance(target, OutsideTarget) and not _allowed(target.number, config):
            continue
        own = _own_entry(response, directory, user)
        if own is not None:
            return Redirect(number, own.reason, _cause_of(own.reason, rang=result.rang), own)
        reason, cause = _DEFLECTED_WHILE_RINGING if result.rang else _FORWARDED_AT_ONCE
        return Redirect(number, reason, cause)
    return None


def _cause_of(reason: str, *, rang: bool) -> int:
    """The cause of a handset's own reason: a deflection is told apart by whether it rang."""
    return 487 if reason == "deflection" and rang else cause_of(reason)


def _allowed(number: str, config: PlatformConfig) -> bool:
    return number.startswith(config.allowed_redirect_prefixes)


def _own_entry(response: Response, directory: Directory, user: User) -> DiversionEntry | None:
    """The handset's own Diversion entry, if it is about the handset's user."""
    try:
        entries = parse_diversions(response.headers)
    except ProtocolError:
        return None
    if not entries or not entries[0].reason:
        return None
    party = directory.resolve(entries[0].name_addr.uri.user_unescaped or "")
    if isinstance(party, UserTarget) and party.user.number == user.number:
        return entries[0]
    return None
