"""Taking levels: a lamp that blinks is read right, one that lights its neighbour is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.lamp.level_taking import lit_readings, take_levels
from rig.lamp.ports import names_by_path

DARK, LIT = 21, 600


def rows(*, lit=None, level=LIT, spill=(), blinks=False, count=20):
    """Readings of eight channels, one of them lit."""
    found = []
    for number in range(count):
        row = [DARK] * 8
        on = lit is not None and (not blinks or number % 4 < 2)
        if on:
            row[lit] = level
            for channel, extra in spill:
                row[channel] += extra
        found.append(row)
    return found


@pytest.mark.parametrize("blinks", [False, True])
def test_levels_are_those_of_dark_and_lit_whether_or_not_the_lamp_blinks(blinks):
    lit = {channel: rows(lit=channel, blinks=blinks) for channel in (0, 5)}
    taken = take_levels(rows(), lit, room=33)
    assert not taken.refused
    assert set(taken.found) == {0, 5}
    found = taken.found[5]
    assert (found.dark, found.lit, found.room) == (DARK, LIT, 33)
    assert found.off < found.on
    assert [pair.share for pair in taken.crosstalk] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("level", "reason"),
    [(DARK + 40, "low contrast"), (1020, "saturated"), (DARK, "low contrast")],
)
def test_a_level_that_says_nothing_is_refused_and_the_others_are_kept(level, reason):
    taken = take_levels(rows(), {0: rows(lit=0, level=level), 1: rows(lit=1)})
    assert set(taken.found) == {1}
    assert reason in taken.refused[0]


def test_a_cable_that_is_out_is_refused():
    dark = [[0] * 8 for _ in range(5)]
    assert "unplugged" in take_levels(dark, {2: rows(lit=2)}).refused[2]


def test_noise_is_refused():
    noisy = rows(lit=0)
    for number, row in enumerate(noisy):
        row[0] = 300 + 40 * (number % 8)
    assert "noisy" in take_levels(rows(), {0: noisy}).refused[0]


def test_a_lamp_that_lifts_its_neighbour_is_refused_there_even_while_it_blinks():
    lit = {0: rows(lit=0, spill=[(1, 200)], blinks=True), 1: rows(lit=1)}
    taken = take_levels(rows(), lit)
    assert set(taken.found) == {0}
    assert "the lamp of channel 0 lifts it by 35%" in taken.refused[1]
    worst = taken.crosstalk[0]
    assert (worst.lamp, worst.sensor, worst.too_much) == (0, 1, True)


@given(
    st.lists(st.integers(0, 1023), min_size=2, max_size=50),
    st.floats(0, 1023),
)
def test_the_brightest_reading_always_counts_and_none_is_invented(readings, dark):
    kept = lit_readings(dark, readings)
    assert max(readings) in kept
    assert all(raw in readings for raw in kept)


def test_a_port_is_called_by_the_socket_that_it_is_plugged_into(tmp_path):
    device = tmp_path / "ttyUSB3"
    device.touch()
    folder = tmp_path / "by-path"
    assert names_by_path(folder) == {}
    folder.mkdir()
    (folder / "pci-0000:00:14.0-usbv2-0:2:1.0-port0").symlink_to(device)
    (folder / "pci-0000:00:14.0-usb-0:2:1.0-port0").symlink_to(device)
    assert names_by_path(folder) == {
        str(device): str(folder / "pci-0000:00:14.0-usb-0:2:1.0-port0")
    }
