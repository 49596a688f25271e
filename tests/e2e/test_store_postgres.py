"""A store in a real PostgreSQL: what breaks, what is refused, and that no password is shown."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from platform_kit import ANNA, CARL, Phone, leave_message, make_site
from postgres_kit import PASSWORD, Cluster, running_cluster

from provisioning.database_url import DatabaseUrl
from rig.errors import RigError, UsageError
from rig.mailbox_platform.base import ForwardRule, UserServices
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.store.store import MessageStore
from rig.timeline import MailboxSeen

PCM = b"\x01\x00" * 4000


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


def name_of(url: DatabaseUrl) -> str:
    return url.shown.rpartition("/")[2]


def cut_connections(cluster: Cluster, url: DatabaseUrl) -> None:
    """End every connection to a database, as a restart of the server would."""
    cluster.query(
        "postgres",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name_of(url)}'",
    )


def test_a_lost_connection_is_made_again_and_nothing_is_lost_or_doubled(cluster: Cluster) -> None:
    url = cluster.database()
    store = MessageStore(url)
    kept = [store.add(ANNA, "", PCM).message_id]
    cut_connections(cluster, url)
    kept.append(store.add(ANNA, "", PCM).message_id)
    assert store.audio(kept[0]) == PCM
    cut_connections(cluster, url)
    assert store.audio(kept[1]) == PCM
    assert store.counts(ANNA).new == 2
    store.close()
    again = MessageStore(url)
    assert [m.message_id for m in again.messages(ANNA)] == kept
    again.close()


def test_a_server_that_is_away_refuses_in_words_and_is_used_again_when_it_is_back(
    cluster: Cluster,
) -> None:
    url = cluster.database()
    store = MessageStore(url)
    first = store.add(ANNA, "", PCM).message_id
    told: list[MailboxSeen] = []
    store.subscribe(told.append)
    cluster.kill()  # without a farewell, as when its power goes
    try:
        with pytest.raises(RigError, match="not stored") as caught:
            store.add(ANNA, "", PCM)
        assert PASSWORD not in str(caught.value)
        assert (store.failing, store.counts(ANNA).new, told) == (True, 1, [])
        assert [m.message_id for m in store.messages(ANNA)] == [first]  # looking needs no server
    finally:
        cluster.start()
    second = store.add(ANNA, "", PCM).message_id
    assert (store.failing, [seen.new for seen in told]) == (False, [2])
    assert store.audio(first) == store.audio(second) == PCM
    store.close()


def test_one_process_at_a_time(cluster: Cluster) -> None:
    url = cluster.database()
    store = MessageStore(url)
    with pytest.raises(RigError, match="in use by another process"):
        MessageStore(url)
    store.close()
    MessageStore(url).close()


def test_another_version_is_refused(cluster: Cluster) -> None:
    url = cluster.database()
    MessageStore(url).close()
    cluster.query(name_of(url), "UPDATE store_version SET version = 99")
    with pytest.raises(RigError, match="schema version 99, expected 2"):
        MessageStore(url)


def test_a_schema_of_ones_own_holds_a_store_of_ones_own(cluster: Cluster) -> None:
    url = cluster.database()
    cluster.query(name_of(url), "CREATE SCHEMA second")
    other = DatabaseUrl(url.secret.reveal() + "?options=-csearch_path%3Dsecond")
    one, two = MessageStore(url), MessageStore(other)
    one.add(ANNA, "", PCM)
    assert (one.counts(ANNA).new, two.counts(ANNA).new) == (1, 0)
    two.add(CARL, "", PCM)
    one.close()
    two.close()
    again = MessageStore(url)
    assert (again.counts(ANNA).new, again.counts(CARL).new) == (1, 0)
    again.close()


def test_every_commit_waits_for_the_servers_disk_when_durable(cluster: Cluster) -> None:
    url = cluster.database()
    for durable, level in ((True, "on"), (False, "off")):
        store = MessageStore(url, durable=durable)
        database = store._database
        assert database._writer.execute("SHOW synchronous_commit").fetchone() == (level,)
        store.close()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://a:geheim@h:1/n", "postgresql://a:***@h:1/n"),
        ("postgres://h/n", "postgres://h/n"),
        ("postgresql://a:b@geheim@h/n", "postgresql://a:***@h/n"),
        ("postgresql:///n?password=geheim&host=/run", "postgresql:///n?password=***&host=/run"),
        (
            "postgresql://a:%67eheim@h/n?sslpassword=geheim",
            "postgresql://a:***@h/n?sslpassword=***",
        ),
    ],
)
def test_no_password_is_shown(text: str, shown: str) -> None:
    url = DatabaseUrl(text)
    assert str(url) == url.shown == shown
    assert "geheim" not in repr(url)


@pytest.mark.parametrize(
    "text", ["mysql://a:geheim@h/n", "http://geheim@h", "postgresql://[geheim"]
)
def test_what_is_no_such_url_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(UsageError, match="postgresql://") as caught:
        DatabaseUrl(text)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["user", "port", "name", "text"])
def test_a_database_that_does_not_let_us_in_is_named_without_the_password(
    cluster: Cluster, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = {
        "user": cluster.url("postgres", password="not-" + PASSWORD),
        "port": DatabaseUrl(f"postgresql://mailbox:{PASSWORD}@127.0.0.1:1/n"),
        "name": cluster.url("nowhere"),
        "text": DatabaseUrl(f"postgresql://mailbox:{PASSWORD}@127.0.0.1:{PASSWORD}/n"),
    }[wrong]
    with pytest.raises(RigError, match=r"message store postgres") as caught:
        MessageStore(url)
    if wrong != "text":  # there the password stands where the port belongs, and is shown as one
        assert PASSWORD not in str(caught.value)
    assert PASSWORD not in caplog.text


async def test_a_platform_keeps_calls_and_settings_in_it(cluster: Cluster, tmp_path: Path) -> None:
    config = PlatformConfig(database=cluster.database(), seconds_per_ring=0.2)
    platform = EmbeddedPlatform(make_site(), store_dir=tmp_path, config=config)
    await platform.start()
    dora = await Phone(platform, platform.site.users[CARL]).open()
    await dora.register()
    await leave_message(dora, ANNA)
    services = UserServices(always=ForwardRule(active=True, target=CARL))
    await platform.set_services(ANNA, services)
    await dora.close()
    await platform.stop()
    assert not (tmp_path / "messages.sqlite").exists()
    second = EmbeddedPlatform(make_site(), store_dir=tmp_path / "other", config=config)
    await second.start()
    assert (await second.counts(ANNA)).new == 1
    (message,) = second.store.messages(ANNA)
    assert len(second.store.audio(message.message_id)) == message.duration_s * 16_000
    assert second._settings.services(ANNA) == services
    await second.stop()


async def test_the_command_serves_from_it_after_being_killed(
    cluster: Cluster, tmp_path: Path
) -> None:
    """The URL comes by the environment, so no list of processes shows a password."""
    url = cluster.database()
    store = MessageStore(url)
    store.add("+493023125101", "", PCM)
    store.close()

    async def serve(log: Path) -> asyncio.subprocess.Process:
        with log.open("wb") as errors:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", "rig.cli", "platform", "run", "demo", "--port", "0",
                "--json", stdout=asyncio.subprocess.PIPE, stderr=errors, cwd=tmp_path,
                env={**os.environ, "PHONERIG_STORE": url.secret.reveal()},
            )  # fmt: skip

    for end in (signal.SIGKILL, signal.SIGTERM):
        process = await serve(tmp_path / end.name)
        try:
            assert process.stdout is not None
            events = []
            while not any(event["event"] == "mailbox" for event in events):
                line = await asyncio.wait_for(process.stdout.readline(), 30)
                assert PASSWORD.encode() not in line
                events.append(json.loads(line))
            assert events[-1]["new"] == 1
        finally:
            process.send_signal(end)
            await asyncio.wait_for(process.stdout.read(), 30)
            await process.wait()
        assert PASSWORD not in (tmp_path / end.name).read_text()


async def test_mails_that_wait_need_a_place_that_lasts(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "rig.cli", "platform", "run", "demo", "--port", "0",
        "--smtp", "127.0.0.1:1", "--mail-from", "a@b.example",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path,
        env={**os.environ, "PHONERIG_STORE": f"postgresql://a:{PASSWORD}@127.0.0.1:1/n"},
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2
    assert b"--mail-queue" in said
    assert PASSWORD.encode() not in said
