"""Waiting for a lamp: one that cannot be seen is neither lit nor dark."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rig.bench_lamps import BenchLamps
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
