"""What each vendor calls the setting behind a field of the intent, from the read-back maps.

Nothing is typed a second time: the same maps read rendered files back and boot the emulated
handsets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from provisioning.dialect import load_dialect
from provisioning.profile_model import Profile
from provisioning.readback_map import RuleText


@dataclass(frozen=True, slots=True)
class VendorSetting:
    """One setting of one vendor.

    Attributes:
        vendor: whose.
        field: field of the intent that it carries, e.g. ``mwi_mode``.
        key: its name, N for the account; of several models' names the most common one.
        meanings: what its values mean, as ``(written, meant)``; empty for free text and numbers.
        absent: what the firmware does without it, or empty.
        models: how many models have it by this name.
        of_models: how many models the vendor has.
    """

    vendor: str
    field: str
    key: str
    meanings: tuple[tuple[str, str], ...]
    absent: str
    models: int
    of_models: int

    def __str__(self) -> str:
        """``account.N.subscribe_mwi (1: subscribe; absent: unsolicited)``."""
        notes = [f"{written or 'empty'}: {meant}" for written, meant in self.meanings]
        notes += [f"absent: {self.absent}"] if self.absent else []
        notes += [f"{self.models} of {self.of_models} models"] * (self.models < self.of_models)
        return f"{self.key} ({'; '.join(notes)})" if notes else self.key


def vendor_settings(field: str, profiles: Iterable[Profile]) -> list[VendorSetting]:
    """The settings that carry a field, one for each vendor that has any.

    Args:
        field: of the intent, as the maps name it: ``mwi_mode``, ``on_message``.
        profiles: of the models.

    Returns:
        By vendor, in order of the alphabet.
    """
    by_vendor: dict[str, list[RuleText | None]] = {}
    for profile in profiles:
        by_vendor.setdefault(profile.vendor, []).append(_rule(field, profile))
    settings = []
    for vendor, rules in sorted(by_vendor.items()):
        named = [rule for rule in rules if rule is not None]
        if not named:
            continue
        keys = [_key(rule) for rule in named]
        key = max(dict.fromkeys(keys), key=keys.count)
        rule = named[keys.index(key)]
        settings.append(
            VendorSetting(
                vendor=vendor,
                field=field,
                key=key,
                meanings=tuple((w, m) for w, m in rule.values.items() if w or not rule.pattern),
                absent="" if "{" in rule.default or rule.secret else rule.default,
                models=keys.count(key),
                of_models=len(rules),
            )
        )
    return settings


def _rule(field: str, profile: Profile) -> RuleText | None:
    """The rule that tells most of a field, or None if no setting carries it.

    A rule that reads a setting comes first; one that gives a fixed value under a condition names
    the setting to switch; one that gives it always only says where to complain.
    """
    dialect = load_dialect(profile.render.dialect, profile.render.format)
    written = dialect.map_text(tuple(profile.quirks.items()))
    found = written.handset.get(field) or written.accounts.get(field) or []
    rules = [rule for rule in (found if isinstance(found, list) else [found]) if rule.key]
    reading = [rule for rule in rules if rule.value is None]
    if reading:
        return reading[-1]  # those before it are for special cases
    return next((r for r in rules if r.when and r.value not in _NOTHING), None)


_NOTHING = frozenset({"", "false", "off", "none", "unsolicited"})


def _key(rule: RuleText) -> str:
    """Its name, N for the number of the account."""
    name = f"{rule.key}[{rule.index}]" if rule.index else rule.key
    return re.sub(r"\{n\w*\}", "N", name)
