"""Reads what a FreePBX exports: extensions, and devices of the OSS End Point Manager.

Both come from its Bulk Handler. Every module that is installed adds columns to the extensions;
only those named here are read, and what else stands in the table does not matter. Passwords in it
are not taken: they stand there as themselves, and an inventory holds references only. So the
inventory says how the reference and the whole number of an extension are formed.

Source: the headers that the modules core and voicemail of FreePBX give their bulk handler, its own
example of an export, and ``bulkhandlerExport_run`` of the OSS End Point Manager.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioning.csv_import import parse_csv
from provisioning.errors import InputErrors, InputFault, Position
from provisioning.import_nodes import handset_name, is_no, mac_key, mapping, merged, plain, texts
from provisioning.inventory_fields import FieldReader
from provisioning.text_source import read_input_file
from provisioning.yaml_source import YamlList, YamlMap, YamlNode, YamlText

EXTENSION_COLUMNS = (
    "extension",
    "name",
    "description",
    "tech",
    "voicemail",
    "voicemail_enable",
    "voicemail_email",
    "voicemail_options",
)
DEVICE_COLUMNS = ("mac", "model", "extension", "line")
_SIP = frozenset({"sip", "pjsip"})
_NO_VOICEMAIL = frozenset({"", "novm", "disabled"})
_PLACE = "{extension}"


@dataclass(frozen=True, slots=True)
class ExtensionForm:
    """What an export does not say of an extension; ``{extension}`` stands for it.

    Attributes:
        number: its whole number.
        password: reference to its SIP password.
        pin: reference to the PIN of its mailbox.
    """

    number: str
    password: str
    pin: str


def read_extension_form(reader: FieldReader) -> ExtensionForm:
    """Read how numbers and references are formed.

    Args:
        reader: the part of the inventory that also names the file.
    """

    def check(value: str) -> str:
        if _PLACE not in value:
            raise ValueError(f"a text with {_PLACE} in it")
        return value

    found = (
        reader.parsed(key, check, required=True) or _PLACE for key in ("number", "password", "pin")
    )
    return ExtensionForm(*found)


def load_freepbx_extensions(path: Path, form: ExtensionForm) -> list[YamlNode]:
    """Read an export of extensions into one user node per SIP extension.

    Args:
        path: the file.
        form: how numbers and references are formed.

    Raises:
        InputErrors: all faults of its form at once.
    """
    rows = parse_csv(read_input_file(path), str(path), EXTENSION_COLUMNS, others=True)
    users: list[YamlNode] = []
    faults: list[InputFault] = []
    for row in rows:
        cells = texts(row)
        tech = cells.get("tech")
        if tech is not None and tech.value.lower() not in _SIP:
            continue
        extension = cells.get("extension")
        if extension is None:
            faults.append(_missing(row.position, "extension"))
        else:
            users.append(_user(cells, extension, form))
    if faults:
        raise InputErrors(faults)
    return users


def load_freepbx_devices(path: Path, models: Iterable[str] | None = None) -> list[YamlNode]:
    """Read an export of the OSS End Point Manager into one handset node per device.

    Args:
        path: the file.
        models: known models; a name is matched to one without regard to case and signs.

    Raises:
        InputErrors: all faults of its form at once.
    """
    rows = parse_csv(read_input_file(path), str(path), DEVICE_COLUMNS, others=True)
    known = {plain(model): model for model in models or ()}
    devices: dict[str, YamlMap] = {}
    faults: list[InputFault] = []
    for row in sorted(rows, key=_line):
        cells = texts(row)
        mac = cells.get("mac")
        if mac is None:
            faults.append(_missing(row.position, "mac"))
            continue
        key = mac_key(mac)
        devices[key] = merged(devices.get(key), _handset(cells, mac, known))
    if faults:
        raise InputErrors(faults)
    return list(devices.values())


def _user(cells: Mapping[str, YamlText], extension: YamlText, form: ExtensionForm) -> YamlMap:
    at = extension.position

    def formed(pattern: str) -> YamlText:
        return YamlText(pattern.replace(_PLACE, extension.value), at, plain=False)

    sip: list[tuple[str, YamlNode]] = [("user", extension), ("password", formed(form.password))]
    entries: list[tuple[str, YamlNode]] = [
        ("name", cells.get("name") or cells.get("description") or extension),
        ("number", formed(form.number)),
        ("extension", extension),
        ("sip", mapping(sip, at)),
    ]
    if _has_mailbox(cells):
        mailbox: list[tuple[str, YamlNode]] = [("pin", formed(form.pin))]
        email = cells.get("voicemail_email")
        if email is not None:
            how = _mail_kind(cells.get("voicemail_options"))
            mailbox.append(("email", mapping([(how, email)], email.position)))
        entries.append(("mailbox", mapping(mailbox, at)))
    return mapping(entries, at)


def _has_mailbox(cells: Mapping[str, YamlText]) -> bool:
    enabled = cells.get("voicemail_enable")
    context = cells.get("voicemail")
    in_context = context is not None and context.value.lower() not in _NO_VOICEMAIL
    return in_context if enabled is None else not is_no(enabled)


def _mail_kind(options: YamlText | None) -> str:
    """Which mail of ours is like theirs: a word, the message too, or the message alone."""
    text = options.value.lower().replace(" ", "") if options else ""
    settings = dict(option.partition("=")[::2] for option in text.split("|"))
    if settings.get("attach") != "yes":
        return "notify"
    return "redirect" if settings.get("delete") == "yes" else "copy"


def _handset(cells: Mapping[str, YamlText], mac: YamlText, known: Mapping[str, str]) -> YamlMap:
    entries: list[tuple[str, YamlNode]] = [("name", handset_name(None, mac)), ("mac", mac)]
    model = cells.get("model")
    if model is not None:
        name = known.get(plain(model.value), model.value)
        entries.append(("model", YamlText(name, model.position, plain=False)))
    user = cells.get("extension")
    accounts = (mapping([("user", user)], user.position),) if user else ()
    entries.append(("accounts", YamlList(accounts, mac.position)))
    return mapping(entries, mac.position)


def _line(row: YamlNode) -> int:
    line = texts(row).get("line")
    return int(line.value) if line and line.value.isascii() and line.value.isdigit() else 1


def _missing(position: Position, column: str) -> InputFault:
    return InputFault(position, f"the row has no {column}", expected=f"a column {column!r}")
