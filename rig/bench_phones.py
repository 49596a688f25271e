"""What a bench has to do with real phones: it waits until they register, and asks what they know.

A phone's web interface answers long before its SIP does, and not every vendor's tells who is
registered. The platform knows. Whether messages wait, some phones tell when they are asked: their
own word, and no lamp.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from provisioning.inventory_site import Site
from rig.clock import Clock, now
from rig.errors import RigError
from rig.handset.base import Handset
from rig.handset.vendor.control import PhoneCapability, PhoneError
from rig.handset.vendor.handset import VendorHandset
from rig.timeline import PhoneSaid

logger = logging.getLogger(__name__)

ASK_S = 2.0
"""A phone that takes longer to answer is not waited for: the lamp is what is judged."""
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


async def asked_of_waiting(handset: Handset, *, clock: Clock = now) -> PhoneSaid | None:
    """Ask a handset whether messages wait, if it is a real phone whose interface tells.

    A phone that cannot be asked is warned of and fails nothing: lamp and wire do not depend
    on it.

    Args:
        handset: on the bench.
        clock: gives instants.

    Returns:
        Its word, dated when it was asked; None where it has none.
    """
    if not isinstance(handset, VendorHandset):
        return None
    if PhoneCapability.READ_WAITING not in handset.phone.capabilities:
        return None
    at = clock()
    try:
        async with asyncio.timeout(ASK_S):
            state = await handset.phone.state()
    except TimeoutError:
        logger.warning(
            "%s: %s does not say within %g s whether messages wait",
            handset.name, handset.phone.where, ASK_S,
        )  # fmt: skip
        return None
    except PhoneError as error:
        logger.warning("%s: is not heard on waiting messages: %s", handset.name, error)
        return None
    if state.waiting is None:
        return None
    return PhoneSaid(
        at=at,
        handset=handset.name,
        what="mwi",
        waiting=state.waiting,
        by="answer",
        client=handset.phone.host,
    )
