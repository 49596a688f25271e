"""What was switched at a phone is read back from it: a yes alone is no proof.

Asks through the interface, so it serves every way of driving a phone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rig.clock import Clock, now
from rig.errors import UsageError
from rig.handset.vendor.control import SERVICES, PhoneControl, PhoneDidNothing, PhoneState

SETTLE_S = 5.0
"""A phone that took a change shows it by then."""
_LOOK_S = 0.3

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a change may take to show, and by which clock.

    Attributes:
        settle_s: seconds until a change must be read back.
        clock: gives instants.
        sleep: waits.
    """

    settle_s: float = SETTLE_S
    clock: Clock = now
    sleep: Sleep = asyncio.sleep


def check_service(service: str) -> None:
    """See that a forwarding is one.

    Raises:
        UsageError: it is none.
    """
    if service not in SERVICES:
        raise UsageError(f"no forwarding {service!r}; there is {', '.join(SERVICES)}")


async def dnd_shown(phone: PhoneControl, *, on: bool, patience: Patience) -> None:
    """Wait until a phone shows do-not-disturb as wanted.

    Raises:
        PhoneDidNothing: it does not.
    """
    word = "on" if on else "off"
    await _shown(phone, lambda state: state.dnd is on, f"do-not-disturb {word}", patience)


async def forward_shown(
    phone: PhoneControl, service: str, target: str, *, patience: Patience
) -> None:
    """Wait until a phone shows a forwarding of the whole phone as wanted.

    Args:
        phone: that was told.
        service: one of the forwardings.
        target: number; empty for off.
        patience: how long.

    Raises:
        PhoneDidNothing: it does not.
    """

    def is_so(state: PhoneState) -> bool:
        said = state.forward(service)
        if said is None or said.active != bool(target):
            return False
        return not target or said.target == target

    what = f"forwarding {service} {f'to {target}' if target else 'off'}"
    await _shown(phone, is_so, what, patience)


async def _shown(
    phone: PhoneControl, is_so: Callable[[PhoneState], bool], what: str, patience: Patience
) -> None:
    deadline = patience.clock() + patience.settle_s
    while True:
        state = await phone.state()
        if is_so(state):
            return
        if patience.clock() >= deadline:
            break
        await patience.sleep(_LOOK_S)
    shown = ", ".join(
        f"{said.service} {f'to {said.target}' if said.active else 'off'}"
        for said in state.forwards or ()
        if not said.account
    )
    dnd = {True: "on", False: "off", None: "not told"}[state.dnd]
    raise PhoneDidNothing(
        f"{phone.where}: the phone took the request for {what}, but does not show it "
        f"{patience.settle_s:g} s later: do-not-disturb {dnd}, forwarding {shown or 'not told'}. "
        "Is the feature switched off, or the account's own instead of the phone's?"
    )
