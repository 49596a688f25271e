"""Keeps the messages of all mailboxes: rows in SQLite, audio as WAV files beside them.

A message exists when its row is committed. Its file is complete on disk before that, so a
crash leaves at worst a file without a row, which the next start removes. Readers never
see a half-written message.

Durability: a write-ahead log. By default every commit waits for the disk, which costs less
than a millisecond on a solid-state disk and nothing that a lamp would show. With
``durable=False`` a commit still survives the death of the process, but the last ones may be
lost when the machine loses power.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

from rig.clock import Clock, now
from rig.errors import RigError
from rig.mailbox_platform.base import MailboxListener
from rig.mailbox_platform.embedded.stored_message import (
    COUNT,
    DELETE,
    FIND,
    HEARD,
    INSERT,
    LIST,
    NEW_AGAIN,
    RESTORE,
    SCHEMA,
    SCHEMA_VERSION,
    URGENT,
    LoginFailures,
    MessageState,
    StoredMessage,
    message_of,
)
from rig.media.wav import from_wav, to_wav
from rig.timeline import MailboxSeen

__all__ = ["LoginFailures", "MessageState", "MessageStore", "StoredMessage"]

_OCTETS_PER_S = 16_000


class MessageStore:
    """The messages of a platform, in one folder.

    Used from one thread, the event loop's: every call is short.

    Args:
        folder: made if missing; holds ``messages.sqlite`` and ``audio/``.
        clock: for the instants of changes.
        durable: wait for the disk at every commit; switch it off on slow media.

    Raises:
        RigError: the folder cannot be used, or was written by another version.
    """

    def __init__(self, folder: Path, *, clock: Clock = now, durable: bool = True) -> None:
        self._audio = folder / "audio"
        self._clock = clock
        self._durable = durable
        self._listeners: list[MailboxListener] = []
        self._closed = False
        path = folder / "messages.sqlite"
        try:
            self._audio.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._check_schema(path)
        except (OSError, sqlite3.Error) as error:
            raise RigError(
                f"message store {folder}: {error}; give a folder that can be written"
            ) from error
        self._remove_orphans()

    def _check_schema(self, path: Path) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._db.executescript(f"BEGIN;{SCHEMA}COMMIT;")
        elif version != SCHEMA_VERSION:
            self._db.close()
            raise RigError(
                f"message store {path}: schema version {version}, expected {SCHEMA_VERSION}; "
                "move the folder away, messages of another version are not read"
            )

    def _remove_orphans(self) -> None:
        known = {row[0] for row in self._db.execute("SELECT id FROM message")}
        for path in self._audio.iterdir():
            if path.stem not in known or path.suffix != ".wav":
                path.unlink(missing_ok=True)

    def subscribe(self, listener: MailboxListener) -> Callable[[], None]:
        """Call ``listener`` at every change of a mailbox, in the same turn.

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
        """Keep a new message; it is told with cause ``deposit`` before this returns.

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
            caller,
            self._clock() if at is None else at,
            len(pcm) / _OCTETS_PER_S,
            urgent,
            MessageState.NEW,
        )
        try:
            self._write_audio(message.message_id, pcm)
            self._db.execute(
                INSERT,
                (
                    message.message_id,
                    mailbox,
                    caller,
                    message.at,
                    message.duration_s,
                    int(urgent),
                    message.state.value,
                ),
            )
        except (OSError, sqlite3.Error) as error:
            self._path(message.message_id).unlink(missing_ok=True)
            raise RigError(
                f"message for mailbox {mailbox} not stored in {self._audio}: {error}; "
                "make room or give another folder"
            ) from error
        self._tell(mailbox, "deposit")
        return message

    def _write_audio(self, message_id: str, pcm: bytes) -> None:
        """Write the file under another name first, so that its own name is always whole."""
        path = self._path(message_id)
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as file:
            file.write(to_wav(pcm))
            if self._durable:
                file.flush()
                os.fsync(file.fileno())
        unfinished.replace(path)

    def _path(self, message_id: str) -> Path:
        return self._audio / f"{message_id}.wav"

    def messages(
        self, mailbox: str, state: MessageState | None = None
    ) -> tuple[StoredMessage, ...]:
        """List messages in the order of hearing: urgent first, then the oldest.

        Args:
            mailbox: number of the mailbox.
            state: only these; by default new and saved, not deleted.
        """
        rows = self._db.execute(LIST, (mailbox, state or "", state or ""))
        return tuple(message_of(row) for row in rows)

    def message(self, message_id: str) -> StoredMessage | None:
        """Find one message; None when it is not there any more."""
        row = self._db.execute(FIND, (message_id,)).fetchone()
        return None if row is None else message_of(row)

    def audio(self, message_id: str) -> bytes:
        """The audio of a message, as PCM.

        Raises:
            RigError: there is no such message, or its file is gone.
        """
        path = self._path(message_id)
        try:
            return from_wav(path.read_bytes(), name=str(path))
        except OSError as error:
            raise RigError(f"message {message_id}: no audio at {path} ({error})") from error

    def counts(self, mailbox: str, *, cause: str = "query") -> MailboxSeen:
        """Count the messages of a mailbox now."""
        rows = self._db.execute(COUNT, (mailbox,))
        by_state = {state: (count, urgent) for state, count, urgent in rows}
        new, urgent_new = by_state.get("new", (0, 0))
        saved, urgent_saved = by_state.get("saved", (0, 0))
        return MailboxSeen(
            at=self._clock(),
            mailbox=mailbox,
            new=new,
            saved=saved,
            urgent_new=urgent_new,
            urgent_saved=urgent_saved,
            cause=cause,
        )

    def mark_heard(self, message_id: str) -> bool:
        """Turn a new message into a saved one.

        Returns:
            False when it was not new; nothing is told then.
        """
        return self._change(HEARD, message_id, "heard")

    def mark_new(self, message_id: str) -> bool:
        """Turn a saved message into a new one again.

        Returns:
            False when it was not saved.
        """
        return self._change(NEW_AGAIN, message_id, "restored")

    def mark_urgent(self, message_id: str) -> bool:
        """Mark a message as urgent, as its caller wants; told with cause ``deposit``.

        Returns:
            False when it was marked before, or is deleted.
        """
        return self._change(URGENT, message_id, "deposit")

    def delete(self, message_id: str) -> bool:
        """Delete a message; its audio stays until :meth:`expunge`.

        Returns:
            False when it was deleted before, or is not there.
        """
        return self._change(DELETE, message_id, "deleted")

    def restore(self, message_id: str) -> bool:
        """Undo a deletion: the message is new or saved as it was.

        Returns:
            False when it was not deleted, or is gone for good.
        """
        return self._change(RESTORE, message_id, "restored")

    def _change(self, statement: str, message_id: str, cause: str) -> bool:
        row = self._db.execute(statement, (message_id,)).fetchone()
        if row is None:
            return False
        self._tell(row[0], cause)
        return True

    def expunge(self, message_ids: Iterable[str]) -> int:
        """Remove deleted messages for good, with their audio.

        Args:
            message_ids: those that are not deleted are left alone.

        Returns:
            How many are gone.
        """
        gone = 0
        for message_id in message_ids:
            cursor = self._db.execute(
                "DELETE FROM message WHERE id = ? AND state = 'deleted'", (message_id,)
            )
            if cursor.rowcount:
                gone += 1
                self._path(message_id).unlink(missing_ok=True)
        return gone

    def clear(self, mailbox: str) -> int:
        """Remove every message of a mailbox for good; told once, if there was one to hear.

        Returns:
            How many are gone, those deleted before included.
        """
        before = self.counts(mailbox)
        rows = self._db.execute(
            "DELETE FROM message WHERE mailbox = ? RETURNING id", (mailbox,)
        ).fetchall()
        for (message_id,) in rows:
            self._path(message_id).unlink(missing_ok=True)
        if before.new or before.saved:
            self._tell(mailbox, "deleted")
        return len(rows)

    def login_failures(self, mailbox: str) -> LoginFailures:
        """Wrong PINs in a row, over all calls and restarts."""
        row = self._db.execute(
            "SELECT failures, last_at FROM login_failure WHERE mailbox = ?", (mailbox,)
        ).fetchone()
        return LoginFailures() if row is None else LoginFailures(*row)

    def note_login(self, mailbox: str, *, succeeded: bool) -> None:
        """Count a wrong PIN, or forget the count after a right one."""
        if succeeded:
            self._db.execute("DELETE FROM login_failure WHERE mailbox = ?", (mailbox,))
            return
        self._db.execute(
            "INSERT INTO login_failure VALUES (?, 1, ?) ON CONFLICT (mailbox)"
            " DO UPDATE SET failures = failures + 1, last_at = excluded.last_at",
            (mailbox, self._clock()),
        )

    def setting(self, mailbox: str, name: str) -> str | None:
        """A setting of a mailbox that was changed at run time; None when it was not."""
        row = self._db.execute(
            "SELECT value FROM setting WHERE mailbox = ? AND name = ?", (mailbox, name)
        ).fetchone()
        return None if row is None else str(row[0])

    def set_setting(self, mailbox: str, name: str, value: str | None) -> None:
        """Keep a setting across restarts; None forgets it."""
        if value is None:
            self._db.execute("DELETE FROM setting WHERE mailbox = ? AND name = ?", (mailbox, name))
        else:
            self._db.execute("REPLACE INTO setting VALUES (?, ?, ?)", (mailbox, name, value))

    def close(self) -> None:
        """Write everything to the one file and let go of it. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._listeners.clear()
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    def _tell(self, mailbox: str, cause: str) -> None:
        seen = self.counts(mailbox, cause=cause)
        for listener in tuple(self._listeners):
            listener(seen)
