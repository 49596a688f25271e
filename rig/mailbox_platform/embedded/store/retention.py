"""Removes messages that are older than the platform keeps them."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from rig.clock import Clock
from rig.errors import RigError
from rig.mailbox_platform.embedded.store.store import MessageStore

_LOG = logging.getLogger(__name__)
_DAY_S = 86_400.0


class Retention:
    """Looks after the age of messages from time to time; the store tells the phones.

    Args:
        store: the messages.
        clock: tells how old they are.
        days: how long they are kept.
        every_s: how often to look, seconds.
    """

    def __init__(self, store: MessageStore, clock: Clock, *, days: float, every_s: float) -> None:
        self._store = store
        self._clock = clock
        self._keep_s = days * _DAY_S
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    async def look(self) -> int:
        """Remove what is too old now; gives how many messages.

        Raises:
            RigError: the store cannot be changed; they stay.
        """
        with self._store.together() as kept:
            gone = self._store.expire(self._clock() - self._keep_s)
        await kept
        return gone

    def start(self) -> None:
        """Begin to look, at once and then from time to time."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                gone = await self.look()
            except RigError as error:
                _LOG.warning("old messages are not removed yet: %s", error)
            else:
                if gone:
                    _LOG.info("%d messages were too old and are removed", gone)
            await asyncio.sleep(self._every_s)
