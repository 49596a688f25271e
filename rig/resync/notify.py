"""The NOTIFY by which a vendor's handset is asked to fetch again, made of its profile.

Source: RFC 3265 and RFC 6665; a NOTIFY outside of a subscription is the vendors' own habit.
"""

from __future__ import annotations

from provisioning.profile_files import Resync
from rig.sip.message import Request
from rig.sip_transport.lone_notify import lone_notify
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
    body = (resync.reboot_body if reboot else resync.body).replace("\n", "\r\n").encode()
    return lone_notify(target, event, sender, body=body, media_type=resync.media_type)
