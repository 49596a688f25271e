"""Events of an agent in order: each once, and what is missing is known."""

from __future__ import annotations

import random

import pytest

from rig.agent.protocol import Event, FetchData
from rig.agent.sequence import Sequencer


def event(seq: int, epoch: str = "e") -> Event:
    return Event(epoch, seq, float(seq), FetchData("fetch", {}))


def test_events_come_out_once_and_in_order() -> None:
    order = Sequencer()
    out = [e.seq for n in (7, 8, 8, 9, 7) for e in order.take(event(n))]
    assert out == [7, 8, 9]
    assert order.repeated == 2
    assert not order.gap


def test_a_gap_holds_back_what_comes_after_it() -> None:
    order = Sequencer()
    order.take(event(1))
    assert order.take(event(3)) == []
    assert order.take(event(4)) == []
    assert order.behind("e", 4)
    assert order.missing_until(4) == 2
    assert [e.seq for e in order.take(event(2))] == [2, 3, 4]
    assert not order.behind("e", 4)


def test_a_tail_that_never_came_shows_by_the_last_number() -> None:
    order = Sequencer()
    assert not order.behind("e", 5)  # nothing has begun yet
    order.take(event(1))
    assert order.behind("e", 2)
    assert order.missing_until(2) == 2
    assert not order.behind("e", 1)


def test_what_is_gone_for_good_is_counted_and_passed_over() -> None:
    order = Sequencer()
    order.take(event(1))
    order.take(event(5))
    order.take(event(3))
    assert [e.seq for e in order.skip("e", 4)] == [3, 5]
    assert order.lost == 2  # 2 and 4
    assert order.next_seq == 6
    assert order.skip("e", 4) == []
    assert order.skip("other", 99) == []


def test_a_new_epoch_counts_anew() -> None:
    order = Sequencer()
    order.take(event(900))
    assert [e.seq for e in order.take(event(1, "f"))] == [1]
    assert order.epoch == "f"


@pytest.mark.parametrize("seed", range(20))
def test_any_order_with_repetitions_comes_out_right(seed: int) -> None:
    chance = random.Random(seed)
    numbers = [n for n in range(2, 60) for _ in range(chance.randint(1, 3))]
    chance.shuffle(numbers)
    order = Sequencer()
    out = [e.seq for n in (1, *numbers) for e in order.take(event(n))]
    assert out == list(range(1, 60))
    assert order.repeated == len(numbers) - 58
