"""``phonerig resync --by http``: the phone's own interface is asked, the proof is the same.

A fake phone's web interface stands before an emulated handset, which fetches and registers when
that is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from peers import require_root
from resync_kit import SETTLED_S, a_site, resync
from vendor_fakes.base import PASSWORD
from vendor_fakes.cisco import FakeCisco
from vendor_fakes.yealink import FakeYealink

from rig.sip.message import Request


class Desk(FakeYealink):
    """A phone's web interface whose phone is an emulated handset."""

    def __init__(self, handset, **more):
        super().__init__(**more)
        self.handset = handset
        self.tasks = []

    def press(self, key):
        super().press(key)
        if key in {"AutoP", "Reboot"} and self.mood != "deaf":
            loop = asyncio.get_running_loop()
            self.tasks.append(loop.create_task(self.handset.power_cycle()))


def give_control(path, fake, driver="yealink"):
    (path.parent / "web.txt").write_text(PASSWORD)
    (path.parent / "web.txt").chmod(0o600)
    text = path.read_text()
    control = f'control: {{driver: {driver}, address: "{fake.url}", password: "file:web.txt"}}'
    assert "  - name: desk\n" in text
    path.write_text(text.replace("  - name: desk\n", f"  - name: desk\n    {control}\n"))


async def test_a_phone_is_asked_by_its_interface_and_gives_the_same_proof(tmp_path):
    async with a_site(tmp_path) as (path, desk, content, save), Desk(desk) as fake:
        content.replace(save("Empfang"))
        give_control(path, fake)
        log = ("--by", "http", "--fetches", tmp_path / "fetches", "--within", "15")
        await asyncio.sleep(SETTLED_S)
        result = await resync(path, *log, "--json")  # hall has no interface, and is left out
        assert result.exit_code == 0, result.output + result.stderr
        (row,) = json.loads(result.stdout)
        assert (row["handset"], row["event"], row["status"]) == ("desk", "yealink: resync", 200)
        assert (row["result"], row["why"]) == ("applied", "fetched, registered anew")
        assert desk.intent.accounts[0].label == "Empfang"
        assert (fake.provisioned, fake.rebooted) == (1, 0)
        again = await resync(path, "desk", *log, "--reboot", "--json")
        (row,) = json.loads(again.stdout)
        assert (row["event"], row["result"]) == ("yealink: reboot", "applied")
        assert (fake.provisioned, fake.rebooted) == (1, 1)
        await asyncio.gather(*fake.tasks)


async def test_a_phone_that_says_yes_and_does_nothing_or_says_no_has_not_applied(tmp_path):
    async with a_site(tmp_path) as (path, desk, _, _), Desk(desk, mood="deaf") as fake:
        give_control(path, fake)
        log = ("--by", "http", "--fetches", tmp_path / "fetches")
        deaf = await resync(path, "desk", *log, "--within", "1.5", "--json")
        assert deaf.exit_code == 1
        (row,) = json.loads(deaf.stdout)
        assert row["why"] == "it answered the request, but never fetched"
        fake.allowed = False
        forbids = await resync(path, "desk", *log, "--within", "15", "--json")
        (row,) = json.loads(forbids.stdout)
        assert (forbids.exit_code, row["status"]) == (1, None)
        assert "features.action_uri_limit_ip" in row["why"]
        assert row["took_s"] < 12
        assert PASSWORD not in forbids.stdout + forbids.stderr


async def test_a_subscription_is_proven_on_the_wire(tmp_path):
    require_root()
    async with a_site(tmp_path) as (path, desk, _, _), Desk(desk) as fake:
        give_control(path, fake)
        log = ("--by", "http", "--fetches", tmp_path / "fetches", "--within", "20")
        result = await resync(path, "desk", *log, "--reboot", "--capture", "lo", "--json")
        assert result.exit_code == 0, result.output + result.stderr
        (row,) = json.loads(result.stdout)
        assert row["why"] == "fetched, registered anew, subscribed"
        await asyncio.gather(*fake.tasks)


async def test_that_we_ask_the_registrar_ourselves_is_nobodys_registration(tmp_path):
    require_root()
    async with a_site(tmp_path) as (path, _, _, _):
        log = ("--fetches", tmp_path / "fetches", "--within", "15", "--capture", "lo")
        result = await resync(path, "desk", *log, "--json")
        assert result.exit_code == 0, result.output + result.stderr
        (row,) = json.loads(result.stdout)
        assert row["why"] == "fetched, stayed registered, kept its subscription"


async def test_who_does_not_subscribe_is_found_out_on_the_wire(tmp_path):
    require_root()
    (other := tmp_path / "other").mkdir()
    async with (
        a_site(tmp_path) as (path, desk, _, _),
        Desk(desk) as fake,
        a_site(other) as (_, namesake, _, _),
    ):
        give_control(path, fake)
        asks = desk._hook.outgoing

        def mute(message, *rest, **more):
            subscribes = isinstance(message, Request) and message.method == "SUBSCRIBE"
            return None if subscribes else asks(message, *rest, **more)

        async def elsewhere():
            """Who has the same users at another platform subscribes all the time."""
            while True:
                await asyncio.sleep(1)
                await namesake.restart()

        desk._hook.outgoing = mute
        fake.tasks.append(noise := asyncio.get_running_loop().create_task(elsewhere()))
        log = ("--by", "http", "--fetches", tmp_path / "fetches", "--within", "9")
        result = await resync(path, "desk", *log, "--reboot", "--capture", "lo", "--json")
        (row,) = json.loads(result.stdout)
        assert result.exit_code == 1, row
        assert row["why"] == "it registered anew, but did not subscribe to its mailbox"
        noise.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*fake.tasks)


async def test_what_cannot_be_asked_so_is_said_before_anybody_is(tmp_path):
    async with a_site(tmp_path) as (path, _, _, _):
        none = await resync(path, "--by", "http")
        assert (none.exit_code, "desk, hall has no 'control'" in none.stderr) == (2, True)
        odd = await resync(path, "--by", "post")
        assert (odd.exit_code, "expected notify or http" in odd.stderr) == (2, True)
        async with FakeCisco() as fake:
            give_control(path, fake, driver="cisco")
            hall = await resync(path, "hall", "--by", "http")
            assert (hall.exit_code, "hall has no 'control'" in hall.stderr) == (2, True)
            cisco = await resync(path, "desk", "--by", "http")
            assert cisco.exit_code == 2
            assert "cisco phones have no request for resync" in cisco.stderr
            assert fake.asked + fake.turned_away == []


@pytest.mark.parametrize("name", ["no-such-interface"])
async def test_an_interface_that_is_none_is_a_rig_error(tmp_path, name):
    require_root()
    async with a_site(tmp_path) as (path, _, _, _):
        result = await resync(path, "desk", "--capture", name, "--within", "1")
        assert result.exit_code == 3
        assert name in result.stderr
