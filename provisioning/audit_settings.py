"""Rules on the settings of one handset: names, keys, files against each other. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from provisioning.audit_facts import facts
from provisioning.audit_keys import Known
from provisioning.audit_model import AuditedPhone, Hit
from provisioning.audit_read import PathMatch, path_match
from provisioning.errors import Position
from provisioning.formats.settings import Setting
from provisioning.identity import macs_in

_KEY_BEFORE_SIGN = re.compile(r"[A-Za-z0-9_][\w.\-/]{2,120}(?=[ \t]{0,8}[=:])")
_SECRET_NAME = re.compile(r"pass|pwd|secret|(?:^|[._])pin(?:$|[._0-9])|key_?16", re.IGNORECASE)
_URL_USER = re.compile(r"\b(http|tftp|ftp)://[^/\s:@]{1,80}:[^/\s@]{1,120}@", re.IGNORECASE)
_PERCENT_TWICE = re.compile(r"%25[0-9A-Fa-f]{2}")
_SPREAD_MAC = re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}")
_SIGNS = re.compile(r"[:-]")
_NUMBER = re.compile(r"\+?[0-9*#]{1,32}")
_LONGEST = 2048
_KEY_SECTIONS = {"accounts", "line_keys", "module_keys"}
_KEY_OFF = {"", "0", "none", "None", "NONE", "off", "-1"}


def is_secret(phone: AuditedPhone, setting: Setting) -> bool:
    """Whether the value of a setting must not be shown.

    Args:
        phone: whose it is.
        setting: with a name.
    """
    if phone.keymap is not None and phone.keymap.is_secret(phone.known(setting)):
        return True
    return _SECRET_NAME.search(setting.key) is not None


def shown(phone: AuditedPhone, setting: Setting) -> str:
    """Name and value of a setting as far as they may be shown.

    Args:
        phone: whose it is.
        setting: to show.
    """
    name = setting.key if setting.index is None else f"{setting.key} idx {setting.index}"
    if is_secret(phone, setting):
        return f"{name} = ***"
    value = re.sub(r"://[^/\s@]*@", "://***@", setting.value)
    value = re.sub(r"(--(?:pwd|uid|key)\s+)\S+", r"\1***", value)
    return f"{name} = {value[:80]}{'...' if len(value) > 80 else ''}"


def wrong_case(phone: AuditedPhone) -> Iterator[Hit]:
    """A name that the firmware knows only in other letter case."""
    if phone.keymap is None:
        return
    for item in phone.items:
        if phone.known(item) is None and item.key == item.key.strip():
            meant = phone.keymap.rightly_spelt(item.key)
            if meant:
                yield Hit(item.position, item.key, meant)


def joined_lines(phone: AuditedPhone) -> Iterator[Hit]:
    """A further setting inside a value: a line end is missing."""
    if phone.keymap is None:
        return
    for file in phone.files:
        if file.xml:
            continue
        told = {p.line for p in (file.settings.problems if file.settings else ())
                if p.text == "two settings on one line"}  # fmt: skip
        for item in file.items:
            name = _smuggled(phone, item.value)
            if name or item.line in told:
                found = f"{item.key} and {name or 'another setting'} on one line"
                yield Hit(item.position, found, "one setting a line")


def _smuggled(phone: AuditedPhone, value: str) -> str:
    """The known name that stands in a value before an equals sign, also right behind a word."""
    assert phone.keymap is not None  # noqa: S101 - asked by the caller
    for match in _KEY_BEFORE_SIGN.finditer(value[:_LONGEST]):
        word = match[0]
        for start in range(len(word) - 3):
            if phone.keymap.find(word[start:], None) is not None:
                return word[start:]
    return ""


def address_for_number(phone: AuditedPhone) -> Iterator[Hit]:
    """An address where digits are dialled."""
    for item in phone.items:
        fact = facts().about(item.key)
        if fact and fact.kind == "number" and re.match(r"sips?:|[^@\s]+@", item.value):
            yield Hit(item.position, shown(phone, item), "a number to dial")


def number_for_address(phone: AuditedPhone) -> Iterator[Hit]:
    """Digits where an address is needed."""
    for item in phone.items:
        fact = facts().about(item.key)
        if fact and fact.kind == "uri" and _NUMBER.fullmatch(item.value.strip()):
            expected = f"an address such as sip:{item.value.strip()}@the.registrar"
            yield Hit(item.position, shown(phone, item), expected)


def subscription_switch_off(phone: AuditedPhone) -> Iterator[Hit]:
    """The switch of a vendor whose files cannot be read back."""
    for item in phone.items:
        fact = facts().about(item.key)
        off = fact is not None and fact.kind == "subscribe" and item.value.strip() in fact.off
        if off and phone.known(item) is None:
            yield Hit(item.position, shown(phone, item), "switched on")


def percent_twice(phone: AuditedPhone) -> Iterator[Hit]:
    """A URL that was percent-encoded twice."""
    for item in phone.items:
        match = _PERCENT_TWICE.search(item.value)
        if match and "/" in item.value and not is_secret(phone, item):
            yield Hit(item.position, shown(phone, item), f"%{match[0][3:]} for {match[0]}")


def password_in_clear(phone: AuditedPhone) -> Iterator[Hit]:
    """User and password inside a URL of a transport without encryption."""
    for item in phone.items:
        match = _URL_USER.search(item.value)
        if match:
            found = f"{item.key} with a password in a {match[1].lower()}:// URL"
            yield Hit(item.position, found, "https://, or user and password in their own settings")


def line_break_in_value(phone: AuditedPhone) -> Iterator[Hit]:
    """CR or LF inside a value that is known to be one line."""
    for item in (item for file in phone.files if file.xml for item in file.items):
        if ("\n" in item.value or "\r" in item.value) and phone.known(item) is not None:
            yield Hit(item.position, f"{item.key} with a line end in its value", "one line")


def too_many(phone: AuditedPhone) -> Iterator[Hit]:
    """Accounts and keys that the model does not have."""
    limits = phone.limits
    if limits is None:
        return
    line_keys = limits.line_keys
    if phone.keymap is not None and phone.keymap.modules_go_on:
        line_keys += limits.modules * limits.module_keys
    most = {
        "accounts": (limits.accounts, "enabled", "accounts"),
        "line_keys": (line_keys, "kind", "line keys"),
        "module_keys": (limits.module_keys, "kind", "keys on a module"),
    }
    seen: set[Known] = set()
    for item in phone.items:
        known = phone.known(item)
        if known is None or known.section not in most or known in seen:
            continue
        limit, field, noun = most[known.section]
        used = item.value.strip() not in _KEY_OFF | {"No", "false"}
        if known.section == "module_keys" and not limit:
            continue  # whether modules fit is not known of every model
        if known.field == field and used and known.number > limit:
            seen.add(known)
            which = phone.models[0] if len(phone.models) == 1 else f"any {phone.vendor}"
            yield Hit(item.position, item.key, f"at most {limit} {noun} on {which}")


def two_sources(phone: AuditedPhone) -> Iterator[Hit]:
    """One key in the common file and in the handset's own, with different values."""
    for common, own, known in _told_twice(phone):
        if known.section in _KEY_SECTIONS and common.value != own.value:
            found = f"{own.key}, also in {common.position}, with another value"
            yield Hit(own.position, found, "one file that sets it")


def vlan_flips(phone: AuditedPhone) -> Iterator[Hit]:
    """The common file takes away the VLAN that the handset's own file gives."""
    for common, own, known in _told_twice(phone):
        cleared = common.value.strip() in {"", "0"} and own.value.strip() not in {"", "0"}
        if cleared and known[:2] in {("handset", "vlan_id"), ("handset", "_vlan")}:
            expected = f"nothing, or {own.value} as in {own.position}"
            yield Hit(common.position, shown(phone, common), expected)


def _told_twice(phone: AuditedPhone) -> Iterator[tuple[Setting, Setting, Known]]:
    if phone.keymap is None or len(phone.files) < 2:
        return
    first: dict[tuple[str, int | None], Setting] = {}
    for file in phone.files:
        if file.settings is None:
            continue
        for key, item in file.settings.by_key.items():
            known = phone.known(item)
            if known is not None and key in first:
                yield first[key], item, known
            first.setdefault(key, item)


def boot_file_hides(phone: AuditedPhone) -> Iterator[Hit]:
    """A boot file that the handset takes instead of its own file, and that does not name it."""
    if phone.profile is None or not phone.mac:
        return
    hidden = [request for request in phone.profile.boot.requests if request.unless_group]
    groups = {request.unless_group for request in hidden}
    if not any(r.group in groups for r in phone.profile.boot.requests):
        return
    for file in phone.lists:
        names = [name.lower() for name in (file.settings.includes if file.settings else ())]
        named = any(
            phone.mac in name or "$mac" in name or phone.mac in {m.plain for m in macs_in(name)}
            for name in names
        )
        if not named:
            found = ", ".join(names)[:80] or "no file named"
            yield Hit(Position(file.path, 1), found, f"the file of {phone.mac} named too")


def file_name_case(phone: AuditedPhone) -> Iterator[Hit]:
    """A file whose name the handset asks for in other letter case, or without signs in the MAC."""
    for file in (*phone.files, *phone.lists):
        name = _name(file.path)
        matches = _matches(phone, name)
        if not matches:
            matches = _matches(phone, _SPREAD_MAC.sub(lambda mac: _SIGNS.sub("", mac[0]), name))
            matches = [replace(match, exact=False) for match in matches]
        if matches and not any(match.exact for match in matches):
            yield Hit(Position(file.path), name, matches[0].expected)


def account_for_all(phone: AuditedPhone) -> Iterator[Hit]:
    """User and password in a file that every handset of a model is given."""
    for account in phone.active:
        secret = account.settings.get("password")
        if secret is None or not secret.value or not account.fields.get("user"):
            continue
        name = _name(secret.position.file)
        matches = _matches(phone, name)
        if matches and not any(match.mac.strip("0") for match in matches):
            found = f"{secret.key} in {name}"
            yield Hit(secret.position, found, "the account in the handset's own file")


def _name(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def _matches(phone: AuditedPhone, name: str) -> list[PathMatch]:
    return [match for p in phone.profiles if (match := path_match(p, name)) is not None]
