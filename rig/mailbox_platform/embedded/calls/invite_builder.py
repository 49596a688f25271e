"""Writes the INVITE of a callee leg: who calls, who was called, how it came here.

Source: RFC 3261 section 8.1.1, RFC 3325 (asserted identity), RFC 3323 (privacy), RFC 4458
(target and cause in the Request-URI of a mailbox).
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioning.inventory_model import User
from rig.mailbox_platform.embedded.calls.call_leg import ALLOW, body_rows, contact_of
from rig.mailbox_platform.embedded.directory import Directory
from rig.sip.event import Flow
from rig.sip.header import Headers
from rig.sip.message import Request
from rig.sip.name_addr import NameAddr
from rig.sip.uri import Uri
from rig.sip_transport.stack import SipStack

ANONYMOUS = NameAddr("Anonymous", Uri.parse("sip:anonymous@anonymous.invalid"), ())


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """Who calls.

    Attributes:
        number: in normal form; empty for an unknown caller from a trunk.
        shown: From value for the callee, without tag.
        asserted: P-Asserted-Identity value; empty when the caller withholds the number, or
            when nobody vouches for it.
        user: who that is, proven; None for everybody outside.
    """

    number: str
    shown: NameAddr
    asserted: str
    user: User | None = None


def identity_of_user(user: User, request: Request, directory: Directory) -> CallerIdentity:
    """The identity of an authenticated user; what the From says does not matter.

    Args:
        user: who authenticated.
        request: the INVITE; asks for anonymity by Privacy or by an anonymous From.
        directory: for the domain.
    """
    shown = number_addr(user.number, user.name, directory.domain)
    if _withheld(request):
        return CallerIdentity(user.number, ANONYMOUS, "", user)
    return CallerIdentity(user.number, shown, str(shown), user)


def identity_of_number(number: str, name: str, domain: str, user: User | None) -> CallerIdentity:
    """The identity of somebody who was called and answered.

    Args:
        number: that was called.
        name: display name; may be empty.
        domain: of the site.
        user: whose number it is, when a phone of theirs answered.
    """
    shown = number_addr(number, name, domain)
    return CallerIdentity(number, shown, str(shown), user)


def identity_from_trunk(request: Request, directory: Directory) -> CallerIdentity:
    """The identity that a trusted peer asserts.

    Without P-Asserted-Identity the peer vouches for nobody: the From is shown, and stays what
    a stranger says. Source: RFC 3325 section 4.
    """
    asserted = request.headers.get_list("P-Asserted-Identity")
    claimed = NameAddr.parse(asserted[0]) if asserted else request.from_
    user = claimed.uri.user_unescaped
    number = directory.normal_form(user) if user else ""
    if _withheld(request) or not user:
        return CallerIdentity(number, ANONYMOUS, "")
    shown = number_addr(number, claimed.display_name, directory.domain)
    return CallerIdentity(number, shown, str(shown) if asserted else "")


def number_addr(number: str, name: str, domain: str) -> NameAddr:
    """A name-addr for a number of the platform."""
    return NameAddr(name, Uri.parse(f"sip:{number}@{domain}"), ())


def make_invite(
    incoming: Request,
    *,
    uri: str,
    to: NameAddr,
    caller: CallerIdentity,
    stack: SipStack,
    flow: Flow,
    further_rows: list[tuple[str, str]],
    hops: int = 1,
) -> Request:
    """Write the INVITE of one leg; the session description passes through untouched.

    Args:
        incoming: the caller's INVITE.
        uri: Request-URI.
        to: To value.
        caller: who calls.
        stack: our endpoint.
        flow: where the INVITE goes.
        further_rows: Route rows from the Path of a registration, Diversion, History-Info.
        hops: how many the call has made inside the platform, this one included.
    """
    left = incoming.max_forwards
    rows = [
        ("Max-Forwards", str(max(0, (70 if left is None else left) - hops))),
        ("From", f"{caller.shown};tag={stack.tokens.tag()}"),
        ("To", str(to)),
        ("Call-ID", stack.tokens.call_id()),
        ("CSeq", "1 INVITE"),
        ("Contact", contact_of(stack, flow)),
        ("Allow", ALLOW),
        ("Supported", "histinfo"),
        *further_rows,
    ]
    if caller.asserted:
        rows.append(("P-Asserted-Identity", caller.asserted))
    elif caller.shown == ANONYMOUS:
        rows.append(("Privacy", "id"))
    rows += body_rows(incoming)
    return Request("INVITE", uri, Headers(rows), incoming.body)


def _withheld(request: Request) -> bool:
    """Whether the caller asks not to be named. Source: RFC 3323 section 4.1, RFC 3325 9.3."""
    wanted = {part.strip().lower() for part in (request.headers.get("Privacy") or "").split(";")}
    if wanted & {"id", "user", "header", "full"}:
        return True
    return (request.from_.uri.user_unescaped or "").lower() == "anonymous"
