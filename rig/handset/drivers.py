"""Makes handsets from drivers by name; third parties add drivers by entry point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

from provisioning.device_profile import Profile
from provisioning.intent import HandsetIntent
from rig.errors import UsageError
from rig.handset.base import Handset
from rig.handset.vendor.place import GROUP, PhonePlace
from rig.sip.tokens import TokenSource
from rig.timeline import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class HandsetPlace:
    """Where and as what a handset stands on a bench.

    Attributes:
        name: in the inventory.
        profile: of its model.
        intent: what the inventory wants it to be told; an emulated handset must not look at
            anything in it but its MAC and where to fetch.
        host: its own address.
        own_host: nobody else on the bench uses that address.
        sip_port: its SIP port; 0 for any.
        tap: callback for packets at its port, or None.
        registrar: where to send SIP instead of what the file says (a relay), or None.
        hook: what makes it misbehave, or None.
        offered_url: provisioning URL that it learns by DHCP; empty for that of the intent.
        manner: how an emulated handset fetches; None for the usual way.
        work_dir: a folder of its own.
        phone: where a real phone's interface is; None for those that are none.
        tokens: source of branches, tags and Call-IDs; None for random ones.
    """

    name: str
    profile: Profile
    intent: HandsetIntent
    host: str
    own_host: bool = False
    sip_port: int = 0
    tap: Callable[..., None] | None = None
    registrar: Address | None = None
    hook: Any = None
    offered_url: str = ""
    manner: Any = None
    work_dir: Path = Path()
    phone: PhonePlace | None = None
    tokens: TokenSource | None = None


def make_handset(driver: str, place: HandsetPlace) -> Handset:
    """Make a handset.

    Args:
        driver: name of an entry point in the group ``phonerig.handsets``; its class has a
            class method ``at(place)``.
        place: where it stands.

    Raises:
        UsageError: no such driver; the message lists those that are installed.
    """
    found = entry_points(group=GROUP)
    for entry in found:
        if entry.name == driver:
            return cast("Handset", entry.load().at(place))
    known = ", ".join(sorted(entry.name for entry in found))
    raise UsageError(f"no handset driver {driver!r}; installed: {known}")
