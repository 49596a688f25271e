"""Keeps the fetch log in PostgreSQL, so that several servers have one.

A lost connection is made again with the next write; what nobody knows the end of is written once
more and is there once. Needs ``psycopg`` (the extra ``postgres``), which is imported here alone.

Source: PostgreSQL manual, 13.3.5 "Advisory Locks", INSERT ("ON CONFLICT").
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from provisioning.database_url import DatabaseUrl
from provisioning.transport.fetch_store import (
    PAGE,
    SCHEMA_VERSION,
    FetchStoreFailure,
    StoredFetch,
)

_LOCK_KEY = 0x66657463
_CONNECT_S = 5
_STATEMENT_MS = 10_000
_SCHEMA = """
CREATE TABLE provisioning_fetch_version (version INTEGER NOT NULL);
CREATE TABLE provisioning_fetch (
    server TEXT NOT NULL,
    number BIGINT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    transport TEXT NOT NULL,
    host TEXT NOT NULL,
    path TEXT NOT NULL,
    handset TEXT NOT NULL,
    status INTEGER NOT NULL,
    octets BIGINT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (server, number)
);
CREATE INDEX provisioning_fetch_at ON provisioning_fetch (at, server, number);
"""
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(%s, hashtext(current_schema()))"
_INSERT = """
INSERT INTO provisioning_fetch
    (server, number, at, transport, host, path, handset, status, octets, data)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_READ = """
SELECT server, number, at, transport, host, path, handset, status, octets, data
FROM provisioning_fetch WHERE (at, server, number) > (%s, %s, %s)
ORDER BY at, server, number LIMIT %s
"""


class PostgresFetches:
    """Fetches in the first schema of a connection's search path.

    Args:
        url: the database.

    Raises:
        FetchStoreFailure: it cannot be reached, is of another version, or ``psycopg`` is not
            installed.
    """

    def __init__(self, url: DatabaseUrl) -> None:
        try:
            import psycopg  # noqa: PLC0415 - an extra: only who uses PostgreSQL has it
        except ImportError as error:
            raise FetchStoreFailure(
                f"fetch log {url}: psycopg is not installed; pip install 'phonerig[postgres]'"
            ) from error
        self._psycopg: Any = psycopg
        self._url = url
        self._db: Any = None
        try:
            with self._failures():
                self._check(self._connected())
        except FetchStoreFailure:
            self.close()
            raise

    @property
    def place(self) -> str:
        """The URL without its password."""
        return self._url.shown

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        """Failures in words; libpq names host and user, the URL it was given stays hidden."""
        try:
            yield
        except self._psycopg.Error as error:
            text = " ".join(str(error).split()) or type(error).__name__
            if isinstance(error, self._psycopg.ProgrammingError) and not error.sqlstate:
                text = "the URL is not one that PostgreSQL understands"
            text = text.replace(self._url.secret.reveal(), self._url.shown)
            raise FetchStoreFailure(
                f"fetch log {self._url}: {text}; see that the server runs and lets this user in"
            ) from None

    def _connected(self) -> Any:
        if self._db is None or self._db.closed:
            self._db = self._psycopg.connect(
                self._url.secret.reveal(),
                autocommit=True,
                connect_timeout=_CONNECT_S,
                application_name="phonerig serve",
                tcp_user_timeout=_STATEMENT_MS,
            )
            self._db.execute(f"SET statement_timeout = {_STATEMENT_MS}")
        return self._db

    def _check(self, db: Any) -> None:
        with db.transaction():
            # Two servers that start at once must not both make the tables.
            db.execute(_ONE_AT_A_TIME, (_LOCK_KEY,))
            if (
                db.execute("SELECT to_regclass('provisioning_fetch_version')").fetchone()[0]
                is None
            ):
                db.execute(_SCHEMA)
                db.execute("INSERT INTO provisioning_fetch_version VALUES (%s)", (SCHEMA_VERSION,))
                return
            row = db.execute("SELECT version FROM provisioning_fetch_version").fetchone()
        version = row[0] if row else 0
        if version != SCHEMA_VERSION:
            raise FetchStoreFailure(
                f"fetch log {self._url}: schema version {version}, expected {SCHEMA_VERSION}; "
                "give another schema, a log of another version is not read"
            )

    def write(self, fetches: Sequence[StoredFetch]) -> None:
        """Keep fetches; see :meth:`~provisioning.transport.fetch_store.FetchStore.write`."""
        with self._failures():
            db = self._connected()
            with db.transaction(), db.cursor() as cursor:
                cursor.executemany(_INSERT, [fetch.row for fetch in fetches])

    def read(self) -> Iterator[StoredFetch]:
        """Everything by instant, page by page."""
        last: tuple[float, str, int] = (float("-inf"), "", 0)
        while True:
            with self._failures():
                rows = self._connected().execute(_READ, (*last, PAGE)).fetchall()
            for row in rows:
                yield StoredFetch(*row)
            if len(rows) < PAGE:
                return
            last = (rows[-1][2], rows[-1][0], rows[-1][1])

    def forget_before(self, at: float) -> int:
        """Drop what is older than an instant."""
        with self._failures():
            dropped: int = (
                self._connected()
                .execute("DELETE FROM provisioning_fetch WHERE at < %s", (at,))
                .rowcount
            )
        return dropped

    def close(self) -> None:
        """End."""
        if self._db is not None:
            with contextlib.suppress(self._psycopg.Error):
                self._db.close()
            self._db = None
