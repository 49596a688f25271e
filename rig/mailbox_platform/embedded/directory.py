"""Who is who on the platform: numbers, accounts, mailboxes and who may watch which.

Pure look-ups on the site inventory. It must not know SIP dialogs, storage or time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import unquote

from provisioning.hunt_group import HuntGroup
from provisioning.intent import MwiMode
from provisioning.inventory_model import User
from provisioning.inventory_site import Site
from provisioning.phone_number import NumberError, normalise
from rig.errors import UsageError

_VISUAL_SEPARATORS = str.maketrans("", "", " -.()/\u00a0")


@dataclass(frozen=True, slots=True)
class UserTarget:
    """A dialled number that belongs to a user of the site."""

    user: User


@dataclass(frozen=True, slots=True)
class PortalTarget:
    """A dialled number that is the voice portal's.

    Attributes:
        number: as the inventory writes it.
    """

    number: str


@dataclass(frozen=True, slots=True)
class OutsideTarget:
    """A number that the site does not know.

    Attributes:
        number: in normal form where that is possible, else as dialled.
    """

    number: str


@dataclass(frozen=True, slots=True)
class GroupTarget:
    """A dialled number that belongs to a hunt group of the site."""

    group: HuntGroup


Target = UserTarget | PortalTarget | GroupTarget | OutsideTarget


def number_of(target: Target) -> str:
    """The number that a target stands for, in normal form where it has one."""
    if isinstance(target, UserTarget):
        return target.user.number
    return target.group.number if isinstance(target, GroupTarget) else target.number


@dataclass(frozen=True, slots=True)
class Watch:
    """What a message-summary subscription is about.

    Attributes:
        mailbox: number of the mailbox.
        account_uri: value for ``Message-Account``.
    """

    mailbox: str
    account_uri: str


@dataclass(frozen=True, slots=True)
class WatchRefused:
    """Why somebody may not watch a mailbox.

    Attributes:
        status: SIP status to answer.
        reason: its phrase.
    """

    status: int
    reason: str


class Directory:
    """Answers every "whose is this" question of the platform.

    Args:
        site: the inventory.

    Raises:
        rig.errors.UsageError: two users share a SIP user name or a digest user name.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self._by_number: dict[str, User] = dict(site.users)
        self._by_extension: dict[str, User] = {}
        self._by_sip_user: dict[str, User] = {}
        self._by_auth_user: dict[str, User] = {}
        self._alias_of: dict[str, list[str]] = {}
        self._group_by_extension = {
            group.extension: group for group in site.hunt_groups.values() if group.extension
        }
        for user in site.users.values():
            if user.extension:
                self._by_extension[user.extension] = user
            _claim(self._by_sip_user, user.sip_user, user, "SIP user")
            _claim(self._by_auth_user, user.auth_user, user, "digest user")
        self._index_aliases()
        self._unsolicited = {
            account.user
            for handset in site.handsets
            for account in handset.accounts
            if (account.mwi or site.mwi_mode) is MwiMode.UNSOLICITED
        }

    def _index_aliases(self) -> None:
        self._alias_of.clear()
        for user in self._by_number.values():
            for alias in user.mailbox.aliases if user.mailbox is not None else ():
                number = self.alias_number(alias)
                self._alias_of.setdefault(number, []).append(user.number)

    def alias_number(self, alias: str) -> str:
        """The calling number that an alias means: an extension means its user's number."""
        inside = self._by_extension.get(alias)
        return inside.number if inside is not None else alias

    def change_mailbox(
        self,
        number: str,
        *,
        aliases: tuple[str, ...] | None = None,
        transfer_on_zero: str | None = None,
    ) -> None:
        """Give a mailbox other aliases or another number for "0"; holds from now on.

        Args:
            number: of the mailbox.
            aliases: all of them, in normal form; None leaves them.
            transfer_on_zero: where callers get by pressing 0, in normal form; empty for
                nowhere, None leaves it.

        Raises:
            rig.errors.UsageError: there is no such mailbox.
        """
        user = self._by_number.get(number)
        if user is None or user.mailbox is None:
            known = ", ".join(sorted(self.mailboxes())) or "none"
            raise UsageError(
                f"platform: no mailbox {number!r}; mailboxes of this site: {known}. "
                "Use the owner's number in normal form."
            )
        mailbox = replace(
            user.mailbox,
            aliases=user.mailbox.aliases if aliases is None else aliases,
            transfer_on_zero=(
                user.mailbox.transfer_on_zero
                if transfer_on_zero is None
                else transfer_on_zero or None
            ),
        )
        changed = replace(user, mailbox=mailbox)
        self._by_number[number] = changed
        self._by_sip_user[user.sip_user] = changed
        self._by_auth_user[user.auth_user] = changed
        if user.extension:
            self._by_extension[user.extension] = changed
        self._index_aliases()

    @property
    def domain(self) -> str:
        """Host part of every AOR of the site."""
        return self.site.domain

    def user(self, number: str) -> User | None:
        """Find a user by number in normal form."""
        return self._by_number.get(number)

    def by_sip_user(self, name: str) -> User | None:
        """Find a user by the user part of its AOR."""
        return self._by_sip_user.get(name)

    def by_auth_user(self, name: str) -> User | None:
        """Find a user by its digest user name."""
        return self._by_auth_user.get(name)

    def mailboxes(self) -> list[str]:
        """Numbers of all users that have a mailbox."""
        return [user.number for user in self._by_number.values() if user.mailbox is not None]

    def aor(self, user: User) -> str:
        """The user's address of record."""
        return f"sip:{user.sip_user}@{self.domain}"

    def resolve(self, dialled: str) -> Target:
        """Say what a dialled string means.

        Args:
            dialled: user part of a Request-URI: ``+49...``, ``030...``, an extension, a SIP
                user name or the voice portal's number; escapes and visual separators allowed.

        Returns:
            The user, the voice portal, the hunt group, or the number as one the site does not
            have.
        """
        text = unquote(dialled).split(";", 1)[0].strip()
        portal = self.site.voice_portal_number
        user = self._by_sip_user.get(text) or self._by_number.get(text)
        if user is not None:
            return UserTarget(user)
        plain = text.translate(_VISUAL_SEPARATORS)
        if portal and plain == portal.translate(_VISUAL_SEPARATORS):
            return PortalTarget(portal)
        user = self._by_extension.get(plain)
        if user is not None:
            return UserTarget(user)
        group = self._group_by_extension.get(plain)
        if group is not None:
            return GroupTarget(group)
        number = self.normal_form(plain)
        group = self.site.hunt_groups.get(number)
        if group is not None:
            return GroupTarget(group)
        if portal and number == self.normal_form(portal.translate(_VISUAL_SEPARATORS)):
            return PortalTarget(portal)
        user = self._by_number.get(number)
        return UserTarget(user) if user is not None else OutsideTarget(number)

    def portal(self) -> PortalTarget | None:
        """The voice portal; None when the site has none."""
        number = self.site.voice_portal_number
        return PortalTarget(number) if number else None

    def normal_form(self, text: str) -> str:
        """Bring a dialled number into normal form; what is no number stays as it is."""
        try:
            return normalise(text, self.site.country_code, self.site.trunk_prefix)
        except NumberError:
            return text

    def mailboxes_with_alias(self, number: str) -> list[str]:
        """Mailboxes that name ``number`` as an alias, in order of the inventory."""
        return list(self._alias_of.get(number, ()))

    def watch(self, requester: User, target: str) -> Watch | WatchRefused:
        """Say which mailbox a SUBSCRIBE is about, and whether that is allowed.

        A phone may watch its own mailbox, and a mailbox that its number is an alias of. A
        user without a mailbox whose number is an alias of exactly one means that one when it
        subscribes to its own AOR.

        Args:
            requester: who authenticated.
            target: user part of the Request-URI; empty for the requester's own AOR.

        Source: RFC 3842 sections 3.4 and 7; an older handset subscribes to a URI without user.
        """
        if not target:
            return self._own(requester)
        found = self.resolve(target)
        if not isinstance(found, UserTarget):
            return WatchRefused(404, "No Such Mailbox")
        owner = found.user
        if owner.number == requester.number:
            return self._own(requester)
        if requester.number in self._alias_of and owner.number in self._alias_of[requester.number]:
            return Watch(owner.number, self.aor(owner))
        return WatchRefused(403, "Not Your Mailbox")

    def _own(self, requester: User) -> Watch | WatchRefused:
        """The mailbox behind a user's own AOR."""
        if requester.mailbox is not None:
            return Watch(requester.number, self.aor(requester))
        boxes = self._alias_of.get(requester.number, [])
        if len(boxes) == 1:
            return Watch(boxes[0], self.aor(self._by_number[boxes[0]]))
        return WatchRefused(404, "No Such Mailbox")

    def own_watch(self, requester: User) -> Watch | None:
        """The mailbox that unsolicited NOTIFYs to this user are about, or None."""
        watch = self._own(requester)
        return watch if isinstance(watch, Watch) else None

    def wants_unsolicited(self, number: str) -> bool:
        """Whether some handset has this user's account set to unsolicited MWI."""
        return number in self._unsolicited

    def unsolicited_watchers(self, mailbox: str) -> list[User]:
        """Users that are told about ``mailbox`` without asking."""
        watchers = []
        for number in sorted(self._unsolicited):
            user = self._by_number.get(number)
            watch = self.own_watch(user) if user is not None else None
            if user is not None and watch is not None and watch.mailbox == mailbox:
                watchers.append(user)
        return watchers


def _claim(table: dict[str, User], name: str, user: User, what: str) -> None:
    """Enter a name that only one user may have."""
    other = table.setdefault(name, user)
    if other is not user:
        raise UsageError(
            f"site: {what} {name!r} belongs to {other.number} and to {user.number}; "
            "expected one user each. Give one of them another name in the inventory."
        )
