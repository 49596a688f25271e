"""What a bench waits for with real phones: that they have registered at its platform.

A phone's web interface answers long before its SIP does, and not every vendor's tells who is
registered. The platform knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from provisioning.inventory_site import Site
from rig.clock import Clock, now
from rig.errors import RigError

_LOOK_S = 0.25


class KnowsContacts(Protocol):
    """A platform that tells where a user's handsets are registered."""

    def contacts(self, number: str) -> list[str]:
        """Contact URIs of one user."""
        ...


async def phones_registered(
    platform: KnowsContacts,
    site: Site,
    phones: Iterable[str],
    limit_s: float,
    *,
    clock: Clock = now,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Wait until every account of some handsets has a contact.

    Args:
        platform: where they register.
        site: the inventory.
        phones: names of the handsets.
        limit_s: seconds for all of them.
        clock: gives instants.
        sleep: waits.

    Raises:
        RigError: one has not; names it and the account.
    """
    deadline = clock() + limit_s
    wanted = {name: [ref.user for ref in site.handset(name).accounts] for name in phones}
    while True:
        missing = [
            f"{name} (account of {number})"
            for name, numbers in wanted.items()
            for number in numbers
            if not platform.contacts(number)
        ]
        if not missing:
            return
        if clock() >= deadline:
            raise RigError(
                f"{', '.join(missing)} not registered at the platform within {limit_s:g} s: has "
                "the phone fetched its file from this bench, and does it reach the platform?"
            )
        await sleep(_LOOK_S)
