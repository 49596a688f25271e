"""Reads the users of an inventory; references stay open.

Whether an alias, a forwarding target or a mailbox fits the rest of the site is checked
later by :mod:`provisioning.inventory_checks`, when everything has been read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from provisioning.email_address import check_email
from provisioning.errors import Position
from provisioning.inventory_fields import FieldReader, parse_text
from provisioning.inventory_lists import ListDraft, read_lists
from provisioning.inventory_model import (
    DEFAULT_RINGS,
    MAX_RINGS,
    Forward,
    ForwardPlace,
    MailboxSettings,
    User,
    UserForwarding,
)
from provisioning.inventory_reading import NO_SECRET, SIP_USER, SIP_USER_FORM, Reading
from provisioning.inventory_site import rings_to_seconds, seconds_to_rings
from provisioning.phone_number import (
    alias_notes,
    parse_alias,
    parse_extension,
    parse_transfer_number,
)
from provisioning.yaml_source import YamlNode

_MAX_DELAY_S = 120


@dataclass(frozen=True, slots=True)
class UserDraft:
    """One user as read, with the places that later checks point at.

    Attributes:
        user: the user; number empty when it was faulty.
        number_at: where the number stands.
        extension_at: where the extension stands.
        sip_user_at: where the SIP user stands.
        aliases_at: where each alias of the mailbox stands.
        also_at: where each further mailbox on the owner's lamp stands.
        transfer_at: where the transfer number stands.
        forwards_at: where each forwarding target stands, by kind.
        lists: distribution lists of the mailbox, members as written.
    """

    user: User
    number_at: Position
    extension_at: Position
    sip_user_at: Position
    aliases_at: tuple[Position, ...] = ()
    also_at: tuple[Position, ...] = ()
    transfer_at: Position = field(default=Position(""))
    forwards_at: dict[str, Position] = field(default_factory=dict)
    lists: tuple[ListDraft | None, ...] = ()


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
    sip_user, auth_user, password = number, "", NO_SECRET
    sip_user_at = reader.position_of("number")
    reader.node("sip", required=True)
    sip = reader.part("sip", "sip part")
    if sip:
        sip_user_at = sip.position_of("user")
        sip_user = sip.text("user", pattern=SIP_USER, form=SIP_USER_FORM) or number
        auth_user = sip.text("auth_user", pattern=r"[!-~]{1,64}", form="up to 64 ASCII characters")
        password = reading.secret(sip, "password") or NO_SECRET
        sip.finish()
    aliases_at: list[Position] = []
    also_at: list[Position] = []
    transfer_at: list[Position] = []
    lists: list[ListDraft | None] = []
    forwards_at: dict[str, Position] = {}
    draft = UserDraft(
        user=User(
            name=reader.text("name", required=True),
            number=number,
            extension=extension,
            sip_user=sip_user,
            auth_user=auth_user or sip_user,
            password=password,
            mailbox=_mailbox(reader, reading, aliases_at, also_at, transfer_at, lists),
            services=_services(reader, reading, forwards_at),
            position=node.position,
        ),
        number_at=reader.position_of("number"),
        extension_at=reader.position_of("extension"),
        sip_user_at=sip_user_at,
        aliases_at=tuple(aliases_at),
        also_at=tuple(also_at),
        transfer_at=transfer_at[0] if transfer_at else node.position,
        forwards_at=forwards_at,
        lists=tuple(lists),
    )
    reader.finish()
    return draft


def _mailbox(
    user: FieldReader,
    reading: Reading,
    aliases_at: list[Position],
    also_at: list[Position],
    transfer_at: list[Position],
    lists: list[ListDraft | None],
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
    also = []
    for item in reader.items("also_shows"):
        other = parse_text(item, "the mailbox", str, reading.faults)
        if other is not None:
            also.append(other)
            also_at.append(item.position)
    lists += read_lists(reader, reading.faults)
    transfer_at.append(reader.position_of("transfer_on_zero"))
    email = reader.part("email", "email part")
    notify = email.parsed("notify", check_email) if email else None
    copy = email.parsed("copy", check_email) if email else None
    redirect = email.parsed("redirect", check_email) if email else None
    if email:
        email.finish()
    mailbox = MailboxSettings(
        pin=reading.pin(reader) or NO_SECRET,
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
        email_notify=notify,
        email_copy=copy,
        email_redirect=redirect,
        also_shows=tuple(also),
        change_pin=reader.flag("change_pin", default=False),
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
    waiting = user.flag("call_waiting", default=True)
    reader = user.part("forwarding", "forwarding part")
    if reader is None:
        return UserForwarding(do_not_disturb=dnd, call_waiting=waiting)
    forwarding = UserForwarding(
        always=_forward(reader, "always", reading, forwards_at),
        busy=_forward(reader, "busy", reading, forwards_at),
        no_answer=_forward(reader, "no_answer", reading, forwards_at),
        do_not_disturb=dnd,
        not_reachable=_forward(reader, "not_reachable", reading, forwards_at),
        call_waiting=waiting,
    )
    reader.finish()
    return forwarding


def _forward(
    forwarding: FieldReader, kind: str, reading: Reading, forwards_at: dict[str, Position]
) -> Forward | None:
    reader = forwarding.part(kind, f"{kind} forwarding")
    if reader is None:
        return None
    to_mailbox = reader.is_word("target", "mailbox")
    target = "" if to_mailbox else reader.parsed("target", reading.service_number, required=True)
    place = reader.choice("at", ForwardPlace) or ForwardPlace.PLATFORM
    if to_mailbox and place is ForwardPlace.PLATFORM:
        reading.faults.add(
            reader.position_of("target"),
            f"{kind} forwarding to the mailbox is the mailbox's own business on the platform",
            expected="'at: handset', or a number",
            fix=f"Use the mailbox's '{kind}' switch, or say 'at: handset'.",
        )
    rings = delay_s = 0
    if kind == "no_answer":
        rings, delay_s = _ring_time(reader, reading)
    if kind == "not_reachable" and place is ForwardPlace.HANDSET:
        reading.faults.add(
            reader.position_of("at"),
            "a handset cannot forward while it is not reachable",
            expected="'at: platform'",
            fix="Write 'at: platform' or remove 'at'.",
        )
    forwards_at[kind] = reader.position_of("target")
    reader.finish()
    return Forward(target or "", place, rings, delay_s, to_mailbox)


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
