"""Pairing of the board's clock: the true instant is always within the error that is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.lamp.board.host_clock import DRIFT, WRAP_MS, HostClock, RoundTrip, ms_between


class BoardClock:
    """A clock that runs fast or slow."""

    def __init__(self, started_at, rate=1.0, first_ms=0):
        self.started_at, self.rate, self.first_ms = started_at, rate, first_ms

    def ms(self, at):
        return (self.first_ms + int((at - self.started_at) * self.rate * 1000)) % WRAP_MS


def ask(clock, board, at, there_s, back_s):
    clock.add(RoundTrip(at, at + there_s + back_s, board.ms(at + there_s)))


delays = st.lists(st.tuples(st.floats(0, 0.05), st.floats(0, 0.05)), min_size=1, max_size=30)


@given(
    delays=delays,
    rate=st.floats(1 - DRIFT * 0.9, 1 + DRIFT * 0.9),
    every_s=st.floats(0.05, 5),
    first_ms=st.integers(0, WRAP_MS - 1),
    later_s=st.floats(-3, 30),
)
def test_the_true_instant_is_within_the_error(delays, rate, every_s, first_ms, later_s):
    board, clock = BoardClock(1_796_000_000.0, rate, first_ms), HostClock()
    at = 1_796_000_010.0
    for there_s, back_s in delays:
        at += every_s
        ask(clock, board, at, there_s, back_s)
    true_at = at + later_s
    told = clock.at(board.ms(true_at))
    assert abs(told.at - true_at) <= told.error_s + 1e-6
    assert told.error_s < 0.2


def test_the_fastest_of_ten_questions_bounds_the_error():
    board, clock = BoardClock(1000.0), HostClock()
    for number in range(10):
        ask(clock, board, 1010 + number / 100, 0.02, 0.02 if number != 4 else -0.0185)
    assert clock.at(board.ms(1010.1)).error_s < 0.002


def test_an_old_pairing_is_worth_less_than_a_new_one():
    board, clock = BoardClock(1000.0), HostClock()
    ask(clock, board, 1010, 0.0005, 0.0005)
    fresh = clock.at(board.ms(1010)).error_s
    assert clock.at(board.ms(1070)).error_s == pytest.approx(fresh + 60 * DRIFT, abs=0.001)
    ask(clock, board, 1070, 0.01, 0.01)
    assert clock.at(board.ms(1070)).error_s < 0.02


def test_the_drift_is_measured_and_taken_out():
    board, clock = BoardClock(1000.0, rate=1.004), HostClock()
    for number in range(60):
        ask(clock, board, 1010 + 2 * number, 0.0005, 0.0005)
    board_s = (board.ms(1135) - board.ms(1075)) / 1000
    told_s = clock.at(board.ms(1135)).at - clock.at(board.ms(1075)).at
    assert told_s / board_s == pytest.approx(1 / 1.004, abs=0.0003)
    told = clock.at(board.ms(1135))
    assert abs(told.at - 1135) <= told.error_s < 0.01


def test_the_wrap_after_49_days_is_a_step_like_any_other():
    board, clock = BoardClock(1000.0, first_ms=WRAP_MS - 10_500), HostClock()
    ask(clock, board, 1010, 0.001, 0.001)
    assert board.ms(1011) < board.ms(1010)
    assert clock.at(board.ms(1011)).at == pytest.approx(1011, abs=0.01)
    assert clock.at(board.ms(1009)).at == pytest.approx(1009, abs=0.01)
    assert ms_between(WRAP_MS - 1, 0) == 1
    assert ms_between(0, WRAP_MS - 1) == -1


def test_months_of_questions_are_translated():
    board, clock = BoardClock(0.0, rate=1.0005), HostClock()
    at = 10.0
    while at < 100 * 86400:
        ask(clock, board, at, 0.001, 0.002)
        told = clock.at(board.ms(at + 1))
        assert abs(told.at - at - 1) <= told.error_s < 0.02
        at += 40_000


def test_nothing_is_told_before_a_question_and_no_answer_precedes_one():
    with pytest.raises(ValueError, match="not asked"):
        HostClock().at(5)
    with pytest.raises(ValueError, match="older"):
        HostClock().add(RoundTrip(2.0, 1.0, 0))


def test_a_clock_that_stood_still_is_paired_anew():
    clock = HostClock()
    for number in range(20):
        ask(clock, BoardClock(1000.0), 1010 + number, 0.001, 0.001)
    slow = BoardClock(1000.3)
    ask(clock, slow, 1031, 0.004, 0.004)
    told = clock.at(slow.ms(1032))
    assert abs(told.at - 1032) <= told.error_s < 0.02


def test_after_a_clock_stood_still_a_quick_answer_of_before_counts_no_more():
    """The first answer after that may be slow, and know less than those of before believed."""
    clock = HostClock()
    for number in range(20):
        ask(clock, BoardClock(1000.0), 1010 + number, 0.001, 0.001)
    late = BoardClock(1000.3)
    ask(clock, late, 1029.5, 0.04, 0.04)
    told = clock.at(late.ms(1030))
    assert abs(told.at - 1030) <= told.error_s
