"""The NOTIFY by which a vendor's handset is asked to fetch again, made of its profile.

Source: RFC 3265 and RFC 6665; a NOTIFY outside of a subscription is the vendors' own habit.
"""

from __future__ import annotations

from provisioning.profile_files import Resync
from rig.sip.header import Headers
from rig.sip.matching import host_port
from rig.sip.message import Request
from rig.timeline import Address


def event_for(resync: Resync, *, reboot: bool, other: int = 0) -> str:
    """Which Event a handset gets.

    Args:
        resync: from its profile.
        reboot: it shall restart in any case.
        other: 0 for the profile's own choice; from 1 the place in ``other_events``, for handsets
            about which public sources disagree. A handset that has fewer gets its own.
    """
    if 1 <= other <= len(resync.other_events):
        return resync.other_events[other - 1]
    return resync.reboot_event if reboot else resync.event


def resync_request(
    target: str, event: str, resync: Resync, sender: Address, *, reboot: bool = False
) -> Request:
    """Make the NOTIFY.

    Args:
        target: URI that the handset is registered with, or its AOR when a proxy passes it on.
        event: value of the Event header.
        resync: from the handset's profile; some want a body.
        sender: our own SIP address.
        reboot: which of the bodies.
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
    body = (resync.reboot_body if reboot else resync.body).replace("\n", "\r\n").encode()
    if body:
        headers.add("Content-Type", resync.media_type)
    return Request("NOTIFY", target, headers, body)
