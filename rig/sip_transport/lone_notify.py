"""A NOTIFY outside of every subscription, as vendors' phones take it; and who we are to them.

Source: RFC 3265 and RFC 6665; a NOTIFY without a subscription is the vendors' own habit.
"""

from __future__ import annotations

import socket

from rig.errors import RigError
from rig.sip.event import Address
from rig.sip.header import Headers
from rig.sip.matching import host_port
from rig.sip.message import Request


def lone_notify(
    target: str, event: str, sender: Address, *, body: bytes = b"", media_type: str = ""
) -> Request:
    """Make the NOTIFY.

    Args:
        target: URI that the handset is registered with, or its AOR when a proxy passes it on.
        event: value of the Event header.
        sender: our own SIP address.
        body: empty for none.
        media_type: of the body.
    """
    headers = Headers(
        [
            ("From", f"<sip:provisioning@{host_port(sender).rpartition(':')[0]}>"),
            ("To", f"<{target}>"),
            ("Contact", f"<sip:{host_port(sender)}>"),
            ("Event", event),
            ("Subscription-State", "terminated"),
        ]
    )
    if body:
        headers.add("Content-Type", media_type)
    return Request("NOTIFY", target, headers, body)


def facing(address: Address, what: str = "the registrar") -> str:
    """Which of our addresses faces another one; connecting UDP sends nothing.

    Args:
        address: numeric host, and port.
        what: who is there, for the error.

    Raises:
        RigError: no way leads there.
    """
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(address)
            host: str = probe.getsockname()[0]
            return host
    except OSError as error:
        raise RigError(
            f"{address[0]}: no way leads to {what}: {error.strerror}. Name our own address "
            "by --host, or another one for it"
        ) from error
