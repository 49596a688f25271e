"""Whom a hunt group rings, and what became of it: pure rules.

A member's forwarding and mailbox take no part; whether the member can be rung at all does:
do-not-disturb, a phone that is not registered, and a call without call waiting keep it out.

Source: administrator's page of the carrier's mailbox: calls distributed by a group do not use
a member's forwarding, mailbox included (R-b5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from provisioning.hunt_group import HuntGroup, HuntPolicy
from rig.mailbox_platform.base import UserServices
from rig.mailbox_platform.embedded.calls.ringing import RingEnd
from rig.mailbox_platform.embedded.calls.rules import (
    CallFacts,
    Condition,
    DecisionKind,
    LineState,
    decide,
)

_CONDITIONS = {
    RingEnd.UNANSWERED: Condition.UNANSWERED,
    RingEnd.BUSY: Condition.BUSY,
    RingEnd.DO_NOT_DISTURB: Condition.BUSY,
    RingEnd.REDIRECTED: Condition.BUSY,
    RingEnd.REFUSED: Condition.BUSY,
    RingEnd.UNREACHABLE: Condition.UNREACHABLE,
}


def hunt_rounds(group: HuntGroup) -> list[tuple[str, ...]]:
    """Members by round of ringing: all in one, or one in each."""
    if group.policy is HuntPolicy.ALL:
        return [group.members]
    return [(member,) for member in group.members]


def state_of_member(number: str, services: UserServices, state: LineState) -> RingEnd | None:
    """Say why a member is not rung; None when it is.

    Args:
        number: of the member.
        services: its own; only do-not-disturb counts.
        state: of its phones.
    """
    facts = CallFacts(called=number, group_call=True)
    decision = decide(facts, None, services, state)
    if decision.kind is DecisionKind.RING:
        return None
    if decision.condition is Condition.UNREACHABLE:
        return RingEnd.UNREACHABLE
    return RingEnd.BUSY


def outcome(ends: Iterable[RingEnd]) -> Condition:
    """Why nobody took the call: that a phone rang says most, then that somebody is busy."""
    conditions = [_CONDITIONS.get(end, Condition.BUSY) for end in ends]
    order: Sequence[Condition] = (Condition.UNANSWERED, Condition.BUSY)
    for condition in order:
        if condition in conditions:
            return condition
    return Condition.UNREACHABLE
