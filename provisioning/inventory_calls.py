"""Reads and checks what a site says about calls: feature access codes and hunt groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from provisioning.errors import Position
from provisioning.feature_code import (
    Feature,
    FeatureCodes,
    code_clashes,
    parse_feature_code,
)
from provisioning.hunt_group import MAX_MEMBERS, HuntGroup, HuntPolicy
from provisioning.inventory_fields import FaultList, FieldReader, parse_text, show_value
from provisioning.inventory_model import MAX_RINGS, User
from provisioning.inventory_reading import Reading
from provisioning.phone_number import parse_extension
from provisioning.yaml_source import YamlList, YamlNode, YamlText


class UserFinder(Protocol):
    """Finds users by any spelling."""

    def number_of(self, text: str) -> str | None:
        """Number of the user that a number or an extension names; None for nobody."""
        ...


@dataclass(frozen=True, slots=True)
class GroupDraft:
    """One hunt group as read.

    Attributes:
        group: members as written.
        number_at: where the number stands.
        extension_at: where the extension stands.
        members_at: where each member stands.
    """

    group: HuntGroup
    number_at: Position
    extension_at: Position
    members_at: tuple[Position, ...]


def read_feature_codes(site: FieldReader) -> FeatureCodes:
    """Read ``feature_codes`` of the site part: one code, or a list of a main and other ones.

    Args:
        site: the site part.

    Returns:
        Codes by feature; empty when the site names none.
    """
    reader = site.part("feature_codes", "table of feature codes")
    if reader is None:
        return {}
    codes: dict[Feature, tuple[str, ...]] = {}
    for feature in Feature:
        node = reader.node(feature.value)
        items = node.items if isinstance(node, YamlList) else () if node is None else (node,)
        read = [
            parse_text(item, f"{feature.value!r}", parse_feature_code, site.faults)
            for item in items
        ]
        found = tuple(code for code in read if code is not None)
        if found:
            codes[feature] = found
    reader.finish()
    return codes


def read_hunt_group(node: YamlNode, reading: Reading) -> GroupDraft | None:
    """Read one hunt group; None when the node is no mapping."""
    reader = FieldReader(node, "hunt group", reading.faults)
    if not reader.usable:
        return None
    members: list[str] = []
    members_at: list[Position] = []
    for item in reader.items("members"):
        if isinstance(item, YamlText):
            members.append(item.value.strip())
            members_at.append(item.position)
    draft = GroupDraft(
        HuntGroup(
            name=reader.text("name", required=True),
            number=reader.parsed("number", reading.normalise, required=True) or "",
            extension=reader.parsed("extension", parse_extension) or "",
            members=tuple(members),
            policy=reader.choice("ring", HuntPolicy) or HuntPolicy.ALL,
            rings=reader.integer("rings", 4, low=2, high=MAX_RINGS),
            no_answer=reader.parsed("no_answer", reading.service_number) or "",
            position=node.position,
        ),
        reader.position_of("number"),
        reader.position_of("extension"),
        tuple(members_at),
    )
    reader.finish()
    return draft


def check_hunt_groups(
    drafts: Iterable[GroupDraft],
    users: Iterable[User],
    portal: str,
    finder: UserFinder,
    faults: FaultList,
) -> dict[str, HuntGroup]:
    """Check hunt groups against users and each other, and resolve their members.

    Args:
        drafts: as read.
        users: all of them.
        portal: number of the voice portal; may be empty.
        finder: finds members.
        faults: where faults go.

    Returns:
        Groups by number.
    """
    taken = {portal: "the voice portal"} if portal else {}
    for user in users:
        taken |= {user.number: f"user {user.name}"}
        if user.extension:
            taken[user.extension] = f"user {user.name}"
    groups: dict[str, HuntGroup] = {}
    for draft in drafts:
        group = draft.group
        for number, at in (
            (group.number, draft.number_at),
            (group.extension, draft.extension_at),
        ):
            if number and number in taken:
                faults.add(
                    at,
                    f"the hunt group has a number of {taken[number]}",
                    got=show_value(number),
                    expected="a number of its own",
                    fix="Correct one of the two.",
                )
            elif number:
                taken[number] = f"hunt group {group.name}"
        members = _members(draft, finder, faults)
        groups[group.number] = dataclasses.replace(group, members=members)
    return groups


def check_feature_codes(
    codes: FeatureCodes, numbers: Iterable[str], trunk_prefix: str, at: Position, faults: FaultList
) -> None:
    """Report every code that cannot be told from another one or from a number of the site."""
    for clash in code_clashes(codes, [number for number in numbers if number], trunk_prefix):
        faults.add(
            at,
            f"feature codes: {clash}",
            expected="codes that nothing else begins with",
            fix="Choose another code.",
        )


def _members(draft: GroupDraft, finder: UserFinder, faults: FaultList) -> tuple[str, ...]:
    group = draft.group
    members: list[str] = []
    for written, at in zip(group.members, draft.members_at, strict=True):
        number = finder.number_of(written)
        if number is None or number in members:
            faults.add(
                at,
                "the hunt group names a member twice"
                if number is not None
                else "the hunt group names no user of this inventory",
                got=show_value(written),
                expected="the number or extension of a user, each once",
                fix="Correct it or remove it.",
            )
        else:
            members.append(number)
    if not 1 <= len(group.members) <= MAX_MEMBERS:
        faults.add(
            group.position,
            f"the hunt group has {len(group.members)} members",
            expected=f"1 to {MAX_MEMBERS}",
            fix="List numbers or extensions under 'members'.",
        )
    return tuple(members)
