"""Reads the distribution lists of a mailbox from an inventory, and checks their members.

::

    distribution_lists:
      - description: Support-Team
        members: ["101", "+49 30 23125 102"]

The first list takes the first place. An empty pair of braces, ``{}``, keeps a place free.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from provisioning.distribution_list import (
    MAX_LISTS,
    DistributionList,
    ListRuleError,
    checked_description,
)
from provisioning.errors import Position
from provisioning.inventory_fields import FaultList, FieldReader, parse_text, show_value
from provisioning.yaml_source import YamlMap, YamlNode


@dataclass(frozen=True, slots=True)
class ListDraft:
    """One list as read.

    Attributes:
        description: its name.
        members: as written, and where.
    """

    description: str
    members: tuple[tuple[str, Position], ...]


def read_lists(mailbox: FieldReader, faults: FaultList) -> tuple[ListDraft | None, ...]:
    """Read the lists of one mailbox; who the members are is checked later.

    Args:
        mailbox: the mailbox part.
        faults: where faults go.

    Returns:
        By place; None where one is kept free.
    """
    items = mailbox.items("distribution_lists")
    if len(items) > MAX_LISTS:
        faults.add(
            items[MAX_LISTS].position,
            "there are too many distribution lists",
            got=str(len(items)),
            expected=f"at most {MAX_LISTS}",
            fix="Remove some.",
        )
    return tuple(_read_list(item, faults) for item in items[:MAX_LISTS])


def _read_list(node: YamlNode, faults: FaultList) -> ListDraft | None:
    if isinstance(node, YamlMap) and not node.entries:
        return None
    reader = FieldReader(node, "distribution list", faults)
    description = reader.parsed("description", checked_description, required=True)
    members = []
    for item in reader.items("members"):
        member = parse_text(item, "the member", str, faults)
        if member is not None:
            members.append((member, item.position))
    reader.finish()
    return ListDraft(description or "", tuple(members))


def checked_lists(
    drafts: tuple[ListDraft | None, ...], member_of: Callable[[str], str | None], faults: FaultList
) -> tuple[DistributionList | None, ...]:
    """Find out who the members are.

    Args:
        drafts: as read.
        member_of: number of the user that a number or an extension means; None for nobody.
        faults: where faults go: a stranger, or somebody who is on a list twice.
    """
    return tuple(None if draft is None else _checked(draft, member_of, faults) for draft in drafts)


def _checked(
    draft: ListDraft, member_of: Callable[[str], str | None], faults: FaultList
) -> DistributionList:
    checked = DistributionList(draft.description)
    for written, position in draft.members:
        member = member_of(written)
        if member is None or member in checked.members:
            error = (
                ListRuleError(
                    "the member is nobody of the company", "a user's number or extension"
                )
                if member is None
                else ListRuleError("the member is on the list already", "each member once")
            )
            faults.add(
                position,
                error.what,
                got=show_value(written),
                expected=error.expected,
                fix="Correct or remove it.",
            )
        else:
            checked = replace(checked, members=(*checked.members, member))
    return checked
