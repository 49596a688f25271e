"""Why a call was diverted, in the words of Diversion and in the numbers of History-Info.

Must not know: messages. Data of RFC 4458 2 (cause values), RFC 5806 3 (reasons) and
RFC 7544 (how one becomes the other).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

DIVERSION_REASONS: Final = (
    "unknown",
    "user-busy",
    "no-answer",
    "unavailable",
    "unconditional",
    "time-of-day",
    "do-not-disturb",
    "deflection",
    "follow-me",
    "out-of-service",
    "away",
)
"""Reasons that RFC 5806 names; vendors add others, quoted or not."""

CAUSE_MEANINGS: Final = MappingProxyType(
    {
        302: "unconditional",
        404: "unknown or not available",
        408: "no reply",
        480: "deflection before ringing",
        486: "user busy",
        487: "deflection while ringing",
        503: "subscriber not reachable",
    }
)
"""Cause values of the ``cause`` URI parameter. Source: RFC 4458 2."""

REASON_TO_CAUSES: Final = MappingProxyType(
    {
        "unknown": (404,),
        "unconditional": (302,),
        "user-busy": (486,),
        "no-answer": (408,),
        "deflection": (480, 487),
        "unavailable": (503,),
        "time-of-day": (404,),
        "do-not-disturb": (404,),
        "follow-me": (404,),
        "out-of-service": (404,),
        "away": (404,),
    }
)
"""Diversion reason to the causes that agree with it, the usual one first.

Source: RFC 7544.
"""

CAUSE_TO_REASON: Final = MappingProxyType(
    {
        302: "unconditional",
        404: "unknown",
        408: "no-answer",
        480: "deflection",
        486: "user-busy",
        487: "deflection",
        503: "unavailable",
    }
)
"""History-Info cause to Diversion reason. Source: RFC 7544."""


def cause_of(reason: str) -> int:
    """Give the cause that stands for a Diversion reason.

    Args:
        reason: any case; one that the RFC does not name counts as unknown, 404.
    """
    return REASON_TO_CAUSES.get(reason.lower(), (404,))[0]


def reason_of(cause: int) -> str:
    """Give the Diversion reason that stands for a cause; ``unknown`` for other numbers."""
    return CAUSE_TO_REASON.get(cause, "unknown")


def agree(reason: str, cause: int) -> bool:
    """Whether a Diversion reason and a History-Info cause can describe the same diversion.

    Args:
        reason: any case.
        cause: a number of RFC 4458.
    """
    return cause in REASON_TO_CAUSES.get(reason.lower(), (404,))
