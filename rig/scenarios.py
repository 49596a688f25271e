"""The built-in scenarios: the mailbox guide's main rules, played through.

Each is written with literal expectations from the guide and the RFCs, not computed by the
platform's own rules.

Source: the guide's requirements R16-R32 and R61-R64; RFC 5806 reasons; RFC 4458 causes.
"""

from __future__ import annotations

from rig.bench import Bench
from rig.handset.base import AnswerMode
from rig.handset.base import HandsetCapability as Can
from rig.mailbox_platform.base import ForwardRule, MailboxOptions, UserServices
from rig.scenario import Scenario
from rig.scenario_parts import (
    BUSY,
    CALLER,
    LAMP,
    OBSERVE_S,
    UNAVAILABLE,
    busy_with_mailbox,
    deposit,
    diverted,
    lamp_after_boot,
    lamp_on,
    retrieve,
)
from rig.scenarios_diversion import diversion_scenarios
from rig.scenarios_mwi import mwi_scenarios
from rig.scenarios_power import power_scenarios
from rig.scenarios_provisioning import scenarios_provisioning
from rig.verdict.evidence import Expectation

MWI_CASES = ("busy", "unanswered", "heard_by_portal", "reboot", "two_mailboxes", "missed_call")
"""Scenarios that verify message waiting."""

DIVERSION_CASES = ("busy", "unanswered", "all_calls", "dnd", "forward_beats_mailbox")
"""Scenarios that verify diversion."""

PROVISIONING_CASES = tuple(scenarios_provisioning())
"""Scenarios that verify provisioning; they switch their handsets on by themselves."""


async def _busy(bench: Bench) -> list[Expectation]:
    await busy_with_mailbox(bench, "callee")
    began = bench.clock()
    ended = await deposit(bench)
    await bench.wait_lamp("callee", lit=True)
    return [
        diverted(bench, began, "user-busy", 486, greeting=bench.audible(BUSY), rang=True),
        lamp_on(bench, "callee", ended),
    ]


async def _unanswered(bench: Bench) -> list[Expectation]:
    rings = 2
    await bench.services("callee", UserServices())
    await bench.mailbox_options("callee", MailboxOptions(rings=rings))
    await bench.answer_mode("callee", AnswerMode.RING)
    began = bench.clock()
    ended = await deposit(bench)
    await bench.wait_lamp("callee", lit=True)
    return [
        diverted(
            bench,
            began,
            "no-answer",
            408,
            greeting=bench.audible(UNAVAILABLE),
            rang=True,
            ring_s=rings * bench.config.seconds_per_ring,
        ),
        lamp_on(bench, "callee", ended),
    ]


async def _all_calls(bench: Bench) -> list[Expectation]:
    await bench.services("callee", UserServices())
    await bench.mailbox_options("callee", MailboxOptions(all_calls=True))
    await bench.answer_mode("callee", AnswerMode.ANSWER)
    began = bench.clock()
    ended = await deposit(bench)
    await bench.wait_lamp("callee", lit=True)
    return [
        diverted(bench, began, "unconditional", 302, greeting=bench.audible(UNAVAILABLE)),
        lamp_on(bench, "callee", ended),
    ]


async def _dnd(bench: Bench) -> list[Expectation]:
    await bench.services("callee", UserServices(do_not_disturb=True))
    began = bench.clock()
    ended = await deposit(bench)
    await bench.wait_lamp("callee", lit=True)
    return [
        diverted(bench, began, "do-not-disturb", 486, greeting=bench.audible(BUSY)),
        lamp_on(bench, "callee", ended),
    ]


async def _forward_beats_mailbox(bench: Bench) -> list[Expectation]:
    target = bench.number_of("target", 1)
    await bench.services("callee", UserServices(busy=ForwardRule(active=True, target=target)))
    await bench.answer_mode("callee", AnswerMode.BUSY)
    await bench.answer_mode("target", AnswerMode.ANSWER)
    began = bench.clock()
    call = await bench.dial("caller", bench.number_of("callee", 1))
    with bench.product_may_fail("caller"):
        await call.wait_established(timeout_s=10)
        await call.speak(0.6)
    ended = await bench.hang_up("caller", call)
    await bench.sleep(OBSERVE_S)
    return [
        diverted(bench, began, "user-busy", 486, rang=True, target_names=bench.names_of("target")),
        lamp_on(bench, "callee", ended, lit=False, new=0, notify=False, trigger="the call"),
    ]


async def _heard_by_portal(bench: Bench) -> list[Expectation]:
    await busy_with_mailbox(bench, "callee")
    await deposit(bench)
    await bench.wait_lamp("callee", lit=True)
    began = bench.clock()
    await retrieve(bench, "callee")
    await bench.wait_lamp("callee", lit=False)
    heard_at = bench.mailbox_changed_at(bench.mailbox_of("callee"), began)
    return [lamp_on(bench, "callee", heard_at, lit=False, new=0, saved=1, trigger="the hearing")]


async def _missed_call(bench: Bench) -> list[Expectation]:
    await bench.services("callee", UserServices())
    await bench.mailbox_options("callee", MailboxOptions(no_answer=False, busy=False))
    await bench.answer_mode("callee", AnswerMode.RING)
    began = bench.clock()
    call = await bench.dial("caller", bench.number_of("callee", 1))
    await bench.sleep(0.8)
    await bench.hang_up("caller", call)
    await bench.sleep(OBSERVE_S + 0.4)
    return [
        lamp_on(bench, "callee", began, lit=False, new=0, notify=False, trigger="the missed call")
    ]


async def _two_mailboxes(bench: Bench) -> list[Expectation]:
    await bench.answer_mode("twin", AnswerMode.BUSY)
    ended = await deposit(bench, callee="twin", account=2)
    await bench.wait_lamp("twin", lit=True, lamp="account:2")
    first, second = bench.mailbox_of("twin", 1), bench.mailbox_of("twin", 2)
    return [
        lamp_on(bench, "twin", ended, lamp="account:2", mailbox=second),
        lamp_on(bench, "twin", ended, lamp="message", mailbox=second),
        lamp_on(
            bench, "twin", ended, lamp="account:1", mailbox=first, lit=False, new=0, notify=False
        ),
    ]


async def _reboot(bench: Bench) -> list[Expectation]:
    await busy_with_mailbox(bench, "callee")
    await deposit(bench)
    await bench.wait_lamp("callee", lit=True)
    began = await bench.power_cycle("callee")
    await bench.wait_lamp("callee", lit=True, within_s=bench.lamp_patience_s("callee"))
    return [lamp_after_boot(bench, "callee", began)]


async def _alias_phone(bench: Bench) -> list[Expectation]:
    await busy_with_mailbox(bench, "callee")
    ended = await deposit(bench)
    await bench.wait_lamp("alias", lit=True)
    await bench.wait_lamp("callee", lit=True)
    mailbox = bench.mailbox_of("callee")
    lit = [
        lamp_on(bench, "callee", ended),
        lamp_on(bench, "alias", ended, mailbox=mailbox),
    ]
    began = bench.clock()
    await retrieve(bench, "alias")
    await bench.wait_lamp("alias", lit=False)
    await bench.wait_lamp("callee", lit=False)
    heard_at = bench.mailbox_changed_at(mailbox, began)
    dark = [
        lamp_on(
            bench,
            role,
            heard_at,
            lit=False,
            new=0,
            saved=1,
            mailbox=mailbox,
            trigger="the hearing",
        )
        for role in ("callee", "alias")
    ]
    return [*lit, *dark]


def demonstration() -> dict[str, Scenario]:
    """The scenarios of a demonstration by name, in its order."""
    hears = CALLER | {Can.SEND_DIGITS}
    portal = LAMP | {Can.BUSY, Can.MESSAGE_KEY, Can.SEND_DIGITS, Can.HEAR_PROMPTS}
    listing = (
        Scenario(
            "busy", "A busy phone diverts to the mailbox; the message lights the lamp",
            {"caller": CALLER, "callee": LAMP | {Can.BUSY}}, _busy, ("R2", "R28", "R32", "R41"),
        ),
        Scenario(
            "unanswered", "After two rings an unanswered call goes to the mailbox",
            {"caller": CALLER, "callee": LAMP | {Can.ANSWER}}, _unanswered,
            ("R1", "R29", "R30", "R42"),
        ),
        Scenario(
            "all_calls", "All calls go to the mailbox without ringing the phone",
            {"caller": CALLER, "callee": LAMP}, _all_calls, ("R27",),
        ),
        Scenario(
            "dnd", "Do-not-disturb counts as busy",
            {"caller": CALLER, "callee": LAMP}, _dnd, ("R28", "R41"),
        ),
        Scenario(
            "forward_beats_mailbox", "Forwarding to a number beats the mailbox",
            {"caller": CALLER, "callee": LAMP | {Can.BUSY}, "target": frozenset({Can.ANSWER})},
            _forward_beats_mailbox, ("R30b",),
        ),
        Scenario(
            "heard_by_portal", "Hearing the message by the message key turns the lamp off",
            {"caller": hears, "callee": portal}, _heard_by_portal, ("R6", "R31", "R32", "R64"),
        ),
        Scenario(
            "two_mailboxes", "Two mailboxes on one phone: each has its own icon",
            {"caller": CALLER, "twin": LAMP | {Can.SEVERAL_ACCOUNTS, Can.BUSY}}, _two_mailboxes,
            ("R62",), needs_mailbox=("twin",), parts_mailboxes=("twin",),
        ),
        Scenario(
            "reboot", "After a power cut the lamp is right again without a new message",
            {"caller": CALLER, "callee": LAMP | {Can.REBOOT, Can.BUSY}}, _reboot, ("R61", "R63"),
        ),
        Scenario(
            "alias_phone", "A phone whose number is an alias shows and opens that mailbox",
            {"caller": CALLER, "callee": LAMP | {Can.BUSY}, "alias": portal - {Can.BUSY}},
            _alias_phone, ("R17", "R19", "R20"), shares_mailbox=("alias",),
        ),
        Scenario(
            "missed_call", "A missed call does not light the message lamp",
            {"caller": CALLER, "callee": LAMP}, _missed_call, ("R32",),
        ),
    )  # fmt: skip
    return {scenario.name: scenario for scenario in listing}


def scenarios() -> dict[str, Scenario]:
    """Every built-in scenario by name: the demonstration, and where rarer faults show."""
    rarer = (*mwi_scenarios(), *power_scenarios(), *diversion_scenarios())
    found = demonstration() | {scenario.name: scenario for scenario in rarer}
    return found | scenarios_provisioning()
