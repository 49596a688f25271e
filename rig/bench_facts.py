"""What the bench knows about a handset: address, wish, and what its files really told it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from provisioning.audit import audit
from provisioning.intent import DivertIntent, HandsetIntent
from provisioning.inventory_site import Site
from provisioning.loss_keys import with_default_keys
from provisioning.profile_model import Profile
from provisioning.readback import ReadBack, compare, read_back_places
from rig.errors import PhonerigError
from rig.handset.base import Handset, HandsetCapability, HandsetWithKeys
from rig.handset.drivers import HandsetPlace
from rig.handset.emulated.handset import EmulatedHandset
from rig.served_changes import changed_settings
from rig.site_server import SiteServer
from rig.timeline import FetchSeen, TimelineEvent, UrlOffered
from rig.verdict.evidence import Addresses, ConfigDifference, ConfigLine, HandsetFacts
from rig.verdict.provisioning_facts import FileHit, ProvisioningFacts


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
    site: Site,
    server: SiteServer,
    events: Sequence[TimelineEvent],
    *,
    sensor: str = "",
    in_depth: bool = False,
) -> HandsetFacts:
    """Gather the facts of one handset.

    Args:
        handset: on the bench.
        place: where it stands.
        site: the inventory, with the addresses of this bench.
        server: what gives out its files.
        events: of the run: what it fetched, what DHCP told it.
        sensor: name of what sees its lamps; empty for the driver's own.
        in_depth: how it was provisioned is under test.
    """
    known = server.knows(place.name)
    fitted = server.files.of_handset(place.name).fitted if known else place.intent
    served = _received(handset, server, [e for e in events if isinstance(e, FetchSeen)])
    rendered = server.files.of_handset(place.name).contents if known else {}
    told = read_served(served, place, fitted, rendered)
    return HandsetFacts(
        name=place.name,
        sip_addresses=Addresses((handset.sip_address,), _own_hosts(handset, place)),
        intent=fitted,
        applied=told.applied,
        differences=told.differences if known else (),
        settings=told.settings,
        files=tuple(served),
        mailboxes=mailboxes_of(site, place.name) if known else {},
        also=also_shown(site, place.name) if known else {},
        sensor=sensor or handset.lamp.name,
        # Nobody takes packets at the port of a phone that is not of this process.
        own_tap=HandsetCapability.BOOT_FROM_FILES in handset.capabilities and not place.phone,
        shows_features=isinstance(handset, HandsetWithKeys),
        provisioning=_provisioning(handset, place, server, served, events) if in_depth else None,
    )


def _own_hosts(handset: Handset, place: HandsetPlace) -> frozenset[str]:
    """Hosts that are a handset's alone: a real phone's is, whatever port it speaks from."""
    if place.phone is not None:
        return frozenset({handset.sip_address[0]})
    return frozenset({place.host}) if place.own_host else frozenset()


def _received(
    handset: Handset, server: SiteServer, fetches: Sequence[FetchSeen]
) -> dict[str, bytes]:
    """What a handset got in its last boot: by its own word, else what the server gives now."""
    if isinstance(handset, EmulatedHandset):
        return dict(handset.files.received)
    return {
        fetch.path.lstrip("/"): answer.content
        for fetch in fetches
        if fetch.status == 200
        and fetch.handset == handset.name
        and (answer := server.content.find(fetch.path, fetch.client, fetch.user_agent)) is not None
    }


def _provisioning(
    handset: Handset,
    place: HandsetPlace,
    server: SiteServer,
    received: Mapping[str, bytes],
    events: Sequence[TimelineEvent],
) -> ProvisioningFacts:
    """How a handset was provisioned; what it received is judged by the audit of foreign files."""
    offered = [e.url for e in events if isinstance(e, UrlOffered) and e.handset == place.name]
    found = audit(received, {place.profile.model: place.profile}, model=place.profile.model)
    stale = [
        name
        for name, content in received.items()
        if (answer := server.content.find(server.path_of(name), ("", 0), "")) is not None
        and answer.content != content
    ]
    known = server.knows(place.name)
    return ProvisioningFacts(
        wanted_url=place.intent.provisioning.url,
        offered_url=offered[-1] if offered else "",
        stored=server.stored_names(place.name) if known else (),
        received=tuple(received),
        hits=tuple(
            FileHit(f.rule.name, f.position.file, f.position.line or 0, f.found, f.expected)
            for f in found.findings
        ),
        complaint=handset.files.complaint if isinstance(handset, EmulatedHandset) else "",
        unfinished=isinstance(handset, EmulatedHandset) and handset.files.unfinished,
        stale=tuple(stale),
        reboot_event=place.profile.resync.reboot_event,
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
    served: dict[str, bytes],
    place: HandsetPlace,
    intent: HandsetIntent,
    rendered: Mapping[str, bytes],
) -> ServedFacts:
    """Read what was served as the handset would, and compare it with the inventory.

    Where that finds nothing, it is compared with what was rendered, setting by setting.
    """
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
    if not differences and not reading.unreadable:
        differences = tuple(changed_settings(rendered, reading, place.profile, intent))
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
