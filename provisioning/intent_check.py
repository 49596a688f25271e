"""Refuses an intent that no file should carry, naming every field and the reason.

Checked before anything is rendered, the same for all vendors: host names are host names,
numbers can be dialled, and every text fits the syntax it is going to be written in.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from provisioning.errors import UsageError
from provisioning.formats.value_rule import ValueRule, rule_of, why_unfit
from provisioning.intent import (
    AccountIntent,
    DivertIntent,
    HandsetIntent,
    LineKeyIntent,
    LineKeyKind,
)
from provisioning.profile_model import Profile
from provisioning.secret import Secret

_HOST = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_USER = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]|%[0-9A-Fa-f]{2})+")
_NUMBER = re.compile(r"[0-9A-Za-z*#+._\-]{1,64}")
_URL = re.compile(r"(?:https?|tftp)://[A-Za-z0-9.\-\[\]:]+(?:/[A-Za-z0-9._~/\-]*)?")

Complaint = tuple[str, str]
"""Field and reason."""


def check_intent(intent: HandsetIntent, profile: Profile) -> None:
    """Refuse what cannot or must not be rendered.

    Args:
        intent: what is wanted.
        profile: of the model.

    Raises:
        UsageError: names every field that is wrong, and why; never shows a secret.
    """
    rule = rule_of(profile.render.format, profile.limits.value_length)
    complaints = list(_complaints(intent, profile, rule))
    if complaints:
        lines = "\n".join(
            f"handset {_shown_name(intent.name)}: {field}: {reason}"
            for field, reason in complaints
        )
        raise UsageError(lines)


def _complaints(intent: HandsetIntent, profile: Profile, rule: ValueRule) -> Iterator[Complaint]:
    if intent.model != profile.model:
        yield "model", f"the profile is of {profile.model}"
    yield from _texts(rule, ("name", intent.name))
    for position, account in enumerate(intent.accounts, 1):
        if account.index != position:
            yield f"accounts[{position}].index", f"got {account.index}, expected {position}"
        yield from _account(account, rule)
    yield from _line_keys(intent, rule)
    yield from _host("locale.ntp_server", intent.locale.ntp_server)
    yield from _texts(
        rule,
        ("locale.language", intent.locale.language),
        ("locale.tone_country", intent.locale.tone_country),
        ("locale.time_zone", intent.locale.time_zone),
        ("provisioning.url", intent.provisioning.url),
    )
    if not _URL.fullmatch(intent.provisioning.url) or intent.provisioning.url.endswith("/"):
        reason = "expected an http, https or tftp URL without a trailing slash"
        yield "provisioning.url", reason
    if intent.provisioning.resync_interval_s < 0:
        yield "provisioning.resync_interval_s", "expected 0 or more seconds"
    yield from _admin_password(intent.admin_password, profile, rule)


def _account(account: AccountIntent, rule: ValueRule) -> Iterator[Complaint]:
    path = f"accounts[{account.index}]"
    yield from _texts(
        rule,
        (f"{path}.label", account.label),
        (f"{path}.display_name", account.display_name),
        (f"{path}.auth_user", account.auth_user),
        (f"{path}.password", account.password.reveal()),
    )
    if not account.password:
        yield f"{path}.password", "is empty"
    if not account.auth_user:
        yield f"{path}.auth_user", "is empty"
    if not _USER.fullmatch(account.user) or len(account.user) > rule.max_length:
        yield f"{path}.user", "expected the user part of a SIP URI (RFC 3261 section 25.1)"
    if not _HOST.fullmatch(account.domain):
        yield f"{path}.domain", "expected a host name or an IPv4 address"
    yield from _host(f"{path}.registrar_host", account.registrar_host)
    if not 1 <= account.registrar_port <= 65535:
        yield f"{path}.registrar_port", f"got {account.registrar_port}, expected 1 to 65535"
    if account.register_expires_s <= 0:
        yield f"{path}.register_expires_s", "expected more than 0 seconds"
    if account.voicemail_number:
        yield from _number(f"{path}.voicemail_number", account.voicemail_number)
    if account.mwi.expires_s <= 0:
        yield f"{path}.mwi.expires_s", "expected more than 0 seconds"
    if account.mwi.mailbox_uri is not None:
        yield from _mailbox_uri(f"{path}.mwi.mailbox_uri", account.mwi.mailbox_uri)
    diverts = account.diverts
    yield from _divert(f"{path}.diverts.always", diverts.always)
    yield from _divert(f"{path}.diverts.busy", diverts.busy)
    yield from _divert(f"{path}.diverts.no_answer", diverts.no_answer, delayed=True)


def _divert(path: str, divert: DivertIntent, *, delayed: bool = False) -> Iterator[Complaint]:
    if not divert.enabled:
        return
    yield from _number(f"{path}.target", divert.target)
    if delayed and divert.delay_s <= 0:
        yield f"{path}.delay_s", "expected more than 0 seconds"
    if not delayed and divert.delay_s:
        yield f"{path}.delay_s", "only a no-answer diversion has a delay"


def _line_keys(intent: HandsetIntent, rule: ValueRule) -> Iterator[Complaint]:
    taken: set[int] = set()
    for key in intent.line_keys:
        path = f"line_keys[{key.position}]"
        if key.position in taken or key.position < 1:
            yield path, "position used twice or below 1"
        taken.add(key.position)
        if not 1 <= key.account <= max(len(intent.accounts), 1):
            yield f"{path}.account", f"there is no account {key.account}"
        yield from _texts(rule, (f"{path}.label", key.label))
        yield from _key_value(path, key)


def _key_value(path: str, key: LineKeyIntent) -> Iterator[Complaint]:
    if key.value:
        yield from _number(f"{path}.value", key.value)
    elif key.kind in {LineKeyKind.SPEED_DIAL, LineKeyKind.BLF}:
        yield f"{path}.value", "is empty"


def _admin_password(password: Secret, profile: Profile, rule: ValueRule) -> Iterator[Complaint]:
    value = password.reveal()
    if not value:
        yield "admin_password", "is empty: the vendor's default would stay"
    elif value in profile.admin.default_passwords:
        yield "admin_password", f"is a default of {profile.vendor}; set one of your own"
    yield from _texts(rule, ("admin_password", value))


def _texts(rule: ValueRule, *pairs: Complaint) -> Iterator[Complaint]:
    for field, value in pairs:
        reason = why_unfit(value, rule)
        if reason:
            yield field, reason


def _host(field: str, host: str) -> Iterator[Complaint]:
    if _HOST.fullmatch(host):
        return
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        yield field, "expected a host name or an IP address without brackets"


def _number(field: str, number: str) -> Iterator[Complaint]:
    if not _NUMBER.fullmatch(number):
        yield field, "expected a number as dialled: up to 64 of 0-9 A-Z a-z * # + . _ -"


def _mailbox_uri(field: str, uri: str) -> Iterator[Complaint]:
    user, at, host = uri.removeprefix("sip:").rpartition("@")
    well_formed = uri.startswith("sip:") and at and _USER.fullmatch(user)
    if not well_formed or not _HOST.fullmatch(host):
        yield field, "expected sip:user@host"


def _shown_name(name: str) -> str:
    return name if name.isprintable() and len(name) <= 64 else ascii(name[:64])
