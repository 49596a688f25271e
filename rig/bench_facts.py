"""What the bench knows about a handset: address, wish, and what its files really told it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from provisioning.intent import DivertIntent, HandsetIntent
from provisioning.inventory_site import Site
from provisioning.loss import with_default_keys
from provisioning.profile_model import Profile
from provisioning.readback import ReadBack, compare, read_back_places
from provisioning.transport.content import SiteContent
from rig.errors import PhonerigError
from rig.handset.base import Handset, HandsetCapability, HandsetWithKeys
from rig.handset.drivers import HandsetPlace
from rig.timeline import FetchSeen
from rig.verdict.evidence import Addresses, ConfigDifference, ConfigLine, HandsetFacts


def firmware_said(profile: Profile, fetches: Iterable[FetchSeen]) -> str:
    """The firmware that a handset last named in a User-Agent.

    Args:
        profile: of its model; knows how the model names itself.
        fetches: what this handset fetched, in order.

    Returns:
        Its version; empty if it never said one, as over TFTP.
    """
    said = ""
    for fetch in fetches:
        match = re.search(profile.identify.user_agent, fetch.user_agent)
        said = (match.groupdict().get("firmware") if match else None) or said
    return said


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
    told = read_served(served, place, fitted)
    return HandsetFacts(
        name=place.name,
        sip_addresses=Addresses(
            (handset.sip_address,), frozenset({place.host}) if place.own_host else frozenset()
        ),
        intent=fitted,
        applied=told.applied,
        differences=told.differences,
        settings=told.settings,
        files=tuple(served),
        mailboxes=mailboxes_of(site, place.name),
        also=also_shown(site, place.name),
        sensor=handset.lamp.name,
        own_tap=HandsetCapability.BOOT_FROM_FILES in handset.capabilities,
        shows_features=isinstance(handset, HandsetWithKeys),
    )


@dataclass(frozen=True, slots=True)
class ServedFacts:
    """What the files that a handset was served tell it.

    Attributes:
        applied: what it learns; None if it was served nothing, or nothing readable.
        differences: where that is not what the inventory wants.
        settings: the lines that bear on message waiting and diversion.
    """

    applied: HandsetIntent | None = None
    differences: tuple[ConfigDifference, ...] = ()
    settings: tuple[ConfigLine, ...] = ()


def read_served(
    served: dict[str, bytes], place: HandsetPlace, intent: HandsetIntent
) -> ServedFacts:
    """Read what was served as the handset would, and compare it with the inventory."""
    if not served:
        return ServedFacts()
    wanted = with_default_keys(intent, place.profile)
    try:
        reading = read_back_places(served, place.profile, intent.mac)
    except PhonerigError as error:
        name = next(iter(served))
        return ServedFacts(differences=(ConfigDifference("file", "readable", str(error), name),))
    differences = tuple(
        ConfigDifference(
            field=d.field,
            wanted=d.wanted,
            got=d.got,
            file=d.file or list(served)[-1],
            line=d.line,
            key=d.key,
        )
        for d in compare(wanted, reading.intent, reading.places)
    )
    return ServedFacts(reading.intent, differences, tuple(_settings(reading)))


def _settings(reading: ReadBack) -> Iterator[ConfigLine]:
    for field, value in _bearing(reading.intent):
        place = reading.places.get(field)
        if place is not None:
            yield ConfigLine(field, value, place.file, place.line, place.key)


def _bearing(intent: HandsetIntent) -> Iterator[tuple[str, str]]:
    """Fields that message waiting and diversion hang on, with their values."""
    for account in intent.accounts:
        path = f"accounts[{account.index}]"
        yield f"{path}.voicemail_number", account.voicemail_number
        yield f"{path}.mwi.mode", account.mwi.mode.value
        if account.mwi.mailbox_uri:
            yield f"{path}.mwi.mailbox_uri", account.mwi.mailbox_uri
        for name in ("always", "busy", "no_answer"):
            divert: DivertIntent = getattr(account.diverts, name)
            if divert.enabled:
                yield f"{path}.diverts.{name}.target", divert.target
    yield "lamp.on_message", "yes" if intent.lamp.on_message else "no"
    yield "lamp.on_missed_call", "yes" if intent.lamp.on_missed_call else "no"


def mailboxes_of(site: Site, name: str) -> dict[int, str]:
    """Mailbox that each account of a handset watches: its own, or that of its alias's owner."""
    found = {}
    for index, ref in enumerate(site.handset(name).accounts, start=1):
        owner = site.mailbox_owner(ref.user)
        if owner is not None:
            found[index] = owner.number
    return found


def also_shown(site: Site, name: str) -> dict[int, tuple[str, ...]]:
    """Further mailboxes whose messages an account's lamp shows, as its user's mailbox says."""
    found = {}
    for index, ref in enumerate(site.handset(name).accounts, start=1):
        mailbox = site.users[ref.user].mailbox
        if mailbox is not None and mailbox.also_shows:
            found[index] = mailbox.also_shows
    return found
