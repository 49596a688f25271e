"""A real phone's place on a bench: restarted by its interface, known by its registration.

The phone is an emulated handset that the bench knows nothing of, behind a fake web interface.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from handset_lab import profiles
from vendor_fakes.base import PASSWORD, USER
from vendor_fakes.cisco import FakeCisco
from vendor_fakes.yealink import FakeYealink

from provisioning.control_model import HandsetControl
from provisioning.secret import Secret
from rig.bench import Bench
from rig.bench_phones import phones_registered
from rig.demo_bench import demo_config
from rig.errors import RigError
from rig.handset.base import HandsetCapability
from rig.handset.emulated.handset import EmulatedHandset
from rig.scenarios import scenarios
from rig.timeline import PhoneSaid


class Desk(FakeYealink):
    """The web interface of a phone; away while the phone restarts."""

    phone = None

    def press(self, key):
        super().press(key)
        if key == "Reboot":
            self._server.close()
            self.restarting = asyncio.get_running_loop().create_task(self.restart())

    async def restart(self):
        await self.phone.power_cycle()
        await asyncio.sleep(1.5)
        await self.listen(self.port)


def config_with(work_dir, control):
    """The demo's bench with a real phone in anna's place; nothing is booted."""
    base = demo_config(work_dir)
    site = replace(
        base.site,
        handsets=tuple(
            replace(entry, control=control) if entry.name == "anna" else entry
            for entry in base.site.handsets
        ),
    )
    return replace(
        base, site=site, roles={"caller": "emil", "callee": "anna"}, scenario_roles={},
        drivers={"anna": control.driver}, boot_at_start=False,
    )  # fmt: skip


async def test_a_phone_with_an_interface_stands_on_a_bench(tmp_path):
    async with Desk() as desk:
        control = HandsetControl("yealink", desk.url, password=Secret(PASSWORD))
        async with Bench(config_with(tmp_path, control)) as bench:
            anna = bench._handsets["anna"]
            assert "real phone, by its vendor's interface" in bench.environment()["handsets"]
            with pytest.raises(RigError, match=r"anna .*not registered at the platform"):
                await phones_registered(bench.platform, bench.site, ["anna"], 0.1)
            entry = bench.site.handset("anna")
            desk.phone = EmulatedHandset(
                "anna", profiles()[entry.model], entry.mac, provisioning_url=bench.server.url,
                host="127.0.0.1",
            )  # fmt: skip
            try:
                await anna.boot()
                await phones_registered(bench.platform, bench.site, ["anna"], 20)
                await desk.restarting
                assert desk.rebooted == 1

                evidence = await bench.evidence(bench.clock(), [])
                facts = evidence.handsets["anna"]
                assert desk.phone.sip_address in facts.sip_addresses  # whatever its port
                assert not facts.own_tap  # nobody takes packets there
                assert facts.sensor == "none"
                assert facts.applied is not None  # read from what it was served

                await anna.set_dnd(on=True)
                assert desk.dnd
                for what in (anna.power_cycle, lambda: anna.dial("1"), anna.press_message_key):
                    with pytest.raises(RigError, match="anna: "):
                        await what()
                lacks = HandsetCapability.LAMP
                assert lacks not in bench.capabilities_of("callee")
                assert any("lamp" in why for why in scenarios()["unanswered"].missing(bench))
            finally:
                await desk.phone.shut_down()


async def test_a_phone_that_can_be_asked_is_asked_beside_its_lamp(tmp_path):
    async with FakeCisco() as fake:
        control = HandsetControl("cisco", fake.url, user=USER, password=Secret(PASSWORD))
        async with Bench(config_with(tmp_path, control)) as bench:
            for waiting in (True, False):
                fake.waiting = waiting
                since = bench.clock()
                assert not await bench.wait_lamp("callee", lit=True, within_s=0.05)  # no sensor
                evidence = await bench.evidence(since, [])
                (said,) = evidence.events(PhoneSaid, since=since)
                assert (said.handset, said.waiting, said.by) == ("anna", waiting, "answer")
