"""Which differences between a file and the inventory still need an explanation.

One fault in a file shows as many differences: those that a rule has named already are no faults of
their own. What is left is, so that a second fault is named beside the first.
"""

from __future__ import annotations

import re

from rig.verdict.evidence import ConfigDifference
from rig.verdict.provisioning import BEYOND, ProvisioningCase

PLACE = re.compile(r"(accounts|line_keys)\[(\d+)\](\.(.+))?")
"""A field of an account or key, or the whole of one."""

UNKNOWN = ("wrong-case", "blank-in-name", "address-for-number", "number-for-address")
"""Rules of the audit: a name that the firmware does not know, a value of another kind."""

INDEX = ("index-repeated", "account-not-enabled", BEYOND)
"""Rules of the audit: a number that is not the one that is meant."""

SETTINGS = ("two-sources", "contradiction", "vlan-flips", *UNKNOWN, *INDEX)
SECRET = "***"  # noqa: S105 - what is shown instead of one


def unexplained(case: ProvisioningCase, *, shifted: bool = False) -> list[ConfigDifference]:
    """Differences that no fault which is named before them brings about.

    A line that the audit has found brings about what stands in it, and what else is wrong with
    that account or key; one that is not there, or of which the numbers are shifted, what is said
    of all accounts or keys.

    Args:
        case: of the handset.
        shifted: shifted numbers count as named.
    """
    spots = " ".join(f"{hit.where} {hit.found} " for hit in case.hits(*SETTINGS)).replace(",", " ")
    found = {_item(d) for d in case.differences if d.line and f"{d.file}:{d.line} " in spots}
    sections = {m[1] for d in case.differences if (m := PLACE.fullmatch(d.field)) and not m[4]}
    open_ones = [
        d for d in case.differences if _item(d) not in found and _section(d) not in sections
    ]
    if shifted:
        sections = {_section(d) for d in open_ones if owner_of(case, d)}
        open_ones = [d for d in open_ones if _section(d) not in sections]
    return open_ones


def _item(difference: ConfigDifference) -> str:
    """``accounts[2]``, where it is about one of several."""
    match = PLACE.fullmatch(difference.field)
    return f"{match[1]}[{match[2]}]" if match else difference.field


def _section(difference: ConfigDifference) -> str:
    """``accounts`` or ``line_keys``, where it is about one of several."""
    match = PLACE.fullmatch(difference.field)
    return match[1] if match else difference.field


def owner_of(case: ProvisioningCase, difference: ConfigDifference) -> str:
    """Field of another account or key whose value stands here; empty if there is none."""
    match = PLACE.fullmatch(difference.field)
    if match is None or not match[4] or len(difference.got) < 2 or difference.got == SECRET:
        return ""
    return next(
        (
            other.field
            for other in _wanted_at(case, match[1], match[4])
            if other.wanted == difference.got and other.field != difference.field
        ),
        "",
    )


def is_field(difference: ConfigDifference) -> bool:
    """Whether it is about a setting, and not about the file as such."""
    return difference.field != "file"


def _wanted_at(case: ProvisioningCase, section: str, name: str) -> list[ConfigDifference]:
    """What the inventory wants in the same field of every account or key."""
    items = getattr(case.handset.intent, section)
    rows = []
    for item in items:
        number = item.index if section == "accounts" else item.position
        value: object = item
        for part in name.split("."):
            value = getattr(value, part, None)
        text = "" if value is None else str(value)
        rows.append(ConfigDifference(f"{section}[{number}].{name}", text, "", ""))
    return rows
