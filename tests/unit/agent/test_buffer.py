"""The buffer of an agent: numbers without a gap beyond restarts, and what is lost is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.agent.buffer import EventBuffer
from rig.agent.protocol import FetchData
from rig.errors import RigError


def fill(buffer: EventBuffer, count: int) -> None:
    for number in range(count):
        buffer.add(float(number), FetchData("fetch", {"n": number}))


def test_numbers_and_epoch_go_on_after_a_restart(tmp_path: Path) -> None:
    first = EventBuffer(tmp_path / "b.sqlite")
    fill(first, 3)
    first.took([1])
    epoch = first.epoch
    first.close()
    second = EventBuffer(tmp_path / "b.sqlite")
    assert second.epoch == epoch
    assert [seq for seq, _ in second.waiting(10)] == [2, 3]
    fill(second, 1)
    assert [event.seq for event in second.events()] == [1, 2, 3, 4]
    assert (second.first_seq, second.last_seq) == (1, 4)
    second.close()


def test_a_number_is_never_given_twice(tmp_path: Path) -> None:
    buffer = EventBuffer(tmp_path / "b.sqlite", most=2)
    fill(buffer, 2)
    buffer.took([1, 2])
    fill(buffer, 2)
    buffer.took([3, 4])
    buffer.close()
    again = EventBuffer(tmp_path / "b.sqlite", most=2)
    fill(again, 1)
    assert again.last_seq == 5
    assert again.first_seq == 4
    assert again.lost == 0
    again.close()


def test_what_finds_no_room_is_counted_beyond_a_restart(tmp_path: Path) -> None:
    buffer = EventBuffer(tmp_path / "b.sqlite", most=5)
    fill(buffer, 8)
    assert buffer.lost == 3
    assert [seq for seq, _ in buffer.waiting(100)] == [4, 5, 6, 7, 8]
    buffer.close()
    again = EventBuffer(tmp_path / "b.sqlite", most=5)
    assert again.lost == 3
    again.close()


def test_a_mark_is_set_with_its_event(tmp_path: Path) -> None:
    buffer = EventBuffer(tmp_path / "b.sqlite")
    assert buffer.mark("log") == 0
    buffer.add(1.0, FetchData("fetch", {}), ("log", 120))
    buffer.close()
    again = EventBuffer(tmp_path / "b.sqlite")
    assert again.mark("log") == 120
    again.close()


def test_an_empty_buffer(tmp_path: Path) -> None:
    buffer = EventBuffer(tmp_path / "deep" / "b.sqlite")
    assert (buffer.first_seq, buffer.last_seq, buffer.waiting(1)) == (1, 0, [])
    assert (tmp_path / "deep" / "b.sqlite").stat().st_mode & 0o077 == 0
    buffer.close()


def test_two_agents_cannot_use_one_buffer(tmp_path: Path) -> None:
    holder = EventBuffer(tmp_path / "b.sqlite")
    fill(holder, 1)
    with pytest.raises(RigError, match="end the agent that holds it"):
        EventBuffer(tmp_path / "b.sqlite")
    holder.close()


def test_a_file_that_is_no_buffer_is_told(tmp_path: Path) -> None:
    (tmp_path / "b.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(RigError, match="cannot be used"):
        EventBuffer(tmp_path / "b.sqlite")


def test_a_full_disk_costs_no_number_and_what_is_kept_stays(tmp_path: Path) -> None:
    """SQLite's own limit of pages stands for the disk: the fault is the same."""
    buffer = EventBuffer(tmp_path / "b.sqlite")
    fill(buffer, 3)
    (pages,) = buffer._db.execute("PRAGMA page_count").fetchone()
    buffer._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(RigError, match="cannot be written: database or disk is full"):
        fill(buffer, 1000)
    last = buffer.last_seq
    buffer._db.execute("PRAGMA max_page_count = 1000000")
    fill(buffer, 1)
    assert buffer.last_seq == last + 1
    assert [event.seq for event in buffer.events()] == list(range(1, last + 2))
    buffer.close()


def test_only_what_a_broker_has_taken_is_told_again(tmp_path: Path) -> None:
    buffer = EventBuffer(tmp_path / "b.sqlite")
    fill(buffer, 5)
    buffer.took([1, 2, 4])
    assert [seq for seq, _ in buffer.again(2, 5, 10)] == [2, 4]
    assert [seq for seq, _ in buffer.again(1, 5, 1)] == [1]
    buffer.close()
