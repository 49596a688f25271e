"""Words of a hand-written test: why a call is diverted, when it is forwarded, what was done."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from rig.timeline import MailboxSeen, TimelineEvent


class DiversionReason(StrEnum):
    """Why a call was diverted.

    Source: RFC 5806 section 3.
    """

    USER_BUSY = "user-busy"
    NO_ANSWER = "no-answer"
    UNCONDITIONAL = "unconditional"
    DO_NOT_DISTURB = "do-not-disturb"

    @property
    def by_handset(self) -> bool:
        """Whether the handset decides it, so that it must have been rung."""
        return self in {DiversionReason.USER_BUSY, DiversionReason.NO_ANSWER}

    @property
    def cause(self) -> int:
        """Cause that must stand in History-Info; do-not-disturb counts as busy (R28).

        Source: RFC 4458 section 2.
        """
        return {"no-answer": 408, "unconditional": 302}.get(self.value, 486)


class ForwardCondition(StrEnum):
    """When the platform forwards to a number."""

    ALWAYS = "always"
    BUSY = "busy"
    NO_ANSWER = "no_answer"


START = "the start"
CALL = "the call"
POWER_CUT = "the power cut"
_NO_CHANGE = frozenset({"query", "start"})
_NOTED_S = 0.005
"""A mailbox is noted as changed this much after it was, at most."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """What the next lamp assertion is about.

    Attributes:
        at: its instant.
        name: for sentences: ``the deposit``.
        mailbox: number of the mailbox that it was meant to change, or empty.
        notify: a NOTIFY must follow.
        began: from when on it may have changed mailboxes; None if it cannot.
        done_at: when the step was over, where that is later than ``at``.
    """

    at: float
    name: str
    mailbox: str = ""
    notify: bool = False
    began: float | None = None
    done_at: float = 0.0

    @property
    def over_at(self) -> float:
        """From when on nothing of the step is on its way any more but what it has caused."""
        return max(self.at, self.done_at)


def as_seen_by(
    trigger: Trigger, watched: Collection[str], events: Iterable[TimelineEvent], *, lit: bool
) -> Trigger:
    """What a trigger means for a phone: which of its mailboxes really changed, and when.

    Whom a call reaches is the platform's doing: a message may be in another mailbox than that of
    the number dialled, and what was done by keys is known from the mailbox alone.

    Args:
        trigger: the last one.
        watched: mailboxes of the phone.
        events: of the bench.
        lit: what its lamp must be: a message that must light it must be told of.

    Returns:
        The trigger with the mailbox of this phone that changed, if one did.
    """
    if trigger.began is None:
        return trigger
    changed = {
        e.mailbox: e.at
        for e in events
        if isinstance(e, MailboxSeen)
        and e.mailbox in watched
        and e.at > trigger.began
        and e.cause not in _NO_CHANGE
    }
    if not changed:
        return trigger if lit else replace(trigger, notify=False)
    mailbox = (
        trigger.mailbox if trigger.mailbox in changed else max(changed, key=changed.__getitem__)
    )
    at = min(changed[mailbox] - _NOTED_S, trigger.at) if trigger.name == CALL else trigger.at
    return replace(trigger, at=at, mailbox=mailbox, notify=True)


@dataclass(frozen=True, slots=True)
class CallMade:
    """A call that a role made.

    Attributes:
        caller: role or name.
        callee: role or name.
        began_at: instant of dialling.
        status: final SIP status; None if there was none.
    """

    caller: str
    callee: str
    began_at: float
    status: int | None = None
