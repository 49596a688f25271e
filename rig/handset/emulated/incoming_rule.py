"""What a handset does with an incoming call: a pure function on data.

The order is that of desk phones: an unconditional diversion beats do-not-disturb, which beats
busy, and only a call that rings can be diverted for no answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from provisioning.intent import DivertsIntent
from rig.handset.base import AnswerMode

DND_STATUSES = (480, 486, 603)
"""What desk phones answer while do-not-disturb is on."""


class Treatment(StrEnum):
    """What happens with a call."""

    RING = "ring"
    ANSWER = "answer"
    REJECT = "reject"
    DIVERT = "divert"


@dataclass(frozen=True, slots=True)
class Decision:
    """How a call is treated.

    Attributes:
        treatment: what happens.
        status: final status of a rejection; 302 of a diversion; 0 otherwise.
        target: where it is diverted to, now or after ``delay_s``.
        reason: diversion reason as in RFC 5806.
        delay_s: seconds of ringing before a no-answer diversion; 0 for none.
    """

    treatment: Treatment
    status: int = 0
    target: str = ""
    reason: str = ""
    delay_s: float = 0.0


def decide(
    diverts: DivertsIntent,
    mode: AnswerMode,
    *,
    dnd: bool,
    dnd_status: int,
    in_call: bool,
) -> Decision:
    """Decide about one incoming call.

    Args:
        diverts: diversions that the handset performs for the called account.
        mode: what the person at the handset would do.
        dnd: do-not-disturb is on for the account.
        dnd_status: final status while it is, one of :data:`DND_STATUSES`.
        in_call: the handset has a call and no waiting call is wanted.

    Returns:
        The treatment.

    Source: RFC 3261 section 21.3.3 (302); RFC 5806 section 4 for the reasons.
    """
    if diverts.always.enabled and diverts.always.target:
        return Decision(Treatment.DIVERT, 302, diverts.always.target, "unconditional")
    if dnd:
        return Decision(Treatment.REJECT, dnd_status)
    if in_call or mode is AnswerMode.BUSY:
        if diverts.busy.enabled and diverts.busy.target:
            return Decision(Treatment.DIVERT, 302, diverts.busy.target, "user-busy")
        return Decision(Treatment.REJECT, 486)
    if mode is AnswerMode.ANSWER:
        return Decision(Treatment.ANSWER)
    late = diverts.no_answer
    if late.enabled and late.target:
        return Decision(Treatment.RING, 302, late.target, "no-answer", max(late.delay_s, 0.5))
    return Decision(Treatment.RING)
