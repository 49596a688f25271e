"""What one handset must be told, independent of any vendor: the typed intent model.

A rendered file is right when reading it back gives the same intent. Templates turn an
intent into a vendor's spelling; :mod:`provisioning.readback` turns the spelling into an
intent again, for the comparison and for the emulated handset.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from provisioning.address import Mac
from provisioning.secret import Secret


class SipTransport(StrEnum):
    """Transport that an account registers by."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class MwiMode(StrEnum):
    """How an account learns of waiting messages (RFC 3842, RFC 6665)."""

    SUBSCRIBE = "subscribe"
    UNSOLICITED = "unsolicited"
    OFF = "off"


class LineKeyKind(StrEnum):
    """What a programmable key does."""

    LINE = "line"
    SPEED_DIAL = "speed_dial"
    BLF = "blf"
    VOICEMAIL = "voicemail"
    MAILBOX = "mailbox"


class SrtpMode(StrEnum):
    """Whether media is encrypted (RFC 3711, keys by RFC 4568)."""

    OFF = "off"
    OPTIONAL = "optional"
    REQUIRED = "required"


class DtmfMethod(StrEnum):
    """How digits are sent during a call."""

    RFC4733 = "rfc4733"
    INFO = "info"
    INBAND = "inband"


class DiversionHeader(StrEnum):
    """Which header a diverting handset adds (RFC 5806, RFC 7044)."""

    NONE = "none"
    DIVERSION = "diversion"
    HISTORY_INFO = "history_info"


@dataclass(frozen=True, slots=True)
class MwiIntent:
    """Message waiting for one account.

    Attributes:
        mode: explicit SUBSCRIBE, rely on unsolicited NOTIFY, or off.
        expires_s: subscription duration to ask for, seconds.
        mailbox_uri: ``sip:user@domain`` of the mailbox to watch; None means the account's
            own AOR. Set for a phone whose number is an alias of somebody's mailbox.
    """

    mode: MwiMode
    expires_s: int = 3600
    mailbox_uri: str | None = None


@dataclass(frozen=True, slots=True)
class DivertIntent:
    """One diversion that the handset itself performs (302).

    Attributes:
        enabled: whether it is active.
        target: number to divert to, as dialled; empty when not enabled.
        delay_s: seconds of ringing before a no-answer diversion; 0 for the others.
    """

    enabled: bool = False
    target: str = ""
    delay_s: int = 0


@dataclass(frozen=True, slots=True)
class DivertsIntent:
    """The three diversions of an account."""

    always: DivertIntent = field(default_factory=DivertIntent)
    busy: DivertIntent = field(default_factory=DivertIntent)
    no_answer: DivertIntent = field(default_factory=DivertIntent)


@dataclass(frozen=True, slots=True)
class MediaIntent:
    """Media of one account; what is None or empty is left as the firmware has it.

    Attributes:
        codecs: payload names by preference, e.g. ``("PCMA", "G722")`` (RFC 3551).
        dtmf: how digits are sent.
        srtp: whether media is encrypted.
    """

    codecs: tuple[str, ...] = ()
    dtmf: DtmfMethod | None = None
    srtp: SrtpMode | None = None


NO_MEDIA = MediaIntent()
NO_DIVERTS = DivertsIntent()


@dataclass(frozen=True, slots=True)
class AccountIntent:
    """One account on one handset.

    Attributes:
        index: position on the handset, from 1.
        label: text beside the line key.
        display_name: caller name that the handset sends.
        user: user part of the AOR.
        auth_user: user name for digest.
        password: digest secret.
        domain: host part of the AOR.
        registrar_host: where REGISTER goes, unless there is an outbound proxy.
        registrar_port: its port.
        transport: UDP, TCP or TLS.
        register_expires_s: binding duration to ask for.
        voicemail_number: what the message key dials for this account; empty for none.
        mwi: message waiting.
        diverts: diversion done by the handset.
        outbound_proxy_host: where all requests go, when that is neither the registrar nor
            ``registrar_host`` stands for it; empty for no proxy.
        outbound_proxy_port: its port; 0 for no proxy.
        media: codecs, digits, encryption.
        dnd: do not disturb on the handset; None to leave it alone.
    """

    index: int
    label: str
    display_name: str
    user: str
    auth_user: str
    password: Secret
    domain: str
    registrar_host: str
    registrar_port: int
    transport: SipTransport
    register_expires_s: int
    voicemail_number: str
    mwi: MwiIntent
    diverts: DivertsIntent = NO_DIVERTS
    outbound_proxy_host: str = ""
    outbound_proxy_port: int = 0
    media: MediaIntent = NO_MEDIA
    dnd: bool | None = None

    @property
    def next_hop(self) -> tuple[str, int]:
        """Host and port that requests of this account are sent to."""
        if self.outbound_proxy_host:
            return self.outbound_proxy_host, self.outbound_proxy_port
        return self.registrar_host, self.registrar_port

    @property
    def aor(self) -> str:
        """The address of record, ``sip:user@domain``."""
        return f"sip:{self.user}@{self.domain}"


@dataclass(frozen=True, slots=True)
class LineKeyIntent:
    """One programmable key, by position from 1.

    Attributes:
        position: key number from 1.
        kind: what it does.
        account: index of the account it belongs to.
        value: number to dial or watch; empty for a line key.
        label: text beside it.
    """

    position: int
    kind: LineKeyKind
    account: int
    value: str = ""
    label: str = ""

    def without_defaults(self, account: AccountIntent) -> LineKeyIntent:
        """Leave out what the key does anyway.

        A line key shows its account's label and a voicemail key dials its account's
        voicemail number, also when the key itself says nothing.

        Args:
            account: the one the key belongs to.
        """
        if self.kind is LineKeyKind.LINE and self.label == account.label:
            return replace(self, label="")
        if self.kind is LineKeyKind.VOICEMAIL and self.value == account.voicemail_number:
            return replace(self, value="")
        return self


@dataclass(frozen=True, slots=True)
class LampPolicyIntent:
    """What may light the common message lamp, and how else a message is told.

    Attributes:
        on_message: waiting messages light it.
        on_missed_call: missed calls light it too; phonerig's default is False, because a
            lamp that means two things means nothing.
        icon: an icon on the display as well; None to leave it alone.
        stutter_tone: a stuttering dial tone as well; None to leave it alone.
    """

    on_message: bool = True
    on_missed_call: bool = False
    icon: bool | None = None
    stutter_tone: bool | None = None


@dataclass(frozen=True, slots=True)
class CallPolicyIntent:
    """How the handset treats calls; what is None is left as the firmware has it.

    Attributes:
        call_waiting: a second call knocks instead of being busy.
        feature_key_sync: diversion and DND keys tell the platform (as-feature-event).
        diversion_header: what the handset adds when it diverts.
    """

    call_waiting: bool | None = None
    feature_key_sync: bool | None = None
    diversion_header: DiversionHeader | None = None


@dataclass(frozen=True, slots=True)
class VlanIntent:
    """VLAN of the handset's own traffic (IEEE 802.1Q).

    Attributes:
        vlan_id: 1 to 4094.
        priority: 0 to 7.
    """

    vlan_id: int
    priority: int = 0


NO_CALL_POLICY = CallPolicyIntent()
NO_SECRET = Secret("")


@dataclass(frozen=True, slots=True)
class LocaleIntent:
    """Language, tones and time zone.

    Attributes:
        language: BCP 47 language, e.g. ``de``.
        tone_country: ISO 3166 country whose tones are played, e.g. ``DE``.
        time_zone: IANA name, e.g. ``Europe/Berlin``.
        ntp_server: host name or address.
    """

    language: str = "de"
    tone_country: str = "DE"
    time_zone: str = "Europe/Berlin"
    ntp_server: str = "pool.ntp.org"


@dataclass(frozen=True, slots=True)
class ProvisioningIntent:
    """Where the handset fetches its files and how often.

    Attributes:
        url: base URL (``http``, ``https`` or ``tftp``), without a trailing slash.
        resync_interval_s: seconds between periodic fetches; 0 for never.
        user: name for HTTP authentication; empty for none.
        password: of that name; empty for none.
    """

    url: str
    resync_interval_s: int = 86_400
    user: str = ""
    password: Secret = NO_SECRET


@dataclass(frozen=True, slots=True)
class HandsetIntent:
    """Everything one handset must be told.

    Attributes:
        name: the handset's name in the inventory.
        mac: its address.
        model: profile name, e.g. ``T46U``.
        accounts: by index, from 1 without gaps.
        line_keys: by position; keys of expansion modules go on where the handset's own end.
            Empty means one line key per account, as far as the model has keys.
        lamp: what lights the common message lamp.
        locale: language, tones, time zone.
        provisioning: where it fetches.
        admin_password: for its web page; never the vendor's default.
        calls: call waiting, feature key synchronisation, diversion header.
        vlan: of its own traffic; None to leave it alone.
        expansion_modules: how many are plugged in; found out by the handset, in no file.
    """

    name: str
    mac: Mac
    model: str
    accounts: tuple[AccountIntent, ...]
    line_keys: tuple[LineKeyIntent, ...]
    lamp: LampPolicyIntent
    locale: LocaleIntent
    provisioning: ProvisioningIntent
    admin_password: Secret
    calls: CallPolicyIntent = NO_CALL_POLICY
    vlan: VlanIntent | None = None
    expansion_modules: int = 0
