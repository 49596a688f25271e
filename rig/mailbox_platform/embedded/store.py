"""Keeps the messages of all mailboxes, and what their owners have set.

Everything but audio is in memory, so looking never waits for a disk. A change first goes to
the database and is told when it lasts there: a count that anybody was told of survives the death
of the process, and with ``durable`` a power cut.

There are two ways to change something:

* a method alone is done when it returns: it waits for the database; ``with store.whole():``
  makes several of them one;
* methods inside ``with store.together() as kept:`` make one unit, all of it or nothing, and
  nothing waits. ``await kept`` says when it lasts, or why it does not. That is the way of whoever
  runs in the event loop.

Who asks for a message or a setting finds what was changed last, kept already or not; counts are
always those that last. A message that is not kept yet is in no list.

Where it is kept: :mod:`.store_sqlite` (a folder) or :mod:`.store_postgres` (a URL).
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rig.clock import Clock, now
from rig.errors import RigError
from rig.mailbox_platform.base import MailboxListener
from rig.mailbox_platform.embedded import stored_message as rules
from rig.mailbox_platform.embedded.store_change import (
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
from rig.mailbox_platform.embedded.store_index import StoreIndex
from rig.mailbox_platform.embedded.store_postgres import PostgresDatabase
from rig.mailbox_platform.embedded.store_sqlite import SqliteDatabase
from rig.mailbox_platform.embedded.store_url import DatabaseUrl
from rig.mailbox_platform.embedded.store_writer import Kept, StoreWriter, Unit
from rig.mailbox_platform.embedded.stored_message import (
    LoginFailures,
    MessageRow,
    MessageState,
    StoredMessage,
)
from rig.media.wav import from_wav, to_wav
from rig.timeline import MailboxSeen

__all__ = [
    "Kept",
    "LoginFailures",
    "MailboxUsage",
    "MessageState",
    "MessageStore",
    "StoreFailure",
    "StoredMessage",
]

_OCTETS_PER_S = 16_000


@dataclass(frozen=True, slots=True)
class MailboxUsage:
    """What takes up room in a mailbox, messages on their way to the disk included.

    Attributes:
        messages: how many.
        audio_s: how long they are together.
    """

    messages: int
    audio_s: float


class MessageStore:
    """The messages of a platform.

    Used from one thread, the event loop's.

    Args:
        place: a folder, made if missing; or a database.
        clock: for the instants of changes.
        durable: wait for the disk at every commit, so that what is told survives a power cut.

    Raises:
        RigError: the place cannot be used, is in use by another process, or was written by
            another version.
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

    # -- messages ------------------------------------------------------------------------

    def add(
        self,
        mailbox: str,
        caller: str,
        pcm: bytes,
        *,
        urgent: bool = False,
        at: float | None = None,
        message_id: str = "",
    ) -> StoredMessage:
        """Keep a new message; it is told with cause ``deposit`` once it lasts.

        Args:
            mailbox: number of the mailbox.
            caller: number of the caller; empty when withheld.
            pcm: audio, 8 kHz mono 16 bit.
            urgent: marked by the caller.
            at: when it was left; now by default.
            message_id: for a message that has an identifier already; new by default.

        Raises:
            RigError: the disk is full or the like; nothing was kept.
        """
        message = StoredMessage(
            message_id or secrets.token_hex(8),
            mailbox,
            _text(caller),
            self._clock() if at is None else at,
            len(pcm) / _OCTETS_PER_S,
            urgent,
            MessageState.NEW,
        )
        known = self._row(message.message_id)
        if known is not None:
            return known.message
        self._arrival += 1
        change = AddMessage(MessageRow(message, MessageState.NEW, self._arrival), to_wav(pcm))
        try:
            self._change(change, mailbox=mailbox, cause="deposit")
        except StoreFailure as failure:
            raise StoreFailure(f"message for mailbox {mailbox} not stored: {failure}") from failure
        return message

    def messages(
        self, mailbox: str, state: MessageState | None = None
    ) -> tuple[StoredMessage, ...]:
        """List messages in the order of hearing: urgent first, then the oldest.

        Args:
            mailbox: number of the mailbox.
            state: only these; by default new and saved, not deleted.
        """
        urgent: list[StoredMessage] = []
        others: list[StoredMessage] = []
        for lasting in self._index.rows(mailbox):
            row = self._row(lasting.message.message_id) if self._pending else lasting
            if row is None:
                continue
            message = row.message
            if message.state is MessageState.DELETED if state is None else message.state != state:
                continue
            (urgent if message.urgent else others).append(message)
        return (*urgent, *others)

    def message(self, message_id: str) -> StoredMessage | None:
        """Find one message; None when it is not there any more."""
        row = self._row(message_id)
        return None if row is None else row.message

    def _row(self, message_id: str) -> MessageRow | None:
        pending = self._pending.get(("message", message_id))
        if pending is None:
            return self._index.row(message_id)
        return pending[1].row if isinstance(pending[1], ChangeMessage) else None

    def audio(self, message_id: str) -> bytes:
        """The audio of a message, as PCM.

        Raises:
            RigError: there is no such message, or its file is gone.
        """
        if self._index.row(message_id) is None:
            raise StoreFailure(f"message {message_id}: no audio in {self._database.place}")
        try:
            wav = self._database.audio(message_id)
        except StoreFailure as failure:
            raise StoreFailure(f"message {message_id}: {failure}") from failure
        return from_wav(wav, name=f"message {message_id}")

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

    def mark_heard(self, message_id: str) -> bool:
        """Turn a new message into a saved one.

        Returns:
            False when it was not new; nothing is told then.
        """
        return self._turn(rules.heard, message_id, "heard")

    def mark_new(self, message_id: str) -> bool:
        """Turn a saved message into a new one again.

        Returns:
            False when it was not saved.
        """
        return self._turn(rules.new_again, message_id, "restored")

    def mark_urgent(self, message_id: str) -> bool:
        """Mark a message as urgent, as its caller wants; told with cause ``deposit``.

        Returns:
            False when it was marked before, or is deleted.
        """
        return self._turn(rules.marked_urgent, message_id, "deposit")

    def delete(self, message_id: str) -> bool:
        """Delete a message; its audio stays until :meth:`expunge`.

        Returns:
            False when it was deleted before, or is not there.
        """
        return self._turn(rules.deleted, message_id, "deleted")

    def restore(self, message_id: str) -> bool:
        """Undo a deletion: the message is new or saved as it was.

        Returns:
            False when it was not deleted, or is gone for good.
        """
        return self._turn(rules.restored, message_id, "restored")

    def _turn(
        self, rule: Callable[[MessageRow], MessageRow | None], message_id: str, cause: str
    ) -> bool:
        row = self._row(message_id)
        turned = None if row is None else rule(row)
        if turned is None:
            return False
        self._change(ChangeMessage(turned), mailbox=turned.message.mailbox, cause=cause)
        return True

    def expunge(self, message_ids: Iterable[str]) -> int:
        """Remove deleted messages for good, with their audio.

        Args:
            message_ids: those that are not deleted are left alone.

        Returns:
            How many are gone.
        """
        gone = []
        for message_id in dict.fromkeys(message_ids):
            row = self._row(message_id)
            if row is not None and row.message.state is MessageState.DELETED:
                gone.append(message_id)
        return self._remove(gone, told={})

    def clear(self, mailbox: str) -> int:
        """Remove every message of a mailbox for good; told once, if there was one to hear.

        Returns:
            How many are gone, those deleted before included.
        """
        if self._open_unit is None:
            self.flush()  # a message on its way is one of those that are meant
        tally = self._index.tally(mailbox)
        told = {mailbox: "deleted"} if tally.new or tally.saved else {}
        return self._remove([row.message.message_id for row in self._index.rows(mailbox)], told)

    def expire(self, left_before: float) -> int:
        """Remove messages that were left before an instant, with cause ``expired``.

        Returns:
            How many are gone, deleted ones included.
        """
        old = [row.message for row in self._index.all_rows() if row.message.at < left_before]
        told = {m.mailbox: "expired" for m in old if m.state is not MessageState.DELETED}
        return self._remove([message.message_id for message in old], told)

    def _remove(self, message_ids: list[str], told: dict[str, str]) -> int:
        rows = [row for message_id in message_ids if (row := self._row(message_id)) is not None]
        with self.whole():
            for row in rows:
                mailbox = row.message.mailbox
                change = RemoveMessage(row.message.message_id)
                self._change(change, mailbox=mailbox, cause=told.get(mailbox, ""))
        return len(rows)

    # -- settings ------------------------------------------------------------------------

    def login_failures(self, mailbox: str) -> LoginFailures:
        """Wrong PINs in a row, over all calls and restarts."""
        pending = self._pending.get(("failures", mailbox))
        if pending is not None and isinstance(pending[1], PutLoginFailures):
            return pending[1].failures
        return self._index.failures.get(mailbox, LoginFailures())

    def note_login(self, mailbox: str, *, succeeded: bool) -> None:
        """Count a wrong PIN, or forget the count after a right one."""
        before = self.login_failures(mailbox)
        after = LoginFailures()
        if not succeeded:
            after = LoginFailures(before.count + 1, self._clock())
        if after != before:
            self._change(PutLoginFailures(mailbox, after))

    def setting(self, mailbox: str, name: str) -> str | None:
        """A setting of a mailbox that was changed at run time; None when it was not."""
        pending = self._pending.get(("setting", mailbox, name))
        if pending is not None and isinstance(pending[1], PutSetting):
            return pending[1].value
        return self._index.settings.get((mailbox, name))

    def set_setting(self, mailbox: str, name: str, value: str | None) -> None:
        """Keep a setting across restarts; None forgets it.

        Raises:
            RigError: the disk is full or the like; the setting is as it was.
        """
        if value != self.setting(mailbox, name):
            self._change(PutSetting(mailbox, name, value))

    def announcements(self, owner: str) -> tuple[str, ...]:
        """Names of the announcements of an owner, in the order of the alphabet."""
        names = {name for of, name in self._index.announcements if of == owner}
        for _, change in self._pending.values():
            if isinstance(change, PutAnnouncement) and change.owner == owner:
                names.add(change.name)
            elif isinstance(change, RemoveAnnouncement) and change.owner == owner:
                names.discard(change.name)
        return tuple(sorted(names))

    def put_announcement(self, owner: str, name: str, pcm: bytes) -> None:
        """Keep an announcement; one of that name gives way, as a whole or not at all.

        Raises:
            RigError: the disk is full or the like; the former one is there as it was.
        """
        self._change(PutAnnouncement(owner, name, secrets.token_hex(8), to_wav(pcm)))

    def remove_announcement(self, owner: str, name: str) -> None:
        """Remove an announcement with its audio.

        Raises:
            RigError: the disk fails or the like; it is there as it was.
        """
        self._change(RemoveAnnouncement(owner, name))

    def announcement(self, owner: str, name: str) -> bytes:
        """The audio of an announcement, as PCM.

        Raises:
            RigError: there is none, or it cannot be read.
        """
        pending = self._pending.get(("announcement", owner, name))
        if pending is not None and isinstance(pending[1], PutAnnouncement):
            return from_wav(pending[1].wav, name=f"announcement {name!r}")
        if pending is not None:
            raise RigError(f"announcement {name!r}: there is none; record it again")
        audio_id = self._index.announcements.get((owner, name))
        if audio_id is None:
            raise RigError(f"announcement {name!r}: there is none; record it again")
        return from_wav(self._database.audio(audio_id), name=f"announcement {name!r}")

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


def _text(written: str) -> str:
    """Text that every database takes: without lone surrogates and NUL."""
    return written.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
