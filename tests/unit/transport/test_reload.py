"""Reloads: one after the other, what is broken changes nothing, and changed files are noticed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from access_kit import ANNA, KEY, WEAK, access_lab, basic, own, token_path

from provisioning.access_model import AccessSettings, ProofKind, shared_key
from provisioning.errors import InputErrors, InputFault, Position, RigError
from provisioning.text_source import noting_reads, read_input_file, stamp_of
from provisioning.transport.path_tokens import DeadTokens
from provisioning.transport.reload import Reload, Reloader
from provisioning.transport.walk_guard import WalkLimits

PASSWORD = own(ANNA, AccessSettings((ProofKind.DIGEST,), KEY)).password


class Desk:
    """Loads numbers, and keeps what was published and told."""

    def __init__(self) -> None:
        self.numbers: Iterator[object] = iter(range(1, 1000))
        self.published: list[object] = []
        self.told: list[Reload] = []

    def load(self) -> object:
        made = next(self.numbers)
        if isinstance(made, Exception):
            raise made
        return made

    def reloader(self, **more: object) -> Reloader[object]:
        return Reloader(self.load, self.published.append, self.told.append, **more)


@asynccontextmanager
async def running(reloader: Reloader[object]):
    task = asyncio.create_task(reloader.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - several things are waited for
            await asyncio.sleep(0.005)


async def test_what_is_asked_for_during_a_reload_is_done_once_more_and_once() -> None:
    desk, go = Desk(), threading.Event()
    first = iter([True])

    def load() -> object:
        if next(first, False):
            go.wait(30)
        return desk.load()

    reloader = Reloader(load, desk.published.append, desk.told.append)
    async with running(reloader):
        reloader.ask("SIGHUP")
        await asyncio.sleep(0.02)
        for why in ("SIGHUP", "site.yaml has changed", "SIGHUP"):
            reloader.ask(why)
        go.set()
        await until(lambda: len(desk.told) == 2)
        await asyncio.sleep(0.02)
    assert desk.published == [1, 2]
    assert [one.why for one in desk.told] == ["SIGHUP", "SIGHUP, site.yaml has changed"]


def test_the_end_does_not_wait_for_a_reload() -> None:
    begun, go = threading.Event(), threading.Event()

    def load() -> object:
        begun.set()
        go.wait(60)
        return 1

    desk = Desk()

    async def serve() -> None:
        reloader = Reloader(load, desk.published.append, desk.told.append)
        async with running(reloader):
            reloader.ask("SIGHUP")
            await until(begun.is_set)

    try:
        asyncio.run(asyncio.wait_for(serve(), 30))  # ends while the load stands still
        assert not go.is_set()
    finally:
        go.set()
    assert (desk.published, desk.told) == ([], [])


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (RigError("the state file is gone"), "the state file is gone"),
        (
            InputErrors([InputFault(Position("site.yaml", 3, 1), "no such model")] * 3),
            "site.yaml:3",
        ),
        (ZeroDivisionError("a password in a message"), "internal error: ZeroDivisionError"),
    ],
)
async def test_a_broken_reload_publishes_nothing_and_says_why(
    failure: Exception, said: str
) -> None:
    desk = Desk()
    desk.numbers = iter([1, failure, 3])
    reloader = desk.reloader()
    for _ in range(3):
        await reloader.reload()
    assert desk.published == [1, 3]
    assert [one.ok for one in desk.told] == [True, False, True]
    assert said in str(desk.told[1])
    assert "the last good one is served on" in str(desk.told[1])
    assert "a password" not in str(desk.told[1])


async def test_a_changed_file_is_reloaded_when_it_has_settled_and_a_broken_one_once(
    tmp_path: Path,
) -> None:
    site, table = tmp_path / "site.yaml", tmp_path / "phones.csv"
    site.write_text("one")
    desk = Desk()

    def load() -> object:
        text = read_input_file(site).decode()
        if text == "with a table":
            read_input_file(table)
        if text == "broken":
            raise RigError("broken")
        desk.published.append(text)
        return text

    with noting_reads() as read:
        load()
    assert read == {site: stamp_of(site)}
    reloader = Reloader(
        load, lambda _made: None, desk.told.append, watched=read, look_every_s=0.01
    )
    async with running(reloader):
        site.write_text("broken")
        await until(lambda: len(desk.told) == 1)
        await asyncio.sleep(0.1)
        assert [one.ok for one in desk.told] == [False], "a broken file is not tried for ever"
        table.write_text("a")
        site.write_text("with a table")
        await until(lambda: len(desk.told) == 2)
        table.write_text("another, read by way of the first")
        await until(lambda: len(desk.told) == 3)
        table.unlink()
        await until(lambda: len(desk.told) == 4)
    assert [one.ok for one in desk.told] == [False, True, True, False]
    assert desk.told[2].why == "phones.csv has changed"


async def test_a_file_that_is_still_being_written_is_waited_for(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("")
    reloader = Desk().reloader(watched={site: stamp_of(site)})
    for part in ("a", "ab", "abc"):
        site.write_text(part)
        reloader._look()
        assert not reloader._asked.is_set(), part
    reloader._look()
    assert reloader._asked.is_set()


def test_the_next_gate_goes_on_where_the_last_one_stood(tmp_path: Path) -> None:
    revoked = tmp_path / "revoked"
    revoked.write_text("bert\n")
    old = access_lab(ProofKind.DIGEST, ProofKind.BASIC, revoked=revoked)
    challenge = old.challenge()
    said = old.digest("/001565aaaa01.cfg", ANNA.plain, PASSWORD, challenge)
    assert old.ask("/001565aaaa01.cfg", authorization=said)[0] is not None
    right = basic("bert", WEAK.password.reveal())
    assert old.ask("/000413bbbb02.cfg", authorization=right)[0] is None, "he is revoked"
    revoked.unlink()

    new = access_lab(ProofKind.DIGEST, ProofKind.BASIC, revoked=revoked)
    new.gate.succeed(old.gate)
    assert new.ask("/001565aaaa01.cfg", authorization=said)[0] is None, "a replay stays one"
    again = new.digest("/001565aaaa01.cfg", ANNA.plain, PASSWORD, challenge, count=2)
    assert new.ask("/001565aaaa01.cfg", authorization=again)[0] is not None, "its nonce is good"
    assert new.ask("/000413bbbb02.cfg", authorization=right)[0] is None, "nobody is set free"
    assert new.gate.counts["replayed"] == 1
    assert new.gate.counts["revoked"] == 2


def test_a_walk_stays_stopped_over_a_reload() -> None:
    old = access_lab(limits=WalkLimits(most_macs=3))
    for number in range(8):
        old.ask(f"/0015650000{number:02x}.cfg")
    assert old.ask("/001565aaaa01.cfg")[0] is None
    new = access_lab(limits=WalkLimits(most_macs=3))
    assert new.ask("/001565aaaa01.cfg")[0] is not None
    new = access_lab(limits=WalkLimits(most_macs=3))
    new.gate.succeed(old.gate)
    assert new.ask("/001565aaaa01.cfg")[0] is None
    assert new.guard.alarms == old.guard.alarms == 1


def test_who_guessed_goes_on_waiting_over_a_reload() -> None:
    """A password of the site's own: a made one cannot be guessed."""
    right, wrong = (basic("bert", word) for word in (WEAK.password.reveal(), "falsch"))
    old = access_lab(ProofKind.BASIC)
    for _ in range(6):
        assert old.ask("/000413bbbb02.cfg", authorization=wrong)[0] is None
    assert old.ask("/000413bbbb02.cfg", authorization=right)[0] is None
    new = access_lab(ProofKind.BASIC)
    assert new.ask("/000413bbbb02.cfg", authorization=right)[0] is not None
    new = access_lab(ProofKind.BASIC)
    new.gate.succeed(old.gate)
    assert new.ask("/000413bbbb02.cfg", authorization=right)[0] is None
    new.now += 100
    assert new.ask("/000413bbbb02.cfg", authorization=right)[0] is not None


def test_two_servers_with_one_state_file_both_know_which_tokens_are_dead(tmp_path: Path) -> None:
    one, other = (access_lab(ProofKind.TOKEN, folder=tmp_path) for _ in range(2))
    first = token_path(ANNA, "/001565aaaa01.cfg", first=True)
    steady = token_path(ANNA, "/001565aaaa01.cfg", first=False)
    assert other.ask(first)[0] is not None
    assert one.ask(steady)[0] is not None
    assert other.ask(first)[0] is None
    assert other.ask(steady)[0] is not None
    (tmp_path / "dead").write_bytes(b"\xff")
    assert other.ask(first)[0] is None, "what cannot be read revives nobody"
    dead = DeadTokens(tmp_path / "none")
    dead.load()
    (tmp_path / "none").unlink()
    assert not dead.is_dead("anna")


def test_servers_that_share_a_key_know_each_others_nonces_and_others_do_not() -> None:
    key, path = shared_key(KEY, "nonces"), "/001565aaaa01.cfg"
    one, other, alone, rekeyed = (
        access_lab(ProofKind.DIGEST, nonce_key=given)
        for given in (key, key, None, shared_key(KEY, "another"))
    )
    for number in range(1, 4):
        said = one.digest(path, ANNA.plain, PASSWORD, one.challenge(), count=number)
        assert other.ask(path, authorization=said)[0] is not None
        for stranger in (alone, rekeyed):
            found, admission = stranger.ask(path, authorization=said)
            assert (found, admission.stale) == (None, True)
    rekeyed.gate.succeed(one.gate)
    fresh = rekeyed.digest(path, ANNA.plain, PASSWORD, rekeyed.challenge())
    assert rekeyed.ask(path, authorization=fresh)[0] is not None
    assert one.ask(path, authorization=fresh)[0] is None, "a new key is not given up for the old"
    assert shared_key(KEY, "nonces") != shared_key(KEY, "another")
