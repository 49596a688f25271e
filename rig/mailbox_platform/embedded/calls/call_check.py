"""Finds out that a phone has lost its call: it has no power any more, or has started anew.

Between two phones no media pass the platform, so it would never learn of it. The question is an
OPTIONS inside the dialog, which every phone has to answer.

Source: RFC 3261 section 11 (OPTIONS) and 12.2.1.2 (408 and 481 end a dialog); RFC 5057
section 5.1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from rig.errors import RigError
from rig.mailbox_platform.embedded.calls.call_leg import Leg

GONE = frozenset({408, 481})
"""Answers that say that there is no such call any more; any other is a sign of life."""


async def why_gone(leg: Leg) -> str:
    """Ask a phone whether it still has the call.

    Returns:
        Reason header value; empty when it has, or when the dialog has ended meanwhile.
    """
    outgoing = leg.send("OPTIONS", [("Accept", "application/sdp")])
    status = 408
    if outgoing is not None:
        try:
            status = (await outgoing.final()).status
        except RigError:
            status = 408
    if leg.ended or leg.dialog is None or status not in GONE:
        return ""
    text = "call unknown to the phone" if status == 481 else "phone does not answer"
    return f'SIP;cause={status};text="{text}"'


async def check_for_ever(
    legs: Sequence[Leg], every_s: float, lost: Callable[[Leg, str], None]
) -> None:
    """Ask every phone of a call again and again; cancelled when the call is over.

    Args:
        legs: the phones' dialogs.
        every_s: seconds between two questions, from the answers of the first.
        lost: told of a leg that is gone, and why.
    """
    while True:
        await asyncio.sleep(every_s)
        asked = [leg for leg in legs if not leg.ended and leg.dialog is not None]
        for leg, reason in zip(asked, await asyncio.gather(*map(why_gone, asked)), strict=True):
            if reason and not leg.ended:
                lost(leg, reason)
