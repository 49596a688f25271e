"""kill -9 at system calls chosen by a seed: what was kept is there, and nothing half."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from platform_kit import Phone, make_site
from store_life import BOXES, Model, check
from traced_life import FILE_CALLS, Lives

from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.sip.message_summary import Counts, parse_summary

CUT_POINTS = 200


async def lamps_agree(folder: Path, model: Model) -> None:
    """A platform starts on the store: what it tells the phones is what is in it."""
    platform = EmbeddedPlatform(make_site(), store_dir=folder)
    await platform.start()
    try:
        for box in BOXES:
            phone = await Phone(platform, platform.site.users[box]).open()
            told: asyncio.Queue[bytes] = asyncio.Queue()
            client = phone.subscription("", 300)
            client.on_notify = lambda _, body, told=told: told.put_nowait(body)
            client.start()
            body = await asyncio.wait_for(told.get(), 20)
            summary = parse_summary(body)
            new, saved, urgent_new, urgent_saved = model.counts(box)
            assert summary.voice == Counts(new, saved, urgent_new, urgent_saved)
            assert summary.waiting == (new > 0)
            await phone.close()
    finally:
        await platform.stop()


def campaign(folder: Path, seed: int, cut_points: int) -> dict[str, int]:
    """Kill lives of one store until it has been done at so many calls; check after each.

    Returns:
        How often the killed call was which.
    """
    dice = random.Random(seed)
    done: dict[str, int] = {}
    model = Model()
    with Lives() as lives:
        usual = lives.calls(folder / "usual", seed)
        calls = [call for call in FILE_CALLS if usual[call]] + ["sendto"]
        usual["sendto"] = 18
        for number in range(1, 3 * cut_points):
            call = dice.choice(calls)
            when = dice.randint(1, usual[call] + 1)
            inject = f"inject={call}:signal=KILL:when={when}"
            words = ["-o", "/dev/null", "-e", f"trace={call}", "-e", inject]
            ended = lives.live(folder / "store", seed * 10_000 + number, words)
            model, under_way = ended.after(model)
            model, store = check(folder / "store", model.possible(under_way))
            if number % 5 == 0:  # an owner tidies up, or the mailbox grows without end
                for message_id in list(model.messages)[:-4]:
                    store.delete(message_id)
                    store.expunge([message_id])
                    del model.messages[message_id]
            store.close()
            if number % 20 == 0:
                asyncio.run(lamps_agree(folder / "store", model))
            if ended.killed:
                done[call] = done.get(call, 0) + 1
            if sum(done.values()) == cut_points:
                return done
    raise AssertionError(f"only {done} after {3 * cut_points} lives")


@pytest.mark.timeout(300)
def test_killed_at_two_hundred_calls_nothing_that_was_kept_is_lost(tmp_path):
    done = campaign(tmp_path, 1, CUT_POINTS)
    assert sum(done.values()) == CUT_POINTS
    assert {"openat", "pwrite64", "fsync", "fdatasync", "unlink"} & set(done) >= {
        "openat",
        "pwrite64",
        "unlink",
    }
