"""Intents for render tests: one that uses everything, and ways to vary it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from provisioning.address import Mac
from provisioning.device_profile import ProfileSet
from provisioning.feature import Feature, Reach
from provisioning.formats.registry import rule_of
from provisioning.formats.settings import Key, QuickKey, quick_key
from provisioning.formats.value_rule import why_unfit
from provisioning.intent import (
    AccountIntent,
    DivertIntent,
    DivertsIntent,
    HandsetIntent,
    LampPolicyIntent,
    LineKeyIntent,
    LineKeyKind,
    LocaleIntent,
    MwiIntent,
    MwiMode,
    ProvisioningIntent,
    SipTransport,
)
from provisioning.key_pages import QUIRK
from provisioning.profile_model import Profile
from provisioning.secret import Secret

ACCOUNTS = 2
KEYS = (
    LineKeyIntent(1, LineKeyKind.LINE, 1),
    LineKeyIntent(2, LineKeyKind.BLF, 1, "103", "Büro"),
    LineKeyIntent(3, LineKeyKind.SPEED_DIAL, 1, "104", "Kurz"),
)


def quickly(values: Mapping[Key, str]) -> dict[QuickKey, str]:
    """What a reader says, as the quick scan says it."""
    return {quick_key(key): value for key, value in values.items()}


def account(index: int = 1, **changes: object) -> AccountIntent:
    base = AccountIntent(
        index=index,
        label=f"Konto {index}",
        display_name=f"Anna {index}",
        user=f"user{index}",
        auth_user=f"auth{index}",
        password=Secret(f"pass-{index}-word"),
        domain="probe.example",
        registrar_host="127.0.0.1",
        registrar_port=5070,
        transport=SipTransport.UDP,
        register_expires_s=3600,
        voicemail_number="+4930231250",
        mwi=MwiIntent(MwiMode.SUBSCRIBE, 3600),
    )
    return replace(base, **changes)


def representatives(profiles: ProfileSet) -> list[str]:
    """One model for each way of writing files, a small one, but not too small.

    How many keys stand on which page is no way of its own: every model has its turn with a key
    at every position in ``test_all_models.py``. A representative has more than one page.
    """
    groups: dict[tuple[object, ...], list[Profile]] = {}
    for profile in profiles.values():
        render = profile.render
        quirks = tuple(item for item in profile.quirks.items() if item[0] != QUIRK)
        ways = (render.dialect, render.format, render.files, quirks, QUIRK in profile.quirks)
        groups.setdefault(ways, []).append(profile)

    def rank(profile: Profile) -> tuple[bool, bool, bool, int, str]:
        limits = profile.limits
        size = limits.accounts + limits.line_keys
        few_accounts, few_keys = limits.accounts < ACCOUNTS, limits.line_keys < len(KEYS)
        one_page = "," not in profile.quirks.get(QUIRK, ",")
        return (few_accounts, few_keys, one_page, size, profile.model)

    return sorted(min(members, key=rank).model for members in groups.values())


def keys_for(profile: Profile) -> tuple[LineKeyIntent, ...]:
    """The usual keys, as far as the model has them."""
    return tuple(
        key
        for key in KEYS
        if key.position <= profile.limits.line_keys and key.kind in profile.kinds_at(key.position)
    )


def labelled_key(
    profile: Profile, label: str, position: int | None = None
) -> tuple[LineKeyIntent, ...]:
    """One key with a label, of a kind that the model can label; none where there are no keys.

    Without a position it is the second key, or the first one after that which takes a label.
    """
    most = profile.limits.line_keys
    for place in (position,) if position else range(2, most + 1):
        for kind, parts in profile.kinds_at(place).items() if place <= most else ():
            if "label" in parts:
                return (LineKeyIntent(place, kind, 1, "103" if "value" in parts else "", label),)
    return ()


def any_key(profile: Profile, label: str, position: int) -> tuple[LineKeyIntent, ...]:
    """One key with all that the model can write on it; with a label if any kind has one."""
    labelled = labelled_key(profile, label, position)
    if labelled or not profile.line_keys:
        return labelled
    kind, parts = next(iter(profile.kinds_at(position).items()))
    return (LineKeyIntent(position, kind, 1, "103" if "value" in parts else ""),)


def intent(profile: Profile, **changes: object) -> HandsetIntent:
    mac = Mac.parse(profile.identify.mac_oui[0] + ":12:34:56")
    base = HandsetIntent(
        name="probe",
        mac=mac,
        model=profile.model,
        accounts=tuple(account(n) for n in range(1, min(ACCOUNTS, profile.limits.accounts) + 1)),
        line_keys=keys_for(profile),
        lamp=LampPolicyIntent(),
        locale=LocaleIntent(),
        provisioning=ProvisioningIntent("http://127.0.0.1:8080/prov"),
        admin_password=Secret("Kein-Standard-7"),
    )
    return replace(base, **changes)


def admin_password_of(profile: Profile, wanted: str) -> str:
    """The administrator's password as files of the model give it back."""
    lacks = profile.features.get(Feature.ADMIN_PASSWORD) is Reach.NO
    return "" if lacks else wanted


def fitting(profile: Profile, text: str) -> str:
    """A text without the characters that the model's files cannot hold."""
    rule = rule_of(profile.render.format, profile.limits.value_length)
    return "".join(sign for sign in text if sign == " " or not why_unfit(sign, rule))


def diverting(delay_s: int = 18) -> DivertsIntent:
    return DivertsIntent(
        always=DivertIntent(enabled=True, target="100"),
        busy=DivertIntent(enabled=True, target="*55"),
        no_answer=DivertIntent(enabled=True, target="+4930231250", delay_s=delay_s),
    )
