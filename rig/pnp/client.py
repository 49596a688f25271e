"""Asks by SIP PnP as a phone does, and says what it was told."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlsplit

from provisioning.address import Mac
from provisioning.profile_model import Profile
from rig.errors import RigError
from rig.pnp.ask import GROUP, PACKAGE, URL_TYPE
from rig.sip.event import Address
from rig.sip.matching import host_port
from rig.sip.message import Request
from rig.sip.tokens import TokenSource
from rig.sip_transport.client_subscription import SubscriptionClient
from rig.sip_transport.stack import PacketTap, SipStack

_URL = re.compile(rb"[!-~]{1,1024}")


async def ask_for_url(
    profile: Profile,
    mac: Mac,
    host: str,
    *,
    group: Address = GROUP,
    tap: PacketTap | None = None,
    tokens: TokenSource | None = None,
) -> str:
    """Ask the network where the files of one handset are.

    Whoever answers first with a URL is believed, as phones do.

    Args:
        profile: of its model.
        mac: of the handset.
        host: its own numeric IPv4 address; what it sends leaves there.
        group: whom it asks.
        tap: sees every packet in and out.
        tokens: source of tags and branches; random by default.

    Returns:
        The URL, without a slash at its end.

    Raises:
        RigError: the model does not ask by PnP as far as is known, or nobody answers in time.
    """
    form = profile.boot.pnp
    if form is None:
        raise RigError(
            f"PnP: how a {profile.model} asks by SIP PnP is not known (boot.pnp of its profile)"
        )
    words = (("profile-type", form.profile_type), ("vendor", form.vendor),
             ("model", profile.fill(form.model, mac)),
             ("version", profile.firmware.sample))  # fmt: skip
    event = PACKAGE + "".join(f';{name}="{word}"' for name, word in words if word)
    user = profile.fill(form.user, mac)
    target = f"sip:{user}@{group[0]}" if user else f"sip:{host_port(group)}"
    stack = SipStack(
        product=f"{profile.hardware.name} {profile.firmware.sample}", tap=tap, tokens=tokens
    )
    await stack.listen(host, 0, tcp=False)
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def notified(request: Request, body: bytes) -> None:
        url = _read_url(body) if request.content_type == URL_TYPE else ""
        if url and not told.done():
            told.set_result(url)

    subscription = SubscriptionClient(
        stack,
        stack.flow_to(group),
        target_uri=target,
        aor=target,
        contact=f"<sip:{host_port(stack.address)}>",
        event=event,
        accept=URL_TYPE,
        expires_s=0,
    )
    subscription.on_notify = notified
    try:
        subscription.start()
        async with asyncio.timeout(form.patience_s):
            return await told
    except TimeoutError:
        raise RigError(
            f"PnP: nobody at {host_port(group)} told {host} a URL within {form.patience_s:g} s; "
            "does a server listen at this network, and does it know the MAC?"
        ) from None
    finally:
        await subscription.stop(unsubscribe=False)
        await stack.close()


def _read_url(body: bytes) -> str:
    """The URL of a NOTIFY; empty for what no phone could fetch by."""
    text = body.strip()
    if not _URL.fullmatch(text):
        return ""
    url = text.decode("ascii")
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url.rstrip("/") if parts.scheme in {"http", "https", "tftp"} and parts.hostname else ""
