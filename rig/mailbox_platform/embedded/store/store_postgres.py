"""Keeps a store in PostgreSQL: rows and audio in the same transaction.

Audio is ``bytea`` beside the rows, so a message is there as a whole or not at all without
any rule about files. One process at a time: an advisory lock of the session says so, and the
server lets go of it when the process dies. A lost connection is made again with the next
commit, which repeats what nobody knows the end of.

Needs ``psycopg`` (the extra ``postgres``), which is imported here alone.

Source: PostgreSQL manual, 13.3.5 "Advisory Locks", 20.5.1 "synchronous_commit".
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

from provisioning.database_url import DatabaseUrl
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
from rig.mailbox_platform.embedded.store.store_sqlite import row_of, values_of
from rig.mailbox_platform.embedded.store.stored_message import LoginFailures

_LOG = logging.getLogger(__name__)
_LOCK_KEY = 0x70686F6E
_LOCK_PATIENCE_S = 3.0
_CONNECT_S = 5
_STATEMENT_MS = 10_000
_SCHEMA = """
CREATE TABLE store_version (version INTEGER NOT NULL);
CREATE TABLE audio (id TEXT PRIMARY KEY, wav BYTEA NOT NULL);
ALTER TABLE audio ALTER COLUMN wav SET STORAGE EXTERNAL;
CREATE TABLE message (
    id TEXT PRIMARY KEY REFERENCES audio (id),
    mailbox TEXT NOT NULL,
    caller TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    duration_s DOUBLE PRECISION NOT NULL,
    urgent INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('new', 'saved', 'deleted')),
    former_state TEXT NOT NULL CHECK (former_state IN ('new', 'saved')),
    arrival BIGINT NOT NULL
);
CREATE TABLE login_failure (
    mailbox TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_at DOUBLE PRECISION NOT NULL
);
CREATE TABLE setting (
    mailbox TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (mailbox, name)
);
CREATE TABLE announcement (
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    audio TEXT NOT NULL UNIQUE REFERENCES audio (id),
    PRIMARY KEY (owner, name)
);
"""
_Statement = tuple[str, tuple[Any, ...]]


class PostgresDatabase:
    """A store in a schema of a PostgreSQL database: the first of the connection's search path.

    Args:
        url: the database.
        durable: have the server wait for its disk at every commit.

    Raises:
        StoreFailure: it cannot be reached, is in use by another process, was written by
            another version, or ``psycopg`` is not installed.
    """

    def __init__(self, url: DatabaseUrl, *, durable: bool = True) -> None:
        try:
            import psycopg  # noqa: PLC0415 - an extra: only who uses PostgreSQL has it
        except ImportError as error:
            raise StoreFailure(
                f"message store {url}: psycopg is not installed; pip install 'phonerig[postgres]'"
            ) from error
        self._psycopg: Any = psycopg
        self._url = url
        self._durable = durable
        self._writer: Any = None
        self._reader: Any = None
        self._reading = threading.Lock()
        self._closed = False
        try:
            self._writer = self._connect_writer()
            self._check_schema()
        except self._psycopg.Error as error:
            self.close()
            raise self._failure(error) from None
        except StoreFailure:
            self.close()
            raise

    @property
    def place(self) -> str:
        """The URL without its password."""
        return self._url.shown

    def _failure(self, error: Exception) -> StoreFailure:
        """A failure in words; libpq names host and user, the URL it was given stays hidden."""
        text = " ".join(str(error).split()) or type(error).__name__
        whole = self._url.secret.reveal()
        if isinstance(error, self._psycopg.ProgrammingError) and not error.sqlstate:
            text = "the URL is not one that PostgreSQL understands"
        return StoreFailure(
            f"message store {self._url}: {text.replace(whole, self._url.shown)}; see that the "
            "server runs and lets this user in"
        )

    def _connect(self) -> Any:
        connection = self._psycopg.connect(
            self._url.secret.reveal(),
            autocommit=True,
            connect_timeout=_CONNECT_S,
            application_name="phonerig",
            tcp_user_timeout=_STATEMENT_MS,
        )
        connection.execute(f"SET statement_timeout = {_STATEMENT_MS}")
        return connection

    def _connect_writer(self) -> Any:
        connection = self._connect()
        try:
            level = "on" if self._durable else "off"
            connection.execute(f"SET synchronous_commit = {level}")
            self._lock(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _lock(self, connection: Any) -> None:
        """Keep other processes out; one that has just died may need a moment to let go."""
        ask = "SELECT pg_try_advisory_lock(%s, hashtext(current_schema()))"
        give_up_at = time.monotonic() + _LOCK_PATIENCE_S
        while not connection.execute(ask, (_LOCK_KEY,)).fetchone()[0]:
            if time.monotonic() >= give_up_at:
                raise StoreFailure(
                    f"message store {self._url}: in use by another process; stop that one, or "
                    "give another database"
                )
            time.sleep(0.05)

    def _check_schema(self) -> None:
        db = self._writer
        if db.execute("SHOW fsync").fetchone()[0] != "on" and self._durable:
            _LOG.warning(
                "message store %s: the server runs with fsync off; messages do not survive its "
                "power cut. Switch it on in postgresql.conf.",
                self._url,
            )
        if db.execute("SELECT to_regclass('store_version')").fetchone()[0] is None:
            with db.transaction():
                db.execute(_SCHEMA)
                db.execute("INSERT INTO store_version VALUES (%s)", (SCHEMA_VERSION,))
            return
        row = db.execute("SELECT version FROM store_version").fetchone()
        version = row[0] if row else 0
        if version != SCHEMA_VERSION:
            raise StoreFailure(
                f"message store {self._url}: schema version {version}, expected "
                f"{SCHEMA_VERSION}; give another schema, messages of another version are not read"
            )

    def load(self) -> Snapshot:
        """Read everything but the audio; audio without a row is removed."""
        db = self._writer
        found = Snapshot()
        try:
            found.rows = [
                row_of(row) for row in db.execute("SELECT * FROM message ORDER BY arrival")
            ]
            found.settings = {(m, n): v for m, n, v in db.execute("SELECT * FROM setting")}
            found.failures = {
                m: LoginFailures(n, at) for m, n, at in db.execute("SELECT * FROM login_failure")
            }
            found.announcements = {
                (owner, name): audio
                for owner, name, audio in db.execute("SELECT * FROM announcement")
            }
        except self._psycopg.Error as error:
            raise self._failure(error) from None
        return found

    def commit(self, changes: Sequence[Change]) -> None:
        """Make changes in one transaction; once more over a new connection if this one broke."""
        statements = [one for change in changes for one in _statements(change)]
        try:
            used = self._writer
            try:
                self._run(statements)
            except self._psycopg.OperationalError:
                if used is None or not used.broken:
                    raise
                self._run(statements)
        except self._psycopg.Error as error:
            raise self._failure(error) from None

    def _run(self, statements: Sequence[_Statement]) -> None:
        if self._closed:
            raise StoreFailure(f"message store {self._url}: closed")
        if self._writer is None or self._writer.closed:
            self._writer = None
            self._writer = self._connect_writer()
        db = self._writer
        with db.pipeline(), db.transaction():
            for text, values in statements:
                db.execute(text, values)

    def check(self) -> None:
        """Write a row."""
        self.commit([PutSetting("", "check", "1")])

    def audio(self, audio_id: str) -> bytes:
        """Read a WAV file, over a connection of its own."""
        with self._reading:
            for last in (False, True):
                try:
                    if self._reader is None or self._reader.closed:
                        self._reader = self._connect()
                    ask = "SELECT wav FROM audio WHERE id = %s"
                    row = self._reader.execute(ask, (audio_id,), binary=True).fetchone()
                    break
                except self._psycopg.Error as error:
                    if last:
                        raise self._failure(error) from None
                    self._drop(self._reader)
                    self._reader = None
            else:  # pragma: no cover - the second round ends by break or raise
                row = None
        if row is None:
            raise StoreFailure(f"no audio in {self._url}")
        return bytes(row[0])

    def close(self) -> None:
        """End both connections."""
        self._closed = True
        self._drop(self._writer)
        self._drop(self._reader)
        self._writer = self._reader = None

    def _drop(self, connection: Any) -> None:
        if connection is not None:
            with contextlib.suppress(self._psycopg.Error):
                connection.close()


_ADD = (
    "INSERT INTO message VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING"
)
_CHANGE = "UPDATE message SET urgent = %s, state = %s, former_state = %s WHERE id = %s"
_FORGET_SETTING = "DELETE FROM setting WHERE mailbox = %s AND name = %s"
_FORGET_AUDIO = "DELETE FROM audio WHERE id = %s"
_FORGET_ANNOUNCEMENT = (
    "WITH former AS (DELETE FROM announcement"
    " WHERE owner = %s AND name = %s AND audio <> %s RETURNING audio)"
    " DELETE FROM audio WHERE id IN (SELECT audio FROM former)"
)


def _statements(change: Change) -> list[_Statement]:
    match change:
        case AddMessage(row, wav):
            return [_put_audio(row.message.message_id, wav), (_ADD, values_of(row))]
        case ChangeMessage(row):
            one = row.message
            new = (int(one.urgent), one.state.value, row.former_state.value, one.message_id)
            return [(_CHANGE, new)]
        case RemoveMessage(message_id):
            forget = "DELETE FROM message WHERE id = %s"
            return [(forget, (message_id,)), (_FORGET_AUDIO, (message_id,))]
        case PutSetting(mailbox, name, None):
            return [(_FORGET_SETTING, (mailbox, name))]
        case PutSetting(mailbox, name, value):
            put = "INSERT INTO setting VALUES (%s, %s, %s)"
            return [(_FORGET_SETTING, (mailbox, name)), (put, (mailbox, name, value))]
        case PutLoginFailures(mailbox, failures):
            forget = "DELETE FROM login_failure WHERE mailbox = %s"
            put = "INSERT INTO login_failure VALUES (%s, %s, %s)"
            noted = (mailbox, failures.count, failures.last_at)
            return [(forget, (mailbox,)), *([(put, noted)] if failures.count else [])]
        case PutAnnouncement(owner, name, audio_id, wav):
            put = "INSERT INTO announcement VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
            place = (owner, name, audio_id)
            return [_put_audio(audio_id, wav), (_FORGET_ANNOUNCEMENT, place), (put, place)]
        case RemoveAnnouncement(owner, name):
            return [(_FORGET_ANNOUNCEMENT, (owner, name, ""))]


def _put_audio(audio_id: str, wav: bytes) -> _Statement:
    return ("INSERT INTO audio VALUES (%s, %s) ON CONFLICT (id) DO NOTHING", (audio_id, wav))
