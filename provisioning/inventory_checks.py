"""Checks an inventory as a whole: what no field can tell by itself.

Every reference is resolved here: accounts to users, aliases and forwarding targets from
extensions to numbers. Faults point at the second of two places that clash and name the
first.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping

from provisioning.errors import Position
from provisioning.inventory_fields import FaultList, show_value
from provisioning.inventory_handsets import AccountDraft, HandsetDraft
from provisioning.inventory_lists import checked_lists
from provisioning.inventory_model import AccountRef, Forward, InventoryHandset, ModelLimits, User
from provisioning.inventory_site import Site
from provisioning.inventory_site_part import SitePart
from provisioning.inventory_users import UserDraft
from provisioning.phone_number import NumberError, normalise

_MAX_HINTS = 50


class Directory:
    """Finds users by any spelling while an inventory is checked.

    Args:
        drafts: all users.
        site: for country code and prefix.
        complete: all users could be read. Where a table of them could not, whom a reference
            names is not known, and to report each of them would hide what is wrong.
    """

    def __init__(self, drafts: Iterable[UserDraft], site: Site, *, complete: bool = True) -> None:
        self._site = site
        self.complete = complete
        self._numbers: dict[str, User] = {}
        self._extensions: dict[str, User] = {}
        self._sip_users: dict[str, User] = {}
        for draft in drafts:
            user = draft.user
            self._numbers.setdefault(user.number, user)
            self._extensions.setdefault(user.extension, user)
            self._sip_users.setdefault(user.sip_user, user)
        for index in (self._numbers, self._extensions, self._sip_users):
            index.pop("", None)

    @property
    def has_portal(self) -> bool:
        """Whether there is a number that opens mailboxes."""
        return bool(self._site.voice_portal_number)

    def find(self, text: str) -> User | None:
        """The user that a number, extension or SIP user names."""
        found = self._numbers.get(text) or self._extensions.get(text) or self._sip_users.get(text)
        if found is not None:
            return found
        try:
            normal = normalise(text, self._site.country_code, self._site.trunk_prefix)
        except NumberError:
            return None
        return self._numbers.get(normal)

    def number_of(self, text: str) -> str | None:
        """Number of the user that a number or an extension names; None for nobody."""
        user = self.find(text.replace(" ", ""))
        return user.number if user is not None and user.number else None

    def nearest(self, text: str) -> list[str]:
        """Numbers and extensions that look alike."""
        known = [*self._numbers, *self._extensions]
        return difflib.get_close_matches(text[:64], known, n=2, cutoff=0.6)

    def resolve(self, number: str) -> str:
        """An extension becomes its user's number; anything else stays."""
        user = self._extensions.get(number)
        return user.number if user is not None and user.number else number


def check_users(drafts: list[UserDraft], part: SitePart, faults: FaultList) -> dict[str, User]:
    """Check all users against each other and resolve what they refer to.

    Args:
        drafts: as read.
        part: the site part.
        faults: where faults go.

    Returns:
        Users by number.
    """
    _unique(
        ((draft.user.number, draft.number_at) for draft in drafts), "the number", "users", faults
    )
    _unique(
        ((draft.user.extension, draft.extension_at) for draft in drafts),
        "the extension",
        "users",
        faults,
    )
    _unique(
        ((draft.user.sip_user, draft.sip_user_at) for draft in drafts if draft.user.number),
        "the SIP user",
        "users",
        faults,
    )
    directory = Directory(drafts, part.site)
    users = {}
    alias_first_at: dict[str, tuple[Position, str]] = {}
    for draft in drafts:
        user = _with_forwards(draft, directory, faults)
        user = _with_aliases(user, draft, directory, alias_first_at, faults)
        if user.number:
            users[user.number] = user
    _check_portal(drafts, part, faults)
    return users


def check_handsets(
    drafts: list[HandsetDraft],
    directory: Directory,
    models: Mapping[str, ModelLimits] | None,
    faults: FaultList,
) -> tuple[InventoryHandset, ...]:
    """Check all handsets against each other, the users and the models.

    A user's account may be on one handset only, unless each reference to it says
    ``shared: true``; it is never twice on one handset.

    Args:
        drafts: as read.
        directory: of the users.
        models: limits by model; None for no limits.
        faults: where faults go.
    """
    _unique(
        ((draft.name.lower(), draft.name_at) for draft in drafts), "the name", "handsets", faults
    )
    _unique(
        ((str(draft.mac or ""), draft.mac_at) for draft in drafts), "the MAC", "handsets", faults
    )
    _unique(
        ((draft.credentials.user, draft.position) for draft in drafts if draft.credentials),
        "the provisioning user",
        "handsets",
        faults,
    )
    first_use: dict[str, tuple[AccountDraft, str]] = {}
    handsets = []
    for draft in drafts:
        accounts = []
        for account in draft.accounts:
            user = directory.find(account.user)
            if user is None:
                _report_unknown_user(account, directory, faults)
                continue
            _check_account_use(account, user, draft.name, first_use, faults)
            mailbox = _watched_mailbox(account, directory, faults)
            accounts.append(dataclasses.replace(account.ref, user=user.number, mailbox=mailbox))
        _check_line_keys(draft, faults)
        if models is not None and draft.model:
            _check_limits(draft, models[draft.model], faults)
        handset = _handset(draft, accounts)
        if handset is not None:
            handsets.append(handset)
    return tuple(handsets)


def check_vendors(
    drafts: Iterable[HandsetDraft], models: Mapping[str, ModelLimits] | None, warnings: FaultList
) -> None:
    """Warn of a MAC that another vendor of this site gives: the label of another handset.

    A MAC that no vendor of the site is known for is let pass: lists of them are never whole.

    Args:
        drafts: as read.
        models: by name; None when they are not known.
        warnings: where warnings go.
    """
    known = [(draft, models[draft.model]) for draft in drafts if models and draft.model]
    vendors = {oui: limits.vendor for _, limits in known for oui in limits.mac_oui}
    for draft, limits in known:
        oui = str(draft.mac)[:8] if draft.mac else ""
        other = vendors.get(oui)
        if other not in {None, limits.vendor} and limits.mac_oui and oui not in limits.mac_oui:
            warnings.add(
                draft.mac_at,
                "the MAC is that of a handset of another vendor",
                got=f"{draft.mac}, which {other} gives",
                expected=f"one of {limits.vendor}, who makes {draft.model}",
                fix="Correct the MAC or the model.",
            )


def _handset(draft: HandsetDraft, accounts: list[AccountRef]) -> InventoryHandset | None:
    if draft.mac is None:
        return None
    return InventoryHandset(
        name=draft.name,
        mac=draft.mac,
        model=draft.model,
        vendor=draft.vendor,
        accounts=tuple(accounts),
        line_keys=draft.line_keys,
        policy=draft.policy,
        locale=draft.locale,
        expansion_modules=draft.expansion_modules,
        credentials=draft.credentials,
        revoked=draft.revoked,
        control=draft.control,
        position=draft.position,
    )


def _unique(
    values: Iterable[tuple[str, Position]], what: str, who: str, faults: FaultList
) -> None:
    first_at: dict[str, Position] = {}
    for value, position in values:
        if not value:
            continue
        if value in first_at:
            faults.add(
                position,
                f"two {who} have {what} {value}",
                got=f"the first at {first_at[value]}",
                expected="each once",
                fix="Correct one of the two.",
            )
        else:
            first_at[value] = position


def _with_forwards(draft: UserDraft, directory: Directory, faults: FaultList) -> User:
    services = draft.user.services
    for kind, position in draft.forwards_at.items():
        forward: Forward | None = getattr(services, kind)
        if forward is not None and forward.to_mailbox and not directory.has_portal:
            faults.add(
                position,
                f"{kind} forwarding goes to the mailbox, but the site has no voice portal",
                expected="'voice_portal_number' in the site part",
                fix="Add the number that the message key dials.",
            )
        if forward is not None and directory.resolve(forward.target) == draft.user.number != "":
            faults.add(
                position,
                f"{kind} forwarding goes to the user's own number",
                got=show_value(forward.target),
                expected="another number",
                fix="Name another number or remove the forwarding.",
            )

    if not draft.forwards_at:
        return draft.user

    def resolved(forward: Forward | None) -> Forward | None:
        if forward is None:
            return None
        return dataclasses.replace(forward, target=directory.resolve(forward.target))

    services = dataclasses.replace(
        services,
        always=resolved(services.always),
        busy=resolved(services.busy),
        no_answer=resolved(services.no_answer),
        not_reachable=resolved(services.not_reachable),
    )
    return dataclasses.replace(draft.user, services=services)


def _with_aliases(
    user: User,
    draft: UserDraft,
    directory: Directory,
    first_at: dict[str, tuple[Position, str]],
    faults: FaultList,
) -> User:
    if user.mailbox is None:
        return user
    aliases = []
    for written, position in zip(user.mailbox.aliases, draft.aliases_at, strict=True):
        alias = directory.resolve(written)
        aliases.append(alias)
        problem, fix = "", "Remove it."
        earlier = first_at.get(alias)
        owner = directory.find(alias)
        if alias == user.number:
            problem = "the alias is the mailbox's own number"
        elif earlier is not None:
            same = earlier[1] == user.number
            problem = f"the alias is already at {earlier[0]}, " + (
                "in the same mailbox" if same else "in another mailbox"
            )
            fix = "One number opens one mailbox: remove one of the two."
        elif owner is not None and owner.mailbox is not None:
            problem = "the alias is the number of a user with an own mailbox"
            fix = "One number opens one mailbox: remove the alias or that mailbox."
        if problem:
            faults.add(
                position,
                problem,
                got=show_value(alias),
                expected="a number that opens no other mailbox",
                fix=fix,
            )
        first_at.setdefault(alias, (position, user.number))
    transfer = user.mailbox.transfer_on_zero
    if transfer is not None:
        transfer = directory.resolve(transfer)
        if transfer == user.number:
            faults.add(
                draft.transfer_at,
                "pressing 0 leads back to the mailbox's own number",
                got=show_value(transfer),
                expected="another number",
                fix="Name another number or remove it.",
            )
    if not (draft.aliases_at or draft.also_at or draft.lists or transfer):
        return user
    mailbox = dataclasses.replace(
        user.mailbox,
        aliases=tuple(aliases),
        transfer_on_zero=transfer,
        also_shows=_also_shows(user, draft, directory, faults),
        distribution_lists=checked_lists(draft.lists, directory.number_of, faults),
    )
    return dataclasses.replace(user, mailbox=mailbox)


def _also_shows(
    user: User, draft: UserDraft, directory: Directory, faults: FaultList
) -> tuple[str, ...]:
    """Numbers of the further mailboxes on this owner's lamp."""
    numbers: list[str] = []
    written = user.mailbox.also_shows if user.mailbox is not None else ()
    for text, position in zip(written, draft.also_at, strict=True):
        other = directory.find(text)
        if other is None and not directory.complete:
            continue
        problem = ""
        if other is None or other.mailbox is None:
            problem = "there is no such mailbox"
        elif other.number == user.number:
            problem = "the owner's own mailbox is on the lamp anyway"
        elif other.number in numbers:
            problem = "the mailbox stands there twice"
        if problem or other is None:
            faults.add(
                position,
                problem,
                got=show_value(text),
                expected="number or extension of another user with a mailbox",
                fix="Correct or remove it.",
            )
        else:
            numbers.append(other.number)
    return tuple(numbers)


def _check_portal(drafts: list[UserDraft], part: SitePart, faults: FaultList) -> None:
    portal, portal_at = part.site.voice_portal_number, part.portal_at
    if not portal:
        if not part.portal_given and any(draft.user.mailbox is not None for draft in drafts):
            faults.add(
                portal_at,
                "there is a mailbox, but the site has no voice portal",
                expected="'voice_portal_number' in the site part",
                fix="Add the number that the message key dials.",
            )
        return
    for draft in drafts:
        if portal in {draft.user.number, draft.user.extension}:
            faults.add(
                draft.number_at if portal == draft.user.number else draft.extension_at,
                "the user has the number of the voice portal",
                got=f"{show_value(portal)}, as at {portal_at}",
                expected="a number of its own",
                fix="Correct this number or 'voice_portal_number'.",
            )


def _report_unknown_user(account: AccountDraft, directory: Directory, faults: FaultList) -> None:
    if not account.user or not directory.complete:
        return
    # Looking for the nearest among thousands is slow, and nobody reads that many hints.
    near = directory.nearest(account.user) if len(faults) < _MAX_HINTS else []
    faults.add(
        account.position,
        "the account names no user of this inventory",
        got=show_value(account.user),
        expected="a user's number or extension",
        fix=f"Did you mean {' or '.join(near)}?" if near else "Add the user.",
    )


def _watched_mailbox(account: AccountDraft, directory: Directory, faults: FaultList) -> str:
    """Number of the user whose mailbox an account watches; empty for its own user's."""
    if not account.mailbox:
        return ""
    owner = directory.find(account.mailbox)
    if owner is not None and owner.mailbox is not None:
        return owner.number
    if owner is None and not directory.complete:
        return ""
    faults.add(
        account.mailbox_at,
        "the account watches a mailbox that is not there",
        got=show_value(account.mailbox),
        expected="number or extension of a user with a mailbox",
        fix="Correct 'mailbox', or give that user a mailbox.",
    )
    return ""


def _check_account_use(
    account: AccountDraft,
    user: User,
    handset: str,
    first_use: dict[str, tuple[AccountDraft, str]],
    faults: FaultList,
) -> None:
    key = user.number or user.sip_user
    if key not in first_use:
        first_use[key] = (account, handset)
        return
    first, first_handset = first_use[key]
    if handset == first_handset:
        what, fix = "the account is twice on this handset", "Remove one of the two."
    elif not (account.ref.shared and first.ref.shared):
        what = f"the account is already on handset {first_handset!r}"
        fix = "Remove one of the two, or say 'shared: true' at both."
    else:
        return
    faults.add(
        account.position,
        what,
        got=f"{show_value(account.user)}, first at {first.position}",
        expected="each account on one handset",
        fix=fix,
    )


def _check_line_keys(draft: HandsetDraft, faults: FaultList) -> None:
    first_at: dict[int, Position] = {}
    for key, position in zip(draft.line_keys, draft.line_keys_at, strict=True):
        if key.position in first_at:
            faults.add(
                position,
                f"line key {key.position} is given twice",
                got=f"the first at {first_at[key.position]}",
                expected="each position once",
                fix="Choose another position.",
            )
        first_at.setdefault(key.position, position)
        if draft.accounts and key.account > len(draft.accounts):
            faults.add(
                position,
                "the line key belongs to an account that the handset has not",
                got=f"account {key.account}",
                expected=f"1 to {len(draft.accounts)}",
                fix="Correct 'account'.",
            )


def _check_limits(draft: HandsetDraft, limits: ModelLimits, faults: FaultList) -> None:
    def check(number: int, limit: int, position: Position, what: str) -> None:
        if number > limit:
            faults.add(
                position,
                f"{what} than the model {draft.model} has",
                got=str(number),
                expected=f"at most {limit}",
                fix="Remove some, or choose another model.",
            )

    if draft.accounts:
        last = draft.accounts[-1].position
        check(len(draft.accounts), limits.accounts, last, "more accounts")
    modules, most = draft.expansion_modules, limits.expansion_modules
    check(modules, most, draft.modules_at, "more expansion modules")
    keys = limits.line_keys + min(modules, most) * limits.module_keys
    for key, position in zip(draft.line_keys, draft.line_keys_at, strict=True):
        check(key.position, keys, position, "a higher line key")
