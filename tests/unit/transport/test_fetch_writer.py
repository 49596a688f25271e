"""The stored fetch log: what is written, what happens while the store is away, and its places."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from provisioning.address import Mac
from provisioning.database_url import DatabaseUrl
from provisioning.errors import InputErrors, RigError, UsageError
from provisioning.identity import Certainty, Identification
from provisioning.transport.fetch_log import FetchLog, FetchRecord
from provisioning.transport.fetch_place import is_shared, open_fetches, shows_password
from provisioning.transport.fetch_store import FetchStoreFailure, StoredFetch
from provisioning.transport.fetch_store_sqlite import SqliteFetches
from provisioning.transport.fetch_writer import DAY_S, FetchWriter, server_name
from provisioning.transport.path_tokens import DeadTokens
from rig.verdict.oracles.fetch_lines import read_lines


def record(number: int, at: float = 1000.0, **more: object) -> FetchRecord:
    said = {
        "at": at,
        "transport": "http",
        "client": ("192.0.2.7", number),
        "path": f"/{number}.cfg",
        "handset": "desk",
        "status": 200,
        "octets": 10 * number,
        "duration_s": 0.25,
    }
    return FetchRecord(**said | more)


class Memory:
    """A store that can be away."""

    place = "memory"

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int], StoredFetch] = {}
        self.away = threading.Event()
        self.tried = threading.Semaphore(0)
        self.forgotten: list[float] = []
        self.closed = False

    def write(self, fetches: Sequence[StoredFetch]) -> None:
        self.tried.release()
        if self.away.is_set():
            raise FetchStoreFailure("fetch log memory: away")
        for fetch in fetches:
            self.rows.setdefault((fetch.server, fetch.number), fetch)

    def read(self) -> Iterator[StoredFetch]:
        return iter(self.rows.values())

    def forget_before(self, at: float) -> int:
        self.forgotten.append(at)
        return 0

    def close(self) -> None:
        self.closed = True


def test_records_are_written_in_order_and_all_of_them_before_the_end() -> None:
    store = Memory()
    writer = FetchWriter(store, "one")
    for number in range(1, 1201):
        writer.put(record(number))
    writer.start()
    assert writer.close(30)
    assert [row.number for row in store.read()] == list(range(1, 1201))
    assert store.closed
    assert (writer.waiting, writer.lag_s, writer.lost) == (0, 0.0, 0)


def test_what_cannot_be_written_waits_and_is_written_when_the_store_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, at = Memory(), [50.0]
    store.away.set()
    writer = FetchWriter(store, "one", clock=lambda: at[0])
    writer.start()
    writer.put(record(1))
    for _ in range(2):
        assert store.tried.acquire(timeout=30)
    writer.put(record(2))
    at[0] = 62.5
    assert writer.failing
    assert (writer.waiting, writer.lag_s) == (2, 12.5)
    store.away.clear()
    assert writer.close(30)
    assert (writer.failing, writer.waiting, writer.lag_s) == (False, 0, 0.0)
    assert [row.path for row in store.read()] == ["/1.cfg", "/2.cfg"]
    told = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert told == [
        "fetch log memory: away; records wait until it can be used again",
        "fetch log memory: written again",
    ]


def test_beyond_the_bound_the_oldest_are_lost_and_counted() -> None:
    store = Memory()
    writer = FetchWriter(store, "one", most_waiting=10)
    for number in range(1, 26):
        writer.put(record(number))
    assert (writer.waiting, writer.lost) == (10, 15)
    writer.start()
    assert writer.close(30)
    assert [row.number for row in store.read()] == list(range(16, 26))


def test_a_store_that_stays_away_does_not_hold_up_the_end() -> None:
    store = Memory()
    store.away.set()
    writer = FetchWriter(store, "one")
    writer.start()
    writer.put(record(1))
    assert not writer.close(30)
    assert writer.waiting == 1


def test_old_fetches_are_dropped_now_and_then() -> None:
    store, at = Memory(), [100 * DAY_S]
    writer = FetchWriter(store, "one", keep_days=90, clock=lambda: at[0])
    writer.start()
    writer.put(record(1))
    assert writer.close(30)
    assert store.forgotten == [10 * DAY_S]


def test_a_line_is_what_serve_prints_and_what_the_verdicts_read() -> None:
    identity = Identification(
        handset="desk",
        certainty=Certainty.MAC_AND_MODEL,
        models=("T46U",),
        firmware="",
        mac=Mac("805ec01a2b01"),
        evidence=("the MAC in the path",),
    )
    stored = StoredFetch.of(
        record(7, user_agent="Yealink\udcff", path="/a\0\udc80", identity=identity), "host-1", 3
    )
    data = json.loads(stored.line)
    assert (data["event"], data["server"], data["octets"]) == ("fetch", "host-1", 70)
    assert data["identity"]["mac"] == "80:5e:c0:1a:2b:01"
    assert stored.path == r"/a\x00\udc80"
    assert json.dumps(data, ensure_ascii=False).encode(), "others pass it on as UTF-8"
    (fetch,) = read_lines([stored.line], "log")
    assert (fetch.client, fetch.path) == (("192.0.2.7", 7), stored.path)
    assert fetch.user_agent == r"Yealink\udcff"


def test_secrets_in_a_path_do_not_reach_the_store() -> None:
    store = Memory()
    writer = FetchWriter(store, "one")
    log = FetchLog()
    log.listen(writer.put)
    log.add(record(1, path=f"/{'a' * 26}/desk.cfg?password=geheim"))
    writer.start()
    assert writer.close(30)
    (row,) = store.read()
    assert row.path == "/***/desk.cfg?password=***"
    assert "geheim" not in row.line


def test_a_file_is_for_its_owner_and_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "state" / "fetches.sqlite"
    store = open_fetches(str(path))
    store.write([StoredFetch.of(record(1), "a", 1)])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = open_fetches(str(path), read_only=True)
    assert [row.number for row in again.read()] == [1]
    with pytest.raises(FetchStoreFailure, match="not read-only"):
        again.write([StoredFetch.of(record(2), "a", 2)])
    for one in (store, again):
        one.close()
        one.close()


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_who_finds_a_file_that_another_one_makes_waits_for_its_turn(
    tmp_path: Path, mode: str
) -> None:
    SqliteFetches(tmp_path / "whole").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "whole")) as db:
        tables = [sql for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE sql <> ''")]
    path = tmp_path / "log"
    with (
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        other.execute(f"PRAGMA journal_mode = {mode}")
        other.execute("BEGIN IMMEDIATE")
        waiting = pool.submit(SqliteFetches, path)
        with pytest.raises(TimeoutError):
            waiting.result(0.2)
        for sql in (*tables, "PRAGMA user_version = 1", "COMMIT"):
            other.execute(sql)
        store = waiting.result(30)
        assert list(store.read()) == []
        store.close()


def test_files_that_are_no_log_are_refused_in_words(tmp_path: Path) -> None:
    text, other = tmp_path / "text", tmp_path / "other.sqlite"
    text.write_text("no database at all, " * 100)
    import sqlite3  # noqa: PLC0415 - to make what is refused

    db = sqlite3.connect(other)
    db.execute("CREATE TABLE message (id TEXT)")
    db.commit()
    db.close()
    for path, why in (
        (text, "not a database"),
        (other, "schema version 0"),
        (tmp_path, "Is a directory"),
    ):
        with pytest.raises(FetchStoreFailure, match=why):
            SqliteFetches(path)
    with pytest.raises(FetchStoreFailure, match="no such file"):
        SqliteFetches(tmp_path / "none", read_only=True)
    assert not (tmp_path / "none").exists()


def test_what_is_no_regular_file_is_refused_and_stays_open_to_others(tmp_path: Path) -> None:
    """As root, /dev/null would be closed to everybody else."""
    device = tmp_path / "device"
    os.mkfifo(device)
    device.chmod(0o666)
    with pytest.raises(FetchStoreFailure, match="it is no regular file"):
        SqliteFetches(device)
    dead = DeadTokens(device)
    with pytest.raises(RigError, match=r"cannot be kept: .*it is no regular file"):
        dead.load()
    assert stat.S_IMODE(device.stat().st_mode) == 0o666


def test_places(tmp_path: Path) -> None:
    url = "postgresql://anna:geheim@db.example/log"
    (tmp_path / "url").write_text(f"{url}\n")
    assert is_shared(url)
    assert is_shared(f"file:{tmp_path}/url")
    assert not is_shared("fetches.sqlite")
    assert shows_password(url)
    assert shows_password("postgresql://db.example/log?password=geheim")
    assert not shows_password("postgresql://anna@db.example/log")
    assert not shows_password(f"file:{tmp_path}/url")
    with pytest.raises(UsageError, match="fetch log: not a database") as caught:
        open_fetches("mysql://anna:geheim@db/log")
    assert "geheim" not in str(caught.value)
    with pytest.raises(InputErrors, match="cannot be read"):
        open_fetches(f"file:{tmp_path}/none")
    with pytest.raises(UsageError, match="empty place"):
        open_fetches("")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://anna:%s@db.example/log",
        "postgresql://anna:#%s@db.example/log",
        "postgresql://anna:?%s@db.example/log",
        "postgresql://anna:[%s@db.example/log",
        "postgresql://anna:@%s@db.example/log",
        "postgresql://anna:%s@[::1]:5432/log",
        "postgresql://anna:x@db.example?user=a@b&password=%s",
        "postgresql://db.example/log?sslpassword=#%s",
    ],
)
def test_a_password_is_found_where_libpq_finds_it(url: str) -> None:
    place = DatabaseUrl(url % "geheim")
    assert place.has_password
    assert "geheim" not in str(place)
    assert "db.example" in str(place) or "[::1]:5432" in str(place)
    assert place.secret.reveal() == url % "geheim"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://anna:pa/geheim@db.example/log",
        "postgresql://anna:12/geheim@db.example/log",
        "postgresql://db.example?user=a@b&password=geheim",
        "postgresql://anna:x@[geheim/log",
    ],
)
def test_a_url_in_which_a_password_would_be_read_as_a_name_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="/ is %2F") as caught:
        DatabaseUrl(url)
    assert "geheim" not in str(caught.value)


def test_every_run_of_a_server_has_a_name_of_its_own() -> None:
    assert len({server_name() for _ in range(100)}) == 100
