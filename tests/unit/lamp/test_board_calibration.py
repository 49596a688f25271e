"""Thresholds from a dark and a lit level, and every reason why there are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.errors import RigError
from rig.lamp.board.calibration import MIN_CONTRAST, CalibrationRefused, calibrate, crosstalk


@given(dark=st.integers(8, 900), contrast=st.integers(MIN_CONTRAST, 800))
def test_thresholds_lie_between_the_levels_with_hysteresis(dark, contrast):
    lit = dark + contrast
    if lit >= 1015:
        return
    found = calibrate(0, dark, lit)
    assert dark < found.off < found.on < lit
    assert found.on - found.off >= contrast // 6
    assert found.share(dark) == 0
    assert found.share(lit) == 1


@pytest.mark.parametrize(
    ("dark", "lit", "reason"),
    [
        (3, 600, "unplugged"),
        ([20, 7, 21], 600, "unplugged"),
        (20, 1015, "saturated"),
        (20, [600, 1023], "saturated"),
        (100, 100 + MIN_CONTRAST - 1, "low contrast"),
        (600, 20, "low contrast"),
        (20, [600, 20, 600], "noisy"),
        ([20, 300, 20], 600, "noisy"),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_reason(dark, lit, reason):
    with pytest.raises(CalibrationRefused, match="channel 5 cannot be calibrated") as caught:
        calibrate(5, dark, lit)
    assert caught.value.reason.startswith(reason)
    assert isinstance(caught.value, RigError)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(("dark", "lit"), [([], 5), (5, []), (-1, 500), (5, 1024)])
def test_what_no_converter_gives_is_a_mistake_of_the_caller(dark, lit):
    with pytest.raises(ValueError, match="expected"):
        calibrate(0, dark, lit)


def test_thresholds_follow_the_room_and_stay_where_the_board_takes_them():
    found = calibrate(0, 100, 600, room=50)
    assert found.moved(30) == (found.on + 30, found.off + 30)
    for counts in (-2000, 2000):
        on, off = found.moved(counts)
        assert 7 < off < on < 1015


def test_the_matrix_of_neighbours_names_the_worst_first():
    calibrations = {0: calibrate(0, 20, 620), 1: calibrate(1, 20, 120), 2: calibrate(2, 20, 620)}
    alone = {0: (620, 80, 26), 1: (21, 120, 20)}
    matrix = crosstalk(calibrations, alone)
    assert [(each.lamp, each.sensor) for each in matrix] == [(0, 1), (0, 2), (1, 0), (1, 2)]
    assert matrix[0].share == pytest.approx(0.6)
    assert [each.too_much for each in matrix] == [True, False, False, False]
