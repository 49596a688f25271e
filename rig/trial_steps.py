"""Words of a hand-written test: why a call is diverted, when it is forwarded, what was done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class Trigger:
    """What the next lamp assertion is about.

    Attributes:
        at: its instant.
        name: for sentences: ``the deposit``.
        mailbox: number of the mailbox that it changed, or empty.
        notify: a NOTIFY must follow.
    """

    at: float
    name: str
    mailbox: str = ""
    notify: bool = False


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
