"""Reads the site part and the users of an inventory; references stay open.

Whether an alias, a forwarding target or a mailbox fits the rest of the site is checked
later by :mod:`provisioning.inventory_checks`, when everything has been read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from provisioning.errors import Position, UsageError
from provisioning.intent import LocaleIntent, MwiMode, ProvisioningIntent, SipTransport
from provisioning.inventory_fields import FaultList, FieldReader, parse_text
from provisioning.inventory_model import (
    DEFAULT_RINGS,
    DEFAULT_SECONDS_PER_RING,
    MAX_RINGS,
    Forward,
    ForwardPlace,
    MailboxSettings,
    Registrar,
    User,
    UserForwarding,
)
from provisioning.inventory_site import Site, rings_to_seconds, seconds_to_rings
from provisioning.phone_number import (
    alias_notes,
    normalise,
    parse_alias,
    parse_extension,
    parse_service_number,
    parse_transfer_number,
)
from provisioning.pin import GUIDE_RULES, PinRules, check_pin
from provisioning.secret import Secret, SecretResolver
from provisioning.yaml_source import YamlNode

HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]"
HOST_FORM = "a host name or address"
SIP_USER = r"[A-Za-z0-9+._~-]{1,64}"
_SIP_USER_FORM = "up to 64 letters, digits and + . _ ~ -"
_EMAIL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?"
_MAX_DELAY_S = 120
_NO_SECRET = Secret("")


@dataclass(slots=True)
class Reading:
    """What is needed while one inventory is read.

    Attributes:
        faults: what is wrong.
        warnings: what is worth a look.
        resolver: opens secret references.
        country_code: digits of the own country.
        trunk_prefix: of national numbers.
        seconds_per_ring: ringing cadence.
        pin_rules: what a PIN must keep.
    """

    faults: FaultList
    warnings: FaultList
    resolver: SecretResolver
    country_code: str = "49"
    trunk_prefix: str = "0"
    seconds_per_ring: float = DEFAULT_SECONDS_PER_RING
    pin_rules: PinRules = GUIDE_RULES

    def secret(self, reader: FieldReader, key: str, *, required: bool = True) -> Secret | None:
        """Read a secret reference; what is unwise about it becomes a warning.

        Args:
            reader: the mapping.
            key: its key.
            required: report its absence.
        """
        found = reader.parsed(key, self.resolver.resolve, required=required, secret=True)
        self._take_warnings(reader, key)
        return found

    def pin(self, reader: FieldReader) -> Secret | None:
        """Read a PIN reference and hold the PIN against the rules, never showing it.

        Args:
            reader: the mailbox mapping.
        """

        def parse(reference: str) -> Secret:
            pin = self.resolver.resolve(reference)
            broken = check_pin(pin.reveal(), self.pin_rules)
            if broken:
                raise _RuleError(
                    "; ".join(broken), "a PIN that keeps every rule", "Choose another PIN."
                )
            return pin

        found = reader.parsed("pin", parse, required=True, secret=True)
        self._take_warnings(reader, "pin")
        return found

    def normalise(self, text: str) -> str:
        """Bring a number to normal form with the site's own country code."""
        return normalise(text, self.country_code, self.trunk_prefix)

    def service_number(self, text: str) -> str:
        """Read a code, extension or number with the site's own country code."""
        return parse_service_number(text, self.country_code, self.trunk_prefix)

    def _take_warnings(self, reader: FieldReader, key: str) -> None:
        for warning in self.resolver.warnings:
            self.warnings.add(reader.position_of(key), warning)
        self.resolver.warnings.clear()


class _RuleError(UsageError):
    def __init__(self, what: str, expected: str, fix: str) -> None:
        super().__init__(f"{what}; expected {expected}. {fix}")
        self.what = what
        self.expected = expected
        self.fix = fix


@dataclass(frozen=True, slots=True)
class UserDraft:
    """One user as read, with the places that later checks point at.

    Attributes:
        user: the user; number empty when it was faulty.
        number_at: where the number stands.
        extension_at: where the extension stands.
        sip_user_at: where the SIP user stands.
        aliases_at: where each alias of the mailbox stands.
        transfer_at: where the transfer number stands.
        forwards_at: where each forwarding target stands, by kind.
    """

    user: User
    number_at: Position
    extension_at: Position
    sip_user_at: Position
    aliases_at: tuple[Position, ...] = ()
    transfer_at: Position = field(default=Position(""))
    forwards_at: dict[str, Position] = field(default_factory=dict)


def read_site_part(node: YamlNode, faults: FaultList, path: Path) -> tuple[Site, Position]:
    """Read the ``site`` part into a site without users and handsets.

    Args:
        node: the mapping.
        faults: where faults go.
        path: the file; ``file:`` secrets are relative to its folder.

    Returns:
        The site so far, and where it speaks of the voice portal.
    """
    reader = FieldReader(node, "site", faults)
    demo = reader.flag("demo", default=False)
    # Without a readable site part, demo secrets are let pass: one fault is enough.
    resolver = SecretResolver(path.parent, allow_demo=demo or not reader.usable)
    warnings = FaultList()
    reading = Reading(faults, warnings, resolver)
    numbering = reader.part("numbering", "numbering part")
    if numbering:
        reading.country_code = (
            numbering.text("country_code", pattern="[1-9][0-9]{0,2}", form="1 to 3 digits") or "49"
        )
        if numbering.node("trunk_prefix") is not None:
            reading.trunk_prefix = numbering.text(
                "trunk_prefix", pattern="none|[0-9]{1,3}", form="1 to 3 digits, or none"
            ).replace("none", "")
        numbering.finish()
    domain = reader.text("domain", required=True, pattern=HOST, form=HOST_FORM)
    mwi_mode = reader.choice("mwi", MwiMode) or MwiMode.SUBSCRIBE
    site = Site(
        name=reader.text("name", required=True),
        domain=domain,
        registrar=_registrar(reader, domain),
        voice_portal_number=reader.parsed("voice_portal_number", reading.service_number) or "",
        provisioning=_provisioning(reader),
        admin_password=reading.secret(reader, "admin_password") or _NO_SECRET,
        users={},
        handsets=(),
        locale=_locale(reader),
        mwi_mode=mwi_mode,
        mwi_expires_s=reader.integer("mwi_expires_s", 3600, low=60, high=604_800),
        seconds_per_ring=reader.number(
            "seconds_per_ring", DEFAULT_SECONDS_PER_RING, low=1, high=12
        ),
        country_code=reading.country_code,
        trunk_prefix=reading.trunk_prefix,
        demo=demo or not reader.usable,
        path=path,
        warnings=tuple(warnings.as_list()),
    )
    reader.finish()
    return site, reader.position_of("voice_portal_number")


def read_user(node: YamlNode, reading: Reading) -> UserDraft | None:
    """Read one user.

    Args:
        node: the mapping.
        reading: the state of the reading.

    Returns:
        The draft, or None when the node is no mapping.
    """
    reader = FieldReader(node, "user", reading.faults)
    if not reader.usable:
        return None
    number = reader.parsed("number", reading.normalise, required=True) or ""
    extension = reader.parsed("extension", parse_extension) or ""
    sip_user, auth_user, password = number, "", _NO_SECRET
    sip_user_at = reader.position_of("number")
    reader.node("sip", required=True)
    sip = reader.part("sip", "sip part")
    if sip:
        sip_user_at = sip.position_of("user")
        sip_user = sip.text("user", pattern=SIP_USER, form=_SIP_USER_FORM) or number
        auth_user = sip.text("auth_user", pattern=r"[!-~]{1,64}", form="up to 64 ASCII characters")
        password = reading.secret(sip, "password") or _NO_SECRET
        sip.finish()
    aliases_at: list[Position] = []
    transfer_at: list[Position] = []
    forwards_at: dict[str, Position] = {}
    draft = UserDraft(
        user=User(
            name=reader.text("name", required=True),
            number=number,
            extension=extension,
            sip_user=sip_user,
            auth_user=auth_user or sip_user,
            password=password,
            mailbox=_mailbox(reader, reading, aliases_at, transfer_at),
            services=_services(reader, reading, forwards_at),
            position=node.position,
        ),
        number_at=reader.position_of("number"),
        extension_at=reader.position_of("extension"),
        sip_user_at=sip_user_at,
        aliases_at=tuple(aliases_at),
        transfer_at=transfer_at[0] if transfer_at else node.position,
        forwards_at=forwards_at,
    )
    reader.finish()
    return draft


def _registrar(site: FieldReader, domain: str) -> Registrar:
    reader = site.part("registrar", "registrar part")
    if reader is None:
        return Registrar(domain)
    registrar = Registrar(
        host=reader.text("host", pattern=HOST, form=HOST_FORM) or domain,
        port=reader.integer("port", 5060, low=1, high=65535),
        transport=reader.choice("transport", SipTransport) or SipTransport.UDP,
        expires_s=reader.integer("expires_s", 3600, low=60, high=604_800),
    )
    reader.finish()
    return registrar


def _provisioning(site: FieldReader) -> ProvisioningIntent:
    site.node("provisioning", required=True)
    reader = site.part("provisioning", "provisioning part")
    if reader is None:
        return ProvisioningIntent("")
    # A wrong URL is not shown: it may hold a user name and password.
    url = reader.parsed("url", _parse_url, required=True, secret=True) or ""
    interval_s = reader.integer("resync_interval_s", 86_400, low=0, high=31_536_000)
    reader.finish()
    return ProvisioningIntent(url, interval_s)


def _parse_url(text: str) -> str:
    form = "http://host/path, https://host/path or tftp://host without a user and password"
    try:
        parts = urlsplit(text)
        port_ok = parts.port != 0
    except ValueError:
        raise ValueError(form) from None
    usable = (
        parts.scheme in {"http", "https", "tftp"}
        and parts.hostname
        and "@" not in parts.netloc
        and not parts.query
        and not parts.fragment
        and re.fullmatch(r"[!-~]{1,255}", text)
    )
    if not (usable and port_ok):
        raise ValueError(form)
    return text.rstrip("/")


def _locale(site: FieldReader) -> LocaleIntent:
    german = LocaleIntent()
    reader = site.part("locale", "locale part")
    if reader is None:
        return german
    locale = LocaleIntent(
        language=reader.text(
            "language", pattern="[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", form="a language such as de"
        )
        or german.language,
        tone_country=reader.text(
            "tone_country", pattern="[A-Z]{2}", form="a country of two letters such as DE"
        )
        or german.tone_country,
        time_zone=reader.text(
            "time_zone", pattern="[A-Za-z_]+(/[A-Za-z0-9_+-]+){0,2}", form="Europe/Berlin or alike"
        )
        or german.time_zone,
        ntp_server=reader.text("ntp_server", pattern=HOST, form=HOST_FORM) or german.ntp_server,
    )
    reader.finish()
    return locale


def _mailbox(
    user: FieldReader, reading: Reading, aliases_at: list[Position], transfer_at: list[Position]
) -> MailboxSettings | None:
    reader = user.part("mailbox", "mailbox")
    if reader is None:
        return None
    aliases = []
    for item in reader.items("aliases"):
        alias = parse_text(item, "the alias", _alias_parser(reading, item), reading.faults)
        if alias is not None:
            aliases.append(alias)
            aliases_at.append(item.position)
    transfer_at.append(reader.position_of("transfer_on_zero"))
    email = reader.part("email", "email part")
    notify = email.text("notify", pattern=_EMAIL, form="an address") if email else ""
    copy = email.text("copy", pattern=_EMAIL, form="an address") if email else ""
    if email:
        email.finish()
    mailbox = MailboxSettings(
        pin=reading.pin(reader) or _NO_SECRET,
        aliases=tuple(aliases),
        active=reader.flag("active", default=True),
        all_calls=reader.flag("all_calls", default=False),
        busy=reader.flag("busy", default=True),
        no_answer=reader.flag("no_answer", default=True),
        rings=_rings(reader, DEFAULT_RINGS),
        mwi=reader.flag("mwi", default=True),
        auto_login=reader.flag("auto_login", default=False),
        transfer_on_zero=reader.parsed(
            "transfer_on_zero",
            lambda text: parse_transfer_number(text, reading.country_code, reading.trunk_prefix),
        ),
        email_notify=notify or None,
        email_copy=copy or None,
    )
    reader.finish()
    return mailbox


def _alias_parser(reading: Reading, item: YamlNode) -> Callable[[str], str]:
    def parse(text: str) -> str:
        alias = parse_alias(text, reading.country_code, reading.trunk_prefix)
        for note in alias_notes(text):
            reading.warnings.add(item.position, note)
        return alias

    return parse


def _services(
    user: FieldReader, reading: Reading, forwards_at: dict[str, Position]
) -> UserForwarding:
    dnd = user.flag("dnd", default=False)
    reader = user.part("forwarding", "forwarding part")
    if reader is None:
        return UserForwarding(do_not_disturb=dnd)
    forwarding = UserForwarding(
        always=_forward(reader, "always", reading, forwards_at),
        busy=_forward(reader, "busy", reading, forwards_at),
        no_answer=_forward(reader, "no_answer", reading, forwards_at),
        do_not_disturb=dnd,
    )
    reader.finish()
    return forwarding


def _forward(
    forwarding: FieldReader, kind: str, reading: Reading, forwards_at: dict[str, Position]
) -> Forward | None:
    reader = forwarding.part(kind, f"{kind} forwarding")
    if reader is None:
        return None
    target = reader.parsed("target", reading.service_number, required=True) or ""
    place = reader.choice("at", ForwardPlace) or ForwardPlace.PLATFORM
    rings = delay_s = 0
    if kind == "no_answer":
        rings, delay_s = _ring_time(reader, reading)
    forwards_at[kind] = reader.position_of("target")
    reader.finish()
    return Forward(target, place, rings, delay_s)


def _ring_time(reader: FieldReader, reading: Reading) -> tuple[int, int]:
    """Rings and seconds, whichever of the two is written; both is a fault."""
    if reader.node("seconds") is not None:
        delay_s = reader.integer("seconds", 0, low=0, high=_MAX_DELAY_S)
        if reader.node("rings") is not None:
            reading.faults.add(
                reader.position_of("seconds"),
                "both 'rings' and 'seconds' are given",
                expected="one of the two",
                fix="Remove one.",
            )
        return seconds_to_rings(delay_s, reading.seconds_per_ring), delay_s
    rings = _rings(reader, DEFAULT_RINGS)
    return rings, rings_to_seconds(rings, reading.seconds_per_ring)


def _rings(reader: FieldReader, default: int) -> int:
    form = f"0 (at once) or 2 to {MAX_RINGS} rings"

    def check(text: str) -> int:
        if not re.fullmatch("[0-9]{1,2}", text) or int(text) == 1 or int(text) > MAX_RINGS:
            raise ValueError(form)
        return int(text)

    found = reader.parsed("rings", check)
    return default if found is None else found
