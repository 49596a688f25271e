"""One suite for every lamp board: in pure Python, the flashed program on an emulated chip, and
both over ser2net; a real board is tried where ``PHONERIG_LAMP_BOARD`` names its URL.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest
from lamp_board_fake import DARK, LIT, OPEN, SATURATED
from lamp_board_kit import (
    PATIENCE_S,
    SPEED,
    STAGES,
    UNHURRIED,
    Ser2net,
    board_on,
    play,
    random_changes,
    wait_until,
)

from rig.errors import RigError, UsageError
from rig.lamp.board.calibration import CalibrationRefused
from rig.lamp.board.channels import LightChanged
from rig.lamp.board.events import SeenUntil, Settings, WentBlind
from rig.lamp.board.serial_board import SerialLampBoard
from rig.lamp.boards import LampBoards
from rig.lamp.wiring import LampWiring
from rig.timeline import LampState

pytestmark = pytest.mark.interop(peer="simavr")
FEEDBACK = Settings(beat_s=UNHURRIED.beat_s, reply_s=UNHURRIED.reply_s, feedback=frozenset({0}))


def open_files():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture(autouse=True)
def nothing_is_left():
    """No thread and no open file outlives a board."""
    threads, files = set(threading.enumerate()), open_files()
    yield
    wait_until(lambda: set(threading.enumerate()) <= threads)
    assert open_files() <= files


@pytest.fixture(params=STAGES)
def stage(request, tmp_path):
    with STAGES[request.param](tmp_path) as stage:
        yield stage


def level(board, channel=0):
    return board.channels[channel].level


def reason(board, channel=0):
    return board.channels[channel].reason


def test_the_board_says_what_it_is(stage):
    with board_on(stage) as board:
        assert (board.info.name, board.info.proto) == ("lampsense", 1)
        assert (board.info.lamps, board.info.relays) == (8, 2)
        assert board.ready
        assert board.reason == ""


def test_each_input_sees_its_lamp_and_no_other(stage):
    with board_on(stage) as board:
        for channel in range(8):
            stage.light(channel, LIT)
            wait_until(lambda channel=channel: level(board, channel) == "lit")
            lit = [reading.channel for reading in board.channels if reading.level == "lit"]
            assert lit == [channel]
            stage.light(channel, DARK)
            wait_until(lambda channel=channel: level(board, channel) == "dark")


def test_levels_are_taken_and_thresholds_set_by_them(stage):
    with board_on(stage) as board:
        stage.light(3, 100)
        wait_until(lambda: board.read_raw(3) == pytest.approx(100, abs=2))
        dark = [board.read_raw(3) for _ in range(3)]
        stage.light(3, 300)
        wait_until(lambda: board.read_all_raw()[3] == pytest.approx(300, abs=2))
        found = board.calibrate(3, dark=dark, lit=board.read_raw(3))
        assert found.on == pytest.approx(220, abs=3)
        wait_until(lambda: level(board, 3) == "lit")
        with pytest.raises(CalibrationRefused, match="low contrast"):
            board.calibrate(3, dark=dark, lit=[raw + 20 for raw in dark])
        wait_until(lambda: reason(board, 3).startswith("low contrast"))
        assert level(board, 3) == "unknown"


@pytest.mark.parametrize(("raw", "why"), [(OPEN, "unplugged"), (SATURATED, "saturated")])
def test_a_sensor_that_cannot_see_is_unknown_on_the_timeline(stage, raw, why):
    with board_on(stage) as board:
        sensor, seen = board.sensor("anna", {"message": 2}), []
        sensor.subscribe(seen.append)
        stage.light(2, LIT)
        wait_until(lambda: sensor.state() is LampState.STEADY)
        stage.light(2, raw)
        wait_until(lambda: sensor.state() is LampState.UNKNOWN)
        assert reason(board, 2).startswith(why)
        states = [event.state for event in seen if event.state is not LampState.OFF]
        assert states == [LampState.LIT, LampState.STEADY, LampState.UNKNOWN]
        assert seen[-1].state is LampState.UNKNOWN


def test_a_lamp_is_off_steady_and_off_again_each_since_its_edge(stage):
    with board_on(stage) as board:
        sensor, seen = board.sensor("anna", {"message": 1}), []
        sensor.subscribe(seen.append)
        wait_until(lambda: sensor.state() is LampState.OFF)
        stage.light(1, LIT)
        wait_until(lambda: level(board, 1) == "lit")
        early = board.channels[1]
        wait_until(lambda: sensor.state() is LampState.STEADY)
        stage.light(1, DARK)
        wait_until(lambda: sensor.state() is LampState.OFF)
    states = [event.state for event in seen[:4]]
    assert states == [LampState.OFF, LampState.LIT, LampState.STEADY, LampState.OFF]
    steady = seen[2]
    assert seen[1].at == steady.at
    assert (steady.at, steady.latency_s) == (early.at, early.error_s)
    assert (steady.handset, steady.lamp, steady.sensor) == (
        "anna", "message", f"serial:{stage.url}#1",
    )  # fmt: skip
    assert sensor.state() is LampState.UNKNOWN


def test_a_key_is_pressed_for_a_time_and_let_go(stage):
    with board_on(stage) as board:
        lasted = board.press(1, 300)
        assert 300 <= lasted < 300 + 40 * SPEED
        wait_until(lambda: stage.moves == [(1, True), (1, False)])
        with pytest.raises(UsageError, match="10 to 2000 ms"):
            board.press(0, 5000)
        with pytest.raises(UsageError, match="relays 0 to 1"):
            board.press(2, 100)
        assert len(stage.moves) == 2


def test_a_stuck_relay_is_named(stage):
    stage.sense(0, closed=False)
    with board_on(stage, FEEDBACK) as board:
        with pytest.raises(RigError, match=r"relay 0 .* is stuck: its contact does not close"):
            board.press(0, 300)
        assert board.relay_faults[0].why == "stuck"
        wait_until(lambda: stage.moves == [(0, True), (0, False)])
        assert level(board) == "dark"


def test_a_restart_in_the_middle_of_a_press_breaks_it_off_and_opens_the_relay(stage):
    with board_on(stage) as board:
        stage.light(0, LIT)
        wait_until(lambda: level(board) == "lit")
        reasons = []
        board.subscribe(lambda event: reasons.append(getattr(event, "reason", "")))
        timer = threading.Timer(0.05, stage.reset)
        timer.start()
        with pytest.raises(RigError, match="rebooted"):
            board.press(0, 2000)
        timer.join()
        wait_until(lambda: stage.moves[:2] == [(0, True), (0, False)])
        wait_until(lambda: level(board) == "lit")
        assert [each for each in reasons if each.startswith("rebooted")]
        assert stage.moves == [(0, True), (0, False)]


def test_a_cable_that_is_pulled_and_put_back(stage):
    with board_on(stage) as board:
        sensor = board.sensor("anna", {"message": 0})
        wait_until(lambda: sensor.state() is LampState.OFF)
        stage.unplug()
        wait_until(lambda: sensor.state() is LampState.UNKNOWN)
        assert reason(board).startswith("not connected")
        with pytest.raises(RigError, match="not connected"):
            board.read_raw(0)
        stage.light(0, LIT)
        stage.plug()
        wait_until(lambda: level(board) == "lit")
        wait_until(lambda: sensor.state() is LampState.STEADY)


def test_a_board_that_stands_still_is_silent_and_comes_back(stage):
    with board_on(stage) as board:
        stage.halt(True)
        wait_until(lambda: reason(board).startswith("silent"))
        assert {reading.level for reading in board.channels} == {"unknown"}
        with pytest.raises(RigError, match="silent"):
            board.press(0, 100)
        stage.light(0, LIT)
        stage.halt(False)
        wait_until(lambda: level(board) == "lit")


# pyserial 3.5 still sets its reader thread up as Python 2 did.
@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
@pytest.mark.parametrize("rfc2217", [False, True], ids=["socket", "rfc2217"])
def test_the_same_over_the_network_by_ser2net(tmp_path, rfc2217):
    with (
        STAGES["chip"](tmp_path) as stage,
        Ser2net(tmp_path, stage.url, rfc2217=rfc2217) as server,
        board_on(stage, url=server.url) as board,
    ):
        stage.light(5, LIT)
        wait_until(lambda: level(board, 5) == "lit")
        assert board.read_raw(5) == pytest.approx(LIT, abs=2)
        assert board.press(0, 200) >= 200
        server.stop()
        wait_until(lambda: reason(board, 5).startswith("not connected"))
        server.start()
        wait_until(lambda: level(board, 5) == "lit")


def test_a_thousand_random_changes_on_eight_inputs_arrive_each_once_and_right(tmp_path):
    plan = random_changes(seed=20261130, count=1000)
    with STAGES["chip"](tmp_path) as chip, board_on(chip) as board:
        seen = []
        board.subscribe(seen.append)
        play(chip, plan)
        # Lines come in order: what was to be told before the answer has been told.
        board.read_raw(0)
        changes = [
            (event.reading.channel, event.reading.level == "lit", event.reading.blind)
            for event in seen
            if isinstance(event, LightChanged)
        ]
        lost = board.lines_lost
    for channel in range(8):
        wanted = [(channel, change.lit, None) for change in plan if change.channel == channel]
        assert [each for each in changes if each[0] == channel] == wanted
    assert lost == 0


# -- what only a board of the test's own making can do ---------------------------------------


@pytest.fixture
def fake(tmp_path):
    with STAGES["python"](tmp_path) as stage:
        yield stage


def test_a_megabyte_of_noise_is_garbage_and_then_the_board_is_back(fake):
    with board_on(fake) as board:
        sensor, seen = board.sensor("anna", {"message": 0}), []
        sensor.subscribe(seen.append)
        wait_until(lambda: sensor.state() is LampState.OFF)
        fake.noise(os.urandom(1_000_000))
        assert reason(board).startswith("garbage")
        assert "baud" in reason(board)
        fake.light(0, LIT)
        wait_until(lambda: level(board) == "lit")
        wait_until(lambda: sensor.state() is LampState.STEADY)
        states = [event.state for event in seen]
        assert states == [LampState.OFF, LampState.UNKNOWN, LampState.LIT, LampState.STEADY]


def test_lost_lines_are_unknown_until_the_levels_are_read_again(fake):
    with board_on(fake) as board:
        reasons = []
        board.subscribe(lambda event: reasons.append(getattr(event, "reason", "")))
        fake.lose = 1
        fake.light(0, LIT)
        assert level(board) == "dark"
        fake.light(1, LIT)
        wait_until(lambda: level(board) == level(board, 1) == "lit")
        assert [each for each in reasons if each.startswith("lost lines: 1 edge")]


def started(url, clock, wait_s=12.0):
    board = SerialLampBoard(url, settings=UNHURRIED, clock=clock)
    with pytest.raises(RigError) as caught:
        board.start(wait_s=wait_s)
    assert board.channels[0].level == "unknown"
    return str(caught.value)


def test_a_start_that_cannot_succeed_says_why(fake):
    gone = started(f"{fake.url}-none", fake.clock)
    assert "No such file" in gone
    assert "Check the URL" in gone
    assert "invalid URL" in started("nonsense://x", fake.clock)
    assert "refused" in started("socket://127.0.0.1:1", fake.clock)
    fake.protocol = 2
    assert "flash the firmware" in started(fake.url, fake.clock, PATIENCE_S * SPEED)
    fake.mute = True
    assert "silent: no answer to 'V?'" in started(fake.url, fake.clock)


def test_a_wrong_baud_rate_is_named(fake):
    fake.scramble = 0x55
    assert "wrong baud rate" in started(fake.url, fake.clock)


def test_a_port_that_is_taken_is_named(fake):
    with board_on(fake):
        assert "lock" in started(fake.url, fake.clock)


def test_a_listener_that_fails_leaves_no_lamp_that_looks_watched(fake):
    caught = []
    hook, threading.excepthook = threading.excepthook, lambda args: caught.append(args.exc_value)
    try:
        with board_on(fake) as board:
            sensor = board.sensor("anna", {"message": 0})
            wait_until(lambda: sensor.state() is LampState.OFF)

            def fail(event):
                raise LookupError("no such lamp")

            board.subscribe(fail)
            fake.light(1, LIT)
            wait_until(lambda: sensor.state() is LampState.UNKNOWN)
            assert "a listener failed" in reason(board)
            assert "no such lamp" in reason(board)
    finally:
        threading.excepthook = hook
    assert [type(each) for each in caught] == [LookupError]


def test_a_listener_that_asks_the_board_does_not_wait_for_itself(fake):
    caught = []
    hook, threading.excepthook = threading.excepthook, lambda args: caught.append(args.exc_value)
    try:
        with board_on(fake) as board:
            board.subscribe(lambda event: board.read_raw(0))
            fake.light(1, LIT)
            wait_until(lambda: "would wait for itself" in reason(board))
    finally:
        threading.excepthook = hook
    assert [type(each) for each in caught] == [UsageError]


def test_a_program_that_stood_still_does_not_take_that_for_the_boards_silence(fake):
    with board_on(fake) as board:
        blind, slept = [], []

        def stand_still(event):
            if isinstance(event, WentBlind):
                blind.append(event)
            elif not slept:
                slept.append(event)
                time.sleep(4 * UNHURRIED.beat_s / SPEED)

        board.subscribe(stand_still)
        fake.light(1, LIT)
        wait_until(lambda: slept)
        fake.light(0, LIT)
        assert board.press(0, 100) >= 100
        wait_until(lambda: level(board) == "lit")
        assert blind == []


def test_what_is_not_there_is_a_mistake_of_the_caller(fake):
    with board_on(fake) as board:
        for wrong in (lambda: board.read_raw(8), lambda: board.sensor("anna", {"message": -1})):
            with pytest.raises(UsageError, match="inputs 0 to 7"):
                wrong()
        with pytest.raises(UsageError, match="started already"):
            board.start()
    board.stop()


async def test_a_bench_that_breaks_off_while_its_board_opens_leaves_the_port(fake):
    fake.mute = True
    levels = {"dark": DARK, "lit": LIT, "on": 368, "off": 252}
    lamp = {"channel": 0, "handset": "anna", "levels": levels}
    wiring = LampWiring.model_validate({"boards": [{"url": fake.url, "lamps": [lamp]}]})
    boards = LampBoards(wiring, ["anna"], clock=fake.clock)
    opening = asyncio.ensure_future(boards.open())

    def ours():
        return [each for each in threading.enumerate() if fake.url in each.name]

    while len(ours()) < 2:  # noqa: ASYNC110 - threads tell nobody that they run
        await asyncio.sleep(0.01)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    fake.mute = False  # it would get ready now
    assert ours() == []


if REAL := os.environ.get("PHONERIG_LAMP_BOARD"):

    @pytest.mark.hardware
    def test_a_real_board_answers_reads_beats_and_presses():
        confirmed = []
        with SerialLampBoard(REAL) as board:
            assert (board.info.name, board.info.proto) == ("lampsense", 1)
            assert len(board.read_all_raw()) == board.info.lamps
            assert board.read_clock()[1].error_s < 0.02
            board.subscribe(confirmed.append)
            assert 100 <= board.press(0, 100) < 150
            with pytest.raises(CalibrationRefused, match="low contrast"):
                board.calibrate(0, dark=100, lit=110)
            wait_until(lambda: sum(isinstance(each, SeenUntil) for each in confirmed) >= 5)
            assert not [each for each in confirmed if isinstance(each, WentBlind)]
            assert board.lines_lost == 0
