"""The sensor: settled patterns, each since its first edge, and never ``off`` when blind."""

from __future__ import annotations

import pytest

from rig.lamp.board.channels import Blind, ChannelReading, Light, LightChanged
from rig.lamp.board.sensor import BoardLampSensor
from rig.lamp.pattern import PatternThresholds
from rig.timeline import LampState

BEAT_S = 0.5


class Scene:
    """Light on input 2 and confirmations each half second."""

    def __init__(self, **options):
        self.sensor = BoardLampSensor("anna", {"message": 2}, name="serial:x#2", **options)
        self.seen = []
        self.settled_at = 0.0
        self.sensor.subscribe(self.hear)
        self.now = 1000.0
        self.beat_at = self.now

    def hear(self, event):
        self.seen.append(event)
        self.settled_at = self.beat_at

    def light(self, on, for_s):
        level = Light.LIT if on else Light.DARK
        self.change(ChannelReading(2, level, "", None, at=self.now, error_s=0.004))
        self.wait(for_s)

    def blind(self, why, for_s):
        reason = f"{why.value}: test"
        self.change(ChannelReading(2, Light.UNKNOWN, reason, why, at=self.now))
        self.wait(for_s, confirmed=False)

    def change(self, reading):
        self.sensor.light_changed(LightChanged(reading))

    def wait(self, for_s, *, confirmed=True):
        end = self.now + for_s
        while self.beat_at + BEAT_S <= end:
            self.beat_at += BEAT_S
            if confirmed:
                self.sensor.seen_until(self.beat_at - 0.03)
        self.now = end

    @property
    def states(self):
        return [event.state for event in self.seen]


def test_off_then_steady_comes_late_with_the_instant_of_the_edge():
    scene = Scene()
    scene.light(False, 5)
    lit_at = scene.now
    scene.light(True, 2.5)
    assert (scene.seen[-1].state, scene.seen[-1].at) == (LampState.LIT, lit_at)
    assert scene.sensor.state() is LampState.LIT
    scene.wait(2)
    assert scene.states == [LampState.OFF, LampState.LIT, LampState.STEADY]
    assert scene.seen[1].at == scene.seen[2].at
    event = scene.seen[-1]
    assert (event.at, event.latency_s, event.handset, event.lamp) == (
        lit_at, 0.004, "anna", "message",
    )  # fmt: skip
    assert lit_at + 3 <= scene.settled_at <= lit_at + scene.sensor.settle_s


def test_light_for_a_moment_is_on_the_timeline_and_dark_again_since_its_edge():
    scene = Scene()
    scene.light(False, 5)
    lit_at = scene.now
    scene.light(True, 0.4)
    dark_at = scene.now
    scene.light(False, 2)
    assert scene.sensor.state() is LampState.LIT
    assert not scene.sensor.decided("message", dark_at)
    scene.wait(2)
    assert [(event.state, event.at) for event in scene.seen[1:]] == [
        (LampState.LIT, lit_at),
        (LampState.OFF, dark_at),
    ]
    assert scene.sensor.decided("message", dark_at)
    scene.wait(20)
    assert len(scene.seen) == 3


def test_a_lamp_out_of_sight_never_settles_as_off():
    scene = Scene()
    scene.light(False, 1)
    scene.wait(60, confirmed=False)
    assert scene.sensor.state() is LampState.UNKNOWN
    assert scene.seen == []


@pytest.mark.parametrize("why", list(Blind))
@pytest.mark.parametrize("lit", [True, False])
def test_whatever_makes_it_blind_is_unknown_once_and_a_new_beginning(why, lit):
    scene = Scene()
    scene.light(lit, 5)
    blind_at = scene.now
    scene.blind(why, 30)
    scene.blind(Blind.SILENT, 30)
    settled = [LampState.LIT, LampState.STEADY] if lit else [LampState.OFF]
    assert scene.states == [*settled, LampState.UNKNOWN]
    assert scene.seen[-1].at == blind_at
    assert scene.sensor.state() is LampState.UNKNOWN
    assert scene.sensor.reason() == f"{Blind.SILENT.value}: test"
    back_at = scene.now
    scene.light(False, 5)
    assert scene.states[len(settled) + 1 :] == [LampState.OFF]
    assert scene.seen[-1].at == back_at


def blink(scene, phases, for_s):
    end, on = scene.now + for_s, True
    while scene.now < end:
        for phase_s in phases:
            scene.light(on, phase_s)
            on = not on


def test_ringing_takes_the_lamp_and_gives_it_back():
    """A lamp that is steady for a message and flashes for a call, as Cisco's and Yealink's do."""
    scene = Scene()
    scene.light(True, 5)
    ringing_at = scene.now
    blink(scene, (0.2, 0.2), 6)
    rung_at = scene.now
    scene.light(True, 5)
    assert scene.states[1:] == [LampState.STEADY, LampState.FAST, LampState.STEADY]
    assert scene.seen[2].at == pytest.approx(ringing_at + 0.2)
    # The last flash may have been a whole one: when it ended is known to within one phase.
    steady = scene.seen[3]
    assert steady.at - steady.latency_s <= rung_at <= steady.at
    assert steady.latency_s < 0.25


def test_a_missed_call_that_makes_a_blinking_lamp_steady_is_seen():
    scene = Scene()
    blink(scene, (1.0, 1.0), 10)
    scene.light(True, 5)
    assert scene.states == [LampState.LIT, LampState.SLOW, LampState.STEADY]


def test_a_steady_lamp_with_a_short_drop_every_fifteen_seconds_is_steady():
    """Avaya's J129 does so during a call on the speaker."""
    scene = Scene()
    for _ in range(8):
        scene.light(True, 14.7)
        scene.light(False, 0.3)
    scene.light(True, 4)
    assert scene.states == [LampState.LIT, LampState.STEADY]


def test_a_double_wink_is_a_pattern():
    scene = Scene()
    blink(scene, (0.125, 0.125, 0.125, 0.75), 10)
    assert scene.states == [LampState.LIT, LampState.PATTERN]


def test_thresholds_of_a_model_decide():
    quick = PatternThresholds(settle_s=1.0, fast_below_s=0.5)
    scene = Scene(thresholds={"message": quick})
    scene.light(True, 2)
    assert scene.states == [LampState.LIT, LampState.STEADY]
    assert scene.sensor.settle_s == 2 * 1.0 + 1.0


def test_the_wait_for_a_proof_is_longer_than_the_classifier_needs():
    assert Scene().sensor.settle_s > PatternThresholds().decides_within_s


def test_instants_of_two_pairings_may_cross_and_time_never_runs_back():
    scene = Scene()
    scene.light(True, 5)
    scene.change(ChannelReading(2, Light.DARK, "", None, at=scene.now - 1.0, error_s=0.01))
    scene.sensor.seen_until(scene.now - 2)
    scene.wait(5)
    assert scene.states == [LampState.LIT, LampState.STEADY, LampState.OFF]
    assert scene.seen[2].at >= scene.seen[1].at


def test_what_it_does_not_watch_is_unknown():
    sensor = Scene().sensor
    assert sensor.state("account:3") is LampState.UNKNOWN
    assert sensor.lamps == ("message",)
    assert sensor.reason("account:3") == "no input is wired to lamp account:3"
