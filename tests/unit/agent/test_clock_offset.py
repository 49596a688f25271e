"""How far two clocks are apart, and that it is never claimed too exactly."""

from __future__ import annotations

import random

import pytest

from rig.agent.clock_offset import MOST_UNCERTAIN_S, WINDOW_S, OffsetMeter


def test_the_quickest_exchange_counts() -> None:
    meter = OffsetMeter()
    meter.take(0.0, 100.09, 0.2)  # slow on the way back
    meter.take(1.0, 101.005, 1.01)
    found = meter.offset(1.01)
    assert found is not None
    assert found.offset_s == pytest.approx(100.0)
    assert found.uncertainty_s == pytest.approx(0.005)
    assert found.here(150.0) == pytest.approx(50.0)


def test_nothing_is_known_before_after_long_and_when_too_uncertain() -> None:
    meter = OffsetMeter()
    assert meter.offset(0.0) is None
    meter.take(0.0, 5.0, 2 * MOST_UNCERTAIN_S + 0.01)
    assert meter.offset(0.6) is None
    meter.take(10.0, 15.0, 10.002)
    assert meter.offset(10.0 + WINDOW_S) is not None
    assert meter.offset(10.1 + WINDOW_S) is None
    meter.take(200.0, 205.0, 200.002)
    meter.forget()
    assert meter.offset(200.1) is None


def test_an_exchange_that_runs_backwards_is_no_exchange() -> None:
    meter = OffsetMeter()
    meter.take(10.0, 5.0, 9.0)
    assert meter.offset(10.0) is None


@pytest.mark.parametrize("seed", range(30))
def test_the_truth_is_always_within_what_is_claimed(seed: int) -> None:
    """Uneven ways there and back, and a far clock that drifts by 50 millionths."""
    chance = random.Random(seed)
    true_s, drift = chance.uniform(-1000, 1000), chance.uniform(-50e-6, 50e-6)
    meter = OffsetMeter()
    at = 0.0
    for _ in range(40):
        there_s, back_s = chance.expovariate(20), chance.expovariate(20)
        far = (at + there_s) * (1 + drift) + true_s
        meter.take(at, far, at + there_s + back_s)
        at += chance.uniform(0.5, 8)
        found = meter.offset(at)
        if found is not None:
            now_s = at * (1 + drift) + true_s - at
            assert abs(found.offset_s - now_s) <= found.uncertainty_s
