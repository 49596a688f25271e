"""What counts as a stage, and a phone that is given up: whoever breaks that off is obeyed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest

from rig.bench_strategy import strategy_of
from rig.hardware.strategy import Stage, StageFailed
from rig.timeline import FetchSeen

PHONE = "clara"


def fetch(at, status=200, path="/a.cfg"):
    return FetchSeen(
        at=at, transport="http", client=("192.0.2.1", 5), path=path, handset=PHONE,
        status=status, octets=1, duration_s=0.0, user_agent="",
    )  # fmt: skip


class PaperBench:
    """As much of a bench as a strategy needs; its phone takes its time to be given up."""

    def __init__(self, *events, powered_at=0.0):
        self.config = SimpleNamespace(boot_limit_s=5.0)
        self.now = powered_at
        self.powered_at = powered_at
        self.server = SimpleNamespace(own_names=lambda _name: ["a.cfg"])
        self.events = list(events) or [fetch(0.0)]
        self.cuts = 0
        self.asked_to_end = asyncio.Event()
        self.may_end = asyncio.Event()
        self.boots = []

    def name_of(self, role):
        return role

    async def cut_power(self, _role):
        self.cuts += 1

    async def give_power(self, _role):
        return self.powered_at

    def clock(self):
        self.now += 1.0  # a look costs time
        return self.now

    async def sip(self, _since):
        return []

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


async def stops_at(bench, stage):
    bench.may_end.set()
    phone = strategy_of(bench, PHONE)
    with pytest.raises(StageFailed) as error:
        await phone.reach(stage)
    assert error.value.stage is stage
    return error.value.reason


async def test_what_was_fetched_before_the_power_came_is_no_sign_of_life():
    bench = PaperBench(fetch(9.9), powered_at=10.0)
    assert "neither asked for a file nor sent a SIP message" in await stops_at(bench, Stage.BOOTED)


async def test_a_phone_that_is_refused_its_own_file_is_not_provisioned():
    bench = PaperBench(fetch(0.1), fetch(0.2, status=404))
    reason = await stops_at(bench, Stage.PROVISIONED)
    assert reason.startswith("it did not get its own a.cfg (404)")


async def test_a_phone_that_has_its_own_file_in_the_end_is_provisioned():
    bench = PaperBench(fetch(0.1, status=404), fetch(0.2, path="/common.cfg"), fetch(0.3))
    bench.may_end.set()
    phone = strategy_of(bench, PHONE)
    await phone.reach(Stage.PROVISIONED)
    assert phone.stage is Stage.PROVISIONED


@pytest.mark.parametrize("alone", [True, False])
async def test_who_asks_without_a_name_is_known_by_an_address_of_its_own_alone(alone):
    nameless = replace(fetch(0.1), handset="")
    bench = PaperBench(nameless)
    bench.may_end.set()
    bench.stands_alone = lambda _name: alone
    bench.role = lambda _name: SimpleNamespace(sip_address=("192.0.2.1", 5060))
    if alone:
        await strategy_of(bench, PHONE).reach(Stage.BOOTED)
    else:
        assert "neither asked for a file" in await stops_at(bench, Stage.BOOTED)
