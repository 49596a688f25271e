"""What a site inventory says, as frozen records: users, mailboxes, handsets.

Records only. Reading them from a file is :mod:`provisioning.inventory`; what one handset
must be told is :mod:`provisioning.site_intent`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from provisioning.access_model import HandsetCredentials
from provisioning.address import Mac
from provisioning.control_model import HandsetControl
from provisioning.distribution_list import DistributionList
from provisioning.errors import Position
from provisioning.intent import (
    NO_CALL_POLICY,
    NO_MEDIA,
    CallPolicyIntent,
    LampPolicyIntent,
    LineKeyKind,
    LocaleIntent,
    MediaIntent,
    MwiMode,
    SipTransport,
    VlanIntent,
)
from provisioning.secret import Secret

DEFAULT_RINGS = 3
DEFAULT_SECONDS_PER_RING = 5.0
"""German ringing is one second of tone and four of pause."""
MAX_RINGS = 20


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """How much one handset model can hold.

    Attributes:
        accounts: most accounts.
        line_keys: most programmable keys.
        expansion_modules: most expansion modules.
        module_keys: keys of one module.
        vendor: who makes it; empty when that is not known.
        mac_oui: first halves of the vendor's MACs, as far as they are known.
    """

    accounts: int
    line_keys: int
    expansion_modules: int = 0
    module_keys: int = 0
    vendor: str = ""
    mac_oui: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Registrar:
    """Where handsets register.

    Attributes:
        host: name or address.
        port: 1 to 65535.
        transport: for accounts that name none.
        expires_s: binding duration to ask for, seconds.
        proxy_host: outbound proxy, where all requests go; empty for none.
        proxy_port: its port.
    """

    host: str
    port: int = 5060
    transport: SipTransport = SipTransport.UDP
    expires_s: int = 3600
    proxy_host: str = ""
    proxy_port: int = 5060


class MwiWatch(StrEnum):
    """What an account subscribes to."""

    MAILBOX = "mailbox"
    """The own address, or the owner's where the number is an alias of a mailbox."""
    VOICEMAIL_NUMBER = "voicemail_number"
    """The number that the message key dials, for platforms that want it so."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the site says for all handsets and a handset may say otherwise.

    Attributes:
        lamp: what lights the common message lamp, icon and tone.
        media: codecs, digits, encryption.
        calls: call waiting, feature key synchronisation, diversion header.
        vlan: None to leave it alone.
    """

    lamp: LampPolicyIntent = field(default_factory=LampPolicyIntent)
    media: MediaIntent = NO_MEDIA
    calls: CallPolicyIntent = NO_CALL_POLICY
    vlan: VlanIntent | None = None


class ForwardPlace(StrEnum):
    """Who performs a forwarding."""

    PLATFORM = "platform"
    HANDSET = "handset"


@dataclass(frozen=True, slots=True)
class Forward:
    """One active forwarding of a user's calls.

    Attributes:
        target: number in normal form, or an extension or code as dialled; empty when it goes
            to the mailbox.
        at: the platform forwards, or the handset does (302).
        rings: before a no-answer forwarding, 0 or 2 to 20; 0 for the other two.
        delay_s: the same as seconds, 0 for the other two.
        to_mailbox: the handset forwards to the number of the voice portal.
    """

    target: str
    at: ForwardPlace = ForwardPlace.PLATFORM
    rings: int = 0
    delay_s: int = 0
    to_mailbox: bool = False


@dataclass(frozen=True, slots=True)
class UserForwarding:
    """Forwarding and do-not-disturb of one user; None means not active.

    Attributes:
        always: every call.
        busy: calls while busy.
        no_answer: calls not answered in time.
        do_not_disturb: calls do not ring.
        not_reachable: calls while no phone can be reached.
        call_waiting: a second call rings while the user is in one; without it, it is busy.
    """

    always: Forward | None = None
    busy: Forward | None = None
    no_answer: Forward | None = None
    do_not_disturb: bool = False
    not_reachable: Forward | None = None
    call_waiting: bool = True


@dataclass(frozen=True, slots=True)
class MailboxSettings:
    """One user's mailbox as the inventory wants it.

    Attributes:
        pin: keeps the rules of :mod:`provisioning.pin`.
        aliases: further numbers that open it, in normal form, or digits that mean
            something inside the site only.
        active: the service is on.
        all_calls: every call goes to the mailbox.
        busy: calls while busy or do-not-disturb go there.
        no_answer: unanswered calls go there.
        rings: before "unanswered", 0 or 2 to 20.
        mwi: the platform tells the phone about waiting messages.
        auto_login: no PIN from the owner's own phones.
        transfer_on_zero: where a caller gets by pressing 0; None for nowhere.
        email_notify: address told of a new message; None for none.
        email_copy: address that gets a copy of the message; None for none.
        email_redirect: address that gets the messages instead of the mailbox; None when they
            stay in the mailbox.
        also_shows: numbers of further mailboxes, a group's say, whose messages the owner's lamp
            shows too; the counts are added.
        change_pin: the owner must choose a PIN at the first login.
        distribution_lists: by place, None for a free one; members in normal form.
    """

    pin: Secret
    aliases: tuple[str, ...] = ()
    active: bool = True
    all_calls: bool = False
    busy: bool = True
    no_answer: bool = True
    rings: int = DEFAULT_RINGS
    mwi: bool = True
    auto_login: bool = False
    transfer_on_zero: str | None = None
    email_notify: str | None = None
    email_copy: str | None = None
    email_redirect: str | None = None
    also_shows: tuple[str, ...] = ()
    change_pin: bool = False
    distribution_lists: tuple[DistributionList | None, ...] = ()


@dataclass(frozen=True, slots=True)
class User:
    """One person or function with a number.

    Attributes:
        name: shown to people.
        number: normal form, ``+493023125101``.
        extension: internal number, or empty.
        sip_user: user part of the AOR.
        auth_user: user name for digest.
        password: digest secret.
        mailbox: own mailbox, or None.
        services: forwarding and do-not-disturb.
        position: where the inventory says so.
    """

    name: str
    number: str
    extension: str
    sip_user: str
    auth_user: str
    password: Secret
    mailbox: MailboxSettings | None = None
    services: UserForwarding = field(default_factory=UserForwarding)
    position: Position = field(default=Position(""), compare=False)


class MwiDelivery(StrEnum):
    """How an inventory says that an account learns of waiting messages.

    ``both``: the handset subscribes, and until it has, the platform tells it unasked.
    """

    SUBSCRIBE = "subscribe"
    UNSOLICITED = "unsolicited"
    BOTH = "both"
    OFF = "off"

    @property
    def mode(self) -> MwiMode:
        """What the handset is told to do."""
        return MwiMode.SUBSCRIBE if self is MwiDelivery.BOTH else MwiMode(self.value)


@dataclass(frozen=True, slots=True)
class AccountRef:
    """One user's account on one handset.

    Attributes:
        user: the user's number in normal form.
        mwi: overrides the site's way of learning of messages; None for the site's.
        mwi_unasked: the platform also tells it without being asked, until it has subscribed;
            ``mwi: both`` in the inventory.
        transport: overrides the registrar's; None for the registrar's.
        label: beside the line key; empty for the user's name.
        shared: the same account is meant to be on other handsets too.
        mailbox: number of the user whose mailbox it watches; empty for its own user's.
        dnd: do not disturb on this handset; None to leave it alone.
    """

    user: str
    mwi: MwiMode | None = None
    mwi_unasked: bool = False
    transport: SipTransport | None = None
    label: str = ""
    shared: bool = False
    mailbox: str = ""
    dnd: bool | None = None


@dataclass(frozen=True, slots=True)
class LineKey:
    """One programmable key of a handset.

    Attributes:
        position: from 1.
        kind: what it does.
        account: account position from 1 that it belongs to.
        value: number to dial or watch; empty where the kind needs none.
        label: beside it; may be empty.
    """

    position: int
    kind: LineKeyKind
    account: int = 1
    value: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class InventoryHandset:
    """One handset.

    Attributes:
        name: unique in the site.
        mac: unique in the site.
        model: profile name.
        vendor: for people; may be empty.
        accounts: in the order of the handset's account positions.
        line_keys: by position; empty means one line key per account.
        policy: lamp, media, calls, VLAN; the site's where the handset says nothing.
        locale: language, tones and time zone; None for the site's.
        expansion_modules: how many are plugged in.
        credentials: of its own for fetching; None for those that the site makes.
        revoked: it gets nothing from the file server.
        control: how it is driven, where it is a real one on a bench; None for none.
        position: where the inventory says so.
    """

    name: str
    mac: Mac
    model: str
    vendor: str
    accounts: tuple[AccountRef, ...]
    line_keys: tuple[LineKey, ...] = ()
    policy: Policy = field(default_factory=Policy)
    locale: LocaleIntent | None = None
    expansion_modules: int = 0
    credentials: HandsetCredentials | None = None
    revoked: bool = False
    control: HandsetControl | None = None
    position: Position = field(default=Position(""), compare=False)
