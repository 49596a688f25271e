"""Results of many runs in one SQLite file: what a trend is drawn from.

Holds figures and names only: no message, no number of a person, no secret. A run is kept once,
however often its record is added.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rig.errors import UsageError
from rig.report.record import RunRecord
from rig.verdict.outcome import Outcome

VERSION = 1
"""Of the tables; stands in the file as ``user_version``."""

_TABLES = """
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    started_at REAL NOT NULL, title TEXT NOT NULL, site TEXT NOT NULL,
    version TEXT NOT NULL, capture TEXT NOT NULL, outcome TEXT NOT NULL,
    UNIQUE (started_at, title, site));
CREATE TABLE scenario (
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    name TEXT NOT NULL, outcome TEXT NOT NULL, duration_s REAL NOT NULL,
    fault_class TEXT NOT NULL, component TEXT NOT NULL);
CREATE TABLE latency (
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    scenario TEXT NOT NULL, name TEXT NOT NULL,
    handset TEXT NOT NULL, model TEXT NOT NULL, firmware TEXT NOT NULL,
    value_s REAL NOT NULL, limit_s REAL);
CREATE INDEX latency_by_model ON latency (model, firmware, name);
"""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run, in short.

    Attributes:
        started_at: seconds since the epoch.
        title: what was run.
        site: where.
        version: of phonerig.
        outcome: of the run.
        scenarios: how many ran.
        faults: classes that were named, e.g. ``M5``, in order of the scenarios.
    """

    started_at: float
    title: str
    site: str
    version: str
    outcome: Outcome
    scenarios: int
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Latency:
    """One measured latency.

    Attributes:
        started_at: of its run, seconds since the epoch.
        name: ``lamp_on_latency_s``, ``notify_latency_s`` and so on.
        model: of the handset.
        firmware: as the handset said; empty if it did not.
        value_s: seconds.
        limit_s: what it must not exceed, or None.
    """

    started_at: float
    name: str
    model: str
    firmware: str
    value_s: float
    limit_s: float | None


class ResultsStore:
    """An open file of results."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, record: RunRecord) -> bool:
        """Keep a run.

        Args:
            record: finished run.

        Returns:
            False if this run is there already.
        """
        with self._connection as db:
            cursor = db.execute(
                "INSERT OR IGNORE INTO run (started_at, title, site, version, capture, outcome) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    record.started_at,
                    record.title,
                    record.site,
                    record.version,
                    record.capture,
                    record.outcome.value,
                ),
            )
            if not cursor.rowcount:
                return False
            run = cursor.lastrowid
            for scenario in record.scenarios:
                first = scenario.findings[0] if scenario.findings else {}
                db.execute(
                    "INSERT INTO scenario VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        run,
                        scenario.name,
                        scenario.outcome.value,
                        scenario.duration_s,
                        first.get("class", ""),
                        first.get("component", ""),
                    ),
                )
            db.executemany(
                "INSERT INTO latency VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                ((run, *row) for row in _latency_rows(record)),
            )
        return True

    def runs(self) -> list[RunRow]:
        """Every run, the oldest first."""
        rows = self._connection.execute(
            "SELECT r.started_at, r.title, r.site, r.version, r.outcome, COUNT(s.run), "
            "GROUP_CONCAT(NULLIF(s.fault_class, ''), ' ') FROM run r "
            "LEFT JOIN scenario s ON s.run = r.id GROUP BY r.id ORDER BY r.started_at"
        )
        return [
            RunRow(
                at, title, site, version, Outcome(outcome), count, tuple((faults or "").split())
            )
            for at, title, site, version, outcome, count, faults in rows
        ]

    def latencies(self, *, model: str = "") -> list[Latency]:
        """Every latency, in order of time.

        Args:
            model: only of this model; empty for all.
        """
        rows = self._connection.execute(
            "SELECT r.started_at, l.name, l.model, l.firmware, l.value_s, l.limit_s "
            "FROM latency l JOIN run r ON r.id = l.run WHERE ? IN ('', l.model) "
            "ORDER BY r.started_at, l.rowid",
            (model,),
        )
        return [Latency(*row) for row in rows]


@contextmanager
def open_results(path: Path, *, create: bool = False) -> Iterator[ResultsStore]:
    """Open a file of results.

    Args:
        path: the SQLite file.
        create: make it if it is not there.

    Raises:
        UsageError: it is missing, is no file of results, or cannot be written.
    """
    if not create and not path.is_file():
        raise UsageError(f"{path}: no such file; 'phonerig results add' makes it from record.json")
    try:
        with closing(sqlite3.connect(path, timeout=10.0)) as connection:
            _prepare(connection, path)
            yield ResultsStore(connection)
    except sqlite3.Error as error:
        what = f"{path}: {error}; expected a file of results in a folder that can be written"
        raise UsageError(what) from error


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    if not version and not tables:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
    elif version != VERSION:
        raise UsageError(
            f"{path}: got results of version {version}, expected {VERSION}; name another file"
        )


def _latency_rows(record: RunRecord) -> Iterable[tuple[object, ...]]:
    """Scenario, name, handset, model, firmware, value and limit of everything timed."""
    handsets = {row["name"]: row for row in record.handsets}
    for scenario in record.scenarios:
        for measurement in scenario.measurements:
            name, _, target = measurement["name"].partition("[")
            value = measurement["value"]
            if not name.endswith("latency_s") or not isinstance(value, int | float):
                continue
            handset = target.rstrip("]").partition(".")[0]
            row = handsets.get(handset, {})
            limit = measurement["limit"]
            yield (
                scenario.name,
                name,
                handset,
                row.get("model", ""),
                row.get("firmware", ""),
                float(value),
                limit["value"] if limit and limit["operator"] == "<=" else None,
            )
