"""Scenarios of power: a phone's port is switched off and on, and its lamp must be right again.

The limit counts from the phone's registration: a slow boot is not taken for a slow platform.

Source: RFC 6665 section 4.2.1 (a subscription begins with a NOTIFY of the present state), which is
why no new message is needed.
"""

from __future__ import annotations

from rig.bench import Bench
from rig.scenario import Scenario
from rig.scenario_parts import LAMP, lamp_after_boot, lamp_on
from rig.verdict.evidence import Expectation, LampExpectation


async def _power_cut(bench: Bench) -> list[Expectation]:
    bench.put_message("callee")
    await bench.wait_lamp("callee", lit=True)
    dark = await _without_power(bench)
    back = await bench.restore_power("callee")
    await bench.wait_lamp("callee", lit=True, within_s=bench.lamp_patience_s("callee"))
    return [dark, lamp_after_boot(bench, "callee", back)]


async def _emptied_without_power(bench: Bench) -> list[Expectation]:
    bench.put_message("callee")
    await bench.wait_lamp("callee", lit=True)
    dark = await _without_power(bench)
    await bench.clear_mailbox("callee")
    back = await bench.restore_power("callee")
    await bench.wait_lamp("callee", lit=False, within_s=bench.lamp_patience_s("callee"))
    return [dark, lamp_after_boot(bench, "callee", back, lit=False, new=0)]


async def _without_power(bench: Bench) -> LampExpectation:
    """Cut the power and let time pass: the lamp is dark, and nobody is told anything.

    When within the port's time to obey the power went is not known: the limit is longer by it.
    """
    cut = await bench.cut_power("callee")
    await bench.sleep(bench.config.power_off_s)
    limit_source = f"{bench.config.limit_source}, and {cut.took_s:.1f} s in which the port obeyed"
    return lamp_on(
        bench, "callee", cut.at, lit=False, notify=False, trigger="the power cut",
        within_s=bench.config.lamp_limit_s + cut.took_s, limit_source=limit_source,
    )  # fmt: skip


def power_scenarios() -> tuple[Scenario, ...]:
    """Every scenario of this module."""
    needs = {"callee": LAMP}  # who is fed by a port need not be able to restart by itself
    return (
        Scenario(
            "power_cut", "A phone shows its messages again after its port was off and on",
            needs, _power_cut, needs_power=("callee",),
        ),
        Scenario(
            "emptied_without_power", "What was deleted while a phone had no power lights no lamp",
            needs, _emptied_without_power, needs_power=("callee",),
        ),
    )  # fmt: skip
