"""Cases of the lamp catalogue (LAMP-..) by the flashed program on an emulated chip.

Light is planned in the chip's own time, so what it sees does not depend on how busy this machine
is; it runs at ten times the speed of life. LAMP-01, 03, 05 and 08 need a platform and a phone and
are in ``tests/e2e/test_lamp_board_loop.py``.
"""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass, field, replace

import pytest
from firmware_kit import symbol_address
from lamp_board_fake import DARK, LIT
from lamp_board_kit import PATIENCE_S, SPEED, UNHURRIED, ChipBoard, wait_until

from rig.lamp.board.channels import LightChanged
from rig.lamp.board.serial_board import SerialLampBoard
from rig.lamp.level_taking import take_levels
from rig.timeline import LampState

pytestmark = [pytest.mark.interop(peer="simavr"), pytest.mark.timeout(120)]

ONE_PAIRING = replace(UNHURRIED, clock_every_s=10_000.0)
"""The clocks are paired once: on a busy machine the chip's pace is uneven, its clock is not."""
LEAD_US = 5_000_000
"""So much later a plan begins: all of it is written by then."""
DEBOUNCE_US = 100_000
CHANNELS = range(8)


def millivolts(raw):
    return round((raw + 0.5) * 5000 / 1024)


@dataclass
class Watch:
    """A board, and all that it said of its inputs."""

    chip: ChipBoard
    board: SerialLampBoard
    light: list[LightChanged] = field(default_factory=list)

    def hear(self, event):
        if isinstance(event, LightChanged):
            self.light.append(event)

    def play(self, steps):
        """Play light in the chip's time; gives the edges that were told after the last step.

        Args:
            steps: instant in seconds, channel, level.
        """
        start_us = self.chip_us() + (LEAD_US if len(steps) > 20 else DEBOUNCE_US)
        before = len(self.light)
        for at_s, channel, raw in sorted(steps):
            self.chip.outside(f"AT {start_us + round(at_s * 1e6)} {channel} {millivolts(raw)}")
        wait_until(lambda: any(line.startswith("DONE") for line in self.chip.told))
        end_us = self.chip_us() + DEBOUNCE_US
        wait_until(lambda: self.chip_us() >= end_us)
        self.board.read_all_raw()  # what was on its way has come before this answer
        return self.light[before:]

    def chip_us(self):
        """The chip's own time."""
        del self.chip.told[:]
        self.chip.outside("CLOCK?")
        wait_until(lambda: self.chip.told)
        return int(self.chip.told[-1].split()[1])

    @property
    def levels(self):
        return [reading.level.value for reading in self.board.channels]


@contextlib.contextmanager
def watching(folder, settings=ONE_PAIRING, *, room=0, now_ms=None):
    """A board whose inputs are calibrated and dark."""
    with ChipBoard(folder, speed=SPEED) as chip:
        if now_ms is not None:
            octets = now_ms.to_bytes(4, "little").hex()
            chip.outside(f"POKE {symbol_address('now_ms'):x} {octets}")
        for channel in CHANNELS:
            chip.light(channel, DARK + room)
        board = SerialLampBoard(chip.url, settings=settings, clock=chip.clock)
        board.start(wait_s=PATIENCE_S * SPEED)
        watch = Watch(chip, board)
        try:
            for channel in CHANNELS:
                if channel != settings.reference:
                    board.calibrate(channel, dark=DARK + room, lit=LIT + room)
            lamps = [channel for channel in CHANNELS if channel != settings.reference]
            wait_until(lambda: all(watch.levels[channel] == "dark" for channel in lamps))
            board.subscribe(watch.hear)
            yield watch
        finally:
            board.stop()


# -- LAMP-02: what blinks is told by its pattern, and never as off ------------------------------

BLINKING = {
    "slow": ((1.0, 1.0), LampState.SLOW),
    "half a second": ((0.5, 0.5), LampState.SLOW),
    "fast": ((0.2, 0.2), LampState.FAST),
    "ringing of the BVP 8882": ((0.125, 0.125), LampState.FAST),
    "double wink of the BVP 8882": ((0.125, 0.125, 0.125, 0.75), LampState.PATTERN),
    "three flashes of a Cisco SPA": ((0.1, 0.1, 0.1, 0.1, 0.1, 0.9), LampState.PATTERN),
    "short off of a Snom": ((0.9, 0.1), LampState.SLOW),
    "steady, with a drop as of an Avaya": ((7.5, 0.3, 8.5), LampState.STEADY),
}
"""Phases in seconds, lit first. Source: the manuals named in the reference of the hardware; none
was measured on a phone."""
BLINK_FOR_S = 16.0


@pytest.fixture(scope="module")
def blinking(tmp_path_factory):
    """All of them at once, each on its channel: edges and states by name."""
    steps = []
    for channel, (phases, _) in enumerate(BLINKING.values()):
        at_s = 0.0
        for number in itertools.count():
            steps.append((at_s, channel, DARK if number % len(phases) % 2 else LIT))
            at_s += phases[number % len(phases)]
            if at_s >= BLINK_FOR_S:
                break
    with watching(tmp_path_factory.mktemp("blinking")) as watch:
        sensors = {
            name: watch.board.sensor(name, {"message": channel})
            for channel, name in enumerate(BLINKING)
        }
        seen = {name: [] for name in BLINKING}
        for name, sensor in sensors.items():
            sensor.subscribe(seen[name].append)
        edges = watch.play(steps)
        seen = {name: tuple(events) for name, events in seen.items()}
        steady = sensors["steady, with a drop as of an Avaya"]
        wait_until(lambda: steady.state() is LampState.STEADY)
        readings = {
            name: sensor._lamps["message"].tracker.reading for name, sensor in sensors.items()
        }
    return edges, seen, readings


@pytest.mark.parametrize("name", BLINKING)
def test_lamp_02_the_pattern_is_told_and_a_blink_is_never_off(blinking, name):
    edges, seen, readings = blinking
    phases, state = BLINKING[name]
    states = [event.state for event in seen[name]]
    told = states[states.index(LampState.LIT) :]
    assert told[1] is state
    assert LampState.OFF not in told
    assert set(told) - {LampState.UNKNOWN} <= {LampState.LIT, state}
    own = [e.reading for e in edges if e.reading.channel == list(BLINKING).index(name)]
    assert [reading.level.value for reading in own[:4]] == ["lit", "dark"] * 2 or len(phases) == 3
    if state in {LampState.SLOW, LampState.FAST}:
        period_s = sum(phases)
        assert readings[name].period_s == pytest.approx(period_s, abs=0.01)
        lit_s = [after.at - before.at for before, after in itertools.pairwise(own)][0::2]
        duty = sum(lit_s) / len(lit_s) / period_s
        assert duty == pytest.approx(phases[0] / period_s, abs=0.03)


# -- LAMP-04 and LAMP-09: light that is not the lamp's -----------------------------------------


@pytest.mark.parametrize("gain", [30, 150, 300])
def test_lamp_04_room_light_that_is_switched_is_no_edge(tmp_path, gain):
    """A head that looks at the desk takes the room's light out; lamp 0 is lit, the others dark."""
    settings = replace(ONE_PAIRING, reference=7)
    with watching(tmp_path, settings, room=40) as watch:
        assert [e.reading.channel for e in watch.play([(0.0, 0, LIT + 40)])] == [0]
        steps = []
        for number in range(6):
            room = 40 + (gain if number % 2 == 0 else 0)
            steps += [(0.3 * number, 0, LIT + room)]
            steps += [(0.3 * number, channel, DARK + room) for channel in range(1, 8)]
        assert watch.play(steps) == []
        assert watch.levels[:7] == ["lit", *["dark"] * 6]


def test_lamp_04_flicker_at_100_hertz_is_no_edge_even_across_the_thresholds(tmp_path):
    with watching(tmp_path) as watch:
        steps = [(0.005 * n, 2, LIT if n % 2 == 0 else DARK) for n in range(200)]
        told = watch.play([*steps, (1.0, 2, DARK)])
        assert told == []
        assert watch.levels == ["dark"] * 8


def test_lamp_09_a_display_that_goes_to_sleep_takes_no_lamp_with_it(tmp_path):
    """Its light falls on every head; the lamps of channels 1 and 2 are lit all the time."""
    glow = 70
    with watching(tmp_path) as watch:
        awake = [(0.0, n, (LIT if n in {1, 2} else DARK) + glow) for n in CHANNELS]
        assert {e.reading.channel for e in watch.play(awake)} == {1, 2}
        asleep = [(0.0, n, LIT if n in {1, 2} else DARK) for n in CHANNELS]
        assert watch.play(asleep) == []
        assert watch.play(awake) == []
        assert [n for n in CHANNELS if watch.levels[n] == "lit"] == [1, 2]


# -- LAMP-06: neighbours -------------------------------------------------------------------------


def spill(lit, share):
    """Levels of all heads while one lamp is lit and shines on the heads beside it."""
    beside = {lit - 1, lit + 1}
    return [
        (0.0, n, LIT if n == lit else DARK + round(share * (LIT - DARK)) * (n in beside))
        for n in CHANNELS
    ]


@pytest.mark.parametrize(("share", "kept"), [(0.1, 8), (0.4, 0)])
def test_lamp_06_eight_phones_side_by_side(tmp_path, share, kept):
    with watching(tmp_path) as watch:
        dark = [watch.board.read_all_raw() for _ in range(3)]
        alone = {}
        for lit in CHANNELS:
            told = watch.play(spill(lit, share))
            own = [e.reading.channel for e in told if e.reading.level.value == "lit"]
            assert own == [lit] or share > 0.3
            alone[lit] = [watch.board.read_all_raw() for _ in range(3)]
        taken = take_levels(dark, alone)
        assert len(taken.found) == kept
        worst = taken.crosstalk[0]
        assert worst.share == pytest.approx(share, abs=0.01)
        assert abs(worst.lamp - worst.sensor) == 1
        assert worst.too_much is (share > 0.25)
        far = [pair for pair in taken.crosstalk if abs(pair.lamp - pair.sensor) > 1]
        assert max(pair.share for pair in far) == pytest.approx(0, abs=0.01)


# -- LAMP-07: a long soak ------------------------------------------------------------------------

CHANGES = 720
"""One each minute for twelve hours."""
SPACING_S = 0.06


def test_lamp_07_no_change_is_missed_also_where_the_boards_clock_wraps(tmp_path):
    """The changes of twelve hours in 43 s; the clock of 32 bits wraps in the middle."""
    soon_ms = 2**32 - 25_000
    plan = [(n % 8, LIT if n // 8 % 2 == 0 else DARK) for n in range(CHANGES)]
    with watching(tmp_path, now_ms=soon_ms) as watch:
        ms, _ = watch.board.read_clock()
        assert ms >= soon_ms
        told = watch.play([(SPACING_S * n, *step) for n, step in enumerate(plan)])
        seen = [(e.reading.channel, e.reading.level.value) for e in told]
        assert seen == [(channel, "lit" if raw == LIT else "dark") for channel, raw in plan]
        instants = [e.reading.at for e in told]
        gaps = [after - before for before, after in itertools.pairwise(instants)]
        assert gaps == pytest.approx([SPACING_S] * (CHANGES - 1), abs=0.006)
        ms, _ = watch.board.read_clock()
        assert ms < soon_ms
        assert watch.board.lines_lost == 0
