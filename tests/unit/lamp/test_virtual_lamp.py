"""The virtual lamp reports each change once, and what it does not have is unknown."""

from __future__ import annotations

import itertools

import pytest

from rig.lamp.virtual import VirtualLamp, blink_edges
from rig.timeline import LampState


def test_changes_are_reported_once_with_lamp_state_and_instant():
    ticks = itertools.count(100)
    lamp = VirtualLamp("anna-desk", ("message", "account:1"), clock=lambda: float(next(ticks)))
    seen = []
    lamp.subscribe(seen.append)
    lamp.show("message", LampState.SLOW)
    lamp.show("message", LampState.SLOW)
    lamp.show("account:1", LampState.STEADY)
    lamp.go_dark()
    told = [(event.at, event.lamp, event.state) for event in seen]
    assert told == [
        (100.0, "message", LampState.SLOW),
        (101.0, "account:1", LampState.STEADY),
        (102.0, "message", LampState.OFF),
        (103.0, "account:1", LampState.OFF),
    ]
    assert {event.handset for event in seen} == {"anna-desk"}


def test_a_lamp_that_does_not_exist_is_unknown_not_off():
    lamp = VirtualLamp("anna-desk")
    assert lamp.state() is LampState.OFF
    assert lamp.state("account:2") is LampState.UNKNOWN
    assert lamp.lamps == ("message",)


def test_an_unknown_state_has_no_edges():
    with pytest.raises(ValueError, match="unknown"):
        next(blink_edges(LampState.UNKNOWN, 0.0, 1.0))
