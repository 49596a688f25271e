"""Generated video, written as Motion JPEG and read back by OpenCV: what the lamp did is found."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

from rig.errors import RigError, UsageError
from rig.lamp.camera import CameraLamp, StampClock, _pictures
from rig.lamp.camera_rule import LampColour, Region
from rig.timeline import LampState

SIZE = (64, 48)
LAMP = Region(20, 16, 12, 12)
HOUSING = Region(40, 16, 12, 12)
HOUSING_BGR = (60, 62, 64)
RED_BGR = (40, 30, 220)
DARK_LEAD_S = 4.0
LENGTH_S = 10.0
DOUBLE_WINK_S = (0.125, 0.125, 0.125, 0.75)
"""Source: manual of the Lead Data BVP 8882."""


def lit_at(at, phases_s):
    """Whether a lamp that begins lit after the lead is lit at an instant."""
    at -= DARK_LEAD_S
    if at < 0 or not phases_s:
        return False
    at %= sum(phases_s)
    for number, phase_s in enumerate(phases_s):
        if at < phase_s:
            return number % 2 == 0
        at -= phase_s
    return False


def watch_recording(path, lamp, *, started_at=0.0):
    """Every change in a video, each with the usual distance of pictures at that time."""
    eye = lamp.eye()
    return [
        (change, eye.interval_s)
        for frame, stamp_s in _pictures(str(path))
        for change in eye.look(lamp.look(frame, started_at + stamp_s))
    ]


@pytest.fixture
def film(tmp_path):
    """Writes a video of a lamp."""

    def write(phases_s=(), *, fps=60.0, colour=RED_BGR, room=lambda _: 1.0):
        path = tmp_path / "lamp.avi"
        video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, SIZE)
        for number in range(int(LENGTH_S * fps)):
            at = (number + 0.5) / fps
            picture = np.full((SIZE[1], SIZE[0], 3), HOUSING_BGR, float)
            if lit_at(at, phases_s):
                picture[LAMP.y : LAMP.y + LAMP.height, LAMP.x : LAMP.x + LAMP.width] = colour
            picture *= room(at)
            video.write(picture.clip(0, 255).astype(np.uint8))
        video.release()
        return path

    return write


@pytest.mark.parametrize("fps", [30.0, 60.0])
@pytest.mark.parametrize(
    ("phases_s", "states"),
    [
        ((), [LampState.OFF]),
        ((LENGTH_S,), [LampState.OFF, LampState.STEADY]),
        ((1.0, 1.0), [LampState.OFF, LampState.SLOW]),
        ((0.5, 0.5), [LampState.OFF, LampState.SLOW]),
        ((0.2, 0.2), [LampState.OFF, LampState.FAST]),
        ((0.125, 0.125), [LampState.OFF, LampState.FAST]),
        (DOUBLE_WINK_S, [LampState.OFF, LampState.PATTERN]),
    ],
    ids=["off", "steady", "slow", "half-second", "fast", "ringing", "double-wink"],
)
def test_what_the_lamp_did_is_found_in_the_video(film, phases_s, states, fps):
    path = film(phases_s, fps=fps)
    found = watch_recording(path, CameraLamp(LAMP, LampColour.RED), started_at=1000.0)
    assert [change.state for change, _ in found] == states
    assert all(interval_s == pytest.approx(1 / fps, rel=0.01) for _, interval_s in found)
    if len(found) == 2:
        assert found[1][0].at == pytest.approx(1000 + DARK_LEAD_S, abs=2 / fps)


def mains(at):
    """Lamps of the room on 50 Hz mains give 100 flashes a second; a camera sees their beat."""
    return 1.5 + 0.9 * np.sin(2 * np.pi * 100.7 * at)


@pytest.mark.parametrize("phases_s", [(), (1.0, 1.0)], ids=["off", "slow"])
def test_flicker_of_the_room_light_is_no_edge_by_colour(film, phases_s):
    found = watch_recording(film(phases_s, room=mains), CameraLamp(LAMP, LampColour.RED))
    last = LampState.SLOW if phases_s else LampState.OFF
    assert found[-1][0].state is last
    assert LampState.UNKNOWN not in {change.state for change, _ in found}


def test_flicker_fools_brightness_alone_and_not_with_a_region_on_the_housing(film):
    path = film(room=mains)
    alone = watch_recording(path, CameraLamp(LAMP))
    beside = watch_recording(path, CameraLamp(LAMP, room=HOUSING))
    assert [change.state for change, _ in alone] != [LampState.OFF]
    assert [change.state for change, _ in beside] == [LampState.OFF]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"room": lambda at: 9.0 if at > 5 else 1.0}, "over-exposed"),
        ({"room": lambda at: 0.0 if at > 5 else 1.0}, "too dark"),
        ({"phases_s": (LENGTH_S,), "colour": (60, 200, 40)}, "another colour than red"),
    ],
    ids=["saturated", "covered", "green"],
)
def test_a_video_that_says_nothing_of_the_lamp_is_unknown_with_the_reason(film, settings, reason):
    found = watch_recording(film(**settings), CameraLamp(LAMP, LampColour.RED))
    assert [change.state for change, _ in found] == [LampState.OFF, LampState.UNKNOWN]
    assert reason in found[1][0].reason


def test_a_slow_camera_cannot_tell_blinking_and_says_so(film):
    """At 4.2 pictures a second a lamp of 4 Hz would look like one that blinks slowly."""
    found = watch_recording(film((0.125, 0.125), fps=4.2), CameraLamp(LAMP, LampColour.RED))
    assert {change.state for change, _ in found} == {LampState.UNKNOWN}
    assert "too few pictures: one in 238 ms" in found[0][0].reason


def test_what_cannot_be_read_is_a_rig_error_that_says_what_is_expected(tmp_path):
    lamp = CameraLamp(LAMP)
    with pytest.raises(RigError, match="cannot be opened: expected a device"):
        watch_recording(tmp_path / "missing.avi", lamp)


def test_a_region_outside_the_picture_is_refused_with_its_size(film):
    with pytest.raises(UsageError, match=r"60,40,20,20 lies outside .* of 64 by 48 pixels"):
        watch_recording(film(fps=5.0), CameraLamp(Region(60, 40, 20, 20)))


def test_without_opencv_the_error_says_how_to_install_it(film, monkeypatch):
    path = film(fps=5.0)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(RigError, match=r"pip install 'phonerig\[camera\]'"):
        watch_recording(path, CameraLamp(LAMP))


def test_opencv_is_not_imported_before_a_camera_is_used():
    program = (
        "import sys, rig.lamp.camera; sys.exit('cv2' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_time_stamps_are_brought_to_the_clock_by_the_quickest_picture():
    stamps = StampClock()
    late_s = [0.08, 0.02, 0.3, 0.05]
    taken = [
        stamps.at(5 + number / 30, 100 + number / 30 + late) for number, late in enumerate(late_s)
    ]
    assert taken[1] == pytest.approx(100 + 1 / 30 + 0.02)
    assert taken[2:] == pytest.approx([100 + 2 / 30 + 0.02, 100 + 3 / 30 + 0.02])


@pytest.mark.parametrize(
    ("rate", "fault"), [(1.0, False), (1.05, False), (1.2, True), (0.0, True)]
)
def test_time_stamps_that_do_not_follow_the_clock_are_told(rate, fault):
    stamps = StampClock()
    for number in range(90):
        stamps.at(number / 30 * rate, 50 + number / 30)
    assert bool(stamps.fault) is fault
