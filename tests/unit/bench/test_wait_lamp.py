"""Waiting for a lamp: one that cannot be seen is neither lit nor dark."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from rig.bench_lamps import BenchLamps
from rig.bench_power import PowerSteps
from rig.handset.base import HandsetCapability
from rig.timeline import LampState


class Nothing:
    """No board, camera or agent."""

    def sensor(self, _handset):
        return None


def bench(state):
    """One handset with a lamp that stays as it is."""
    made = BenchLamps()
    made.config = SimpleNamespace(lamp_limit_s=0.05)
    made.roles, made.events = {"callee": "clara"}, []
    made.lamp_boards = made.cameras = made.agents = Nothing()
    lamp = SimpleNamespace(state=lambda _lamp: state)
    made._handsets = {"clara": SimpleNamespace(name="clara", lamp=lamp)}
    steps = iter(range(1000))
    made.clock = lambda: next(steps) * 0.2  # a look costs time
    return made


@pytest.mark.parametrize(
    ("state", "lit", "there"),
    [
        (LampState.STEADY, True, True),
        (LampState.STEADY, False, False),
        (LampState.OFF, False, True),
        (LampState.OFF, True, False),
        (LampState.UNKNOWN, True, False),
        (LampState.UNKNOWN, False, False),
    ],
)
async def test_a_lamp_is_as_wanted_only_where_it_is_seen(state, lit, there):
    assert await bench(state).wait_lamp("callee", lit=lit) is there


async def test_a_sensor_that_never_decides_is_not_waited_for_for_ever():
    undecided = SimpleNamespace(
        name="camera:0", lamps=("message",), settle_s=2.0,
        state=lambda _lamp: LampState.UNKNOWN, reason=lambda _lamp: "",
        subscribe=lambda _listener: None,
        decided=lambda _lamp, _at: False,
    )  # fmt: skip
    made = bench(LampState.OFF)
    made._handsets["clara"].lamp = undecided
    async with asyncio.timeout(5):
        assert await made.lamps_decided() == 0.0
    assert made.clock() >= undecided.settle_s


@pytest.mark.parametrize("fed", [True, False])
def test_who_hangs_on_a_port_can_be_booted_by_it_and_nobody_else(fed):
    made = PowerSteps.__new__(PowerSteps)
    made.config = SimpleNamespace(power={"clara": object()} if fed else {})
    made.roles = {"callee": "clara"}
    made.lamp_boards = made.cameras = made.agents = Nothing()
    can = frozenset({HandsetCapability.REGISTER})
    made._handsets = {"clara": SimpleNamespace(name="clara", capabilities=can)}
    found = made.capabilities_of("callee")
    assert found == (can | {HandsetCapability.REBOOT} if fed else can)
