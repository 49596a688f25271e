"""Reads the handsets of an inventory; whose accounts they carry stays open.

Account references are kept as written until every user is known; see
:mod:`provisioning.inventory_checks`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from provisioning.access_model import HandsetCredentials
from provisioning.address import Mac
from provisioning.control_model import HandsetControl
from provisioning.errors import Position
from provisioning.intent import LineKeyKind, LocaleIntent, SipTransport
from provisioning.inventory_access import read_handset_access
from provisioning.inventory_control import read_control
from provisioning.inventory_fields import FaultList, FieldReader, show_value
from provisioning.inventory_model import AccountRef, LineKey, ModelLimits, MwiDelivery, Policy
from provisioning.inventory_policy import read_locale, read_policy
from provisioning.inventory_reading import SIP_USER, Reading
from provisioning.known_names import near_names
from provisioning.phone_number import NumberError, parse_dial_string
from provisioning.yaml_source import YamlMap, YamlNode, YamlText

MAX_LINE_KEYS = 512
MAX_MODULES = 16
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_NAME_FORM = "up to 63 letters, digits and . _ -"
_WORD = r"[A-Za-z0-9][A-Za-z0-9 ._/+-]{0,62}"


@dataclass(frozen=True, slots=True)
class AccountDraft:
    """One account reference as read.

    Attributes:
        user: the user as written: number in any spelling, extension or SIP user.
        position: where that stands.
        ref: the rest; its ``user`` is not yet resolved.
        mailbox: whose mailbox it watches, as written; empty for its own.
        mailbox_at: where that stands.
    """

    user: str
    position: Position
    ref: AccountRef
    mailbox: str = ""
    mailbox_at: Position = field(default=Position(""))


@dataclass(frozen=True, slots=True)
class HandsetDraft:
    """One handset as read.

    Attributes:
        name: empty when faulty.
        name_at: where it stands.
        mac: None when faulty.
        mac_at: where it stands.
        model: empty when faulty or unknown.
        model_at: where it stands.
        vendor: may be empty.
        accounts: as read.
        line_keys: positions given.
        line_keys_at: where each stands, in the same order.
        policy: lamp, media, calls, VLAN.
        locale: language, tones and time zone; None for the site's.
        expansion_modules: how many are plugged in.
        modules_at: where that stands.
        credentials: of its own for fetching, or None.
        revoked: it gets nothing from the file server.
        control: how a real one is driven, or None.
        position: where the handset stands.
    """

    name: str
    name_at: Position
    mac: Mac | None
    mac_at: Position
    model: str
    model_at: Position
    vendor: str
    accounts: tuple[AccountDraft, ...]
    line_keys: tuple[LineKey, ...]
    line_keys_at: tuple[Position, ...]
    policy: Policy
    locale: LocaleIntent | None
    expansion_modules: int
    modules_at: Position
    credentials: HandsetCredentials | None
    revoked: bool
    control: HandsetControl | None
    position: Position


def read_handset(
    node: YamlNode,
    faults: FaultList,
    models: Mapping[str, ModelLimits] | None,
    policy: Policy,
    locale: LocaleIntent,
    reading: Reading,
) -> HandsetDraft | None:
    """Read one handset.

    Args:
        node: the mapping.
        faults: where faults go.
        models: known models; None accepts any.
        policy: of the site.
        locale: of the site.
        reading: resolves secrets.

    Returns:
        The draft, or None when the node is no mapping.
    """
    reader = FieldReader(node, "handset", faults)
    if not reader.usable:
        return None
    model = reader.text("model", required=True, pattern=_WORD, form="a model such as T46U")
    if model and models is not None and model not in models:
        _report_unknown_model(model, reader.position_of("model"), models, faults)
        model = ""
    reader.node("accounts", required=True)
    accounts = tuple(
        account
        for item in reader.items("accounts")
        if (account := _read_account(item, faults)) is not None
    )
    line_keys, line_keys_at = _read_line_keys(reader, faults)
    credentials, revoked = read_handset_access(reader, reading)
    draft = HandsetDraft(
        name=reader.text("name", required=True, pattern=_NAME, form=_NAME_FORM),
        name_at=reader.position_of("name"),
        mac=reader.parsed("mac", _parse_mac, required=True),
        mac_at=reader.position_of("mac"),
        model=model,
        model_at=reader.position_of("model"),
        vendor=reader.text("vendor", pattern=_WORD, form="a vendor's name"),
        accounts=accounts,
        line_keys=line_keys,
        line_keys_at=line_keys_at,
        policy=read_policy(reader, policy),
        locale=None if reader.node("locale") is None else read_locale(reader, locale),
        expansion_modules=reader.integer("expansion_modules", 0, low=0, high=MAX_MODULES),
        modules_at=reader.position_of("expansion_modules"),
        credentials=credentials,
        revoked=revoked,
        control=read_control(reader, reading),
        position=node.position,
    )
    reader.finish()
    return draft


def _parse_mac(text: str) -> Mac:
    # Spreadsheets and YAML tools turn 12e456789012 into a float: say so when it happened.
    try:
        return Mac.parse(text)
    except ValueError as error:
        looks_like_float = "e+" in text.lower() or text.lower() in {"inf", "infinity", ".inf"}
        hint = " (a spreadsheet turned it into a number: format the column as text)"
        raise ValueError(f"{error}{hint if looks_like_float else ''}") from None


def _report_unknown_model(
    model: str, position: Position, models: Mapping[str, ModelLimits], faults: FaultList
) -> None:
    near = near_names(model, models)
    faults.add(
        position,
        "unknown model",
        got=show_value(model),
        expected="a model with a device profile",
        fix=f"Did you mean {' or '.join(near)}?" if near else "'phonerig models' lists them.",
    )


def _read_account(node: YamlNode, faults: FaultList) -> AccountDraft | None:
    if isinstance(node, YamlText):
        # `accounts: [101, 102]` is short for a list of mappings with nothing but a user.
        user = YamlText("user", node.position)
        node = YamlMap(((user, node),), node.position)
    reader = FieldReader(node, "account", faults)
    if not reader.usable:
        return None
    user_text = reader.text("user", required=True)
    mwi = reader.choice("mwi", MwiDelivery)
    draft = AccountDraft(
        user=user_text,
        position=reader.position_of("user"),
        ref=AccountRef(
            user="",
            mwi=None if mwi is None else mwi.mode,
            mwi_unasked=mwi is MwiDelivery.BOTH,
            transport=reader.choice("transport", SipTransport),
            label=reader.text("label"),
            shared=reader.flag("shared", default=False),
            dnd=reader.switch("dnd"),
        ),
        mailbox=reader.text("mailbox"),
        mailbox_at=reader.position_of("mailbox"),
    )
    reader.finish()
    return draft


def _read_line_keys(
    handset: FieldReader, faults: FaultList
) -> tuple[tuple[LineKey, ...], tuple[Position, ...]]:
    readers = [FieldReader(item, "line key", faults) for item in handset.items("line_keys")]
    usable = [reader for reader in readers if reader.usable]
    wanted = [reader.integer("position", 0, low=1, high=MAX_LINE_KEYS) for reader in usable]
    taken = set(wanted)
    free = (n for n in range(1, MAX_LINE_KEYS + len(usable) + 1) if n not in taken)
    keys = []
    places = []
    for reader, position in zip(usable, wanted, strict=True):
        keys.append(_read_line_key(reader, position or next(free)))
        places.append(reader.position_of("position"))
    return tuple(keys), tuple(places)


def _read_line_key(reader: FieldReader, position: int) -> LineKey:
    kind = reader.choice("kind", LineKeyKind, required=True) or LineKeyKind.LINE
    watching = {LineKeyKind.BLF, LineKeyKind.MAILBOX}
    parse = _parse_watched if kind in watching else parse_dial_string
    value = reader.parsed("value", parse) or ""
    if kind is LineKeyKind.SPEED_DIAL or kind in watching:
        reader.node("value", required=True)
    elif kind is LineKeyKind.LINE and value:
        reader.faults.add(
            reader.position_of("value"),
            "a line key has no value: it stands for an account",
            got=show_value(value),
            expected="'account: 2' to choose the account",
            fix="Remove 'value', or make it a speed_dial.",
        )
    key = LineKey(
        position=position,
        kind=kind,
        account=reader.integer("account", 1, low=1, high=MAX_LINE_KEYS),
        value=value,
        label=reader.text("label"),
    )
    reader.finish()
    return key


def _parse_watched(text: str) -> str:
    """What a BLF key watches: a number or extension, or a SIP user."""
    try:
        return parse_dial_string(text)
    except NumberError:
        if not re.fullmatch(SIP_USER, text):
            raise
        return text
