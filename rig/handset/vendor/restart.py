"""Proof that a phone restarts: it is silent for a while, and then answers again."""

from __future__ import annotations

from collections.abc import Callable

from rig.handset.vendor.control import PhoneControl, PhoneDidNothing, PhoneUnreachable
from rig.handset.vendor.read_back import Patience

LEAVE_S = 45.0
"""A phone that restarts at all has gone by then; some end their tasks first."""
RETURN_S = 300.0
"""A phone of any kind has started by then, a firmware update left aside."""
_LOOK_S = 0.5


async def went_and_came_back(
    phone: PhoneControl,
    *,
    leave_s: float = LEAVE_S,
    return_s: float = RETURN_S,
    patience: Patience | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> float:
    """Wait until a phone that was asked to restart has been away and is back.

    Args:
        phone: that was asked.
        leave_s: seconds until it must have gone.
        return_s: seconds after that until it must be back.
        patience: gives the clock.
        told: called with ``away`` and ``back``.

    Returns:
        Seconds for which it was away.

    Raises:
        PhoneDidNothing: it answered all the time.
        PhoneUnreachable: it did not come back.
    """
    by = patience or Patience()
    asked_at = by.clock()
    while await phone.answers():
        if by.clock() - asked_at >= leave_s:
            raise PhoneDidNothing(
                f"{phone.where}: the phone took the request to restart, but answered all the time "
                f"for {leave_s:g} s: it did not"
            )
        await by.sleep(_LOOK_S)
    away_at = by.clock()
    told("away")
    while not await phone.answers():
        if by.clock() - away_at >= return_s:
            raise PhoneUnreachable(
                f"{phone.where}: the phone went away to restart and is not back {return_s:g} s "
                "later; look at its display, and whether it has another address now"
            )
        await by.sleep(_LOOK_S)
    told("back")
    return by.clock() - away_at
