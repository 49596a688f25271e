"""The closed loop by light: NOTIFY, the phone's lamp, an emulated chip's converter, the verdict.

The platform sends a real NOTIFY, the emulated phone drives its lamp, the lamp's edges are levels
at the converter of an emulated ATmega328P that runs the flashed program; its serial line is a pty
that pyserial reads. What is judged is what the board saw, and never what the phone shows.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from lamp_board_fake import DARK, LIT, SATURATED
from lamp_board_kit import ChipBoard, wait_until
from lamp_light import LightPath

from rig.blocking import BlockingBench
from rig.demo_bench import demo_config
from rig.lamp.wiring import BoardWire, KeyWire, LampWire, LampWiring, Levels
from rig.scenario import Scenario
from rig.scenario_parts import LAMP, lamp_on
from rig.scenarios import scenarios
from rig.timeline import LampSeen, LampState
from rig.verdict.outcome import Outcome

pytestmark = [pytest.mark.interop(peer="simavr"), pytest.mark.timeout(240)]

ROLES = {"callee": "anna", "caller": "emil", "other": "david"}
CHANNELS = {"anna": 0, "david": 1}
LEVELS = Levels(dark=DARK, lit=LIT, on=368, off=252)
SETTLE_S = 0.7
"""Longer than the longest phase of the light."""


def wired(url):
    lamps = tuple(
        LampWire(channel=channel, handset=name, levels=LEVELS, settle_s=SETTLE_S)
        for name, channel in CHANNELS.items()
    )
    board = BoardWire(url=url, lamps=lamps, keys=(KeyWire(relay=0, handset="anna"),))
    return LampWiring(boards=(board,))


class Lab:
    """A bench whose lamps are seen by a board, and the light in between."""

    def __init__(self, chip, bench):
        self.chip, self.blocking, self.bench = chip, bench, bench.bench
        self.paths = bench.call(self._paths())

    async def _paths(self):
        return {
            name: LightPath(self.chip, channel, self.bench.role(name).lamp)
            for name, channel in CHANNELS.items()
        }

    def run(self, scenario):
        return self.blocking.run_scenario(scenario)

    def hold(self, name, raw):
        """Whatever the phone shows, this is what its channel reads."""
        self.do(lambda: self.paths[name].hold(raw))

    def mend(self):
        for name, path in self.paths.items():
            self.do(lambda path=path, name=name: path.mend(CHANNELS[name]))

    def plug(self):
        """The board is there again, and believed."""
        self.chip.plug()
        lamp = self.bench.lamp_of("anna")
        wait_until(lambda: lamp.state() is not LampState.UNKNOWN)

    def do(self, act):
        """Act in the loop in which the light changes."""

        async def inside():
            act()

        self.blocking.call(inside())

    def end(self):
        for path in self.paths.values():
            self.blocking.call(path.end())


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lamp-board")
    with ChipBoard(folder, speed=1.0) as chip:
        for channel in range(8):
            chip.light(channel, DARK)
        config = replace(
            demo_config(folder), roles=ROLES, scenario_roles={}, lamp_wiring=wired(chip.url)
        )
        with BlockingBench(config) as bench:
            lab = Lab(chip, bench)
            yield lab
            lab.end()


@pytest.fixture
def lab(opened):
    yield opened
    opened.mend()


def acting(*steps):
    """A message comes while something happens to the rig; the lamp must be lit in the end."""

    async def run(bench):
        stored = bench.put_message("callee")
        for step in steps:
            await step(bench)
        return [lamp_on(bench, "callee", stored, trigger="the storing of the message")]

    return Scenario("trouble", "A message, and trouble", {"callee": LAMP}, run)


async def lost(bench):
    async with asyncio.timeout(10):
        while bench.lamp_of("callee").state() is not LampState.UNKNOWN:  # noqa: ASYNC110 - a thread
            await asyncio.sleep(0.01)


async def seen(bench):
    assert await bench.wait_lamp("callee", lit=True)


def test_a_message_and_its_going_are_seen_by_light_and_judged_by_it(lab):
    began = lab.bench.clock()
    for name in ("message", "emptied"):
        record = lab.run(scenarios()[name])
        assert record.outcome is Outcome.PASS, record.sentence
        latency = next(m for m in record.measurements if "latency_s[anna.message]" in m["name"])
        assert f"sensor serial:{lab.chip.url}#0" in latency["note"]
    told = [e for e in lab.bench.events if isinstance(e, LampSeen) and e.at > began]
    anna = [event for event in told if event.handset == "anna" and event.lamp == "message"]
    assert {event.sensor for event in anna} == {f"serial:{lab.chip.url}#0"}
    states = [event.state for event in anna]
    assert LampState.SLOW in states
    assert states[-1] is LampState.OFF
    lit = [event for event in anna if event.state.lit]
    assert all(0 < event.latency_s < 1 for event in lit if event.latency_s)
    assert f"serial:{lab.chip.url}#0" in lab.bench.environment()["lamps"]


@pytest.mark.parametrize("raw", [0, SATURATED], ids=["pulled off", "flooded"])
def test_a_head_that_sees_nothing_from_the_start_decides_nothing(lab, raw):
    lab.hold("anna", raw)
    record = lab.run(acting())
    assert record.outcome is Outcome.INCONCLUSIVE, record.sentence
    assert "lamp sensor of anna" in record.sentence
    assert not record.findings


def test_a_head_that_comes_off_after_the_lamp_was_seen_decides_nothing(lab):
    async def pull(bench):
        lab.paths["anna"].cut()
        await lost(bench)

    record = lab.run(acting(seen, pull))
    assert record.outcome is Outcome.INCONCLUSIVE, record.sentence
    assert "does not know the state of lamp message from" in record.sentence
    assert not record.findings


def test_a_board_that_is_unplugged_in_the_middle_decides_nothing_and_comes_back(lab):
    async def unplug(bench):
        lab.chip.unplug()
        await lost(bench)

    record = lab.run(acting(unplug))
    assert record.outcome in {Outcome.INCONCLUSIVE, Outcome.ERROR}, record.sentence
    assert not record.findings
    assert all(m["outcome"] != "fail" for m in record.measurements)
    lab.plug()
    record = lab.run(scenarios()["emptied"])
    assert record.outcome is Outcome.PASS, record.sentence


def test_a_lamp_that_is_stuck_is_the_phones_fault_and_the_board_proves_it(lab):
    lab.hold("anna", LIT)
    record = lab.run(scenarios()["emptied"])
    assert record.outcome is Outcome.FAIL, record.sentence
    assert {finding["component"] for finding in record.findings} == {"handset"}


def test_a_lamp_that_stays_dark_though_the_phone_says_it_shines_is_the_phones_fault(lab):
    lab.hold("anna", DARK)
    record = lab.run(acting(seen_by_nobody))
    assert record.outcome is Outcome.FAIL, record.sentence
    assert lab.bench.role("anna").lamp.state() is LampState.SLOW
    assert {finding["class"] for finding in record.findings} == {"M9"}


async def seen_by_nobody(bench):
    assert not await bench.wait_lamp("callee", lit=True, within_s=0.2)


def test_heads_on_the_wrong_lamps_are_the_rigs_fault(lab):
    lab.do(lambda: lab.paths["anna"].lead_to(CHANNELS["david"]))
    lab.do(lambda: lab.paths["david"].lead_to(CHANNELS["anna"]))
    record = lab.run(acting(seen_by_nobody))
    assert record.outcome is Outcome.INCONCLUSIVE, record.sentence
    assert "exchanged?" in record.sentence
    assert not record.findings


def test_the_solenoid_presses_the_message_key_and_the_lamp_goes_out(lab):
    """Board, relay, key, portal, PIN, message heard, NOTIFY, lamp: all the way round."""

    async def finger(phone, moves):
        async with asyncio.timeout(20):
            while (0, True) not in moves:  # noqa: ASYNC110 - another thread reads the chip
                await asyncio.sleep(0.01)
        return await phone.press_message_key()

    async def run(bench):
        bench.put_message("callee")
        await seen(bench)
        lab.chip.moves.clear()
        key = asyncio.create_task(finger(bench.role("callee"), lab.chip.moves))
        pressed_s = await bench.press_key("callee")
        assert 0.3 <= pressed_s < 1
        call = await key
        await call.wait_established(10)
        await call.wait_prompt("portal.enter_pin", 10)
        await call.send_digits(bench.pin_of("callee") + "#")
        await call.wait_prompt("portal.main", 10)
        await call.send_digits("1")
        await call.wait_prompt("portal.end_of_messages", 30)
        heard = bench.note("anna", "has heard all new messages", key="heard")
        await call.hang_up()
        await bench.wait_lamp("callee", lit=False)
        return [
            lamp_on(bench, "callee", heard, lit=False, new=0, saved=1, notify=False,
                    trigger="the hearing")
        ]  # fmt: skip

    record = lab.run(Scenario("solenoid", "The key by solenoid", {"callee": LAMP}, run))
    assert record.outcome is Outcome.PASS, record.sentence
    assert lab.chip.moves == [(0, True), (0, False)]
    assert not lab.bench.lamp_of("anna").state().lit
