"""What sensors are asked at the beginning: their word has the instant that it is good for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rig.bench_evidence import EvidenceSteps
from rig.lamp.virtual import VirtualLamp
from rig.timeline import LampState

ASKED_AT, TOLD_AT = 5.0, 9.0


class LateEye:
    """A sensor for light that has decided what was, and says why it does not see."""

    name, lamps, settle_s = "camera:0", ("message",), 4.0

    def __init__(self, state, why):
        self.state, self.reason = (lambda _lamp: state), (lambda _lamp: why)

    def subscribe(self, listener):
        """Nothing comes."""

    def decided(self, _lamp, _at):
        return True


def bench_with(sensor):
    bench = EvidenceSteps.__new__(EvidenceSteps)
    bench.events, bench.clock = [], lambda: TOLD_AT
    bench._handsets = {"anna": SimpleNamespace(name="anna")}
    bench._places = {"anna": SimpleNamespace(intent=SimpleNamespace(accounts=()))}
    bench.lamp_of = lambda _name: sensor

    async def decided():
        return ASKED_AT

    bench.lamps_decided = decided
    return bench


@pytest.mark.parametrize(
    ("sensor", "at", "why"),
    [
        (LateEye(LampState.OFF, ""), ASKED_AT, ""),
        (LateEye(LampState.UNKNOWN, "too dark"), ASKED_AT, "too dark"),
        (VirtualLamp("anna"), TOLD_AT, ""),
    ],
    ids=["late", "late and blind", "at once"],
)
async def test_a_late_word_is_not_dated_later_than_it_is_good_for(sensor, at, why):
    bench = bench_with(sensor)
    await bench.read_lamps()
    (seen,) = bench.events
    assert (seen.at, seen.lamp, seen.reason) == (at, "message", why)
    assert seen.state is sensor.state("message")
