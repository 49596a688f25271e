"""A phone of an emulated bench is brought to its subscription, or it is said where it stops.

Each stage is broken once: the port, the power, the file, the password, the subscription.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rig.bench import Bench
from rig.bench_config import BenchConfig
from rig.bench_strategy import strategy_of
from rig.demo_bench import demo_config
from rig.faults.catalogue import find_seed
from rig.faults.seed import Alteration
from rig.hardware.power import PowerLimits, PowerReading, PowerState, VerifiedPort
from rig.hardware.strategy import Stage, StageFailed
from rig.timeline import FetchSeen

pytestmark = [pytest.mark.timeout(120), pytest.mark.waits]

CALLEE = "clara"


class Port(VerifiedPort):
    """Does what it is told, or not."""

    def __init__(self, *, off: bool = True, on: bool = True) -> None:
        super().__init__("sw1 port 9", PowerLimits(off_s=0, on_s=0, poll_s=0))
        self.can = {True: on, False: off}
        self.is_on = True

    async def _switch(self, *, on: bool) -> None:
        if self.can[on]:
            self.is_on = on

    async def state(self) -> PowerReading:
        return PowerReading(PowerState.ON if self.is_on else PowerState.OFF, "read")


def config(folder: Path, callee: str = CALLEE, **changes: object) -> BenchConfig:
    base = demo_config(folder)
    return replace(
        base, roles={"callee": callee, "caller": "emil"}, scenario_roles={},
        boot_at_start=False, boot_limit_s=8.0, **changes,
    )  # type: ignore[arg-type]  # fmt: skip


async def test_a_right_phone_reaches_every_stage_and_may_go_back(tmp_path):
    async with Bench(config(tmp_path, power={CALLEE: Port()})) as bench:
        phone = strategy_of(bench, "callee")
        for stage in Stage:
            await phone.reach(stage)
            assert phone.stage is stage
        fetched = len([e for e in bench.events if isinstance(e, FetchSeen)])
        assert fetched
        assert bench.platform.contacts(bench.number_of("callee"))
        await phone.reach(Stage.SUBSCRIBED)
        assert len([e for e in bench.events if isinstance(e, FetchSeen)]) == fetched
        await phone.reach(Stage.OFF)
        assert phone.stage is Stage.OFF
        await phone.reach(Stage.REGISTERED)
        assert phone.failure is None


@pytest.mark.parametrize(
    ("port", "stage", "reason"),
    [
        (Port(off=False), Stage.OFF, "power is not off"),
        (Port(on=False), Stage.BOOTED, "no power within 0 s"),
    ],
    ids=["off", "on"],
)
async def test_a_port_that_does_not_obey_is_the_rigs_doing(tmp_path, port, stage, reason):
    async with Bench(config(tmp_path, power={CALLEE: port})) as bench:
        phone = strategy_of(bench, "callee")
        with pytest.raises(StageFailed, match=f"did not become {stage.word}.*{reason}") as error:
            await phone.reach(Stage.SUBSCRIBED)
        assert error.value.by_rig
        port.can = {True: True, False: True}
        phone.repaired()
        await phone.reach(Stage.REGISTERED)


async def stops(folder: Path, callee: str, seed: Alteration) -> StageFailed:
    async with Bench(config(folder, callee, power={callee: Port()}, seeds=(seed,))) as bench:
        phone = strategy_of(bench, "callee")
        with pytest.raises(StageFailed) as error:
            await phone.reach(Stage.SUBSCRIBED)
        with pytest.raises(StageFailed) as again:
            await phone.reach(Stage.BOOTED)
        assert again.value is error.value
        assert not error.value.by_rig
        return error.value


@pytest.mark.parametrize(
    ("fault", "callee", "stage", "reason"),
    [
        ("B91", "anna", Stage.PROVISIONED, "asked for no file of its own"),
        (
            "B97",
            CALLEE,
            Stage.REGISTERED,
            "no REGISTER of account 1 was accepted; its driver",
        ),
        ("B25", CALLEE, Stage.SUBSCRIBED, "no SUBSCRIBE of account 1 was accepted"),
    ],
)
async def test_a_stage_that_is_broken_is_named_and_none_before_it(
    tmp_path, fault, callee, stage, reason
):
    failure = await stops(tmp_path, callee, find_seed(fault))
    assert failure.stage is stage
    assert reason in failure.reason
