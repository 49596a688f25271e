"""A phone with a vendor's driver loses its power: it is waited for until it says it is registered.

The phone is a fake of a Yealink's web interface, which goes away with the power and comes back as
a phone does: first not at all, then unregistered, then registered.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from peers import free_sip_port
from vendor_fakes.base import PASSWORD
from vendor_fakes.yealink import FakeYealink

from rig.bench import Bench
from rig.bench_file import load_bench
from rig.bench_strategy import strategy_of
from rig.errors import RigError
from rig.handset.base import HandsetCapability
from rig.hardware.power import PowerLimits, PowerReading, PowerState, VerifiedPort
from rig.hardware.strategy import Stage, StageFailed
from rig.scenarios import scenarios
from rig.timeline import ActionDone

pytestmark = pytest.mark.timeout(120)

SITE = Path(__file__).parents[2] / "examples" / "bench" / "site.yaml"
BOOT_S = 0.3


class Socket(VerifiedPort):
    """Feeds the fake phone."""

    def __init__(self, phone: FakeYealink) -> None:
        super().__init__("sw1 port 5", PowerLimits(off_s=0, on_s=0, poll_s=0))
        self.phone = phone
        self.is_on = True
        self.boots = True
        self.registers = True
        self.booting: asyncio.Task[None] | None = None

    async def _switch(self, *, on: bool) -> None:
        if self.is_on and not on:
            self.phone._server.close()
        if on and not self.is_on and self.boots:
            self.booting = asyncio.get_running_loop().create_task(self._boot())
        self.is_on = on

    async def _boot(self) -> None:
        self.phone.registered = False
        await asyncio.sleep(BOOT_S)
        await self.phone.listen(self.phone.port)
        await asyncio.sleep(BOOT_S)
        self.phone.registered = self.registers

    async def state(self) -> PowerReading:
        return PowerReading(PowerState.ON if self.is_on else PowerState.OFF, "read")


@contextlib.asynccontextmanager
async def lab(folder: Path, *, boot_limit_s: float) -> AsyncIterator[tuple[Bench, Socket]]:
    async with FakeYealink() as phone:
        text = SITE.read_text(encoding="utf-8").replace("demo:admin-11", f"demo:{PASSWORD}")
        (folder / "site.yaml").write_text(text.replace("https://192.0.2.51", phone.url))
        file = folder / "bench.yaml"
        file.write_text(
            "site: site.yaml\nroles: {callee: anna, caller: bert}\nhandsets:\n"
            "  anna: {driver: yealink}\n  bert: {driver: emulated}\n"
            f"platform: {{host: 127.0.0.1, port: {free_sip_port()}}}\n"
        )
        port = Socket(phone)
        config = load_bench(file).config(folder / "work", boot_at_start=False)
        config = replace(config, power={"anna": port}, boot_limit_s=boot_limit_s)
        async with Bench(config) as bench:
            yield bench, port


def given_up(bench: Bench) -> list[str]:
    return [e.what for e in bench.events if isinstance(e, ActionDone) and e.key == "gave_up"]


async def test_a_phone_that_boots_is_waited_for(tmp_path: Path) -> None:
    async with lab(tmp_path, boot_limit_s=30) as (bench, port):
        assert HandsetCapability.REBOOT in bench.capabilities_of("callee")
        await bench.cut_power("callee")
        with pytest.raises(RigError):
            await bench.role("callee").wait_ready(0.1)
        await bench.restore_power("callee")
        assert port.phone.registered
        assert given_up(bench) == []
        assert bench.lamp_patience_s("callee") == 2.0 + 30


async def test_a_phone_that_does_not_register_again_is_no_fault_of_the_rig(tmp_path: Path) -> None:
    async with lab(tmp_path, boot_limit_s=2.5) as (bench, port):
        port.registers = False
        await bench.cut_power("callee")
        await bench.restore_power("callee")
        (said,) = given_up(bench)
        assert "anna" in said


async def test_a_phone_that_stays_dead_stops_at_its_first_stage(tmp_path: Path) -> None:
    async with lab(tmp_path, boot_limit_s=1.5) as (bench, port):
        port.boots = False
        phone = strategy_of(bench, "callee")
        with pytest.raises(StageFailed, match="neither asked for a file nor sent") as error:
            await phone.reach(Stage.SUBSCRIBED)
        assert error.value.stage is Stage.BOOTED
        assert not error.value.by_rig


async def test_without_a_sensor_its_lamp_is_nobodys_and_the_scenario_is_skipped(
    tmp_path: Path,
) -> None:
    async with lab(tmp_path, boot_limit_s=5) as (bench, _):
        assert scenarios()["power_cut"].missing(bench) == ["anna (callee) cannot lamp"]
