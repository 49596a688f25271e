"""Rules on what the files tell a handset of its accounts: message waiting, diversion, passwords.

They see fields of the intent, as the dialect's read-back map finds them, and speak only of fields
that the map of the dialect has. Pure functions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from provisioning.audit_facts import facts
from provisioning.audit_model import AuditedAccount, AuditedPhone, Hit
from provisioning.audit_settings import shown
from provisioning.errors import Position
from provisioning.formats.settings import Key
from provisioning.profile_model import DelayUnit

_USER = re.compile(r"(?:sips?:)?([^@;]*)", re.IGNORECASE)
_LONGEST_RINGING_S = 60
_SHORTEST_RINGING_S = 4
_DIVERSIONS = ("always", "busy", "no_answer")


def subscription_off(phone: AuditedPhone) -> Iterator[Hit]:
    """An account with a mailbox that does not subscribe, on a handset that could."""
    if phone.profile is None or not phone.profile.mwi.subscribe_account:
        return
    for account in phone.active:
        if account.fields.get("mwi_mode") == "unsolicited":
            name = _name(account, "_subscribe", "_mailbox", "mwi_mode")
            position = account.position("_subscribe", "mwi_mode", "_mailbox", "voicemail_number")
            yield Hit(position, _state(phone, account, "_subscribe", "mwi_mode"), f"{name} on")


def waiting_switched_off(phone: AuditedPhone) -> Iterator[Hit]:
    """Message waiting is off for an account with a voicemail number, or on a model without one."""
    dials = phone.profile is None or phone.profile.mwi.voicemail_number_per != "none"
    for account in phone.active:
        if account.fields.get("mwi_mode") == "off" and (
            account.fields.get("voicemail_number") or not dials
        ):
            position = account.position("mwi_mode", "_display")
            yield Hit(position, _state(phone, account, "mwi_mode"), "on")


def no_voicemail_number(phone: AuditedPhone) -> Iterator[Hit]:
    """The message key of an account dials nothing."""
    if phone.profile is None or phone.keymap is None or _repeated(phone):
        return
    if ("accounts", "voicemail_number") not in phone.keymap.carried:
        return  # the handset has no message key that dials
    if any(profile.mwi.voicemail_number_per == "none" for profile in phone.profiles):
        return  # a model that it may be has none, though others that read the same files do
    per_handset = phone.profile.mwi.voicemail_number_per == "handset"
    if per_handset and not phone.complete:
        return
    for account in phone.active:
        if _lacks_number(account):
            name = _name(account, "voicemail_number")
            position = account.position("voicemail_number")
            yield Hit(position, _state(phone, account, "voicemail_number"), f"a number in {name}")
            if per_handset:
                return


def index_repeated(phone: AuditedPhone) -> Iterator[Hit]:
    """The number of one account is written again and again, that of another never."""
    repeated = _repeated(phone)
    missing = [account for account in phone.active if _lacks_number(account)]
    if not repeated or not missing:
        return
    names = ", ".join(_name(account, "voicemail_number") for account in missing)
    for position, found in repeated[:1]:
        yield Hit(position, found, names)


def _repeated(phone: AuditedPhone) -> list[tuple[Position, str]]:
    """Second places of a voicemail number that is written more than once in a file."""
    if not any(_lacks_number(account) for account in phone.active):
        return []
    found = []
    for file in phone.files:
        counts: Counter[Key] = Counter()
        for item in file.items:
            known = phone.known(item)
            if known is not None and known[:2] == ("accounts", "voicemail_number"):
                counts[item.key, item.index] += 1
                if counts[item.key, item.index] == 2:
                    found.append((item.position, f"{item.key} a second time"))
    return found


def _lacks_number(account: AuditedAccount) -> bool:
    fields = account.fields
    if fields.get("voicemail_number") != "" or not account.keys.get("voicemail_number", ("",))[0]:
        return False
    # A handset that calls its own registration does without a number, and so does one without MWI.
    return fields.get("mwi_mode") != "off" and fields.get("_mode") not in {
        "registration",
        "disabled",
    }


def subscribes_to_feature_code(phone: AuditedPhone) -> Iterator[Hit]:
    """The mailbox that is watched is a feature code such as ``*97``."""
    for account in phone.active:
        uri = account.fields.get("mwi_mailbox_uri", "")
        if _user(uri).startswith(("*", "#")) and account.fields.get("mwi_mode") == "subscribe":
            position = account.position("_to_vm", "_monitored", "mwi_mailbox_uri", "_mailbox")
            own = account.fields.get("user") or "its own user"
            yield Hit(position, f"SUBSCRIBE to {uri}", f"the mailbox, as a rule {own}")


def watches_neighbour(phone: AuditedPhone) -> Iterator[Hit]:
    """The mailbox that is watched is the next number up or down."""
    for account in phone.active:
        own = account.fields.get("user", "")
        watched = _user(account.fields.get("mwi_mailbox_uri", ""))
        numbers = _digits(own) and _digits(watched) and len(own) == len(watched) < 20
        if numbers and abs(int(own) - int(watched)) == 1:
            position = account.position("mwi_mailbox_uri", "_monitored", "_mailbox")
            yield Hit(position, f"account {own} watches mailbox {watched}", own)


def account_not_enabled(phone: AuditedPhone) -> Iterator[Hit]:
    """An account with user and password that is never switched on."""
    for account in phone.accounts:
        told = account.fields.get("user") and account.fields.get("password")
        if not account.on and told and {"user", "password"} <= account.settings.keys():
            name = _name(account, "enabled")
            position = account.position("enabled")
            yield Hit(position, _state(phone, account, "enabled"), f"{name} on")


def sample_account(phone: AuditedPhone) -> Iterator[Hit]:
    """User and password as in a sample configuration."""
    known = facts()
    for account in phone.accounts:
        user, password = account.fields.get("user", ""), account.fields.get("password", "")
        if user in known.sample_users and password in known.sample_passwords:
            yield Hit(account.position("user"), f"user {user} with a sample password", "its own")
        elif user and user == password and account.on:
            yield Hit(account.position("password"), "the password is the user name", "a password")


def lamp_off(phone: AuditedPhone) -> Iterator[Hit]:
    """The policy leaves the message lamp dark."""
    if phone.profile is None or not any(phone.active):
        return
    setting = phone.handset_settings.get("on_message")
    if phone.handset.get("on_message") == "false" and setting is not None:
        yield Hit(setting.position, shown(phone, setting), "the lamp lit by messages")


def missed_calls_light_lamp(phone: AuditedPhone) -> Iterator[Hit]:
    """The lamp for messages is also lit by missed calls, which have no NOTIFY that puts it out."""
    profile = phone.profile
    if profile is None or not any(phone.active) or phone.handset.get("on_missed_call") != "true":
        return
    lamp = profile.message_lamp
    if profile.lamp_policy.on_missed_call != "configurable" or lamp is None:
        return
    setting = phone.handset_settings.get("on_missed_call")
    if setting is not None:
        yield Hit(setting.position, shown(phone, setting), "not lit by missed calls")
    elif phone.complete and "missed_call" in lamp.shared_with:
        yield Hit(phone.start(), "not set, and lit without it", "not lit by missed calls")


def default_password(phone: AuditedPhone) -> Iterator[Hit]:
    """The web page is open to whoever knows the vendor's default."""
    if phone.profile is None or "admin_password" not in phone.handset:
        return
    setting = phone.handset_settings.get("admin_password")
    defaults = phone.profile.admin.default_passwords
    password = phone.handset["admin_password"]
    # A password in another firmware's form reads as the default; its own text does not end so.
    if setting is not None and password in defaults and setting.value.endswith(password):
        yield Hit(setting.position, f"{setting.key} is a default of {phone.vendor}", "your own")


def diversion_without_target(phone: AuditedPhone) -> Iterator[Hit]:
    """A diversion that is on and goes nowhere."""
    for account in phone.active:
        for kind in _DIVERSIONS:
            on = account.fields.get(f"{kind}_enabled") == "true"
            if on and not account.fields.get(f"{kind}_target", "-"):
                position = account.position(f"{kind}_enabled", f"{kind}_target")
                found = _state(phone, account, f"{kind}_enabled")
                yield Hit(position, found, f"a target in {_name(account, f'{kind}_target')}")


def rings_or_seconds(phone: AuditedPhone) -> Iterator[Hit]:
    """A no-answer delay in the other unit: seconds for rings, or rings for seconds."""
    if phone.profile is None:
        return
    delay = phone.profile.diversion.delay
    for account in phone.active:
        setting = account.settings.get("no_answer_delay_s")
        if account.fields.get("no_answer_enabled") != "true" or setting is None:
            continue
        raw = setting.value.strip()
        if not _digits(raw) or len(raw) > 6:
            continue
        seconds = int(raw) * delay.ring_length_s
        if delay.unit is DelayUnit.RINGS and seconds > _LONGEST_RINGING_S:
            found = (
                f"{shown(phone, setting)}: {raw} rings of {delay.ring_length_s} s are {seconds} s"
            )
            yield Hit(setting.position, found, "a number of rings, such as 4")
        elif delay.unit is DelayUnit.SECONDS and 0 < seconds <= _SHORTEST_RINGING_S:
            yield Hit(setting.position, f"{shown(phone, setting)}: {seconds} s", "seconds")


def _state(phone: AuditedPhone, account: AuditedAccount, *names: str) -> str:
    """The setting of the first of some fields as written, or that it is not there."""
    for name in names:
        if name in account.settings:
            return shown(phone, account.settings[name])
    return f"{_name(account, *names)} is not set"


def _name(account: AuditedAccount, *names: str) -> str:
    """Name of the setting that would carry the first of some fields."""
    for name in names:
        key, index = account.keys.get(name, ("", None))
        if key:
            return key if index is None else f"{key} idx {index}"
    return f"account {account.number}"


def _user(uri: str) -> str:
    found = _USER.match(uri)
    return found[1] if found else ""


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
