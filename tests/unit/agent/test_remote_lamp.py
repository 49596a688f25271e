"""A lamp at another place: unknown with a reason while in doubt, never off by default."""

from __future__ import annotations

from rig.agent.protocol import LampData
from rig.agent.remote_lamp import RemoteLampSensor
from rig.timeline import LampState


class Watch:
    """A sensor with a clock that stands, and what it told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sensor = RemoteLampSensor("berlin", "anna", lambda: self.now)
        self.events = []
        self.sensor.subscribe(self.events.append)

    def seen(self, at: float, state: LampState, why: str = "") -> None:
        data = LampData("lamp", "anna", "message", state, "serial:0", 0.02, why)
        self.sensor.seen(at, data, 0.005)

    @property
    def told(self):
        return [(event.at, event.state) for event in self.events]


def test_nothing_is_known_before_anything_was_told() -> None:
    watch = Watch()
    assert watch.sensor.state() is LampState.UNKNOWN
    assert watch.sensor.reason() == "berlin: the agent has told nothing of this lamp"
    assert watch.sensor.name == "agent:berlin"


def test_an_edge_has_its_own_instant_and_both_doubts() -> None:
    watch = Watch()
    watch.seen(98.5, LampState.STEADY)
    assert watch.told == [(98.5, LampState.STEADY)]
    assert watch.events[0].latency_s == 0.025
    assert watch.events[0].sensor == "agent:berlin:serial:0"
    watch.seen(99.0, LampState.STEADY)  # told again
    assert len(watch.events) == 1


def test_doubt_is_unknown_and_its_end_tells_what_is() -> None:
    watch = Watch()
    watch.seen(98.0, LampState.STEADY)
    watch.sensor.doubt("the agent is gone")
    assert watch.sensor.state() is LampState.UNKNOWN
    assert watch.sensor.reason() == "berlin: the agent is gone"
    watch.sensor.doubt("the broker is not reached")
    watch.now = 110.0
    watch.sensor.doubt("")
    assert watch.sensor.reason() == ""
    # Why it was blind is told as it was at that instant.
    assert [event.reason for event in watch.events] == ["", "berlin: the agent is gone", ""]
    assert watch.told == [
        (98.0, LampState.STEADY),
        (100.0, LampState.UNKNOWN),
        (110.0, LampState.STEADY),
    ]


def test_edges_that_come_late_are_told_with_their_instants() -> None:
    watch = Watch()
    watch.seen(98.0, LampState.STEADY)
    watch.sensor.doubt("events of the agent are missing")
    watch.seen(98.5, LampState.OFF)
    watch.seen(99.0, LampState.STEADY)
    watch.seen(99.5, LampState.STEADY)
    assert watch.sensor.state() is LampState.UNKNOWN
    watch.now = 101.0
    watch.sensor.doubt("")
    assert watch.told == [
        (98.0, LampState.STEADY),
        (100.0, LampState.UNKNOWN),
        (98.5, LampState.OFF),
        (99.0, LampState.STEADY),
        (101.0, LampState.STEADY),
    ]


def test_the_sensor_of_the_place_may_be_blind_itself() -> None:
    watch = Watch()
    watch.seen(98.0, LampState.UNKNOWN, "unplugged")
    assert watch.sensor.state() is LampState.UNKNOWN
    assert watch.sensor.reason() == "berlin: unplugged"


def test_a_listener_that_fails_harms_nobody_else() -> None:
    watch = Watch()
    more = []

    def broken(_event: object) -> None:
        raise ValueError("broken on purpose")

    watch.sensor.subscribe(broken)
    watch.sensor.subscribe(more.append)
    watch.seen(98.0, LampState.STEADY)
    assert len(more) == 1


def test_it_decides_as_late_as_the_sensor_there_and_the_way_here() -> None:
    watch = Watch()
    data = LampData("lamp", "anna", "message", LampState.OFF, "serial:0", settle_s=3.5)
    watch.sensor.seen(99.0, data, 0.005)
    assert watch.sensor.settle_s == 4.5
    assert not watch.sensor.decided("message", 100.0)
    watch.now = 104.6
    assert watch.sensor.decided("message", 100.0)
    watch.sensor.doubt("the agent is gone")
    assert watch.sensor.decided("message", 104.6)  # it cannot be known
