"""Hunt groups: one number that rings several users' phones."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from provisioning.errors import Position

MAX_MEMBERS = 50


class HuntPolicy(StrEnum):
    """How the members' phones ring."""

    ALL = "all"
    IN_ORDER = "in_order"


@dataclass(frozen=True, slots=True)
class HuntGroup:
    """A number whose calls are distributed to users.

    A call that comes by a group uses neither forwarding nor mailbox of a member: what
    happens when nobody answers is decided by the group alone.

    Attributes:
        name: shown to people.
        number: normal form.
        extension: internal number, or empty.
        members: numbers of users in normal form, in the order of ringing.
        policy: all phones at once, or one member after the other.
        rings: how long all ring, or each member: 2 to 20.
        no_answer: where a call goes that nobody takes: normal form, extension or code; empty
            to refuse it.
        position: where the inventory says so.

    Source: administrator's page of the carrier's mailbox: calls distributed by a group do not
    use a member's forwarding, mailbox included.
    """

    name: str
    number: str
    extension: str = ""
    members: tuple[str, ...] = ()
    policy: HuntPolicy = HuntPolicy.ALL
    rings: int = 4
    no_answer: str = ""
    position: Position = field(default=Position(""), compare=False)
