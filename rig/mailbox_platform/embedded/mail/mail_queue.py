"""Keeps the mails that are still to be delivered, and what became of the others.

A database of its own beside the messages. A mail is in it from the commit of
:meth:`MailQueue.enqueue` until the server has taken it or it was given up; the death of the
process in between costs nothing. It holds its own copy of the audio, because the owner may
delete the message while the mail server is down.

``now`` is always an argument: the queue has no clock.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rig.errors import RigError
from rig.mailbox_platform.embedded.mail.mail_message import LeftMessage
from rig.mailbox_platform.embedded.mail.mail_rules import MailPurpose, MailWanted
from rig.mailbox_platform.embedded.store.private_files import (
    make_folder,
    open_private,
    sync_folder,
)

FILE_NAME = "mail.sqlite"
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE left_message (
    id TEXT PRIMARY KEY,
    mailbox TEXT NOT NULL,
    caller TEXT NOT NULL,
    caller_name TEXT NOT NULL,
    at REAL NOT NULL,
    duration_s REAL NOT NULL,
    urgent INTEGER NOT NULL,
    redirected INTEGER NOT NULL,
    audio BLOB
) STRICT;
CREATE TABLE mail (
    message TEXT NOT NULL REFERENCES left_message (id),
    purpose TEXT NOT NULL,
    address TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'delivered', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL,
    changed_at REAL NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (message, purpose)
) STRICT;
CREATE INDEX mail_by_due ON mail (state, due_at);
CREATE TABLE opened (closed_well INTEGER NOT NULL) STRICT;
INSERT INTO opened VALUES (1);
"""
_QUEUED = (
    "SELECT l.id, l.mailbox, l.caller, l.caller_name, l.at, l.duration_s, l.urgent, l.redirected,"
    " m.purpose, m.address, m.attempts FROM mail m JOIN left_message l ON l.id = m.message"
    " WHERE m.state = 'waiting'"
)
_DUE = _QUEUED + " AND m.due_at <= ? ORDER BY m.due_at, m.rowid LIMIT ?"
_REDIRECTS = (
    _QUEUED + " AND m.purpose = 'redirect' AND (? IS NULL OR l.mailbox = ?) ORDER BY m.rowid"
)
_RECORDS = (
    "SELECT l.id, l.mailbox, m.purpose, m.address, m.state, m.attempts, m.changed_at, m.reason"
    " FROM mail m JOIN left_message l ON l.id = m.message"
    " WHERE ? IS NULL OR l.mailbox = ? ORDER BY m.rowid"
)


class MailState(StrEnum):
    """Where a mail is in its life."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class QueuedMail:
    """One mail that is to be delivered.

    Attributes:
        left: the message it is about.
        purpose: why it is sent.
        address: to whom.
        attempts: how many have failed.
    """

    left: LeftMessage
    purpose: MailPurpose
    address: str
    attempts: int


@dataclass(frozen=True, slots=True)
class MailRecord:
    """What became of a mail; with state failed, the bounce.

    Attributes:
        message_id: of the message.
        mailbox: number of the mailbox.
        purpose: why it is sent.
        address: to whom.
        state: waiting, delivered or failed.
        attempts: how many were made; those of a waiting mail have all failed.
        at: instant of the last change.
        reason: why the last attempt failed; empty when none has.
    """

    message_id: str
    mailbox: str
    purpose: MailPurpose
    address: str
    state: MailState
    attempts: int
    at: float
    reason: str


class MailQueue:
    """The mails of a platform, in one file.

    Used from one thread, the event loop's.

    Args:
        folder: made if missing; holds ``mail.sqlite``.
        durable: wait for the disk at every commit.

    Attributes:
        closed_well: whether the last owner closed it; after a crash, messages may be in the
            mailbox whose mails never got here.

    Raises:
        RigError: the folder cannot be used, or was written by another version.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        path = folder / FILE_NAME
        self._open = True
        try:
            made = make_folder(folder)
            os.close(open_private(path))
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                self._db.executescript(
                    f"BEGIN;{_SCHEMA}PRAGMA user_version = {_SCHEMA_VERSION};COMMIT;"
                )
            elif version != _SCHEMA_VERSION:
                self._db.close()
                raise RigError(
                    f"mail queue {path}: schema version {version}, expected {_SCHEMA_VERSION}; "
                    "move the file away, mails of another version are not read"
                )
            if durable:
                for one in {folder, *(above.parent for above in made)}:
                    sync_folder(one)
            self.closed_well = bool(self._db.execute("SELECT * FROM opened").fetchone()[0])
            self._db.execute("UPDATE opened SET closed_well = 0")
        except (OSError, sqlite3.Error) as error:
            raise RigError(
                f"mail queue {path}: {error}; give a folder that can be written"
            ) from error

    def enqueue(
        self, left: LeftMessage, wanted: Iterable[MailWanted], pcm: bytes | None, now: float
    ) -> None:
        """Keep the mails of a message; what is there already stays as it is.

        Args:
            left: the message; remembered even when it calls for no mail.
            wanted: its mails.
            pcm: audio; kept only when one of them attaches it.
            now: they are due at once.

        Raises:
            RigError: the disk is full or the like; nothing was kept.
        """
        wanted = tuple(wanted)
        audio = pcm if any(mail.purpose.attaches_audio for mail in wanted) else None
        try:
            with self._transaction():
                self._db.execute(
                    "INSERT OR IGNORE INTO left_message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        left.message_id,
                        left.mailbox,
                        left.caller,
                        # a lone surrogate is not text for SQLite
                        left.caller_name.encode("utf-8", "replace").decode(),
                        left.at,
                        left.duration_s,
                        int(left.urgent),
                        int(left.redirected),
                        audio,
                    ),
                )
                self._db.executemany(
                    "INSERT OR IGNORE INTO mail (message, purpose, address, due_at, changed_at)"
                    " VALUES (?, ?, ?, ?, ?)",
                    [(left.message_id, m.purpose.value, m.address, now, now) for m in wanted],
                )
        except (OSError, sqlite3.Error) as error:
            raise RigError(
                f"mail for mailbox {left.mailbox} not queued: {error}; make room on the disk"
            ) from error

    def knows(self, message_id: str) -> bool:
        """Whether the mails of a message have been thought of."""
        found = self._db.execute("SELECT 1 FROM left_message WHERE id = ?", (message_id,))
        return found.fetchone() is not None

    def due(self, now: float, *, limit: int = 100) -> tuple[QueuedMail, ...]:
        """List mails whose time has come, those that wait longest first."""
        rows = self._db.execute(_DUE, (now, limit))
        return tuple(_queued(row) for row in rows)

    def next_due_at(self) -> float | None:
        """When the next mail is due; None when none is waiting."""
        row = self._db.execute("SELECT MIN(due_at) FROM mail WHERE state = 'waiting'").fetchone()
        return None if row[0] is None else float(row[0])

    def audio(self, message_id: str) -> bytes | None:
        """The audio that is kept for a message's mails, as PCM; None when none is."""
        row = self._db.execute(
            "SELECT audio FROM left_message WHERE id = ?", (message_id,)
        ).fetchone()
        return None if row is None or row[0] is None else bytes(row[0])

    def delivered(self, mail: QueuedMail, now: float) -> None:
        """Note that the server has taken a mail; its audio goes when no other mail needs it."""
        self._settle(mail, MailState.DELIVERED, now, "")

    def failed(self, mail: QueuedMail, now: float, reason: str) -> None:
        """Give a mail up; the record of it is the bounce."""
        self._settle(mail, MailState.FAILED, now, reason)

    def deferred(self, mail: QueuedMail, now: float, due_at: float, reason: str) -> None:
        """Note a failed attempt, and when the next one is due."""
        self._db.execute(
            "UPDATE mail SET attempts = attempts + 1, due_at = ?, changed_at = ?, reason = ?"
            " WHERE message = ? AND purpose = ? AND state = 'waiting'",
            (due_at, now, reason, mail.left.message_id, mail.purpose.value),
        )

    def waiting_redirects(self, mailbox: str | None = None) -> tuple[QueuedMail, ...]:
        """Messages that are in no mailbox because a mail is to carry them.

        Args:
            mailbox: only this one's; by default all.
        """
        rows = self._db.execute(_REDIRECTS, (mailbox, mailbox))
        return tuple(_queued(row) for row in rows)

    def records(self, mailbox: str | None = None) -> tuple[MailRecord, ...]:
        """What became of mails, in the order of their messages.

        Args:
            mailbox: only this one's; by default all.
        """
        rows = self._db.execute(_RECORDS, (mailbox, mailbox))
        return tuple(
            MailRecord(i, box, MailPurpose(why), to, MailState(state), attempts, at, reason)
            for i, box, why, to, state, attempts, at, reason in rows
        )

    def begin(self, now: float, longest_wait_s: float, keep_s: float, live: Iterable[str]) -> None:
        """Tidy up at the start of a platform.

        Nothing waits for longer than it may, even if the machine's clock was set back
        meanwhile; old records go.

        Args:
            now: the time.
            longest_wait_s: no mail is due later than this.
            keep_s: records of settled mails are kept for so long.
            live: messages that are in the store; these stay known.
        """
        with self._transaction():
            self._db.execute(
                "UPDATE mail SET due_at = ? WHERE state = 'waiting' AND due_at > ?",
                (now + longest_wait_s, now + longest_wait_s),
            )
            self._db.execute(
                "DELETE FROM mail WHERE state <> 'waiting' AND changed_at < ?", (now - keep_s,)
            )
            self._db.execute("CREATE TEMP TABLE IF NOT EXISTS live (id TEXT PRIMARY KEY)")
            self._db.execute("DELETE FROM live")
            self._db.executemany("INSERT INTO live VALUES (?)", [(i,) for i in live])
            self._db.execute(
                "DELETE FROM left_message WHERE id NOT IN (SELECT message FROM mail)"
                " AND id NOT IN (SELECT id FROM live)"
            )

    def close(self) -> None:
        """Write everything to the one file and let go of it. Safe to call twice."""
        if not self._open:
            return
        self._open = False
        self._db.execute("UPDATE opened SET closed_well = 1")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    def _settle(self, mail: QueuedMail, state: MailState, now: float, reason: str) -> None:
        message = mail.left.message_id
        with self._transaction():
            self._db.execute(
                "UPDATE mail SET state = ?, attempts = attempts + 1, changed_at = ?, reason = ?"
                " WHERE message = ? AND purpose = ? AND state = 'waiting'",
                (state.value, now, reason, message, mail.purpose.value),
            )
            self._db.execute(
                "UPDATE left_message SET audio = NULL WHERE id = ? AND NOT EXISTS (SELECT 1"
                " FROM mail WHERE message = ? AND state = 'waiting' AND purpose <> 'notice')",
                (message, message),
            )

    def _transaction(self) -> sqlite3.Connection:
        """All or nothing: commits at the end of the block, undoes it after an exception."""
        self._db.execute("BEGIN IMMEDIATE")
        return self._db


def _queued(row: tuple[str, str, str, str, float, float, int, int, str, str, int]) -> QueuedMail:
    message, mailbox, caller, name, at, duration_s, urgent, redirected, purpose, to, tries = row
    left = LeftMessage(
        message, mailbox, caller, name, at, duration_s, bool(urgent), bool(redirected)
    )
    return QueuedMail(left, MailPurpose(purpose), to, tries)
