"""The classifier against synthetic lamps: regular, jittering, dimmed, changing and lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.lamp.pattern import (
    LampEdge,
    PatternThresholds,
    PatternTracker,
    classify,
    readings,
)
from rig.lamp.virtual import blink_edges
from rig.timeline import LampState

BLINKING = (LampState.SLOW, LampState.FAST, LampState.PATTERN)


def blinking(period_s, duty, cycles, start=0.0, shifts=()):
    """Edges of a blinking lamp; ``shifts`` move each edge by a fraction of the period."""
    edges = []
    for cycle in range(cycles):
        for on, offset in ((True, 0.0), (False, duty * period_s)):
            index = len(edges)
            shift = shifts[index % len(shifts)] * period_s if shifts else 0.0
            edges.append(LampEdge(start + cycle * period_s + offset + shift, on))
    return edges


@pytest.mark.parametrize("state", [LampState.OFF, LampState.STEADY, *BLINKING])
@pytest.mark.parametrize("start", [0.0, 1_795_000_000.0])
def test_every_state_of_the_virtual_lamp_is_recognised(state, start):
    seen = readings(blink_edges(state, start, start + 20), start + 20)
    assert [reading.state for reading in seen] == [state]
    assert seen[0].since == pytest.approx(start, abs=1e-5)


@given(
    period_s=st.floats(0.1, 2.5),
    duty=st.floats(0.3, 0.7),
    shifts=st.lists(st.floats(-0.03, 0.03), min_size=1, max_size=8),
    start=st.floats(0, 1e6),
)
def test_blinking_with_jitter_is_slow_or_fast_by_its_period(period_s, duty, shifts, start):
    thresholds = PatternThresholds()
    edges = blinking(period_s, duty, 12, start, shifts)
    seen = readings(edges, edges[-1].at)
    near_limit = abs(period_s - thresholds.fast_below_s) < 0.1 * thresholds.fast_below_s
    if not near_limit:
        expected = LampState.FAST if period_s < thresholds.fast_below_s else LampState.SLOW
        assert [reading.state for reading in seen] == [expected]
        assert seen[0].period_s == pytest.approx(period_s, rel=0.1)
    assert {reading.state for reading in seen} <= {LampState.FAST, LampState.SLOW}
    assert seen


@given(
    phases=st.lists(st.floats(0.03, 2.9), min_size=1, max_size=60),
    waits=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=5),
)
def test_a_lamp_that_keeps_changing_is_never_read_as_off_or_steady(phases, waits):
    tracker = PatternTracker()
    at, on = 0.0, True
    for index, phase_s in enumerate(phases):
        tracker.feed(LampEdge(at, on))
        tracker.update(at + waits[index % len(waits)] * phase_s)
        assert tracker.state not in {LampState.OFF, LampState.STEADY}
        at, on = at + phase_s, not on


@given(
    phases=st.lists(st.floats(0.03, 5), max_size=40),
    on=st.booleans(),
    quiet_s=st.floats(3.001, 1e4),
)
def test_silence_settles_on_the_last_level_since_the_last_edge(phases, on, quiet_s):
    at = 0.0
    edges = [LampEdge(at, on)]
    for phase_s in phases:
        at += phase_s
        edges.append(LampEdge(at, not edges[-1].on))
    reading = classify(edges, at + quiet_s, PatternThresholds())
    assert reading is not None
    assert reading.state is (LampState.STEADY if edges[-1].on else LampState.OFF)
    assert reading.since == at


def test_nothing_is_known_before_the_first_level_and_after_losing_sight():
    tracker = PatternTracker()
    assert tracker.state is LampState.UNKNOWN
    assert tracker.update(100.0) is None
    tracker.feed(LampEdge(100.0, on=True))
    assert tracker.update(103.0).state is LampState.STEADY
    tracker.lose_sight()
    assert tracker.state is LampState.UNKNOWN
    assert tracker.update(200.0) is None


def test_a_change_is_reported_late_with_the_time_of_its_edge():
    edges = [LampEdge(0.0, on=False), LampEdge(10.0, on=True), LampEdge(20.0, on=False)]
    seen = [(reading.state, reading.since) for reading in readings(edges, 30.0)]
    assert seen == [(LampState.OFF, 0.0), (LampState.STEADY, 10.0), (LampState.OFF, 20.0)]


def test_slow_turns_fast_turns_off():
    slow = blinking(2.0, 0.5, 5)
    fast = blinking(0.5, 0.5, 10, start=10.0)
    seen = [reading.state for reading in readings([*slow, *fast], 30.0)]
    assert seen == [LampState.SLOW, LampState.FAST, LampState.OFF]


def test_dimming_by_pulse_width_is_steady():
    edges = blinking(0.004, 0.2, 2000)
    seen = [reading.state for reading in readings(edges, edges[-1].at + 0.001)]
    assert seen == [LampState.STEADY]


def test_a_short_dark_gap_does_not_change_a_steady_lamp():
    tracker = PatternTracker()
    tracker.feed(LampEdge(0.0, on=True))
    tracker.feed(LampEdge(10.0, on=False))
    tracker.feed(LampEdge(10.01, on=True))
    assert tracker.state is LampState.STEADY
    assert tracker.reading.since == 0.0
    assert tracker.update(20.0) is None


def test_a_lamp_that_stops_blinking_settles_only_after_the_settling_time():
    edges = blinking(0.5, 0.5, 8)
    tracker = PatternTracker()
    for edge in edges:
        tracker.feed(edge)
    assert tracker.update(edges[-1].at + 1.0) is None
    assert tracker.state is LampState.FAST
    assert tracker.update(edges[-1].at + 3.0).state is LampState.OFF


def test_repeated_levels_are_no_edges_and_time_must_not_run_backwards():
    tracker = PatternTracker()
    tracker.feed(LampEdge(0.0, on=False))
    assert tracker.feed(LampEdge(5.0, on=False)).state is LampState.OFF
    assert tracker.reading.since == 0.0
    with pytest.raises(ValueError, match="before the last"):
        tracker.feed(LampEdge(-1.0, on=True))


@pytest.mark.parametrize(
    "wrong",
    [
        {"dimming_s": 1.0},
        {"fast_below_s": 7.0},
        {"cycles": 0},
        {"jitter": 0.6},
    ],
)
def test_thresholds_that_contradict_each_other_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        PatternThresholds(**wrong)


@pytest.mark.parametrize(
    "state", [LampState.OFF, LampState.STEADY, LampState.SLOW, LampState.FAST]
)
def test_an_instant_is_decided_when_the_reading_can_no_longer_turn_out_another(state):
    tracker = PatternTracker()
    assert tracker.decided(0.0)
    edges = [*blink_edges(state, 10.0, 30.0)]
    for edge in edges:
        tracker.feed(edge)
    tracker.update(30.0)
    assert tracker.state is state
    blinking = len(edges) > 1
    assert tracker.decided(edges[-1].at)
    assert tracker.decided(edges[-1].at + 0.1) is not blinking
    tracker.feed(LampEdge(30.5, not edges[-1].on))
    assert tracker.decided(30.4) is blinking
    tracker.lose_sight()
    assert tracker.decided(31.0)


@pytest.mark.parametrize("state", BLINKING)
@pytest.mark.parametrize("cut_at", [20.01, 20.1, 20.3, 20.7, 21.1, 21.5, 21.9])
def test_the_end_of_blinking_lies_between_since_and_by(state, cut_at):
    edges = list(blink_edges(state, 10.0, cut_at))
    if edges[-1].on:
        edges.append(LampEdge(cut_at, on=False))
    last = readings(edges, cut_at + 10.0)[-1]
    assert last.state is LampState.OFF
    assert last.since <= cut_at <= last.by + 1e-9
    assert last.slack_s <= 1.0


def test_a_lamp_that_never_blinked_hides_nothing():
    edges = [LampEdge(0.0, on=False), LampEdge(10.0, on=True), LampEdge(20.0, on=False)]
    assert [reading.slack_s for reading in readings(edges, 30.0)] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("flashes", [2, 3, 4])
@pytest.mark.parametrize("flash_s", [0.1, 0.125])
def test_a_group_of_flashes_with_a_pause_is_a_pattern_and_at_no_time_fast(flashes, flash_s):
    edges, at = [], 5.0
    for _ in range(10):
        for number in range(2 * flashes):
            edges.append(LampEdge(at, number % 2 == 0))
            at += flash_s if number < 2 * flashes - 1 else 0.9
    found = readings(edges, at)
    assert [reading.state for reading in found] == [LampState.PATTERN]
