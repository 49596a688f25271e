"""Keeps what happened at an agent until a broker has it, and some time after, in SQLite.

Events are numbered here, beyond restarts. They survive the end of the agent; a power cut may take
the last of them, which then were never told to anybody. What a broker has taken is kept as long as
there is room: a run that missed it can ask for it again.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from rig.agent.protocol import EVENT, CaptureData, Event, FetchData, LampData, read, write
from rig.errors import RigError

MOST_EVENTS = 100_000


class EventBuffer:
    """The events of one agent.

    Args:
        path: the file; made when missing.
        most: how many are kept. The oldest go first, those that no broker has taken too.

    Attributes:
        epoch: of its numbers, made with the file.
        lost: events that went before a broker had taken them.

    Raises:
        RigError: the file cannot be used.
    """

    def __init__(self, path: Path, most: int = MOST_EVENTS) -> None:
        self._most = most
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=1.0)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise RigError(
                f"{path}: the buffer of the agent cannot be used: {error}. Name another file, or "
                "end the agent that holds it"
            ) from error
        self.epoch, self.lost = self._db.execute("SELECT epoch, lost FROM book").fetchone()

    def _prepare(self) -> None:
        run = self._db.execute
        run("PRAGMA journal_mode=WAL")
        run("PRAGMA synchronous=NORMAL")
        run("PRAGMA locking_mode=EXCLUSIVE")  # two agents with one buffer would mix up the numbers
        run("BEGIN EXCLUSIVE")
        run(
            "CREATE TABLE IF NOT EXISTS event (seq INTEGER PRIMARY KEY AUTOINCREMENT, "
            "taken INTEGER NOT NULL DEFAULT 0, body BLOB NOT NULL)"
        )
        run("CREATE INDEX IF NOT EXISTS waiting ON event (seq) WHERE taken = 0")
        run("CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL)")
        run("CREATE TABLE IF NOT EXISTS book (epoch TEXT NOT NULL, lost INTEGER NOT NULL)")
        if run("SELECT count(*) FROM book").fetchone() == (0,):
            run("INSERT INTO book VALUES (?, 0)", (uuid.uuid4().hex,))
        run("COMMIT")

    def add(
        self,
        at: float,
        data: LampData | FetchData | CaptureData,
        mark: tuple[str, int] | None = None,
    ) -> Event:
        """Number an event and keep it.

        Args:
            at: its instant, seconds.
            data: what happened.
            mark: name and value of a mark that is set with it, or not at all.

        Raises:
            RigError: the disk does not take it. It has no number then, and is not kept.
        """
        with self._change() as cursor:
            cursor.execute("INSERT INTO event (body) VALUES (x'')")
            seq = cursor.lastrowid or 0
            event = Event(self.epoch, seq, at, data)
            cursor.execute("UPDATE event SET body = ? WHERE seq = ?", (write(EVENT, event), seq))
            if mark is not None:
                cursor.execute("INSERT OR REPLACE INTO mark VALUES (?, ?)", mark)
            self._make_room(cursor, seq)
        return event

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Cursor]:
        """Change the file as a whole, or not at all."""
        with closing(self._db.cursor()) as cursor:
            try:
                cursor.execute("BEGIN IMMEDIATE")
                yield cursor
                cursor.execute("COMMIT")
            except BaseException as error:
                with suppress(sqlite3.Error):  # some faults have undone it by themselves
                    cursor.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise RigError(
                        f"the buffer of the agent cannot be written: {error}"
                    ) from error
                raise

    def _make_room(self, cursor: sqlite3.Cursor, newest: int) -> None:
        oldest = newest - self._most
        if oldest < 1:
            return
        cursor.execute("DELETE FROM event WHERE seq <= ? AND taken = 1", (oldest,))
        cursor.execute("DELETE FROM event WHERE seq <= ?", (oldest,))
        if cursor.rowcount:
            self.lost += cursor.rowcount
            cursor.execute("UPDATE book SET lost = ?", (self.lost,))

    def mark(self, name: str) -> int:
        """Value of a mark; 0 before it was set."""
        row = self._db.execute("SELECT value FROM mark WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def waiting(self, most: int) -> list[tuple[int, bytes]]:
        """Number and octets of the events that no broker has taken, oldest first."""
        rows = self._db.execute(
            "SELECT seq, body FROM event WHERE taken = 0 ORDER BY seq LIMIT ?", (most,)
        )
        return rows.fetchall()

    def took(self, seqs: list[int]) -> None:
        """Note that a broker has taken events.

        Raises:
            RigError: the disk does not take it; they are told once more then.
        """
        with self._change() as cursor:
            cursor.executemany("UPDATE event SET taken = 1 WHERE seq = ?", [(n,) for n in seqs])

    def again(self, from_seq: int, until_seq: int, most: int) -> list[tuple[int, bytes]]:
        """Number and octets of a range of events that a broker has taken, oldest first.

        What none has taken yet is on its way anyhow.
        """
        rows = self._db.execute(
            "SELECT seq, body FROM event WHERE seq BETWEEN ? AND ? AND taken = 1 "
            "ORDER BY seq LIMIT ?",
            (from_seq, until_seq, most),
        )
        return rows.fetchall()

    @property
    def first_seq(self) -> int:
        """Number of the oldest event that is kept; one more than the last when none is."""
        (first,) = self._db.execute("SELECT min(seq) FROM event").fetchone()
        return self.last_seq + 1 if first is None else int(first)

    @property
    def last_seq(self) -> int:
        """Number of the last event; 0 before the first."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
        return int(row[0]) if row else 0

    def events(self) -> list[Event]:
        """Everything that is kept, in order."""
        rows = self._db.execute("SELECT body FROM event ORDER BY seq")
        return [read(EVENT, body) for (body,) in rows]

    def close(self) -> None:
        """Let go of the file; safe to call twice."""
        self._db.close()
