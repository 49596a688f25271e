"""How far a clock is off that was read from afar: the way is not blamed on the clock."""

from __future__ import annotations

import pytest

from rig.bench_check import least_off


@pytest.mark.parametrize(
    ("offset_s", "error_s", "off_s"),
    [
        (0.0, 0.0, 0.0),
        (-0.3, 0.4, 0.0),  # it was on its way for 0.3 s, perhaps
        (-0.3, 0.1, 0.2),
        (0.3, 0.4, 0.3),  # what is ahead cannot be the way
        (-5.0, 0.1, 4.9),
    ],
)
def test_the_least_that_a_clock_can_be_off(offset_s, error_s, off_s):
    assert least_off(offset_s, error_s) == pytest.approx(off_s)
