"""Brings changes of a store to its database, several at once, in a thread of its own.

A unit is a set of changes that are made together. Units are made in the order in which they
were handed in. Those that wait while the disk is busy go to it together (group commit): a
burst of messages costs a few waits, not one for each. Where the database refuses a group, each of
its units is tried alone, so that nobody loses a message to somebody else's.

Whoever hands units in is told of their end in its own thread: by the event loop where one runs,
or in :meth:`StoreWriter.flush`.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from rig.mailbox_platform.embedded.store.store_change import (
    AddMessage,
    Change,
    RemoveMessage,
    StoreDatabase,
    StoreFailure,
)

_MOST_TOGETHER = 64
_MOST_TOGETHER_BYTES = 32_000_000


class Kept:
    """What becomes of a unit: whether its changes last.

    Await it, or ask for a call back; awaiting raises what went wrong.

    Args:
        wait: blocks until it is settled.

    Attributes:
        settled: whether that is known.
        failure: why the changes are not made; None while unknown, and when they are.
    """

    def __init__(self, wait: Callable[[], None]) -> None:
        self.settled = False
        self.failure: StoreFailure | None = None
        self._wait = wait
        self._callbacks: list[Callable[[], None]] = []

    @classmethod
    def already(cls, failure: StoreFailure | None = None) -> Kept:
        """One that is settled."""
        kept = cls(lambda: None)
        kept.settle(failure)
        return kept

    def when_settled(self, callback: Callable[[], None]) -> None:
        """Call back once it is settled; at once when it is."""
        if self.settled:
            callback()
        else:
            self._callbacks.append(callback)

    def settle(self, failure: StoreFailure | None) -> None:
        """Note the end, and tell everybody who asked."""
        self.settled = True
        self.failure = failure
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def wait(self) -> None:
        """Block until it is settled.

        Raises:
            StoreFailure: the changes are not made.
        """
        if not self.settled:
            self._wait()
        if self.failure is not None:
            raise self.failure

    async def end(self) -> None:
        """Come back once it is settled, however."""
        if self.settled:
            return
        settled = asyncio.get_running_loop().create_future()

        def note() -> None:
            if not settled.done():
                settled.set_result(None)

        self.when_settled(note)
        await settled

    def __await__(self) -> Generator[Any, None, None]:
        yield from self.end().__await__()
        if self.failure is not None:
            raise self.failure


@dataclass(slots=True, eq=False)
class Unit:
    """Changes that are made together.

    Attributes:
        kept: what becomes of them.
        changes: in their order.
        causes: who is to be told why, by mailbox.
    """

    kept: Kept
    changes: list[Change] = field(default_factory=list)
    causes: dict[str, str] = field(default_factory=dict)

    @property
    def audio_bytes(self) -> int:
        """How much audio goes to the database with them."""
        return sum(len(c.wav) for c in self.changes if isinstance(c, AddMessage))


class StoreWriter:
    """The way to a database.

    Args:
        database: where changes go.
        finished: called with every unit and its failure, in the thread that hands them in.
    """

    def __init__(
        self, database: StoreDatabase, finished: Callable[[Unit, StoreFailure | None], None]
    ) -> None:
        self._database = database
        self._finished = finished
        self._undo: list[Change] = []
        self._waiting: deque[Unit] = deque()
        self._done: deque[tuple[Unit, StoreFailure | None]] = deque()
        self._outstanding = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._last = Kept.already()

    @property
    def last(self) -> Kept:
        """What becomes of the unit that was handed in last: all others are settled before it."""
        return self._last

    def submit(self, unit: Unit) -> None:
        """Hand a unit in, without waiting."""
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
            self._thread.start()
        self._last = unit.kept
        with self._changed:
            self._waiting.append(unit)
            self._outstanding += 1
            self._changed.notify_all()

    def write(self, unit: Unit) -> None:
        """Hand a unit in, and wait until it is settled and told."""
        self.flush()
        self._finished(unit, self._commit([unit])[0])

    def flush(self) -> None:
        """Wait until every unit so far is settled and told."""
        while True:
            with self._changed:
                while not self._done and self._outstanding:
                    self._changed.wait()
                if not self._done:
                    return
            self._tell_one()

    def close(self) -> None:
        """Settle every unit and end the thread. Safe to call twice."""
        self.flush()
        if self._thread is not None:
            with self._changed:
                self._stopping = True
                self._changed.notify_all()
            self._thread.join()
            self._thread = None

    def check(self) -> Kept:
        """Ask whether the database would take a message now; a unit without changes asks."""
        unit = Unit(Kept(self.flush))
        self.submit(unit)
        return unit.kept

    def _tell_one(self) -> None:
        with self._changed:
            if not self._done:
                return
            unit, failure = self._done.popleft()
            self._outstanding -= 1
        self._finished(unit, failure)

    # -- in the thread of its own --------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._stopping:
                    self._changed.wait()
                if not self._waiting:
                    return
                units = self._take()
            failures: list[StoreFailure | None]
            try:
                failures = self._commit(units)
            except Exception as error:  # noqa: BLE001 - whoever waits for this thread must not hang
                failures = [StoreFailure(f"store: {error!r}") for _ in units]
            with self._changed:
                self._done.extend(zip(units, failures, strict=True))
                self._changed.notify_all()
                loop = self._loop
            if loop is not None:
                for _ in units:
                    with contextlib.suppress(RuntimeError):  # the loop is over; flush tells
                        loop.call_soon_threadsafe(self._tell_one)

    def _take(self) -> list[Unit]:
        units = [self._waiting.popleft()]
        size = units[0].audio_bytes
        while self._waiting and units[-1].changes and len(units) < _MOST_TOGETHER:
            size += self._waiting[0].audio_bytes
            if size > _MOST_TOGETHER_BYTES or not self._waiting[0].changes:
                break
            units.append(self._waiting.popleft())
        return units

    def _commit(self, units: list[Unit]) -> list[StoreFailure | None]:
        changes = [change for unit in units for change in unit.changes]
        try:
            if changes:
                self._database.commit([*self._undo, *changes])
            else:
                self._database.check()
        except StoreFailure as failure:
            if len(units) > 1:
                return [self._commit([unit])[0] for unit in units]
            # The database may have made them all the same: then they must go again.
            self._undo += [
                RemoveMessage(c.row.message.message_id)
                for c in changes
                if isinstance(c, AddMessage)
            ]
            return [failure]
        if changes:
            self._undo.clear()
        return [None] * len(units)
