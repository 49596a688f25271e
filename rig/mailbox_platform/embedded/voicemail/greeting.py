"""Chooses which greeting a caller hears, as the mailbox guide says.

"Besetzt" when the owner is busy, "Nicht verfügbar" in every other case. Do-not-disturb
counts as busy, because the guide puts it under the busy option. The greeting for "all
calls" and for an unreachable phone is not in the guide: unavailable is the choice here.

Source: mailbox guide, "Eigene Begrüßung einrichten" and "Anrufumleitung an die Mailbox";
RFC 5806 section 4 (reasons); RFC 4458 section 2 and RFC 7544 section 3.4 (causes).
"""

from __future__ import annotations

from enum import StrEnum

from rig.media.prompt import personal_greeting


class GreetingKind(StrEnum):
    """The two kinds of greeting of the guide; the value is the standard prompt."""

    BUSY = "greeting.busy"
    UNAVAILABLE = "greeting.unavailable"


GREETING_BY_REASON: dict[str, GreetingKind] = {
    "user-busy": GreetingKind.BUSY,
    "do-not-disturb": GreetingKind.BUSY,
    "unconditional": GreetingKind.UNAVAILABLE,
    "no-answer": GreetingKind.UNAVAILABLE,
    "unavailable": GreetingKind.UNAVAILABLE,
    "away": GreetingKind.UNAVAILABLE,
    "time-of-day": GreetingKind.UNAVAILABLE,
    "out-of-service": GreetingKind.UNAVAILABLE,
    "follow-me": GreetingKind.UNAVAILABLE,
    "deflection": GreetingKind.UNAVAILABLE,
    "unknown": GreetingKind.UNAVAILABLE,
}
"""Greeting by reason of diversion (RFC 5806)."""

GREETING_BY_CAUSE: dict[int, GreetingKind] = {
    302: GreetingKind.UNAVAILABLE,
    404: GreetingKind.UNAVAILABLE,
    408: GreetingKind.UNAVAILABLE,
    480: GreetingKind.UNAVAILABLE,
    486: GreetingKind.BUSY,
    487: GreetingKind.UNAVAILABLE,
    503: GreetingKind.UNAVAILABLE,
}
"""Greeting by cause of diversion (RFC 4458)."""


def greeting_kind(reason: str | None, cause: int | None) -> GreetingKind:
    """Choose the greeting for a diverted call.

    The reason decides when it is known, because it says more than the cause
    (do-not-disturb has no cause of its own).

    Args:
        reason: RFC 5806 reason, in any case; None when the call carries none.
        cause: RFC 4458 cause; None when the call carries none.

    Returns:
        Unavailable when neither is known.
    """
    by_reason = GREETING_BY_REASON.get(reason.lower()) if reason else None
    if by_reason is not None and reason and reason.lower() != "unknown":
        return by_reason
    return GREETING_BY_CAUSE.get(cause or 0, GreetingKind.UNAVAILABLE)


def greeting_prompt(kind: GreetingKind, personal: str = "") -> str:
    """Name the prompt to play.

    Args:
        kind: busy or unavailable.
        personal: name of the user's own greeting for this kind; empty for the standard one.
    """
    return personal_greeting(personal) if personal else kind.value
