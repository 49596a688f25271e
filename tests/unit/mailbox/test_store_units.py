"""Changes that are made together, beside the event loop, and told when they last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.errors import RigError
from rig.mailbox_platform.embedded.store.store import MessageState, MessageStore
from rig.mailbox_platform.embedded.store.store_change import (
    AddMessage,
    Change,
    PutSetting,
    RemoveMessage,
    Snapshot,
    StoreFailure,
)
from rig.mailbox_platform.embedded.store.store_index import StoreIndex
from rig.mailbox_platform.embedded.store.store_sqlite import SqliteDatabase
from rig.mailbox_platform.embedded.store.store_writer import Kept, StoreWriter, Unit
from rig.mailbox_platform.embedded.store.stored_message import MessageRow, StoredMessage
from rig.mailbox_platform.embedded.voicemail.greeting_book import GreetingBook
from rig.mailbox_platform.embedded.voicemail.greeting_choice import GreetingSlot
from rig.timeline import MailboxSeen

BOX, OTHER = "+4930100", "+4930200"
PCM = b"\x01\x00" * 400


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MessageStore]:
    opened = MessageStore(tmp_path / "store", durable=False)
    yield opened
    opened.close()


def new(store: MessageStore, box: str = BOX) -> int:
    return store.counts(box).new


async def test_a_message_counts_when_it_lasts_and_not_before(store: MessageStore) -> None:
    told: list[MailboxSeen] = []
    store.subscribe(told.append)
    with store.together() as kept:
        left = store.add(BOX, "", PCM)
    assert (new(store), store.messages(BOX), store.message(left.message_id)) == (0, (), None)
    assert store.usage(BOX).messages == 1  # it takes up room already
    assert (told, kept.settled) == ([], False)
    await kept
    assert [seen.new for seen in told] == [new(store)] == [1]
    assert store.audio(left.message_id) == PCM
    assert (store.usage(BOX).messages, store.usage(BOX).audio_s) == (1, 0.05)


async def test_whoever_changes_something_sees_it_at_once_and_phones_when_it_lasts(
    store: MessageStore,
) -> None:
    one, two = (store.add(BOX, "", PCM).message_id for _ in range(2))
    told: list[str] = []
    store.subscribe(lambda seen: told.append(f"{seen.new} {seen.saved} {seen.cause}"))
    with store.together() as kept:
        assert store.mark_heard(one)
        assert store.delete(two)
        store.set_setting(BOX, "pin", "x")
        store.note_login(BOX, succeeded=False)
    assert [m.state for m in store.messages(BOX)] == [MessageState.SAVED]
    assert store.setting(BOX, "pin") == "x"
    assert store.login_failures(BOX).count == 1
    assert (new(store), told) == (2, [])
    await kept
    assert told == ["0 1 deleted"]  # one unit, one NOTIFY


async def test_what_is_undone_inside_a_unit_never_was(store: MessageStore) -> None:
    told: list[MailboxSeen] = []
    store.subscribe(told.append)

    def half() -> None:
        with store.together():
            store.add(BOX, "", PCM)
            store.set_setting(BOX, "pin", "x")
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        half()
    await store.settled()
    assert (new(store), store.usage(BOX).messages, store.setting(BOX, "pin")) == (0, 0, None)
    assert told == []
    store.add(BOX, "", PCM)
    assert new(store) == 1


async def test_a_greeting_is_recorded_and_chosen_as_one(store: MessageStore) -> None:
    greetings = GreetingBook(store)
    with store.together() as kept:
        greetings.record(BOX, GreetingSlot.BUSY, PCM)
    assert greetings.audio(BOX, GreetingSlot.BUSY) == PCM
    await kept
    assert greetings.audio(BOX, GreetingSlot.BUSY) == PCM
    assert greetings.choice(BOX).busy is GreetingSlot.BUSY


async def test_the_event_loop_goes_on_while_the_disk_works(
    store: MessageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that needs long is no reason for the loop to stand still."""
    commit = SqliteDatabase.commit

    def slow(self: SqliteDatabase, changes: Sequence[Change]) -> None:
        time.sleep(0.3)
        commit(self, changes)

    monkeypatch.setattr(SqliteDatabase, "commit", slow)
    with store.together() as kept:
        store.add(BOX, "", PCM)
    turns = 0
    while not kept.settled:
        await asyncio.sleep(0)
        turns += 1
    assert turns > 100
    assert new(store) == 1


async def test_a_burst_goes_to_the_disk_together(
    store: MessageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    commit = SqliteDatabase.commit

    def counting(self: SqliteDatabase, changes: Sequence[Change]) -> None:
        sizes.append(len(changes))
        time.sleep(0.05)
        commit(self, changes)

    monkeypatch.setattr(SqliteDatabase, "commit", counting)
    told: list[int] = []
    store.subscribe(lambda seen: told.append(seen.new))
    for _ in range(100):
        with store.together():
            store.add(BOX, "", PCM)
    await store.settled()
    assert sum(sizes) == 100
    assert len(sizes) <= 4
    assert told == list(range(1, 101))  # told one by one all the same, in order


class Disk(SqliteDatabase):
    """A real one that loses its answer about one mailbox: it was done, and nobody knows."""

    def commit(self, changes: Sequence[Change]) -> None:
        super().commit(changes)
        for change in changes:
            if isinstance(change, AddMessage) and change.row.message.mailbox == OTHER:
                raise StoreFailure("nobody knows whether this went through")


def unit_of(message_id: str, box: str) -> Unit:
    message = StoredMessage(message_id, box, "", 1.0, 0.1, urgent=False, state=MessageState.NEW)
    unit = Unit(Kept(lambda: None))
    unit.changes.append(AddMessage(MessageRow(message, MessageState.NEW, 1), b"RIFF"))
    return unit


def test_one_refused_message_takes_no_other_with_it_and_leaves_no_trace(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    ends: dict[Unit, StoreFailure | None] = {}
    writer = StoreWriter(disk, lambda unit, failure: ends.update({unit: failure}))
    units = [unit_of(f"{n:04x}", OTHER if n == 3 else BOX) for n in range(8)]
    for unit in units:
        writer.submit(unit)
    writer.flush()
    assert [ends[unit] is None for unit in units] == [n != 3 for n in range(8)]
    last = unit_of("ffff", BOX)
    writer.submit(last)
    writer.close()
    disk.close()
    again = SqliteDatabase(tmp_path)
    there = {row.message.message_id for row in again.load().rows}
    again.close()
    assert there == {f"{n:04x}" for n in range(8) if n != 3} | {"ffff"}
    assert {path.stem for path in (tmp_path / "audio").iterdir()} == there


def test_a_fault_of_the_code_does_not_hang_whoever_waits(
    store: MessageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: SqliteDatabase, changes: Sequence[Change]) -> None:
        raise ValueError("a fault of the code")

    monkeypatch.setattr(SqliteDatabase, "commit", broken)
    with store.together() as kept:
        store.add(BOX, "", PCM)
    with pytest.raises(RigError, match="a fault of the code"):
        kept.wait()


async def test_closing_keeps_what_is_under_way(tmp_path: Path) -> None:
    store = MessageStore(tmp_path)
    for _ in range(20):
        with store.together():
            store.add(BOX, "", PCM)
    store.close()
    again = MessageStore(tmp_path)
    assert new(again) == 20
    again.close()


def test_ten_thousand_messages_are_counted_as_quickly_as_ten(tmp_path: Path) -> None:
    store = MessageStore(tmp_path / "many", durable=False)
    with store.whole():
        for _ in range(10_000):
            store.add(BOX, "", b"\1\0")
        for _ in range(10):
            store.add(OTHER, "", b"\1\0")

    def cost(box: str) -> float:
        rounds = []
        for _ in range(5):
            begun = time.perf_counter()
            for _ in range(200):
                store.counts(box)
            rounds.append(time.perf_counter() - begun)
        return min(rounds)

    assert len(store.messages(BOX)) == 10_000
    assert cost(BOX) < 5 * cost(OTHER)
    store.close()
    again = MessageStore(tmp_path / "many", durable=False)
    assert (new(again), new(again, OTHER)) == (10_000, 10)
    again.close()


ROWS = st.builds(
    MessageRow,
    st.builds(
        StoredMessage,
        st.sampled_from(["a", "b", "c", "d"]),
        st.just(BOX),
        st.just(""),
        st.just(1.0),
        st.sampled_from([0.0, 0.1, 1.0 / 3.0, 179.98]),
        st.booleans(),
        st.sampled_from(MessageState),
    ),
    st.just(MessageState.NEW),
    st.integers(1, 9),
)
CHANGES = st.one_of(
    st.builds(AddMessage, ROWS, st.just(b"")),
    st.builds(RemoveMessage, st.sampled_from(["a", "b", "c", "d"])),
    st.builds(PutSetting, st.just(BOX), st.just("pin"), st.sampled_from([None, "x", "y"])),
)


@given(st.lists(CHANGES, max_size=30))
@settings(deadline=None)
def test_the_tally_is_what_counting_anew_gives(changes: list[Change]) -> None:
    index = StoreIndex(Snapshot())
    for change in changes:
        index.apply(change)
        index.apply(change)  # twice is the same as once
    messages = [row.message for row in index.rows(BOX)]
    tally = index.tally(BOX)
    there = [(m.state, m.urgent) for m in messages]
    assert tally.new == sum(state is MessageState.NEW for state, _ in there)
    assert tally.urgent_saved == there.count((MessageState.SAVED, True))
    kept = [m for m in messages if m.state is not MessageState.DELETED]
    assert tally.audio_ms == sum(round(m.duration_s * 1000) for m in kept)
