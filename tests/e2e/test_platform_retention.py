"""Old messages go by themselves and the lamp goes off, in simulated time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from platform_kit import ANNA, CARL, Phone, make_site

from rig.clock import now
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.store.retention import Retention
from rig.mailbox_platform.embedded.store.store import MessageStore
from rig.sip.message_summary import parse_summary

pytestmark = pytest.mark.waits

DAY_S = 86_400.0
AUDIO = b"\x01\x00" * 80


class Later:
    """A clock that a test can put forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return now() + self.ahead_s


async def test_a_message_that_is_too_old_goes_and_the_phone_is_told(tmp_path: Path) -> None:
    clock = Later()
    config = PlatformConfig(retention_days=30, retention_check_s=0.05)
    platform = EmbeddedPlatform(make_site(), store_dir=tmp_path, config=config, clock=clock)
    await platform.start()
    causes: list[str] = []
    platform.subscribe(lambda seen: causes.append(seen.cause))
    left_at = clock() - 30 * DAY_S
    platform.store.add(ANNA, CARL, AUDIO, at=left_at + 60)
    young = platform.store.add(CARL, ANNA, AUDIO)
    phone = await Phone(platform, platform.site.users[ANNA]).open()
    bodies: asyncio.Queue[bytes] = asyncio.Queue()
    client = phone.subscription("", 3600)
    client.on_notify = lambda _, body: bodies.put_nowait(body)
    client.start()
    assert parse_summary(await asyncio.wait_for(bodies.get(), 20)).waiting
    clock.ahead_s = 61
    after = parse_summary(await asyncio.wait_for(bodies.get(), 20))
    assert (after.waiting, causes) == (False, ["deposit", "deposit", "expired"])
    assert [m.message_id for m in platform.store.messages(CARL)] == [young.message_id]
    assert len(list((tmp_path / "audio").iterdir())) == 1
    await phone.close()
    await platform.stop()


async def test_days_are_counted_from_when_a_message_was_left(tmp_path: Path) -> None:
    store = MessageStore(tmp_path, durable=False)
    time = [100 * DAY_S]
    ids = [store.add(ANNA, "", AUDIO, at=day * DAY_S).message_id for day in (38, 39, 41, 99)]
    store.mark_heard(ids[2])
    store.delete(ids[0])
    told: list[tuple[int, int, str]] = []
    store.subscribe(lambda seen: told.append((seen.new, seen.saved, seen.cause)))
    retention = Retention(store, lambda: time[0], days=60, every_s=1)
    assert await retention.look() == 2
    assert await retention.look() == 0
    assert told == [(1, 1, "expired")]
    time[0] = 101 * DAY_S + 1
    assert await retention.look() == 1
    assert told[1:] == [(1, 0, "expired")]
    store.close()


async def test_for_ever_is_for_ever(tmp_path: Path) -> None:
    clock = Later()
    platform = EmbeddedPlatform(
        make_site(), store_dir=tmp_path, config=PlatformConfig(retention_check_s=0.01), clock=clock
    )
    await platform.start()
    platform.store.add(ANNA, CARL, AUDIO, at=0.0)
    clock.ahead_s = 10_000 * DAY_S
    await asyncio.sleep(0.1)
    assert (await platform.counts(ANNA)).new == 1
    await platform.stop()
