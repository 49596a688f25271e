"""A phone is given up for another try: whoever breaks that off is obeyed."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from rig.bench_strategy import strategy_of
from rig.hardware.strategy import Stage
from rig.timeline import FetchSeen

PHONE = "clara"


class PaperBench:
    """As much of a bench as a strategy needs; its phone takes its time to be given up."""

    def __init__(self):
        self.config = SimpleNamespace(boot_limit_s=5.0)
        self.clock = lambda: 0.0
        self.events = [
            FetchSeen(
                at=0.0, transport="http", client=("192.0.2.1", 5), path="/a.cfg", handset=PHONE,
                status=200, octets=1, duration_s=0.0, user_agent="",
            )
        ]  # fmt: skip
        self.cuts = 0
        self.asked_to_end = asyncio.Event()
        self.may_end = asyncio.Event()
        self.boots = []

    def name_of(self, role):
        return role

    async def cut_power(self, _role):
        self.cuts += 1

    async def give_power(self, _role):
        return 0.0

    async def _boot(self):
        try:
            await asyncio.Event().wait()
        finally:
            self.asked_to_end.set()
            await self.may_end.wait()

    def begin_boot(self, _role):
        self.boots.append(asyncio.create_task(self._boot()))
        return self.boots[-1]


async def test_a_boot_that_is_given_up_has_ended_before_the_power_is_cut():
    bench = PaperBench()
    phone = strategy_of(bench, PHONE)
    await phone.reach(Stage.BOOTED)
    await asyncio.sleep(0)  # the boot has begun
    again = asyncio.create_task(phone.reach(Stage.OFF))
    await bench.asked_to_end.wait()
    assert bench.cuts == 1
    bench.may_end.set()
    await again
    assert bench.boots[0].cancelled()
    assert bench.cuts == 2


async def test_whoever_breaks_off_while_a_boot_ends_is_obeyed():
    bench = PaperBench()
    phone = strategy_of(bench, PHONE)
    await phone.reach(Stage.BOOTED)
    await asyncio.sleep(0)
    again = asyncio.create_task(phone.reach(Stage.OFF))
    await bench.asked_to_end.wait()
    again.cancel()
    await asyncio.sleep(0)
    bench.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await again
    assert bench.cuts == 1
    assert phone.stage is None
    await asyncio.wait(bench.boots)
