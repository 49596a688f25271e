"""The camera's rule: light of the right colour is an edge; a useless picture is told."""

from __future__ import annotations

import colorsys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.errors import UsageError
from rig.lamp.camera_rule import (
    BAD_RUN,
    CameraEye,
    CameraThresholds,
    LampColour,
    Look,
    Region,
    Sight,
)
from rig.lamp.pattern import PatternThresholds
from rig.timeline import LampState

ROOM = Sight(70, 72, 68)
RED = Sight(220, 40, 50)
FRAME_S = 1 / 30
octet = st.floats(0, 255)


def watch(eye, sights, *, start=0.0, picture=ROOM, room=None, frame_s=FRAME_S):
    """Show pictures at an even pace; gives the changes and the instant of the next picture."""
    changes, at = [], start
    for number, sight in enumerate(sights):
        at = start + number * frame_s
        changes += eye.look(Look(at, picture, sight, room))
    return changes, at + frame_s


def settled(colour=LampColour.RED, **kwargs):
    """An eye that has seen a dark lamp for long enough, and the instant of the next picture."""
    eye = CameraEye(colour, **kwargs)
    changes, at = watch(eye, [ROOM] * 100)
    assert [change.state for change in changes] == [LampState.OFF]
    return eye, at


def test_a_lamp_that_goes_on_is_steady_since_the_first_lit_picture():
    eye, at = settled()
    changes, _ = watch(eye, [RED] * 100, start=at)
    assert [(change.at, change.state) for change in changes] == [(at, LampState.STEADY)]


def test_before_it_was_watched_for_long_enough_nothing_is_known_and_the_reason_is_told():
    eye = CameraEye(LampColour.RED)
    assert (eye.state, eye.reason) == (LampState.UNKNOWN, "no picture yet")
    watch(eye, [RED] * 10)
    assert (eye.state, eye.reason) == (LampState.UNKNOWN, "not watched for long enough yet")


def test_between_the_levels_the_last_level_stands_and_at_the_start_nothing_is_guessed():
    between = Sight(90, 60, 60)
    eye = CameraEye(LampColour.RED)
    assert watch(eye, [between] * 200)[0] == []
    assert "lies between dark and lit" in eye.reason
    eye, at = settled()
    assert watch(eye, [between] * 200, start=at)[0] == []
    assert eye.state is LampState.OFF


@pytest.mark.parametrize(
    ("sight", "picture", "reason"),
    [
        (Sight(0, 0, 0), Sight(1, 1, 1), "picture too dark"),
        (Sight(255, 255, 255, 1.0), Sight(250, 250, 250, 0.9), "picture over-exposed"),
        (Sight(255, 252, 251, 0.8), ROOM, "region over-exposed"),
        (Sight(40, 210, 60), ROOM, "another colour than red"),
        (Sight(220, 150, 20), ROOM, "another colour than red"),
    ],
    ids=["covered", "flooded", "lamp-flooded", "green", "amber"],
)
def test_a_picture_that_says_nothing_of_a_red_lamp_is_unknown_with_the_reason(
    sight, picture, reason
):
    eye, at = settled()
    changes, _ = watch(eye, [sight] * 10, start=at, picture=picture)
    assert [change.state for change in changes] == [LampState.UNKNOWN]
    assert reason in changes[0].reason
    assert eye.reason == changes[0].reason


def test_a_single_useless_picture_is_not_yet_blindness():
    eye, at = settled()
    flash = Sight(255, 255, 255, 1.0)
    changes, at = watch(eye, [flash] * (BAD_RUN - 1), start=at, picture=flash)
    assert changes == []
    assert watch(eye, [ROOM] * 10, start=at)[0] == []
    assert eye.state is LampState.OFF


def test_a_white_lamp_may_shine_at_the_limit_of_its_region():
    eye, at = settled(LampColour.ANY, thresholds=CameraThresholds(on=150, off=110))
    changes, _ = watch(eye, [Sight(255, 255, 255, 1.0)] * 100, start=at)
    assert [change.state for change in changes] == [LampState.STEADY]


def test_room_light_that_is_switched_is_no_edge_where_a_region_sees_it_too():
    eye = CameraEye(LampColour.ANY)
    bright = Sight(190, 190, 185)
    changes, at = watch(eye, [ROOM] * 100, room=ROOM)
    changes += watch(eye, [bright] * 100, start=at, room=bright, picture=bright)[0]
    assert [change.state for change in changes] == [LampState.OFF]


def test_too_few_pictures_for_a_flash_are_told_before_anything_is_guessed():
    eye = CameraEye(LampColour.RED)
    lit_and_dark = [RED, RED, RED, ROOM, ROOM, ROOM] * 10
    changes, _ = watch(eye, lit_and_dark, frame_s=0.1)
    assert {change.state for change in changes} == {LampState.UNKNOWN}
    assert eye.reason.startswith("too few pictures: one in 100 ms")


def test_a_gap_between_pictures_forgets_what_was_known():
    eye, at = settled()
    changes, _ = watch(eye, [ROOM] * 10, start=at + 0.2)
    assert [change.state for change in changes] == [LampState.UNKNOWN]
    assert "0.23 s without a picture" in changes[0].reason


def test_time_stamps_that_go_back_are_no_error_and_the_same_picture_twice_is_one():
    eye, at = settled()
    repeated, _ = watch(eye, [RED] * 50, start=at - FRAME_S, frame_s=0)
    assert repeated == []
    assert eye.state is LampState.OFF
    changes, _ = watch(eye, [ROOM] * 2, start=at - 5)
    assert [change.state for change in changes] == [LampState.UNKNOWN]
    assert "went back" in changes[0].reason


def test_a_reason_is_told_once_and_another_one_again():
    eye = CameraEye()
    told = [eye.lose_sight(at, reason) for at, reason in ((1, "a"), (2, "a"), (3, "b"))]
    assert [len(changes) for changes in told] == [1, 0, 1]


@given(octet, octet, octet)
def test_hue_and_chroma_are_those_of_the_standard_library(red, green, blue):
    hue, _, _ = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    sight = Sight(red, green, blue)
    turn = abs(sight.hue - hue * 360) % 360
    assert min(turn, 360 - turn) < 1e-6
    assert 0 <= sight.chroma <= 255


@given(
    st.lists(
        st.tuples(st.floats(-1, 1), st.sampled_from([ROOM, RED, Sight(0, 0, 0)])), max_size=60
    )
)
def test_whatever_comes_the_eye_bears_it_and_unknown_has_a_reason(pictures):
    eye = CameraEye(LampColour.RED, patterns=PatternThresholds(settle_s=0.5))
    at = 0.0
    for step_s, sight in pictures:
        at += step_s
        for change in eye.look(Look(at, ROOM, sight)):
            assert bool(change.reason) is (change.state is LampState.UNKNOWN)
        assert bool(eye.reason) is (eye.state is LampState.UNKNOWN)


def test_a_region_is_read_and_a_wrong_one_is_refused_with_an_example():
    assert Region.parse("310, 95,20,21") == Region(310, 95, 20, 21)
    assert str(Region(1, 2, 3, 4)) == "1,2,3,4"
    for wrong in ("", "1,2,3", "a,b,c,d", "1,2,0,4", "-1,2,3,4"):
        with pytest.raises(UsageError, match="x,y,width,height"):
            Region.parse(wrong)


def test_levels_without_a_distance_are_refused():
    with pytest.raises(UsageError, match="0 < off < on"):
        CameraThresholds(on=20, off=20)
