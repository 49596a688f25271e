"""A whole site, checked, and what each of its handsets must be told.

The step from wish to instruction: users and handsets in, a
:class:`~provisioning.intent.HandsetIntent` out. Must not know files or vendors.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from provisioning.access_model import (
    OPEN,
    AccessSettings,
    HttpsSettings,
    PnpSettings,
    ProofKind,
    credentials_of,
    steady_token,
)
from provisioning.errors import InputFault, UsageError
from provisioning.feature_code import FeatureCodes
from provisioning.hunt_group import HuntGroup
from provisioning.intent import (
    AccountIntent,
    DivertIntent,
    DivertsIntent,
    HandsetIntent,
    LineKeyIntent,
    LineKeyKind,
    LocaleIntent,
    MwiIntent,
    MwiMode,
    ProvisioningIntent,
)
from provisioning.inventory_model import (
    DEFAULT_SECONDS_PER_RING,
    AccountRef,
    Forward,
    ForwardPlace,
    InventoryHandset,
    LineKey,
    MwiWatch,
    Policy,
    Registrar,
    User,
    UserForwarding,
)
from provisioning.phone_number import NumberError, normalise
from provisioning.published import FileEncryption
from provisioning.secret import Secret


def rings_to_seconds(rings: int, seconds_per_ring: float) -> int:
    """How long a handset rings, for handsets that count seconds.

    Args:
        rings: number of rings, 0 for at once.
        seconds_per_ring: ringing cadence, seconds.

    Returns:
        Whole seconds, halves rounded up, and at least 1 unless ``rings`` is 0.
    """
    return max(1, math.floor(rings * seconds_per_ring + 0.5)) if rings else 0


def seconds_to_rings(delay_s: int, seconds_per_ring: float) -> int:
    """How often it rings in that time, for platforms that count rings.

    Args:
        delay_s: seconds, 0 for at once.
        seconds_per_ring: ringing cadence, seconds.

    Returns:
        Rings rounded to the nearest number that a platform takes: 0, or 2 to 20.
    """
    if not delay_s:
        return 0
    return min(20, max(2, math.floor(delay_s / seconds_per_ring + 0.5)))


@dataclass(frozen=True)
class Site:
    """Everything the inventory says, free of faults.

    Attributes:
        name: of the site.
        domain: host part of every AOR.
        registrar: where handsets register.
        voice_portal_number: what the message key dials; empty when no mailbox exists.
        provisioning: where handsets fetch files.
        admin_password: for the handsets' own web pages.
        users: by number in normal form.
        handsets: in the order of the inventory.
        locale: language, tones, time zone of handsets that say nothing else.
        mwi_mode: how accounts learn of messages unless they say otherwise.
        mwi_unasked: the platform also tells accounts that take this way without being asked.
        mwi_expires_s: subscription duration to ask for.
        mwi_watch: what accounts subscribe to.
        policy: lamp, media, calls and VLAN of handsets that say nothing else.
        seconds_per_ring: ringing cadence, seconds.
        country_code: digits of the own country.
        trunk_prefix: of national numbers.
        feature_codes: what a telephone dials to set its user's services, by what it does.
        hunt_groups: by number in normal form.
        secrets_in_clear: files with secrets may leave by TFTP and plain HTTP.
        access: who may fetch which files.
        https: certificates of an HTTPS listener; None for none.
        pnp: what phones are told that ask by SIP PnP.
        demo: nothing here is secret.
        encryption: how its files are encrypted; None for not at all.
        path: the file read.
        warnings: what is accepted but worth a look.
    """

    name: str
    domain: str
    registrar: Registrar
    voice_portal_number: str
    provisioning: ProvisioningIntent
    admin_password: Secret
    users: Mapping[str, User]
    handsets: tuple[InventoryHandset, ...]
    locale: LocaleIntent = field(default_factory=LocaleIntent)
    mwi_mode: MwiMode = MwiMode.SUBSCRIBE
    mwi_unasked: bool = False
    mwi_expires_s: int = 3600
    mwi_watch: MwiWatch = MwiWatch.MAILBOX
    policy: Policy = field(default_factory=Policy)
    seconds_per_ring: float = DEFAULT_SECONDS_PER_RING
    country_code: str = "49"
    trunk_prefix: str = "0"
    feature_codes: FeatureCodes = field(default_factory=dict)
    hunt_groups: Mapping[str, HuntGroup] = field(default_factory=dict)
    secrets_in_clear: bool = False
    encryption: FileEncryption | None = None
    access: AccessSettings = OPEN
    https: HttpsSettings | None = None
    pnp: PnpSettings = field(default_factory=PnpSettings)
    demo: bool = False
    path: Path | None = None
    warnings: tuple[InputFault, ...] = ()

    @functools.cached_property
    def _handsets_by_name(self) -> dict[str, InventoryHandset]:
        return {handset.name: handset for handset in self.handsets}

    @functools.cached_property
    def _owners_by_alias(self) -> dict[str, User]:
        return {
            alias: user
            for user in self.users.values()
            if user.mailbox is not None
            for alias in user.mailbox.aliases
        }

    @functools.cached_property
    def _users_by_spelling(self) -> dict[str, User]:
        by_spelling: dict[str, User] = {}
        for user in self.users.values():
            by_spelling[user.sip_user] = user
        for user in self.users.values():
            if user.extension:
                by_spelling[user.extension] = user
        return by_spelling | dict(self.users)

    def handset(self, name: str) -> InventoryHandset:
        """Find a handset by its name.

        Args:
            name: as in the inventory.

        Raises:
            UsageError: there is none; names the nearest.
        """
        found = self._handsets_by_name.get(name)
        if found is None:
            raise _unknown("handset", name, list(self._handsets_by_name))
        return found

    def user(self, number: str) -> User:
        """Find a user by number in any spelling, by extension or by SIP user.

        Args:
            number: for example ``+493023125101``, ``030 23125-101`` or ``101``.

        Raises:
            UsageError: there is none; names the nearest.
        """
        found = self._find_user(number)
        if found is None:
            raise _unknown("user", number, list(self._users_by_spelling))
        return found

    def _find_user(self, text: str) -> User | None:
        found = self._users_by_spelling.get(text.strip())
        if found is not None:
            return found
        try:
            return self.users.get(normalise(text, self.country_code, self.trunk_prefix))
        except NumberError:
            return None

    def mailbox_owner(self, number: str) -> User | None:
        """Whose mailbox a number opens: its own user's, or that of the alias's owner.

        Args:
            number: normal form.
        """
        user = self.users.get(number)
        if user is not None and user.mailbox is not None:
            return user
        return self._owners_by_alias.get(number)

    def with_endpoints(
        self,
        *,
        registrar: tuple[str, int] | None = None,
        provisioning_url: str | None = None,
    ) -> Site:
        """The same site at other addresses, as a demo or test on loopback needs it.

        Where the files come from another server, that server's access holds: none.

        Args:
            registrar: host and port that handsets register at; None for no change.
            provisioning_url: where they fetch; None for no change.
        """
        where, fetch, access = self.registrar, self.provisioning, self.access
        if registrar is not None:
            where = dataclasses.replace(where, host=registrar[0], port=registrar[1])
        if provisioning_url is not None:
            fetch = dataclasses.replace(fetch, url=provisioning_url.rstrip("/"))
            access = OPEN
        return dataclasses.replace(self, registrar=where, provisioning=fetch, access=access)

    def intent(self, handset_name: str) -> HandsetIntent:
        """Say what one handset must be told.

        Args:
            handset_name: as in the inventory.

        Raises:
            UsageError: there is no such handset.
        """
        handset = self.handset(handset_name)
        return HandsetIntent(
            name=handset.name,
            mac=handset.mac,
            model=handset.model,
            accounts=tuple(
                self._account(index, ref, handset.policy)
                for index, ref in enumerate(handset.accounts, start=1)
            ),
            line_keys=self._line_keys(handset),
            lamp=handset.policy.lamp,
            locale=handset.locale or self.locale,
            provisioning=self._fetching(handset),
            admin_password=self.admin_password,
            calls=handset.policy.calls,
            vlan=handset.policy.vlan,
            expansion_modules=handset.expansion_modules,
        )

    def _fetching(self, handset: InventoryHandset) -> ProvisioningIntent:
        """Where and as whom one handset fetches."""
        fetch = self.provisioning
        own = credentials_of(self.access, handset.mac, handset.credentials)
        if own is not None:
            fetch = dataclasses.replace(fetch, user=own.user, password=own.password)
        if ProofKind.TOKEN in self.access.proofs:
            token = steady_token(self.access.key, handset.mac).reveal()
            fetch = dataclasses.replace(fetch, url=f"{fetch.url}/{token}")
        return fetch

    def _account(self, index: int, ref: AccountRef, policy: Policy) -> AccountIntent:
        user = self.users[ref.user]
        owner = self.mailbox_owner(ref.mailbox or user.number)
        host, port, proxy_host, proxy_port = self._route()
        return AccountIntent(
            index=index,
            label=ref.label or user.name,
            display_name=user.name,
            user=user.sip_user,
            auth_user=user.auth_user,
            password=user.password,
            domain=self.domain,
            registrar_host=host,
            registrar_port=port,
            transport=ref.transport or self.registrar.transport,
            register_expires_s=self.registrar.expires_s,
            voicemail_number=self.voice_portal_number if owner else "",
            mwi=self._mwi(ref, user, owner),
            diverts=self._diverts(user.services),
            outbound_proxy_host=proxy_host,
            outbound_proxy_port=proxy_port,
            media=policy.media,
            dnd=ref.dnd,
        )

    def _route(self) -> tuple[str, int, str, int]:
        """Registrar and outbound proxy.

        A registrar that is the domain itself needs no name of its own: then the proxy is
        simply where the domain's requests go.
        """
        where = self.registrar
        if not where.proxy_host:
            return where.host, where.port, "", 0
        if where.host == self.domain:
            return where.proxy_host, where.proxy_port, "", 0
        return where.host, where.port, where.proxy_host, where.proxy_port

    def _mwi(self, ref: AccountRef, user: User, owner: User | None) -> MwiIntent:
        if owner is None:
            return MwiIntent(MwiMode.OFF, self.mwi_expires_s)
        foreign = None if owner is user else f"sip:{owner.sip_user}@{self.domain}"
        if self.mwi_watch is MwiWatch.VOICEMAIL_NUMBER and self.voice_portal_number:
            foreign = f"sip:{self.voice_portal_number}@{self.domain}"
        return MwiIntent(ref.mwi or self.mwi_mode, self.mwi_expires_s, foreign)

    def _line_keys(self, handset: InventoryHandset) -> tuple[LineKeyIntent, ...]:
        return tuple(
            self._line_key(key, handset)
            for key in sorted(handset.line_keys, key=lambda key: key.position)
        )

    def _line_key(self, key: LineKey, handset: InventoryHandset) -> LineKeyIntent:
        value, label = key.value, key.label
        if key.kind is LineKeyKind.LINE:
            label = label or self._label(handset.accounts[key.account - 1])
        elif key.kind is LineKeyKind.VOICEMAIL:
            value = value or self.voice_portal_number
        elif key.kind in {LineKeyKind.BLF, LineKeyKind.MAILBOX}:
            watched = self._find_user(value)
            if watched is not None:
                value, label = watched.sip_user, label or watched.name
        return LineKeyIntent(key.position, key.kind, key.account, value, label)

    def _diverts(self, services: UserForwarding) -> DivertsIntent:
        return DivertsIntent(
            always=self._divert(services.always),
            busy=self._divert(services.busy),
            no_answer=self._divert(services.no_answer),
        )

    def _divert(self, forward: Forward | None) -> DivertIntent:
        if forward is None or forward.at is not ForwardPlace.HANDSET:
            return DivertIntent()
        target = self.voice_portal_number if forward.to_mailbox else forward.target
        return DivertIntent(enabled=True, target=target, delay_s=forward.delay_s)

    def _label(self, ref: AccountRef) -> str:
        return ref.label or self.users[ref.user].name


def _unknown(kind: str, name: str, known: list[str]) -> UsageError:
    near = difflib.get_close_matches(name[:64], known, n=3, cutoff=0.5) or sorted(known)[:5]
    return UsageError(
        f"the inventory has no {kind} {name[:64]!r}; the nearest are: {', '.join(near) or 'none'}"
    )
