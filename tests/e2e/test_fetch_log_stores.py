"""The stored fetch log on both kinds of store, and two servers behind a balancer with one log."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cli_runner import Service, environment, run_cli, write_site
from postgres_kit import PASSWORD, Cluster, running_cluster

from provisioning.access_model import credentials_of, first_token, steady_token
from provisioning.database_url import DatabaseUrl
from provisioning.digest_credentials import Challenge, make_credentials
from provisioning.inventory import load_site
from provisioning.transport.fetch_log import FetchRecord
from provisioning.transport.fetch_place import open_fetches
from provisioning.transport.fetch_store import FetchStore, FetchStoreFailure, StoredFetch
from provisioning.transport.fetch_store_postgres import PostgresFetches
from provisioning.transport.fetch_writer import FetchWriter


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a log can be kept: a file, or a database with nothing in it."""
    if request.param == "sqlite":
        return str(tmp_path / "fetches.sqlite")
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.database().secret.reveal()


def stored(number: int, server: str = "a", at: float = 1000.0) -> StoredFetch:
    made = FetchRecord(
        at=at,
        transport="tftp",
        client=("192.0.2.1", 69),
        path=f"/{number}.cfg",
        handset="desk",
        status=200,
        octets=3_000_000_000,
        duration_s=0.5,
        user_agent="Ürgel \u2028",
    )
    return StoredFetch.of(made, server, number)


@contextlib.contextmanager
def opened(place: str) -> Iterator[FetchStore]:
    with contextlib.closing(open_fetches(place)) as store:
        yield store


def test_what_is_written_is_read_by_instant_and_twice_is_once(place: str) -> None:
    rows = [stored(number, at=1000.0 + number % 7) for number in range(1, 2301)]
    with opened(place) as store:
        store.write(rows[:1500])
        store.write(rows[1000:])
        store.write([replace(rows[0], path="/other")])  # what is there stays as it is
        with opened(place) as other:
            found = list(other.read())
    assert sorted(found, key=lambda row: row.number) == rows
    assert [row.at for row in found] == sorted(row.at for row in rows)


def test_all_or_none_of_a_batch(place: str) -> None:
    no_octets: Any = None  # no column takes it
    broken = StoredFetch("a", 2, 1.0, "http", "h", "/2", "", 200, no_octets, "{}")
    with opened(place) as store:
        store.write([stored(1)])
        with contextlib.suppress(FetchStoreFailure):
            store.write([stored(3), stored(4), broken])
        assert len(list(store.read())) in {1, 3}, "never a part of it"
        store.write([stored(5)])
        assert 5 in {row.number for row in store.read()}


def test_old_ones_are_dropped(place: str) -> None:
    with opened(place) as store:
        store.write([stored(number, at=float(number)) for number in range(1, 11)])
        assert store.forget_before(4.0) == 3
        assert [row.number for row in store.read()] == list(range(4, 11))


def test_many_servers_begin_and_write_at_once(place: str) -> None:
    def serve(name: str) -> None:
        with opened(place) as store:
            for number in range(1, 21):
                store.write([stored(number, name)])

    with ThreadPoolExecutor(6) as pool:
        for ended in [pool.submit(serve, f"server{n}") for n in range(6)]:
            ended.result(60)
    with opened(place) as store:
        count = Counter(row.server for row in store.read())
    assert count == {f"server{n}": 20 for n in range(6)}


def test_a_database_that_goes_away_loses_nothing(cluster: Cluster) -> None:
    url = cluster.database()
    store = PostgresFetches(url)
    writer = FetchWriter(store, "one")
    writer.start()
    name = url.shown.rpartition("/")[2]
    record = FetchRecord(
        at=1.0, transport="http", client=("h", 1), path="/", handset="", status=404, octets=0,
        duration_s=0.0,
    )  # fmt: skip
    for round_ in range(5):
        for _ in range(10):
            writer.put(record)
        cluster.query(
            "postgres",
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            if round_ % 2
            else "SELECT 1",
        )
    assert writer.close(60)
    assert cluster.query(name, "SELECT count(*), max(number) FROM provisioning_fetch") == [
        (50, 50)
    ]


def test_another_version_and_a_wrong_password_are_refused_without_showing_it(
    cluster: Cluster,
) -> None:
    url = cluster.database()
    PostgresFetches(url).close()
    cluster.query(
        url.shown.rpartition("/")[2], "UPDATE provisioning_fetch_version SET version = 99"
    )
    with pytest.raises(FetchStoreFailure, match="schema version 99, expected 1"):
        PostgresFetches(url)
    wrong = DatabaseUrl(url.secret.reveal().replace(PASSWORD, "wrong-Geheim"))
    with pytest.raises(FetchStoreFailure, match="lets this user in") as caught:
        PostgresFetches(wrong)
    assert "wrong-Geheim" not in str(caught.value)


def test_a_password_on_the_command_line_is_refused(tmp_path: Path) -> None:
    url = "postgresql://anna:Geheim-x@127.0.0.1:1/log"
    site = write_site(tmp_path)
    for words in (("serve", site, "--log", url), ("fetches", url)):
        result = run_cli(*words)
        assert result.returncode == 2
        assert "list of processes" in result.stderr
        assert "Geheim-x" not in result.stderr + result.stdout
    result = run_cli("serve", site, "--http-port", "0", "--tftp-port", "0", PHONERIG_FETCH_LOG=url)
    assert result.returncode == 3
    assert "postgresql://anna:***@127.0.0.1:1/log" in result.stderr
    assert "Geheim-x" not in result.stderr + result.stdout


def test_serve_keeps_its_fetches_beside_the_site_and_they_are_judged(tmp_path: Path) -> None:
    site = write_site(tmp_path)
    with Service("serve", site, "--http-port", "0", "--tftp-port", "0", "--json") as service:
        told = json.loads(service.wait_for('"serving"').string)
        asyncio.run(_get(told["http"], "/805ec01a2b01.cfg"))
        service.wait_for('"fetch"')
        assert service.stop()[0] == 0
    kept = tmp_path / "fetches.sqlite"
    assert told["log"] == str(kept)
    with opened(str(kept)) as store:
        (row,) = store.read()
    assert (row.path, row.handset, row.status) == ("/805ec01a2b01.cfg", "desk", 200)
    judged = run_cli("fetches", kept, "--json")
    assert json.loads(judged.stdout)["fetches"] == 1


PROVING = """\
  provisioning:
    url: http://127.0.0.1
    secrets_in_clear: true
    access: {proofs: [digest, token], key: env:PROVISIONING_KEY, state: dead.txt}
"""


@contextlib.asynccontextmanager
async def balancer(*servers: tuple[str, int]) -> AsyncIterator[tuple[str, int]]:
    """Gives every new connection to the next server."""
    turn = 0
    pipes: set[asyncio.Task[None]] = set()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while octets := await reader.read(65536):
                writer.write(octets)
                await writer.drain()
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal turn
        turn += 1
        there = await asyncio.open_connection(*servers[turn % len(servers)])
        for one in (pipe(reader, there[1]), pipe(there[0], writer)):
            task = asyncio.create_task(one)
            pipes.add(task)
            task.add_done_callback(pipes.discard)

    listening = await asyncio.start_server(connect, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()
    finally:
        listening.close()
        for task in tuple(pipes):
            task.cancel()
        await asyncio.gather(*pipes, return_exceptions=True)


async def _get(base: str, target: str, authorization: str = "") -> tuple[int, str]:
    """Fetch over a connection of its own; status and head."""
    host, port = base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    line = f"Authorization: {authorization}\r\n" if authorization else ""
    writer.write(f"GET {target} HTTP/1.0\r\n{line}\r\n".encode())
    got = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    return int(got.split()[1]), got.partition(b"\r\n\r\n")[0].decode()


def test_two_servers_behind_a_balancer_have_one_log_and_know_each_others_nonces(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONING_KEY", "a key that is long enough")
    url = cluster.database()
    secret = tmp_path / "url"
    secret.write_text(url.secret.reveal())
    site_file = write_site(tmp_path)
    text = site_file.read_text("utf-8")
    line = '  provisioning: {url: "http://127.0.0.1"}\n'
    assert line in text
    site_file.write_text(text.replace(line, PROVING))
    site = load_site(site_file)
    desk = site.handset("desk")
    own = credentials_of(site.access, desk.mac, None)
    assert own is not None
    name = f"/{desk.mac.plain}.cfg"

    async def phone(base: str, number: int) -> None:
        status, head = await _get(base, name)
        assert status == 401
        offered = re.search(r"(?i)www-authenticate: (Digest .*)", head)
        assert offered is not None
        challenge = Challenge.parse(offered[1].strip())
        said = make_credentials(
            challenge, own.user, own.password, "GET", name, cnonce=f"c{number}"
        )
        assert (await _get(base, name, str(said)))[0] == 200, "the other server knows the nonce"

    async def fetch_all(*servers: tuple[str, int]) -> str:
        async with balancer(*servers) as (host, port):
            base = f"http://{host}:{port}"
            for number in range(5):
                await phone(base, number)
            first = f"/{first_token(site.access.key, desk.mac).reveal()}{name}"
            steady = f"/{steady_token(site.access.key, desk.mac).reveal()}{name}"
            assert [(await _get(base, first))[0] for _ in range(2)] == [200, 200]
            assert (await _get(base, steady))[0] == 200
            assert [(await _get(base, first))[0] for _ in range(2)] == [401, 401]
            return first

    words = ("serve", site_file, "--http-port", "0", "--tftp-port", "0", "--json")
    with (
        Service(*words, "--log", f"file:{secret}") as one,
        Service(*words, "--log", f"file:{secret}") as other,
    ):
        told = [json.loads(service.wait_for('"serving"').string) for service in (one, other)]
        places = [data["http"].removeprefix("http://").split(":") for data in told]
        first = asyncio.run(fetch_all(*((host, int(port)) for host, port in places)))
        shown = [
            Path(f"/proc/{service.process.pid}/cmdline").read_bytes() for service in (one, other)
        ]
        said = [service.stop()[1] for service in (one, other)]
        said += [text for service in (one, other) for text in service.lines]
    with opened(url.secret.reveal()) as store:
        rows = list(store.read())
    assert {data["log"] for data in told} == {url.shown}
    assert len(rows) == 15
    assert sorted(Counter(row.server for row in rows).values()) == [7, 8]
    assert Counter(row.status for row in rows) == {200: 8, 401: 7}
    for place_ in [*said, *(row.line for row in rows)]:
        assert PASSWORD not in place_
        assert first.split("/")[1] not in place_
    assert all(PASSWORD.encode() not in text for text in shown)
    judged = run_cli("fetches", f"file:{secret}", "--json", **environment())
    assert json.loads(judged.stdout)["fetches"] == 15
