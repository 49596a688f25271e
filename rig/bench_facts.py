"""What the bench knows about a handset: address, wish, and what its files really told it."""

from __future__ import annotations

from collections.abc import Sequence

from provisioning.intent import HandsetIntent
from provisioning.inventory_site import Site
from provisioning.readback import compare, read_back_places
from provisioning.transport.content import SiteContent
from rig.errors import PhonerigError
from rig.handset.base import Handset, HandsetCapability
from rig.handset.drivers import HandsetPlace
from rig.timeline import FetchSeen
from rig.verdict.evidence import Addresses, ConfigDifference, HandsetFacts


def handset_facts(
    handset: Handset,
    place: HandsetPlace,
    fitted: HandsetIntent,
    site: Site,
    content: SiteContent,
    fetches: Sequence[FetchSeen],
) -> HandsetFacts:
    """Gather the facts of one handset.

    Args:
        handset: on the bench.
        place: where it stands.
        fitted: what the inventory wants, as far as the model can express it.
        site: the inventory, with the addresses of this bench.
        content: what the servers give out.
        fetches: what this handset fetched.
    """
    served = {
        fetch.path.lstrip("/"): answer.content
        for fetch in fetches
        if fetch.status == 200
        and (answer := content.find(fetch.path, fetch.client, fetch.user_agent)) is not None
    }
    applied, differences = read_served(served, place, fitted)
    return HandsetFacts(
        name=place.name,
        sip_addresses=Addresses(
            (handset.sip_address,), frozenset({place.host}) if place.own_host else frozenset()
        ),
        intent=fitted,
        applied=applied,
        differences=differences,
        files=tuple(served),
        mailboxes=mailboxes_of(site, place.name),
        sensor=handset.lamp.name,
        own_tap=HandsetCapability.BOOT_FROM_FILES in handset.capabilities,
    )


def read_served(
    served: dict[str, bytes], place: HandsetPlace, intent: HandsetIntent
) -> tuple[HandsetIntent | None, tuple[ConfigDifference, ...]]:
    """Read what was served as the handset would, and compare it with the inventory.

    Returns:
        What the files say, or None if they say nothing, and where that differs.
    """
    if not served:
        return None, ()
    try:
        reading = read_back_places(served, place.profile, intent.mac)
    except PhonerigError as error:
        name = next(iter(served))
        return None, (ConfigDifference("file", "readable", str(error), name),)
    differences = tuple(
        ConfigDifference(
            field=d.field,
            wanted=d.wanted,
            got=d.got,
            file=d.file or list(served)[-1],
            line=d.line,
            key=d.key,
        )
        for d in compare(intent, reading.intent, reading.places)
    )
    return reading.intent, differences


def mailboxes_of(site: Site, name: str) -> dict[int, str]:
    """Mailbox that each account of a handset watches: its own, or that of its alias's owner."""
    found = {}
    for index, ref in enumerate(site.handset(name).accounts, start=1):
        owner = site.mailbox_owner(ref.user)
        if owner is not None:
            found[index] = owner.number
    return found
