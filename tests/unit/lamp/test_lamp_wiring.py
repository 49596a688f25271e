"""The wiring file: what is right comes back as written, what is wrong is told with its line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.device_profile import shipped_profiles
from provisioning.profile_model import LampTiming
from rig.errors import InputErrors, UsageError
from rig.lamp.board.calibration import calibrate
from rig.lamp.boards import thresholds_of
from rig.lamp.pattern import PatternThresholds
from rig.lamp.wiring import (
    BoardWire,
    KeyWire,
    LampWire,
    LampWiring,
    Levels,
    load_wiring,
    save_wiring,
)

RIGHT = """\
schema: 1
boards:
  - url: /dev/serial/by-path/left
    reference: 7
    lamps:
      - channel: 0
        handset: anna
        levels: {dark: 21.5, lit: 610, on: 375, off: 257, room: 40}
      - {channel: 1, handset: anna, lamp: "account:2", settle_s: 1.5}
      - {channel: 2}
    keys:
      - {relay: 0, handset: anna, press_ms: 250, feedback: true}
  - url: socket://127.0.0.1:7000
    lamps:
      - {channel: 0, handset: emil}
"""


def loaded(tmp_path, text):
    path = tmp_path / "lamps.yaml"
    path.write_text(text, encoding="utf-8")
    return load_wiring(path)


def test_a_right_file_says_who_is_seen_where(tmp_path):
    wiring = loaded(tmp_path, RIGHT)
    assert wiring.handsets == {"anna", "emil"}
    left = wiring.board("/dev/serial/by-path/left")
    assert (left.reference, left.feedback) == (7, {0})
    assert left.lamp(0).levels.calibration.contrast == pytest.approx(588.5)
    assert left.lamp(0).levels.room == 40
    assert (left.lamp(1).lamp, left.lamp(1).settle_s) == ("account:2", 1.5)
    assert left.lamp(3) is None
    assert left.keys == (KeyWire(relay=0, handset="anna", press_ms=250, feedback=True),)
    assert wiring.board("/dev/other") == BoardWire(url="/dev/other")


def test_what_is_written_comes_back(tmp_path):
    wiring = loaded(tmp_path, RIGHT)
    save_wiring(tmp_path / "copy.yaml", wiring)
    assert load_wiring(tmp_path / "copy.yaml") == wiring
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["copy.yaml", "lamps.yaml"]


WRONG = {
    "a word": ("lamps", "expected .schema: 1."),
    "another schema": (RIGHT.replace("schema: 1", "schema: 2"), ":1:"),
    "unknown key": (RIGHT.replace("press_ms", "pres_ms"), ":12:.*unknown key 'pres_ms'"),
    "channel 8": (RIGHT.replace("channel: 2", "channel: 8"), ":10:.*less than 8"),
    "no such lamp": (RIGHT.replace('"account:2"', "power"), ":9:.*'power'"),
    "channel twice": (RIGHT.replace("channel: 2", "channel: 1"), ":10:.*channel 1 twice"),
    "reference is a lamp": (RIGHT.replace("reference: 7", "reference: 2"), ":10:.*reference"),
    "on below off": (RIGHT.replace("on: 375", "on: 200"), ":8:.*dark <= off < on <= lit"),
    "lamp twice": (RIGHT.replace("channel: 2", "channel: 2, handset: anna"), ":10:.*seen twice"),
    "two boards": (
        RIGHT.replace("0, handset: emil", '0, handset: anna, lamp: "account:3"'),
        ":15:.*on two boards",
    ),
    "board twice": (
        RIGHT.replace("socket://127.0.0.1:7000", "/dev/serial/by-path/left"),
        ":13:.*described twice",
    ),
    "too long a press": (RIGHT.replace("250", "2500"), ":12:.*2000"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_with_its_line(tmp_path, name):
    text, told = WRONG[name]
    with pytest.raises(InputErrors, match=told):
        loaded(tmp_path, text)


def test_a_file_that_is_not_there_is_an_input_error(tmp_path):
    with pytest.raises(InputErrors, match=r"missing\.yaml"):
        load_wiring(tmp_path / "missing.yaml")


def test_a_calibration_takes_the_place_of_the_old_one_and_nothing_else(tmp_path):
    wiring = loaded(tmp_path, RIGHT)
    url = "/dev/serial/by-path/left"
    new = (
        wiring.board(url)
        .lamp(0)
        .model_copy(update={"levels": Levels.of(calibrate(0, 30, 500, room=44))})
    )
    changed = wiring.with_lamp(url, new)
    assert changed.board(url).lamp(0).levels.lit == 500
    assert changed.board(url).lamp(0).levels.room == 44
    assert changed.board(url).lamps[1:] == wiring.board(url).lamps[1:]
    assert changed.board(url).keys == wiring.board(url).keys
    assert changed.boards[1] == wiring.boards[1]


def test_a_new_board_is_added_and_a_contradiction_refused(tmp_path):
    wiring = LampWiring().with_lamp("/dev/a", LampWire(channel=4, handset="anna"))
    assert wiring.board("/dev/a").lamps == (LampWire(channel=4, handset="anna"),)
    with pytest.raises(UsageError, match="lamp message of anna is seen twice"):
        wiring.with_lamp("/dev/a", LampWire(channel=5, handset="anna"))
    with pytest.raises(UsageError, match="on two boards"):
        wiring.with_lamp("/dev/b", LampWire(channel=5, handset="anna", lamp="account:1"))


def test_a_head_for_the_room_is_kept_and_is_no_lamp(tmp_path):
    wiring = loaded(tmp_path, RIGHT)
    assert wiring.with_reference("/dev/new", 3).board("/dev/new").reference == 3
    changed = wiring.with_reference("socket://127.0.0.1:7000", 5)
    assert changed.board("socket://127.0.0.1:7000").lamps == wiring.boards[1].lamps
    assert changed.boards[0] == wiring.boards[0]
    with pytest.raises(UsageError, match="channel 0 is the reference"):
        wiring.with_reference("socket://127.0.0.1:7000", 0)
    with pytest.raises(UsageError, match="from 0 to 7"):
        wiring.with_reference("/dev/new", 8)


@given(st.integers(8, 900), st.integers(60, 1000))
def test_whatever_a_calibration_finds_can_be_kept(dark, contrast):
    lit = min(dark + contrast, 1014)
    if lit - dark < 60:
        return
    found = calibrate(0, dark, lit)
    levels = Levels.of(found)
    assert levels.calibration == found
    assert levels.dark < levels.off < levels.on < levels.lit


def test_limits_are_those_of_the_wiring_else_of_the_model_else_the_usual():
    model = shipped_profiles().get("J129")
    slow = replace(model.message_lamp, timing=LampTiming(settle_s=5.0, fast_below_s=1.2))
    own = replace(model, lamps={"message": slow})
    wire = LampWire(channel=0, handset="anna")
    assert thresholds_of(wire, None) == thresholds_of(wire, model) == PatternThresholds()
    assert thresholds_of(wire, own) == PatternThresholds(settle_s=5.0, fast_below_s=1.2)
    wired = LampWire(channel=0, handset="anna", settle_s=4.0)
    assert thresholds_of(wired, own) == PatternThresholds(settle_s=4.0, fast_below_s=1.2)
    icon = LampWire(channel=0, handset="anna", lamp="account:1")
    assert thresholds_of(icon, own) == PatternThresholds()
