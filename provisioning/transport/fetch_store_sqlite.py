"""Keeps the fetch log in an SQLite file that several processes of one host may share.

Write-ahead logging lets one read while another writes. The file is for its owner alone: paths tell
MAC addresses.

Source: SQLite, "Write-Ahead Logging"; it does not work over a network file system.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from provisioning.transport.fetch_store import (
    PAGE,
    SCHEMA_VERSION,
    FetchStoreFailure,
    StoredFetch,
)

_WAIT_S = 5.0
_AGAIN_S = 0.01
_SCHEMA = """
CREATE TABLE provisioning_fetch (
    server TEXT NOT NULL,
    number INTEGER NOT NULL,
    at REAL NOT NULL,
    transport TEXT NOT NULL,
    host TEXT NOT NULL,
    path TEXT NOT NULL,
    handset TEXT NOT NULL,
    status INTEGER NOT NULL,
    octets INTEGER NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (server, number)
) WITHOUT ROWID;
CREATE INDEX provisioning_fetch_at ON provisioning_fetch (at);
"""
# In one statement, so that nothing is seen of what another process makes half-way.
_STATE = "SELECT user_version, (SELECT count(*) FROM sqlite_master) FROM pragma_user_version"
_INSERT = """
INSERT OR IGNORE INTO provisioning_fetch
    (server, number, at, transport, host, path, handset, status, octets, data)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_READ = """
SELECT server, number, at, transport, host, path, handset, status, octets, data
FROM provisioning_fetch WHERE (at, server, number) > (?, ?, ?) ORDER BY at, server, number LIMIT ?
"""


class SqliteFetches:
    """Fetches in a file.

    Args:
        path: made if missing, with its folder.
        read_only: it must be there, and nothing is written.

    Raises:
        FetchStoreFailure: it cannot be used, or is of another version.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        with self._failures("see that its folder can be written, or name another place"):
            if not read_only:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    if not stat.S_ISREG(os.fstat(handle).st_mode):  # nobody's device is ours alone
                        raise FileExistsError(errno.EEXIST, "it is no regular file")
                    os.fchmod(handle, 0o600)
                finally:
                    os.close(handle)
            elif not path.is_file():
                raise FileNotFoundError(2, "there is no such file")
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}",
                uri=True,
                timeout=_WAIT_S,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                if not read_only:
                    self._log_ahead()
                    self._db.execute("PRAGMA synchronous = NORMAL")
                self._check(read_only=read_only)
            except BaseException:
                self._db.close()
                raise

    @property
    def place(self) -> str:
        """The file."""
        return str(self._path)

    def _log_ahead(self) -> None:
        """Begin write-ahead logging; another process may do the same now.

        The library waits for its turn everywhere but here.
        """
        give_up_at = time.monotonic() + _WAIT_S
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() >= give_up_at:
                    raise
                time.sleep(_AGAIN_S)
            else:
                return

    def _check(self, *, read_only: bool) -> None:
        version, tables = self._db.execute(_STATE).fetchone()
        if version == tables == 0 and not read_only:
            self._db.execute("BEGIN IMMEDIATE")
            # Another process may have done the same while this one waited for its turn.
            version, tables = self._db.execute(_STATE).fetchone()
            if version == tables == 0:
                for statement in _SCHEMA.strip().split(";")[:-1]:
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
                version = SCHEMA_VERSION
            self._db.execute("COMMIT")
        if version != SCHEMA_VERSION:
            raise FetchStoreFailure(
                f"fetch log {self._path}: schema version {version}, expected {SCHEMA_VERSION}; "
                "it is no log of fetches, or one of another version: name another file"
            )

    @contextmanager
    def _failures(self, remedy: str) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise FetchStoreFailure(f"fetch log {self._path}: {why}; {remedy}") from error

    def write(self, fetches: Sequence[StoredFetch]) -> None:
        """Keep fetches; see :meth:`~provisioning.transport.fetch_store.FetchStore.write`."""
        with self._failures("see that the disk has room and is not read-only"):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(_INSERT, [fetch.row for fetch in fetches])
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def read(self) -> Iterator[StoredFetch]:
        """Everything by instant, page by page."""
        last: tuple[float, str, int] = (float("-inf"), "", 0)
        while True:
            with self._failures("see that it can be read"):
                rows = self._db.execute(_READ, (*last, PAGE)).fetchall()
            for row in rows:
                yield StoredFetch(*row)
            if len(rows) < PAGE:
                return
            last = (rows[-1][2], rows[-1][0], rows[-1][1])

    def forget_before(self, at: float) -> int:
        """Drop what is older than an instant."""
        with self._failures("see that the disk has room and is not read-only"):
            return self._db.execute("DELETE FROM provisioning_fetch WHERE at < ?", (at,)).rowcount

    def close(self) -> None:
        """End."""
        self._db.close()
