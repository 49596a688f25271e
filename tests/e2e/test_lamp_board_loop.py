"""The closed loop by light: NOTIFY, the phone's lamp, an emulated chip's converter, the verdict.

The platform sends a real NOTIFY, the emulated phone drives its lamp, the lamp's edges are levels
at the converter of an emulated ATmega328P that runs the flashed program; its serial line is a pty
that pyserial reads. What is judged is what the board saw, and never what the phone shows.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import statistics

import pytest
from lamp_board_fake import DARK, LIT, SATURATED
from lamp_lab import ANNA, CHANNELS, DAVID, ICON, lamp_lab

from rig.scenario import Scenario
from rig.scenario_parts import LAMP, lamp_on
from rig.scenarios import scenarios
from rig.timeline import LampState
from rig.verdict.outcome import Outcome

pytestmark = [pytest.mark.interop(peer="simavr"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    with lamp_lab(tmp_path_factory.mktemp("lamp-board")) as lab:
        yield lab


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


@pytest.mark.parametrize("raw", [0, SATURATED], ids=["pulled off", "flooded"])
def test_lamp_05_a_head_that_sees_nothing_from_the_start_decides_nothing(lab, raw):
    lab.hold(ANNA, raw)
    record = lab.run(acting())
    assert record.outcome is Outcome.INCONCLUSIVE, record.sentence
    assert "lamp sensor of anna" in record.sentence
    assert f"(it says: {'saturated' if raw else 'unplugged'}: " in record.sentence
    assert not record.findings


def test_lamp_05_a_head_that_comes_off_after_the_lamp_was_seen_decides_nothing(lab):
    async def pull(bench):
        lab.paths[ANNA].cut()
        await lost(bench)
        # On a busy machine the emulated chip's clock runs a little before or behind ours.
        await bench.sleep(0.5)

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
    lab.hold(ANNA, LIT)
    record = lab.run(scenarios()["emptied"])
    assert record.outcome is Outcome.FAIL, record.sentence
    assert {finding["component"] for finding in record.findings} == {"handset"}


def test_a_lamp_that_stays_dark_though_the_phone_says_it_shines_is_the_phones_fault(lab):
    lab.hold(ANNA, DARK)
    record = lab.run(acting(seen_by_nobody))
    assert record.outcome is Outcome.FAIL, record.sentence
    assert lab.bench.role("anna").lamp.state() is LampState.SLOW
    assert {finding["class"] for finding in record.findings} == {"M9"}


async def seen_by_nobody(bench):
    assert not await bench.wait_lamp("callee", lit=True, within_s=0.2)


def test_heads_on_the_wrong_lamps_are_the_rigs_fault(lab):
    lab.lead(ANNA, CHANNELS[DAVID])
    lab.lead(DAVID, CHANNELS[ANNA])
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


# -- cases of the catalogue that need a NOTIFY or a call ---------------------------------------


def answered_at(record, detail):
    """When the phone answered the NOTIFY that said so."""
    sip = [event for event in record.events if event["kind"] == "sip"]
    told = next(event for event in reversed(sip) if event["detail"].startswith(detail))
    cseq = re.search(r"CSeq: .*", told["text"])[0]
    return next(
        event["at"]
        for event in sip
        if event["status"] == 200
        and event["call_id"] == told["call_id"]
        and cseq in event["text"]
        and event["at"] >= told["at"]
    )


@pytest.mark.parametrize("turns", [3])
def test_lamp_01_the_lamp_follows_each_notify_within_the_limit(lab, record_property, turns):
    """From the phone's 200 to the edge; median and 95th percentile are recorded."""
    sensor = f"serial:{lab.chip.url}#0,2"
    assert sensor in lab.bench.environment()["lamps"]
    for name, detail, lit in (("message", "MWI yes", True), ("emptied", "MWI no", False)):
        delays = []
        for _ in range(turns):
            record = lab.run(scenarios()[name])
            assert record.outcome is Outcome.PASS, record.sentence
            told_at = answered_at(record, detail)
            edge = next(
                event
                for event in reversed(lamps(record, ANNA))
                if (event["state"] != "off") is lit and event["at"] > told_at - 0.5
            )
            delays.append(edge["at"] - told_at)
            assert {event["sensor"] for event in lamps(record, ANNA)} == {sensor}
            assert states(record, ANNA)[-1] == ("slow" if lit else "off")
        record_property(f"{name}_p50_s", round(statistics.median(delays), 4))
        record_property(f"{name}_p95_s", round(statistics.quantiles(delays, n=20)[-1], 4))
        assert len(delays) == turns


def lamps(record, whose):
    return [
        event
        for event in record.events
        if event["kind"] == "lamp" and (event["handset"], event["lamp"]) == whose
    ]


def states(record, whose):
    """What a lamp did one after the other, repeated readings once."""
    return [state for state, _ in itertools.groupby(lamps(record, whose), lambda e: e["state"])]


def test_lamp_03_ringing_takes_the_lamp_and_the_message_gets_it_back(lab):
    """The phone's firmware is played here: while it rings its lamp flashes, as on a Yealink."""

    async def run(bench):
        stored = bench.put_message("callee")
        await shows(bench, LampState.SLOW)
        call = await bench.dial("caller", bench.number_of("callee"))
        lab.paths[ANNA].show(LampState.FAST)
        await shows(bench, LampState.FAST)
        lab.paths[ANNA].show(LampState.SLOW)
        await bench.hang_up("caller", call)
        await shows(bench, LampState.SLOW)
        return [lamp_on(bench, "callee", stored, trigger="the storing of the message")]

    record = lab.run(Scenario("ringing", "A call while a message waits", {"callee": LAMP}, run))
    assert record.outcome is Outcome.PASS, record.sentence
    assert any(event["kind"] == "sip" and event["status"] == 180 for event in record.events)
    assert states(record, ANNA)[-4:] == ["lit", "slow", "fast", "slow"]


async def shows(bench, state):
    async with asyncio.timeout(15):
        while bench.lamp_of("callee").state() is not state:  # noqa: ASYNC110 - a thread
            await asyncio.sleep(0.01)


def test_lamp_08_the_icon_of_the_account_agrees_with_the_lamp(lab):
    """By a head of its own on the icon; the tone off-hook is not part of the emulated phone."""
    for name, last in (("message", {"slow", "steady"}), ("emptied", {"off"})):
        record = lab.run(scenarios()[name])
        assert record.outcome is Outcome.PASS, record.sentence
        assert states(record, ANNA)[-1] in last
        assert states(record, ICON)[-1] in last
        assert {event["sensor"] for event in lamps(record, ICON)} == {f"serial:{lab.chip.url}#0,2"}
