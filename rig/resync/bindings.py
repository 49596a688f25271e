"""Asks a registrar where a handset is registered, with the handset's own account.

A REGISTER without Contact changes nothing and is answered with all bindings.

Source: RFC 3261 section 10.2.3 (fetching bindings), section 20.10 (``expires`` of a Contact).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from provisioning.intent import AccountIntent
from rig.errors import RigError
from rig.sip.errors import MessageError
from rig.sip.event import Flow
from rig.sip.header import Headers
from rig.sip.message import Request
from rig.sip.name_addr import NameAddr
from rig.sip_transport.authenticate import request_with_auth
from rig.sip_transport.stack import RequestTimedOut, SipStack

PATIENCE_S = 5.0
_SLACK_S = 1.5
"""Bindings tell whole seconds."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One contact of an account.

    Attributes:
        uri: where it can be reached.
        expires_at: when the registrar forgets it, seconds on the caller's clock.
    """

    uri: str
    expires_at: float


async def bindings_of(stack: SipStack, flow: Flow, account: AccountIntent) -> tuple[Binding, ...]:
    """Ask the registrar.

    Args:
        stack: our SIP endpoint.
        flow: to the registrar.
        account: whose bindings; its own password is used.

    Raises:
        RigError: the registrar does not answer or refuses; says what to check.
    """
    registrar = f"sip:{account.domain}"
    headers = Headers([("From", f"<{account.aor}>"), ("To", f"<{account.aor}>")])
    where = f"{account.aor} at {flow.remote[0]}:{flow.remote[1]}"
    try:
        response = await request_with_auth(
            stack,
            Request("REGISTER", registrar, headers, b""),
            flow,
            username=account.auth_user,
            password=account.password,
            timeout_s=PATIENCE_S,
        )
    except RequestTimedOut as error:
        raise RigError(
            f"{where}: the registrar does not answer; check its address and that this host may "
            "reach it"
        ) from error
    if response.status != 200:
        raise RigError(
            f"{where}: the registrar answers {response.status} when asked for the bindings; check "
            "user name and password of the account in the inventory"
        )
    found = []
    for value in response.headers.get_all("Contact"):
        try:
            contact = NameAddr.parse(value)
        except MessageError:
            continue
        expires = contact.param("expires") or ""
        seconds = int(expires) if expires.isascii() and expires.isdigit() else 0
        found.append(Binding(str(contact.uri), stack.now + seconds))
    return tuple(found)


def is_new(before: Sequence[Binding], after: Sequence[Binding]) -> bool:
    """Whether somebody has registered between two looks: another contact, or a later end.

    Args:
        before: earlier look.
        after: later look.
    """
    ends = {binding.uri: binding.expires_at for binding in before}
    return any(
        binding.uri not in ends or binding.expires_at > ends[binding.uri] + _SLACK_S
        for binding in after
    )
