"""Who is who on the platform: numbers, accounts, mailboxes and who may watch which.

Pure look-ups on the site inventory. It must not know SIP dialogs, storage or time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import unquote

from provisioning.hunt_group import HuntGroup
from provisioning.intent import MwiMode
from provisioning.inventory_model import User
from provisioning.inventory_site import Site
from provisioning.known_names import known_names
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
        also: further mailboxes whose counts are added: a group's, say.
    """

    mailbox: str
    account_uri: str
    also: tuple[str, ...] = ()

    @property
    def mailboxes(self) -> tuple[str, ...]:
        """Every mailbox whose messages count."""
        return (self.mailbox, *self.also)


@dataclass(frozen=True, slots=True)
class WatchChange:
    """A user who is told about mailboxes without asking, and is now told about others.

    Attributes:
        user: who.
        now: what it is about now; None for nothing any more.
    """

    user: User
    now: Watch | None


EntitlementListener = Callable[[str, tuple[WatchChange, ...]], None]
"""Called with the mailbox whose aliases changed, and what that changes for unsolicited MWI."""


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
        self._unsolicited: set[str] = set()
        self._subscribing: set[str] = set()
        self._on_handsets: set[str] = set()
        self._watched: dict[str, list[str]] = {}
        self._sort_accounts()
        self._watchers: dict[str, tuple[User, ...]] | None = None
        self._index_aliases()
        self.on_entitlement: EntitlementListener | None = None

    def _sort_accounts(self) -> None:
        """Find out who subscribes and who is told unasked; "both" is either."""
        site = self.site
        for handset in site.handsets:
            for account in handset.accounts:
                self._on_handsets.add(account.user)
                other = site.users.get(account.mailbox)
                watched = self._watched.setdefault(account.user, [])
                if other is not None and other.mailbox is not None and other.number not in watched:
                    watched.append(other.number)
                mode = account.mwi or site.mwi_mode
                both = account.mwi_unasked or (account.mwi is None and site.mwi_unasked)
                if mode is MwiMode.SUBSCRIBE:
                    self._subscribing.add(account.user)
                if mode is MwiMode.UNSOLICITED or both:
                    self._unsolicited.add(account.user)

    def _index_aliases(self) -> None:
        self._alias_of.clear()
        self._watchers = None
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
            raise UsageError(
                f"platform: no mailbox {number!r} in this site; "
                f"{known_names(number, sorted(self.mailboxes()))}. "
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
        touched = sorted(
            {self.alias_number(alias) for box in (user.mailbox, mailbox) for alias in box.aliases}
            & self._unsolicited
        )
        before = {other: self._told_unasked(other) for other in touched}
        self._by_number[number] = changed
        self._by_sip_user[user.sip_user] = changed
        self._by_auth_user[user.auth_user] = changed
        if user.extension:
            self._by_extension[user.extension] = changed
        self._index_aliases()
        if aliases is not None and self.on_entitlement is not None:
            news = tuple(
                WatchChange(self._by_number[other], now)
                for other in touched
                if other in self._by_number and (now := self._told_unasked(other)) != before[other]
            )
            self.on_entitlement(number, news)

    def _told_unasked(self, number: str) -> Watch | None:
        user = self._by_number.get(number)
        return None if user is None else self.own_watch(user)

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

    def watch(self, requester: User, target: str) -> Watch | None:
        """Say which mailbox a SUBSCRIBE is about, if that is allowed.

        A phone may watch its own mailbox, one that its number is an alias of, one that the
        site has an account of its user watch, and one whose messages its owner's lamp shows
        too. A user without a mailbox who may watch exactly one means that one with the own AOR.
        The number of the voice portal means the same as the own AOR.

        Args:
            requester: who authenticated.
            target: user part of the Request-URI; empty for the requester's own AOR.

        Returns:
            None for a mailbox that is not there, and for one that is nothing to the requester:
            whoever asks must not learn which of the two it is.

        Source: RFC 3842 sections 3.4 and 7; an older handset subscribes to a URI without user.
        """
        if not target:
            return self.own_watch(requester)
        found = self.resolve(target)
        if isinstance(found, PortalTarget):
            return self.own_watch(requester)
        if not isinstance(found, UserTarget):
            return None
        owner = found.user
        if owner.number == requester.number:
            return self.own_watch(requester)
        group = requester.mailbox is not None and owner.number in requester.mailbox.also_shows
        if owner.mailbox is not None and group:
            return Watch(owner.number, self.aor(owner))
        if owner.number in self._granted(requester):
            return Watch(owner.number, self.aor(owner))
        return None

    def own_watch(self, requester: User) -> Watch | None:
        """What a user's own AOR stands for, also for unsolicited NOTIFYs; None for nothing."""
        if requester.mailbox is not None:
            also = tuple(
                number
                for number in requester.mailbox.also_shows
                if (other := self._by_number.get(number)) is not None and other.mailbox is not None
            )
            return Watch(requester.number, self.aor(requester), also)
        boxes = self._granted(requester)
        if len(boxes) == 1:
            return Watch(boxes[0], self.aor(self._by_number[boxes[0]]))
        return None

    def _granted(self, requester: User) -> list[str]:
        """Other people's mailboxes that a user may watch: by alias, or as the site says."""
        boxes = list(self._alias_of.get(requester.number, ()))
        boxes += [box for box in self._watched.get(requester.number, ()) if box not in boxes]
        return boxes

    def may_subscribe(self, number: str) -> bool:
        """Whether the site has an account of this user subscribe, or has it on no handset."""
        return number in self._subscribing or number not in self._on_handsets

    def wants_unsolicited(self, number: str) -> bool:
        """Whether some handset has this user's account set to unsolicited MWI."""
        return number in self._unsolicited

    def unsolicited_watchers(self, mailbox: str) -> tuple[User, ...]:
        """Users that are told about ``mailbox`` without asking."""
        if self._watchers is None:
            found: dict[str, list[User]] = {}
            for number in sorted(self._unsolicited):
                watch = self._told_unasked(number)
                for box in watch.mailboxes if watch is not None else ():
                    found.setdefault(box, []).append(self._by_number[number])
            self._watchers = {box: tuple(users) for box, users in found.items()}
        return self._watchers.get(mailbox, ())


def _claim(table: dict[str, User], name: str, user: User, what: str) -> None:
    """Enter a name that only one user may have."""
    other = table.setdefault(name, user)
    if other is not user:
        raise UsageError(
            f"site: {what} {name!r} belongs to {other.number} and to {user.number}; "
            "expected one user each. Give one of them another name in the inventory."
        )
