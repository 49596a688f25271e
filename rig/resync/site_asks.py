"""What is to be asked of which handset of a site, and which files prove it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from provisioning.device_profile import ProfileSet
from provisioning.intent import AccountIntent, MwiMode
from provisioning.inventory_model import User
from provisioning.inventory_site import Site
from provisioning.profile_files import FileScope
from rig.resync.campaign import Ask
from rig.resync.proof import Wanted
from rig.resync.sightings import Sightings
from rig.sip.event import Flow


def asks_of(
    site: Site,
    names: Iterable[str],
    profiles: ProfileSet,
    registrar: Flow,
    *,
    reboot: bool,
    former: User | None = None,
) -> list[Ask]:
    """What is to be asked of some handsets.

    Args:
        site: they belong to.
        names: of the handsets; one without an account cannot be asked and is left out.
        profiles: of all models.
        registrar: where their accounts register.
        reboot: they shall restart.
        former: whose account they had before, and may still be registered by.
    """
    asks = []
    shared = _shared_users(site)
    for name in names:
        intent = site.intent(name)
        profile = profiles[intent.model]
        # An account of its own tells which handset is asked; a shared one would ask several.
        accounts = sorted(intent.accounts, key=lambda account: account.user in shared)
        if accounts:
            subscribes = any(each.mwi.mode is MwiMode.SUBSCRIBE for each in intent.accounts)
            asks.append(
                Ask(
                    name,
                    intent.model,
                    accounts[0],
                    profile.resync,
                    Wanted(files_of(site, name, profiles), reboot, subscribes),
                    registrar,
                    None if former is None else _as_user(accounts[0], former),
                )
            )
    return asks


def _as_user(account: AccountIntent, user: User) -> AccountIntent:
    return replace(account, user=user.sip_user, auth_user=user.auth_user, password=user.password)


def files_of(site: Site, name: str, profiles: ProfileSet) -> tuple[str, ...]:
    """Names of the files that one handset has for itself."""
    entry = site.handset(name)
    profile = profiles[entry.model]
    return tuple(
        profile.file_path(file, entry.mac)
        for file in profile.render.files
        if file.scope is FileScope.HANDSET
    )


def sightings_of(site: Site, profiles: ProfileSet) -> Sightings:
    """An empty book of sightings that knows whose every file and account is."""
    owners: dict[str, str] = {}
    accounts: dict[str, str] = {}
    for entry in site.handsets:
        owners |= dict.fromkeys(files_of(site, entry.name, profiles), entry.name)
        for account in site.intent(entry.name).accounts:
            accounts.setdefault(account.aor, entry.name)
    return Sightings(owners, accounts)


def _shared_users(site: Site) -> frozenset[str]:
    """SIP users that more than one handset has an account of."""
    seen: dict[str, int] = {}
    for entry in site.handsets:
        for user in {account.user for account in site.intent(entry.name).accounts}:
            seen[user] = seen.get(user, 0) + 1
    return frozenset(user for user, count in seen.items() if count > 1)
