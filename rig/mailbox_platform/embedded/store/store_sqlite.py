"""Keeps a store in one folder: rows in SQLite, audio as WAV files beside them.

A message exists when its row is committed. Before that its file is complete, and on the disk
under its name: file first, then its folder, then the row. A file goes after its row. So a
crash leaves at worst a file without a row, which the next start removes.

All names of files are made here or by the store, none from outside. Folders are for the owner
alone (0700), files too (0600).

Source: sqlite.org, "Write-Ahead Logging" and "PRAGMA synchronous" (FULL syncs the log at every
commit); fsync(2), "Calling fsync() does not necessarily ensure that the entry in the directory
containing the file has also reached disk".
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from rig.mailbox_platform.embedded.store.disk_reserve import DiskReserve
from rig.mailbox_platform.embedded.store.private_files import (
    create_file,
    make_folder,
    open_private,
    sync_folder,
    write_all,
)
from rig.mailbox_platform.embedded.store.store_change import (
    SCHEMA_VERSION,
    AddMessage,
    Change,
    ChangeMessage,
    PutAnnouncement,
    PutLoginFailures,
    PutSetting,
    RemoveAnnouncement,
    RemoveMessage,
    Snapshot,
    StoreFailure,
)
from rig.mailbox_platform.embedded.store.store_upgrade import upgrade_from_1
from rig.mailbox_platform.embedded.store.stored_message import (
    LoginFailures,
    MessageRow,
    MessageState,
    StoredMessage,
)

FILE_NAME = "messages.sqlite"
_LOG = logging.getLogger(__name__)
_CHECK_BYTES = 256 * 1024
_ANNOUNCEMENT = """
CREATE TABLE announcement (
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    audio TEXT NOT NULL UNIQUE,
    PRIMARY KEY (owner, name)
) STRICT;
"""
_SCHEMA = f"""
CREATE TABLE message (
    id TEXT PRIMARY KEY,
    mailbox TEXT NOT NULL,
    caller TEXT NOT NULL,
    at REAL NOT NULL,
    duration_s REAL NOT NULL,
    urgent INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('new', 'saved', 'deleted')),
    former_state TEXT NOT NULL CHECK (former_state IN ('new', 'saved')),
    arrival INTEGER NOT NULL
) STRICT;
CREATE TABLE login_failure (
    mailbox TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_at REAL NOT NULL
) STRICT;
CREATE TABLE setting (
    mailbox TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (mailbox, name)
) STRICT;
{_ANNOUNCEMENT}
PRAGMA user_version = {SCHEMA_VERSION};
"""


class SqliteDatabase:
    """A store's folder.

    Args:
        folder: made if missing; holds ``messages.sqlite``, ``audio/``, ``lock`` and
            ``reserve``.
        durable: wait for the disk at every commit, so that it survives a power cut.

    Raises:
        StoreFailure: the folder cannot be used, is in use by another process, or was written
            by another version.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self._folder = folder
        self._audio = folder / "audio"
        self._durable = durable
        self._litter: set[Path] = set()
        self._suspect = False
        self._reserve: DiskReserve | None = None
        self._lock = -1
        self._db: sqlite3.Connection | None = None
        try:
            self._open()
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise StoreFailure(
                f"message store {folder}: {error}; give a folder that can be written"
            ) from error
        except StoreFailure:
            self.close()
            raise

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._folder)

    def _open(self) -> None:
        made = [*make_folder(self._folder), *make_folder(self._audio)]
        if self._audio.stat().st_mode & 0o077:
            self._audio.chmod(0o700)
        self._lock = open_private(self._folder / "lock")
        try:
            # A record lock belongs to the process, and goes with it however it ends.
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreFailure(
                f"message store {self._folder}: in use by another process; stop that one, or "
                "give another folder"
            ) from error
        self._reserve = DiskReserve(self._folder / "reserve")
        path = self._folder / FILE_NAME
        os.close(open_private(path))
        self._db = self._connect()
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._db.executescript(f"BEGIN;{_SCHEMA}COMMIT;")
        elif version == 1:
            upgrade_from_1(self._db, self._folder, _ANNOUNCEMENT)
        elif version != SCHEMA_VERSION:
            raise StoreFailure(
                f"message store {path}: schema version {version}, expected {SCHEMA_VERSION}; "
                "move the folder away, messages of another version are not read"
            )
        if self._durable:
            for folder in {self._folder, *(path.parent for path in made)}:
                sync_folder(folder)

    def _connect(self) -> sqlite3.Connection:
        path = self._folder / FILE_NAME
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
        return db

    def _refusal(self, error: Exception) -> StoreFailure:
        return StoreFailure(
            f"message store {self._folder}: {error}; make room on the disk, and see that it can "
            "be written"
        )

    @property
    def _up(self) -> sqlite3.Connection:
        if self._db is None:
            raise StoreFailure(f"message store {self._folder}: closed")
        return self._db

    def load(self) -> Snapshot:
        """Read everything but the audio; files without a row are removed.

        A row without its file should not be; should it be, it is removed too, and logged:
        nobody can hear it, and no lamp must be lit for it.
        """
        db = self._up
        try:
            there = {path.name for path in self._audio.iterdir()}
            found = Snapshot()
            lost: list[str] = []
            for row in db.execute(
                "SELECT id, mailbox, caller, at, duration_s, urgent, state, former_state, arrival"
                " FROM message ORDER BY arrival"
            ):
                if f"{row[0]}.wav" in there:
                    found.rows.append(row_of(row))
                else:
                    lost.append(row[0])
            found.settings = {(m, n): v for m, n, v in db.execute("SELECT * FROM setting")}
            found.failures = {
                m: LoginFailures(n, at) for m, n, at in db.execute("SELECT * FROM login_failure")
            }
            found.announcements = {
                (owner, name): audio
                for owner, name, audio in db.execute("SELECT * FROM announcement")
            }
        except (OSError, sqlite3.Error) as error:
            raise StoreFailure(f"message store {self._folder}: cannot be read: {error}") from error
        known = {row.message.message_id for row in found.rows}
        known.update(found.announcements.values())
        self._unlink(self._audio / name for name in there - {f"{one}.wav" for one in known})
        if lost:
            _LOG.error(
                "message store %s: the audio of %s is gone; removed", self._folder, ", ".join(lost)
            )
            self.commit([RemoveMessage(message_id) for message_id in lost])
        return found

    def commit(self, changes: Sequence[Change]) -> None:
        """Write the audio, then the rows in one transaction; then remove audio without rows.

        What brings no audio may use the last room of the disk: a deletion must be possible.
        """
        try:
            self._commit(changes)
        except StoreFailure:
            brings_audio = any(isinstance(c, AddMessage | PutAnnouncement) for c in changes)
            if brings_audio or self._reserve is None or not self._reserve.give():
                raise
            self._commit(changes)
        if self._reserve is not None:
            self._reserve.fill()

    def _commit(self, changes: Sequence[Change]) -> None:
        written: list[Path] = []
        gone: list[str] = []
        try:
            db = self._fresh()
            self._write_audio(changes, written)
            db.execute("BEGIN IMMEDIATE")
            for change in changes:
                gone += _execute(db, change)
        except (OSError, sqlite3.Error) as error:
            self._roll_back()
            self._unlink(written)
            raise self._refusal(error) from error
        try:
            db.execute("COMMIT")
        except sqlite3.Error as error:
            # The log may hold the rows all the same until it is written next: keep their files.
            self._roll_back()
            raise self._refusal(error) from error
        self._unlink(self._path(audio_id) for audio_id in gone)

    def check(self) -> None:
        """Write and remove a file of some length, and a row."""
        path = self._audio / "check.part"
        try:
            db = self._fresh()
            db.execute("BEGIN IMMEDIATE")
            db.execute("REPLACE INTO setting VALUES ('', 'check', hex(randomblob(8)))")
            db.execute("COMMIT")
            path.unlink(missing_ok=True)
            file = create_file(path)
            try:
                write_all(file, bytes(_CHECK_BYTES))
                os.fsync(file)
            finally:
                os.close(file)
        except (OSError, sqlite3.Error) as error:
            self._roll_back()
            raise self._refusal(error) from error
        finally:
            self._unlink([path])

    def audio(self, audio_id: str) -> bytes:
        """Read a WAV file."""
        path = self._path(audio_id)
        try:
            return path.read_bytes()
        except OSError as error:
            raise StoreFailure(f"no audio at {path} ({error})") from error

    def close(self) -> None:
        """Write everything to the one file and let go of it."""
        db, self._db = self._db, None
        if db is not None:
            with contextlib.suppress(sqlite3.Error):  # the log is read at the next start
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            with contextlib.suppress(sqlite3.Error):
                db.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _write_audio(self, changes: Iterable[Change], written: list[Path]) -> None:
        """Write the files of new messages and announcements; ``written`` grows as they appear."""
        files: list[int] = []
        try:
            for change in changes:
                if isinstance(change, AddMessage):
                    path = self._path(change.row.message.message_id)
                elif isinstance(change, PutAnnouncement):
                    path = self._path(change.audio_id)
                else:
                    continue
                files.append(create_file(path))
                written.append(path)
                write_all(files[-1], change.wav)
            if self._durable and files:
                for file in files:
                    os.fsync(file)
                sync_folder(self._audio)
        finally:
            for file in files:
                os.close(file)

    def _path(self, audio_id: str) -> Path:
        return self._audio / f"{audio_id}.wav"

    def _fresh(self) -> sqlite3.Connection:
        """The connection, made again after a failure: its locks and caches may be wrong."""
        db = self._up
        if self._suspect:
            with contextlib.suppress(sqlite3.Error):
                db.close()
            self._db = self._connect()
            self._suspect = False
        return self._up

    def _roll_back(self) -> None:
        self._suspect = True
        with contextlib.suppress(sqlite3.Error):  # of one that is closed as well
            if self._db is not None and self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _unlink(self, paths: Iterable[Path]) -> None:
        """Remove files; those that cannot be removed now are tried again."""
        for path in (*paths, *self._litter):
            try:
                path.unlink(missing_ok=True)
                self._litter.discard(path)
            except OSError as error:
                _LOG.warning("message store: %s cannot be removed yet: %s", path, error)
                self._litter.add(path)


def row_of(row: tuple[str, str, str, float, float, int, str, str, int]) -> MessageRow:
    """Read a row of the table ``message``."""
    message_id, mailbox, caller, at, duration_s, urgent, state, former, arrival = row
    message = StoredMessage(
        message_id, mailbox, caller, at, duration_s, bool(urgent), MessageState(state)
    )
    return MessageRow(message, MessageState(former), arrival)


def values_of(row: MessageRow) -> tuple[str, str, str, float, float, int, str, str, int]:
    """A row of the table ``message``."""
    message = row.message
    return (
        message.message_id,
        message.mailbox,
        message.caller,
        message.at,
        message.duration_s,
        int(message.urgent),
        message.state.value,
        row.former_state.value,
        row.arrival,
    )


def _execute(db: sqlite3.Connection, change: Change) -> list[str]:
    """Make one change; gives the audio that is not needed any more."""
    match change:
        case AddMessage(row):
            db.execute(
                "INSERT OR IGNORE INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values_of(row)
            )
        case ChangeMessage(row):
            message = row.message
            db.execute(
                "UPDATE message SET urgent = ?, state = ?, former_state = ? WHERE id = ?",
                (int(message.urgent), message.state, row.former_state, message.message_id),
            )
        case RemoveMessage(message_id):
            db.execute("DELETE FROM message WHERE id = ?", (message_id,))
            return [message_id]
        case PutSetting(mailbox, name, None):
            db.execute("DELETE FROM setting WHERE mailbox = ? AND name = ?", (mailbox, name))
        case PutSetting(mailbox, name, value):
            db.execute("REPLACE INTO setting VALUES (?, ?, ?)", (mailbox, name, value))
        case PutLoginFailures(mailbox, failures):
            db.execute("DELETE FROM login_failure WHERE mailbox = ?", (mailbox,))
            if failures.count:
                row_ = (mailbox, failures.count, failures.last_at)
                db.execute("INSERT INTO login_failure VALUES (?, ?, ?)", row_)
        case PutAnnouncement(owner, name, audio_id):
            former = db.execute(
                "SELECT audio FROM announcement WHERE owner = ? AND name = ? AND audio <> ?",
                (owner, name, audio_id),
            ).fetchall()
            db.execute("REPLACE INTO announcement VALUES (?, ?, ?)", (owner, name, audio_id))
            return [one for (one,) in former]
        case RemoveAnnouncement(owner, name):
            former = db.execute(
                "DELETE FROM announcement WHERE owner = ? AND name = ? RETURNING audio",
                (owner, name),
            ).fetchall()
            return [one for (one,) in former]
    return []
