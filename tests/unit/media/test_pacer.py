"""The beat of 20 ms, on a loop whose clock the test turns."""

from __future__ import annotations

import pytest

from rig.media.pacer import Pacer


class TurnedLoop:
    """As much of an event loop as a pacer uses; time stands still until it is turned."""

    def __init__(self) -> None:
        self.at = 100.0
        self.due: list[tuple[float, object]] = []

    def time(self) -> float:
        return self.at

    def call_at(self, when, callback):
        entry = (when, callback)
        self.due.append(entry)
        return Handle(self, entry)

    def turn(self, to: float, *, late_s: float = 0.0) -> None:
        """Let time pass; every wake-up comes ``late_s`` too late."""
        while self.due and min(when for when, _ in self.due) + late_s <= to:
            entry = min(self.due)
            self.due.remove(entry)
            self.at = max(self.at, entry[0] + late_s)
            entry[1]()
        self.at = max(self.at, to)


class Handle:
    def __init__(self, loop: TurnedLoop, entry) -> None:
        self._loop, self._entry = loop, entry

    def cancel(self) -> None:
        self._loop.due.remove(self._entry)


@pytest.fixture
def loop():
    return TurnedLoop()


@pytest.mark.parametrize("late_s", [0.0, 0.004, 0.019])
def test_late_wake_ups_do_not_add_up(loop, late_s):
    beats: list[int] = []
    Pacer(loop).add(lambda beat: beats.append(beat) is None)
    loop.turn(110.02, late_s=late_s)
    assert beats == list(range(1, len(beats) + 1))
    assert len(beats) in {500, 501}


def test_a_short_stall_is_made_up_for(loop):
    beats: list[int] = []
    Pacer(loop).add(lambda beat: beats.append(beat) is None)
    loop.turn(100.05)
    loop.at = 100.305
    loop.turn(100.31)
    assert beats == list(range(1, 16))


def test_a_long_stall_is_left_out_but_the_count_goes_on(loop):
    beats: list[int] = []
    Pacer(loop).add(lambda beat: beats.append(beat) is None)
    loop.turn(100.05)
    loop.at = 103.01
    loop.turn(103.03)
    assert beats == [1, 2, 150, 151]


def test_nothing_to_send_is_no_timer(loop):
    pacer = Pacer(loop)
    pacer.add(lambda beat: beat < 3)
    loop.turn(101.0)
    assert loop.due == []
    beats: list[int] = []
    pacer.add(lambda beat: beats.append(beat) is None)
    loop.turn(101.05)
    assert beats == [51, 52]


def test_removing_the_last_stops_the_timer(loop):
    pacer = Pacer(loop)
    beats: list[int] = []

    def tick(beat: int) -> bool:
        beats.append(beat)
        return True

    pacer.add(tick)
    pacer.add(tick)
    loop.turn(100.03)
    pacer.remove(tick)
    pacer.remove(tick)
    assert loop.due == []
    assert beats == [1]


def test_a_stream_may_leave_while_another_is_served(loop):
    pacer = Pacer(loop)
    served: list[str] = []

    def second(beat: int) -> bool:
        served.append(f"second {beat}")
        return True

    def first(beat: int) -> bool:
        served.append(f"first {beat}")
        pacer.remove(second)
        return beat < 2

    pacer.add(first)
    pacer.add(second)
    loop.turn(100.5)
    assert served == ["first 1", "first 2"]
    assert loop.due == []
