"""A phone loses its power at a real SNMP agent's port, comes back, and its lamp is right again.

The emulated handset hangs at the port by what the port is read to do. Fooled: the port does not
go off, is another phone's, does not come back, or falls silent. Each is a fault of the rig.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from snmp_kit import PATIENT, QUICK, by_user, open_files, poe_switch

from rig.bench_config import BenchConfig
from rig.blocking import BlockingBench
from rig.demo_bench import demo_config
from rig.faults.catalogue import find_seed
from rig.handset.emulated.handset import EmulatedHandset
from rig.hardware.http_relay import HttpRelayPort, RelayDevice
from rig.hardware.poe_snmp import PoePort, PortIndex
from rig.hardware.power import PowerLimits, PowerReading, PowerState, VerifiedPort
from rig.hardware.relay_board import shipped_boards
from rig.scenarios import scenarios
from rig.timeline import ActionDone, LampSeen
from rig.verdict.outcome import Outcome

pytestmark = [pytest.mark.timeout(120), pytest.mark.interop("snmpsim")]

PHONE, STUCK = 1, 2
LAMP_LIMIT_S = 1.0
CALLEE = "clara"


def config(folder: Path, port: object, **changes: object) -> BenchConfig:
    """A bench of one phone under test and one that calls, and what feeds the first."""
    base = demo_config(folder)
    return replace(
        base,
        roles={"callee": CALLEE, "caller": "emil"},
        scenario_roles={},
        power={CALLEE: port},
        power_off_s=0.3,
        **changes,
    )  # type: ignore[arg-type]  # by name


@pytest.fixture(scope="module")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    with poe_switch(tmp_path_factory.mktemp("switch")) as process:
        yield process


def port(process, number, access=None, limits=PATIENT, **options):
    return PoePort(process.switch(access, limits=limits, **options), PortIndex(1, number))


@pytest.mark.parametrize("access", [None, by_user()], ids=["v2c", "v3"])
def test_a_phone_that_lost_its_port_s_power_shows_its_messages_again(tmp_path, switch, access):
    with BlockingBench(config(tmp_path, port(switch, PHONE, access))) as bench:
        record = bench.run_scenario(scenarios()["power_cut"])
        events = list(bench.bench.events)
    assert record.outcome is Outcome.PASS, record.sentence
    measured = {m["name"]: m for m in record.measurements}
    latency = measured[f"lamp_on_latency_s[{CALLEE}.message]"]
    assert latency["note"].startswith("from the registration to the edge")
    cuts = [e for e in events if isinstance(e, ActionDone) and e.key == "power_cycle"]
    assert [e.what for e in cuts] == [
        "loses its power: sw1 port 1 off", "gets its power back: sw1 port 1 on",
    ]  # fmt: skip
    edges = [
        e.state.lit for e in events
        if isinstance(e, LampSeen) and e.lamp == "message" and e.handset == CALLEE
        and e.at >= cuts[0].at
    ]  # fmt: skip
    assert edges == [False, True]


def test_what_was_deleted_in_the_dark_lights_no_lamp(tmp_path, switch):
    with BlockingBench(config(tmp_path, port(switch, PHONE))) as bench:
        record = bench.run_scenario(scenarios()["emptied_without_power"])
    assert record.outcome is Outcome.PASS, record.sentence


@pytest.mark.parametrize(("fault", "named"), [("B01", "M1"), ("B04", "M5")])
def test_a_platform_that_forgets_what_waits_is_blamed_and_not_the_port(tmp_path, fault, named):
    base = config(tmp_path, Dies(times=0), seeds=(find_seed(fault),))
    with BlockingBench(base) as bench:
        record = bench.run_scenario(scenarios()["power_cut"])
    assert record.outcome is Outcome.FAIL, record.sentence
    assert record.findings[0]["class"] == named


def test_a_port_that_does_not_go_off_is_a_fault_of_the_rig(tmp_path, switch):
    with BlockingBench(config(tmp_path, port(switch, STUCK, limits=QUICK))) as bench:
        record = bench.run_scenario(scenarios()["power_cut"])
        after = bench.run_scenario(scenarios()["message"])
    assert record.outcome is Outcome.ERROR
    assert "sw1 port 2: power is not off" in record.sentence
    assert after.outcome is Outcome.PASS, after.sentence


@pytest.mark.parametrize("name", ["reboot", "boots_then_message", "platform_restart"])
def test_whoever_hangs_on_a_port_is_booted_by_it(tmp_path, name):
    port = Dies(times=0)
    with BlockingBench(config(tmp_path, port)) as bench:
        record = bench.run_scenario(scenarios()[name])
        acts = [e.what for e in bench.bench.events if isinstance(e, ActionDone)]
    assert record.outcome is Outcome.PASS, record.sentence
    latency = next(m for m in record.measurements if m["name"].startswith("lamp_on_latency_s"))
    since = "the storing of the message" if name == "boots_then_message" else "the registration"
    assert latency["note"].startswith(f"from {since} to the edge")
    wanted = 2 if name == "boots_then_message" else 1
    assert acts.count("loses its power: sw1 port 9 off") == wanted


def test_a_port_of_another_phone_is_a_fault_of_the_rig(tmp_path, switch, monkeypatch):
    """Off is confirmed, and this phone shines on: it hangs elsewhere."""

    async def keeps_it(_: EmulatedHandset) -> None:
        return

    monkeypatch.setattr(EmulatedHandset, "lose_power", keeps_it)
    monkeypatch.setattr("rig.bench_power.DARK_S", 0.3)
    with BlockingBench(config(tmp_path, port(switch, PHONE))) as bench:
        record = bench.run_scenario(scenarios()["power_cut"])
    assert record.outcome is Outcome.ERROR
    assert f"sw1 port 1 is off, and the lamp of {CALLEE} is lit still" in record.sentence


class Dies(VerifiedPort):
    """Goes off, and gives no power any more for as often as it is asked."""

    def __init__(self, times: int) -> None:
        super().__init__("sw1 port 9", PowerLimits(off_s=0, on_s=0, poll_s=0))
        self.times = times
        self.is_on = True
        self.closed = 0

    async def _switch(self, *, on: bool) -> None:
        if on and self.times:
            self.times -= 1
            return
        self.is_on = on

    async def state(self) -> PowerReading:
        return PowerReading(PowerState.ON if self.is_on else PowerState.OFF, "read")

    async def close(self) -> None:
        self.closed += 1


def test_a_port_that_gives_no_power_any_more_is_never_blamed_on_the_phone(tmp_path):
    port = Dies(times=2)
    with BlockingBench(config(tmp_path, port)) as bench:
        cut = bench.run_scenario(scenarios()["power_cut"])
        next_one = bench.run_scenario(scenarios()["message"])
        healed = bench.run_scenario(scenarios()["message"])
    assert (cut.outcome, next_one.outcome) == (Outcome.ERROR, Outcome.ERROR)
    assert "no power within 0 s" in next_one.sentence
    assert healed.outcome is Outcome.PASS, healed.sentence
    assert port.closed == 1


def test_whose_power_was_cut_by_mistake_has_it_back_at_once(tmp_path, monkeypatch):
    """Another phone hangs on this port: it is not left dark until the next scenario."""

    async def keeps_it(_: EmulatedHandset) -> None:
        return

    monkeypatch.setattr(EmulatedHandset, "lose_power", keeps_it)
    monkeypatch.setattr("rig.bench_power.DARK_S", 0.3)
    port = Dies(times=0)
    with BlockingBench(config(tmp_path, port)) as bench:
        record = bench.run_scenario(scenarios()["power_cut"])
        back = port.is_on
    assert record.outcome is Outcome.ERROR
    assert "is lit still" in record.sentence
    assert back


class Slow(Dies):
    """Obeys when the lamp's own limit is over: each command starts a program, as for labgrid."""

    async def _switch(self, *, on: bool) -> None:
        await asyncio.sleep(1.2 * LAMP_LIMIT_S)
        await super()._switch(on=on)


def test_what_a_port_takes_to_obey_is_no_delay_of_the_lamp(tmp_path):
    with BlockingBench(config(tmp_path, Slow(0), lamp_limit_s=LAMP_LIMIT_S)) as bench:
        record = bench.run_scenario(scenarios()["power_cut"])
        acts = [e for e in bench.bench.events if isinstance(e, ActionDone)]
    assert record.outcome is Outcome.PASS, record.sentence
    measured = {m["name"]: m for m in record.measurements}
    dark = measured[f"lamp_off_latency_s[{CALLEE}.message]"]
    assert dark["value"] >= LAMP_LIMIT_S
    (gone,) = (e for e in acts if e.key == "power_off")
    told = next(e for e in acts if e.key == "power_cycle")
    took_s = gone.at - told.at
    assert took_s >= LAMP_LIMIT_S
    assert gone.what == f"is without power: sw1 port 9 is off after {took_s:.1f} s"
    assert dark["limit"]["value"] == pytest.approx(LAMP_LIMIT_S + took_s, abs=0.01)
    assert dark["limit"]["source"].endswith(f"{took_s:.1f} s in which the port obeyed")


def test_no_phone_is_left_dark_at_the_end(tmp_path):
    port = Dies(times=1)
    with BlockingBench(config(tmp_path, port)) as bench:
        assert bench.run_scenario(scenarios()["power_cut"]).outcome is Outcome.ERROR
    assert port.is_on


def test_a_switch_that_falls_silent_in_between_is_a_fault_of_the_rig(tmp_path):
    with poe_switch(tmp_path / "switch") as process:
        feed = port(process, PHONE, timeout_s=0.15, retries=1)
        with BlockingBench(config(tmp_path / "bench", feed)) as bench:
            process.stop()
            record = bench.run_scenario(scenarios()["power_cut"])
    assert record.outcome is Outcome.ERROR
    assert "does not answer within 0.3 s" in record.sentence


@pytest.mark.parametrize("listens", [False, True], ids=["gone", "mute"])
def test_a_relay_board_that_is_gone_or_mute_is_a_fault_of_the_rig(tmp_path, listens):
    """Nobody is at its port, or somebody who takes the connection and says nothing."""
    with socket.socket() as board:
        board.bind(("127.0.0.1", 0))
        if listens:
            board.listen()
        url = f"http://127.0.0.1:{board.getsockname()[1]}"
        device = RelayDevice("r1", url, shipped_boards()["shelly_gen2"], timeout_s=0.4)
        with BlockingBench(config(tmp_path, HttpRelayPort(device, "0"))) as bench:
            before = open_files()
            record = bench.run_scenario(scenarios()["power_cut"])
            assert open_files() <= before
            after = bench.run_scenario(scenarios()["message"])
    assert record.outcome is Outcome.ERROR
    assert ("does not answer within 0.4 s" if listens else "no HTTP with") in record.sentence
    assert after.outcome is Outcome.ERROR
    assert "r1 channel 0" in after.sentence


def test_a_scenario_of_power_is_skipped_where_no_port_feeds_the_phone(tmp_path):
    changes = {"drivers": {"emil": "sipp"}}
    with BlockingBench(config(tmp_path, Dies(0), **changes)) as bench:
        scenario = replace(scenarios()["power_cut"], needs={}, needs_power=("caller",))
        assert scenario.missing(bench.bench) == [
            "no port feeds emil (caller) that the rig can switch"
        ]


def test_an_emulated_bench_has_ports_of_its_own(tmp_path):
    with BlockingBench(replace(config(tmp_path, Dies(0)), power={})) as bench:
        record = bench.run_scenario(scenarios()["power_cut"])
        assert bench.bench.power_of("callee").name == f"virtual port of {CALLEE}"
    assert record.outcome is Outcome.PASS, record.sentence
