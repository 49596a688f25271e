"""Refuses an intent that no file should carry, naming every field and the reason.

Checked before anything is rendered, the same for all vendors: host names are host names,
numbers can be dialled, and every text fits the syntax it is going to be written in.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from functools import lru_cache

from provisioning.errors import UsageError
from provisioning.formats.registry import rule_of
from provisioning.formats.value_rule import ValueRule, why_unfit
from provisioning.intent import (
    AccountIntent,
    DivertIntent,
    HandsetIntent,
    LineKeyIntent,
    LineKeyKind,
    LocaleIntent,
    ProvisioningIntent,
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
_NO_HOST = "expected a host name or an IP address without brackets"
_NO_NUMBER = "expected a number as dialled: up to 64 of 0-9 A-Z a-z * # + . _ -"

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
        for part, reason in _account(account, rule):
            yield f"accounts[{account.index}]{part}", reason
    yield from _line_keys(intent, rule)
    yield from _of_the_site(intent.locale, intent.provisioning, rule)
    vlan = intent.vlan
    if vlan is not None and not (1 <= vlan.vlan_id <= 4094 and 0 <= vlan.priority <= 7):
        yield "vlan", "expected an id from 1 to 4094 and a priority from 0 to 7"
    yield from _admin_password(intent.admin_password, profile, rule)


@lru_cache(maxsize=256)
def _of_the_site(
    locale: LocaleIntent, provisioning: ProvisioningIntent, rule: ValueRule
) -> tuple[Complaint, ...]:
    """Complaints of what the handsets of a site have in common, judged once for all of them."""
    complaints: list[Complaint] = []
    if not _is_host(locale.ntp_server):
        complaints.append(("locale.ntp_server", _NO_HOST))
    complaints += _texts(
        rule,
        ("locale.language", locale.language),
        ("locale.tone_country", locale.tone_country),
        ("locale.time_zone", locale.time_zone),
        ("provisioning.url", provisioning.url),
    )
    if not _URL.fullmatch(provisioning.url) or provisioning.url.endswith("/"):
        reason = "expected an http, https or tftp URL without a trailing slash"
        complaints.append(("provisioning.url", reason))
    complaints += _texts(
        rule,
        ("provisioning.user", provisioning.user),
        ("provisioning.password", provisioning.password.reveal()),
    )
    if provisioning.password and not provisioning.user:
        complaints.append(("provisioning.user", "is empty, but there is a password"))
    if provisioning.resync_interval_s < 0:
        complaints.append(("provisioning.resync_interval_s", "expected 0 or more seconds"))
    return tuple(complaints)


def _account(account: AccountIntent, rule: ValueRule) -> Iterator[Complaint]:
    """Complaints of one account; the fields are named from the account on."""
    yield from _texts(
        rule,
        (".label", account.label),
        (".display_name", account.display_name),
        (".auth_user", account.auth_user),
        (".password", account.password.reveal()),
    )
    if not account.password:
        yield ".password", "is empty"
    if not account.auth_user:
        yield ".auth_user", "is empty"
    if not _USER.fullmatch(account.user) or len(account.user) > rule.max_length:
        yield ".user", "expected the user part of a SIP URI (RFC 3261 section 25.1)"
    if not _is_host_name(account.domain):
        yield ".domain", "expected a host name or an IPv4 address"
    if not _is_host(account.registrar_host):
        yield ".registrar_host", _NO_HOST
    if not 1 <= account.registrar_port <= 65535:
        yield ".registrar_port", f"got {account.registrar_port}, expected 1 to 65535"
    if account.register_expires_s <= 0:
        yield ".register_expires_s", "expected more than 0 seconds"
    if account.voicemail_number and not _NUMBER.fullmatch(account.voicemail_number):
        yield ".voicemail_number", _NO_NUMBER
    if account.mwi.expires_s <= 0:
        yield ".mwi.expires_s", "expected more than 0 seconds"
    if account.mwi.mailbox_uri is not None and not _is_mailbox_uri(account.mwi.mailbox_uri):
        yield ".mwi.mailbox_uri", "expected sip:user@host"
    yield from _optional(account)
    diverts = account.diverts
    yield from _divert(".diverts.always", diverts.always)
    yield from _divert(".diverts.busy", diverts.busy)
    yield from _divert(".diverts.no_answer", diverts.no_answer, delayed=True)


def _optional(account: AccountIntent) -> Iterator[Complaint]:
    """Complaints of what not every account says."""
    if account.outbound_proxy_host:
        if not _is_host(account.outbound_proxy_host):
            yield ".outbound_proxy_host", _NO_HOST
        if not 1 <= account.outbound_proxy_port <= 65535:
            got = account.outbound_proxy_port
            yield ".outbound_proxy_port", f"got {got}, expected 1 to 65535"
    if len(set(account.media.codecs)) != len(account.media.codecs):
        yield ".media.codecs", "a codec is named twice"


def _divert(path: str, divert: DivertIntent, *, delayed: bool = False) -> Iterator[Complaint]:
    if not divert.enabled:
        return
    if not _NUMBER.fullmatch(divert.target):
        yield f"{path}.target", _NO_NUMBER
    if delayed and divert.delay_s <= 0:
        yield f"{path}.delay_s", "expected more than 0 seconds"
    if not delayed and divert.delay_s:
        yield f"{path}.delay_s", "only a no-answer diversion has a delay"


def _line_keys(intent: HandsetIntent, rule: ValueRule) -> Iterator[Complaint]:
    taken: set[int] = set()
    for key in intent.line_keys:
        for part, reason in _line_key(key, len(intent.accounts), rule):
            yield f"line_keys[{key.position}]{part}", reason
        if key.position in taken or key.position < 1:
            yield f"line_keys[{key.position}]", "position used twice or below 1"
        taken.add(key.position)


def _line_key(key: LineKeyIntent, accounts: int, rule: ValueRule) -> Iterator[Complaint]:
    """Complaints of one key; the fields are named from the key on."""
    if not 1 <= key.account <= max(accounts, 1):
        yield ".account", f"there is no account {key.account}"
    reason = why_unfit(key.label, rule)
    if reason:
        yield ".label", reason
    if key.value:
        if not _NUMBER.fullmatch(key.value):
            yield ".value", _NO_NUMBER
    elif key.kind not in {LineKeyKind.LINE, LineKeyKind.VOICEMAIL}:
        yield ".value", "is empty"


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


@lru_cache(maxsize=1024)
def _is_host_name(text: str) -> bool:
    """Hosts are few: all accounts of a site name the same ones."""
    return _HOST.fullmatch(text) is not None


def _is_host(host: str) -> bool:
    if _is_host_name(host):
        return True
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _is_mailbox_uri(uri: str) -> bool:
    user, at, host = uri.removeprefix("sip:").rpartition("@")
    well_formed = uri.startswith("sip:") and bool(at) and _USER.fullmatch(user) is not None
    return well_formed and _is_host_name(host)


def _shown_name(name: str) -> str:
    return name if name.isprintable() and len(name) <= 64 else ascii(name[:64])
