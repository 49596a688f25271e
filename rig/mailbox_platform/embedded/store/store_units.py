"""Takes changes of a store in units, keeps them, and tells of them once they last.

What every kind of change has in common; what can be changed is in :mod:`.store`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from provisioning.database_url import DatabaseUrl
from rig.clock import Clock, now
from rig.mailbox_platform.base import MailboxListener
from rig.mailbox_platform.embedded.store.store_change import (
    AddMessage,
    Change,
    ChangeMessage,
    PutAnnouncement,
    PutLoginFailures,
    PutSetting,
    RemoveAnnouncement,
    RemoveMessage,
    StoreDatabase,
    StoreFailure,
)
from rig.mailbox_platform.embedded.store.store_index import StoreIndex
from rig.mailbox_platform.embedded.store.store_postgres import PostgresDatabase
from rig.mailbox_platform.embedded.store.store_sqlite import SqliteDatabase
from rig.mailbox_platform.embedded.store.store_writer import Kept, StoreWriter, Unit
from rig.mailbox_platform.embedded.store.stored_message import (
    StoredMessage,
)
from rig.timeline import MailboxSeen


@dataclass(frozen=True, slots=True)
class MailboxUsage:
    """What takes up room in a mailbox, messages on their way to the disk included.

    Attributes:
        messages: how many.
        audio_s: how long they are together.
    """

    messages: int
    audio_s: float


class StoreUnits:
    """The units of a store, and who is told of them.

    Args:
        place: a folder, made if missing; or a database.
        clock: for the instants of changes.
        durable: wait for the disk at every commit.

    Raises:
        RigError: the place cannot be used.
    """

    def __init__(
        self, place: Path | DatabaseUrl, *, clock: Clock = now, durable: bool = True
    ) -> None:
        self._clock = clock
        self._listeners: list[MailboxListener] = []
        self._closed = False
        self._open_unit: Unit | None = None
        self._pending: dict[object, tuple[Unit, Change]] = {}
        self._coming: dict[str, list[StoredMessage]] = {}
        self._failing = False
        self._database: StoreDatabase = (
            PostgresDatabase(place, durable=durable)
            if isinstance(place, DatabaseUrl)
            else SqliteDatabase(place, durable=durable)
        )
        try:
            self._index = StoreIndex(self._database.load())
        except BaseException:
            self._database.close()
            raise
        self._arrival = self._index.last_arrival
        self._writer = StoreWriter(self._database, self._finished)

    # -- being told ----------------------------------------------------------------------

    def subscribe(self, listener: MailboxListener) -> Callable[[], None]:
        """Call ``listener`` at every change of a mailbox, once it lasts.

        Returns:
            A function that ends it; calling it twice is not an error.
        """
        self._listeners.append(listener)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    def announce(self, mailboxes: Iterable[str]) -> None:
        """Tell listeners the state of mailboxes as it is at the start, with cause ``start``."""
        for mailbox in mailboxes:
            self._tell(mailbox, "start")

    # -- units ---------------------------------------------------------------------------

    @contextlib.contextmanager
    def together(self) -> Iterator[Kept]:
        """Make what is changed inside one unit, and do not wait for it.

        Inside another such block it becomes part of that one. After an exception nothing is
        changed.

        Yields:
            What becomes of the unit.
        """
        if self._open_unit is not None:
            yield self._open_unit.kept
            return
        unit = self._open_unit = Unit(Kept(self.flush))
        try:
            yield unit.kept
        except BaseException:
            self._forget(unit)
            raise
        finally:
            self._open_unit = None
        if unit.changes:
            self._writer.submit(unit)
        else:
            unit.kept.settle(None)

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """Make what is changed inside one unit, and wait for it at the end.

        Inside :meth:`together` it becomes part of that one, and nothing waits here.

        Raises:
            RigError: nothing of it was kept.
        """
        alone = self._open_unit is None
        with self.together() as kept:
            yield
        if alone:
            kept.wait()

    @property
    def kept(self) -> Kept:
        """What becomes of the unit that is open; settled when none is."""
        if self._open_unit is not None:
            return self._open_unit.kept
        return Kept.already()

    def flush(self) -> None:
        """Wait until everything so far is settled and told."""
        self._writer.flush()

    async def settled(self) -> None:
        """Come back once everything so far is settled and told."""
        await self._writer.last.end()

    @property
    def failing(self) -> bool:
        """Whether the database refused the last change or check."""
        return self._failing

    def check(self) -> Kept:
        """Ask whether a message would be taken now."""
        return self._writer.check()

    def _change(self, change: Change, *, mailbox: str = "", cause: str = "") -> None:
        """Make a change: as part of the unit that is open, or alone and at once."""
        alone = self._open_unit is None
        unit = self._open_unit or Unit(Kept(self.flush))
        unit.changes.append(change)
        if cause:
            unit.causes.pop(mailbox, None)
            unit.causes[mailbox] = cause
        if isinstance(change, AddMessage):
            message = change.row.message
            self._coming.setdefault(message.mailbox, []).append(message)
        else:
            self._pending[_key(change)] = (unit, change)
        if alone:
            self._writer.write(unit)
            unit.kept.wait()

    def _finished(self, unit: Unit, failure: StoreFailure | None) -> None:
        """A unit lasts, or does not: note it, tell it, in that order."""
        self._failing = failure is not None
        self._forget(unit)
        if failure is None:
            for change in unit.changes:
                self._index.apply(change)
        try:
            if failure is None:
                for mailbox, cause in unit.causes.items():
                    self._tell(mailbox, cause)
        finally:
            unit.kept.settle(failure)

    def _forget(self, unit: Unit) -> None:
        for change in unit.changes:
            if isinstance(change, AddMessage):
                message = change.row.message
                self._coming[message.mailbox].remove(message)
            elif self._pending.get(_key(change), (None, None))[0] is unit:
                del self._pending[_key(change)]

    # -- counts --------------------------------------------------------------------------

    def counts(self, mailbox: str, *, cause: str = "query") -> MailboxSeen:
        """Count the messages of a mailbox now: those that last."""
        tally = self._index.tally(mailbox)
        return MailboxSeen(
            at=self._clock(),
            mailbox=mailbox,
            new=tally.new,
            saved=tally.saved,
            urgent_new=tally.urgent_new,
            urgent_saved=tally.urgent_saved,
            cause=cause,
        )

    def usage(self, mailbox: str) -> MailboxUsage:
        """What takes up room in a mailbox now."""
        tally = self._index.tally(mailbox)
        coming = self._coming.get(mailbox, ())
        return MailboxUsage(
            tally.new + tally.saved + len(coming),
            tally.audio_ms / 1000 + sum(message.duration_s for message in coming),
        )

    # -- end -----------------------------------------------------------------------------

    def close(self) -> None:
        """Keep everything, and let go of the place. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        self._listeners.clear()
        self._database.close()

    def _tell(self, mailbox: str, cause: str) -> None:
        seen = self.counts(mailbox, cause=cause)
        for listener in tuple(self._listeners):
            listener(seen)


def _key(change: Change) -> object:
    """What a change is about: the last one about it holds."""
    match change:
        case AddMessage(row) | ChangeMessage(row):
            return ("message", row.message.message_id)
        case RemoveMessage(message_id):
            return ("message", message_id)
        case PutSetting(mailbox, name, _):
            return ("setting", mailbox, name)
        case PutLoginFailures(mailbox, _):
            return ("failures", mailbox)
        case PutAnnouncement(owner, name, _, _) | RemoveAnnouncement(owner, name):
            return ("announcement", owner, name)
