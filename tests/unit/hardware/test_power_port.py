"""A port is what it reads, not what it was told: with a simulated clock and a device of paper."""

from __future__ import annotations

import asyncio

import pytest

from rig.hardware.power import (
    PowerError,
    PowerLimits,
    PowerReading,
    PowerState,
    VerifiedPort,
    VirtualPort,
)

LIMITS = PowerLimits(off_s=5, on_s=20, poll_s=1)


class Paper(VerifiedPort):
    """Follows its plan: what each reading after a command says, the last one for ever."""

    def __init__(self, off, on=(PowerState.ON,)):
        self.time = 0.0
        super().__init__("sw1 port 5", LIMITS, clock=lambda: self.time, sleep=self.pass_time)
        self.plans = {False: list(off), True: list(on)}
        self.plan = [PowerState.ON]
        self.told = []
        self.naps = []
        self.broken = 0

    async def pass_time(self, duration_s):
        self.naps.append(duration_s)
        self.time += duration_s

    async def _switch(self, *, on):
        self.told.append(on)
        if self.broken:
            raise PowerError("sw1 does not answer")
        self.plan = list(self.plans[on])

    async def state(self):
        state = self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]
        return PowerReading(state, f"said {state}")


async def test_off_is_off_when_the_port_says_so():
    port = Paper(off=[PowerState.ON, PowerState.ON, PowerState.OFF])
    await port.off()
    assert port.told == [False]
    assert port.time == 2


async def test_a_port_that_never_confirms_is_an_error_with_what_was_read():
    port = Paper(off=[PowerState.ON])
    with pytest.raises(
        PowerError, match=r"sw1 port 5: power is not off 5 s .*said on.*expected"
    ) as e:
        await port.off()
    assert port.time == 5
    assert e.value.exit_code == 3


@pytest.mark.parametrize(
    "state", [s for s in PowerState if s is not PowerState.OFF], ids=lambda s: s.value
)
async def test_nothing_but_off_counts_as_off(state):
    with pytest.raises(PowerError, match="is not off"):
        await Paper(off=[state]).off()


async def test_a_port_that_nobody_draws_from_is_not_on():
    port = Paper(off=[PowerState.OFF], on=[PowerState.IDLE])
    with pytest.raises(PowerError, match=r"no power within 20 s.*does a phone hang on this port"):
        await port.on()
    assert port.time == 20


async def test_a_faulty_port_is_told_as_such():
    with pytest.raises(PowerError, match="said fault; look at the port's fault"):
        await Paper(off=[PowerState.OFF], on=[PowerState.FAULT]).on()


async def test_a_cycle_leaves_the_phone_dark_for_the_time_asked():
    port = Paper(off=[PowerState.OFF], on=[PowerState.IDLE, PowerState.ON])
    await port.cycle(10)
    assert port.told == [False, True]
    assert port.naps == [10, 1]


async def test_a_cycle_whose_off_fails_switches_on_again_and_still_fails():
    port = Paper(off=[PowerState.ON])
    with pytest.raises(PowerError, match="is not off"):
        await port.cycle()
    assert port.told == [False, True]


async def test_a_device_that_dies_in_a_cycle_gives_its_first_word():
    port = Paper(off=[PowerState.OFF])
    port.broken = 1
    with pytest.raises(PowerError, match="does not answer"):
        await port.cycle()


@pytest.mark.parametrize("read", [PowerState.OFF, PowerState.ON], ids=["is off", "not yet off"])
async def test_a_cycle_that_is_broken_off_gives_the_power_back(read):
    port = Paper(off=[read])

    began = asyncio.Event()

    async def never(_):
        began.set()
        await asyncio.Event().wait()

    port._sleep = never
    task = asyncio.create_task(port.cycle(10))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert port.told == [False, True]


async def test_the_port_of_an_emulated_bench_does_as_it_is_told():
    port = VirtualPort("virtual port of anna")
    assert (await port.state()).state is PowerState.ON
    await port.off()
    assert (await port.state()).state is PowerState.OFF
    await port.cycle(0)
    assert (await port.state()).state is PowerState.ON
    await port.close()
    await port.close()
