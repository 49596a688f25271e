"""Scenarios about message waiting beyond the demonstration: where rarer faults show.

They are played like the built-in ones and by the same rules; :func:`rig.scenarios.scenarios`
brings them along. Most put messages into mailboxes without a call, so they are short.

Source: RFC 3842 sections 3 and 5, RFC 6665 sections 4.1 and 4.2, RFC 3261 section 10.
"""

from __future__ import annotations

from rig.bench import Bench
from rig.handset.base import AnswerMode
from rig.handset.base import HandsetCapability as Can
from rig.scenario import Scenario
from rig.scenario_parts import (
    CALLER,
    LAMP,
    OBSERVE_S,
    busy_with_mailbox,
    deposit,
    lamp_after_boot,
    lamp_on,
)
from rig.verdict.evidence import Expectation

PHONE_IS_IDLE_S = 2.5
"""Longer than the shortest NAT bindings of a lab, shorter than any real one."""

SECOND_MESSAGE_S = 3.0
"""When a second message follows: a NOTIFY that was lost has been sent three times by then."""

STORED = "the storing of the message"


async def _lit(bench: Bench, role: str, account: int = 1) -> None:
    """A message waits, and the lamp shows it."""
    bench.put_message(role, account)
    await bench.wait_lamp(role, lit=True)


async def _cleared_while_away(bench: Bench) -> list[Expectation]:
    await _lit(bench, "callee")
    await bench.log_off("callee")
    await bench.clear_mailbox("callee")
    await bench.sleep(OBSERVE_S)
    began = await bench.log_on("callee")
    await bench.wait_lamp("callee", lit=False)
    return [lamp_on(bench, "callee", began, lit=False, new=0, trigger="the log-on")]


async def _message_while_away(bench: Bench) -> list[Expectation]:
    gone = await bench.log_off("callee")
    bench.put_message("callee")
    await bench.sleep(OBSERVE_S)
    away = lamp_on(bench, "callee", gone, lit=False, new=1, notify=False, trigger="the log-off")
    began = await bench.log_on("callee")
    await bench.wait_lamp("callee", lit=True)
    return [away, lamp_on(bench, "callee", began, trigger="the log-on")]


async def _message(bench: Bench) -> list[Expectation]:
    stored = bench.put_message("callee")
    await bench.wait_lamp("callee", lit=True)
    return [lamp_on(bench, "callee", stored, trigger=STORED)]


async def _emptied(bench: Bench) -> list[Expectation]:
    await _lit(bench, "callee")
    emptied = await bench.clear_mailbox("callee")
    await bench.wait_lamp("callee", lit=False)
    return [lamp_on(bench, "callee", emptied, lit=False, new=0, trigger="the emptying")]


async def _boots_then_message(bench: Bench) -> list[Expectation]:
    for _ in range(2):
        await bench.power_cycle("callee")
    await bench.sleep(OBSERVE_S)
    stored = bench.put_message("callee")
    await bench.wait_lamp("callee", lit=True)
    return [lamp_on(bench, "callee", stored, trigger=STORED)]


async def _platform_restart(bench: Bench) -> list[Expectation]:
    await _lit(bench, "callee")
    await bench.restart_platform()
    began = await bench.power_cycle("callee")
    await bench.wait_lamp("callee", lit=True, within_s=bench.lamp_patience_s("callee"))
    callee = bench.name_of("callee")
    for other in bench.handsets:
        if other.name != callee and Can.REBOOT in bench.capabilities_of(other.name):
            await bench.power_cycle(other.name)
    return [lamp_after_boot(bench, "callee", began)]


async def _phone_calls(bench: Bench) -> list[Expectation]:
    await _lit(bench, "callee")
    await bench.answer_mode("target", AnswerMode.ANSWER)
    began = bench.clock()
    for _ in range(2):
        call = await bench.dial("callee", bench.number_of("target"))
        with bench.product_may_fail("callee"):
            await call.wait_established(timeout_s=10)
        await bench.hang_up("callee", call)
    await bench.sleep(OBSERVE_S)
    return [lamp_on(bench, "callee", began, notify=False, trigger="the calls")]


async def _two_boxes_one_account(bench: Bench) -> list[Expectation]:
    bench.put_message("twin", 1)
    await bench.wait_lamp("twin", lit=True)
    stored = bench.put_message("twin", 2)
    bench.put_message("twin", 2)
    await bench.wait_lamp("twin", lit=True, lamp="account:2")
    first = bench.mailbox_of("twin", 1)
    return [lamp_on(bench, "twin", stored, lamp="account:1", mailbox=first, new=3, trigger=STORED)]


async def _two_mailboxes_emptied(bench: Bench) -> list[Expectation]:
    second = bench.mailbox_of("twin", 2)
    await _lit(bench, "twin", 2)
    emptied = await bench.clear_mailbox("twin", 2)
    await bench.wait_lamp("twin", lit=False)
    await bench.wait_lamp("twin", lit=False, lamp="account:2", within_s=0.5)
    return [
        lamp_on(
            bench, "twin", emptied, lamp=lamp, mailbox=second, lit=False, new=0,
            trigger="the emptying",
        )
        for lamp in ("account:2", "message")
    ]  # fmt: skip


async def _message_by_feature(bench: Bench) -> list[Expectation]:
    await busy_with_mailbox(bench, "callee")
    ended = await deposit(bench)
    await bench.wait_lamp("callee", lit=True)
    called = lamp_on(bench, "callee", ended)
    stored = bench.put_message("callee")
    await bench.sleep(OBSERVE_S)
    return [called, lamp_on(bench, "callee", stored, new=2, trigger=STORED)]


async def _stranger(bench: Bench) -> list[Expectation]:
    await _lit(bench, "callee")
    tried = await bench.stranger_registers("callee")
    await bench.sleep(OBSERVE_S)
    return [lamp_on(bench, "callee", tried, notify=False, trigger="the stranger's attempt")]


async def _two_phones(bench: Bench) -> list[Expectation]:
    stored = bench.put_message("callee")
    bench.put_message("other")
    await bench.wait_lamp("other", lit=True)
    await bench.wait_lamp("callee", lit=True)
    return [lamp_on(bench, role, stored, trigger=STORED) for role in ("callee", "other")]


async def _message_next_door(bench: Bench) -> list[Expectation]:
    stored = bench.put_message("other")
    await bench.wait_lamp("other", lit=True)
    await bench.sleep(OBSERVE_S)
    return [
        lamp_on(bench, "other", stored, trigger=STORED),
        lamp_on(bench, "callee", stored, lit=False, new=0, notify=False, trigger=STORED),
    ]


async def _call_forward(bench: Bench) -> list[Expectation]:
    await bench.answer_mode("target", AnswerMode.ANSWER)
    began = bench.clock()
    await bench.press_forwarding("callee", bench.number_of("target"))
    call = await bench.dial("caller", bench.number_of("callee"))
    with bench.product_may_fail("caller"):
        await call.wait_established(timeout_s=10)
    await bench.hang_up("caller", call)
    await bench.sleep(OBSERVE_S)
    on = lamp_on(bench, "callee", began, lit=False, new=0, notify=False, trigger="the forwarding")
    ended = bench.clock()
    await bench.press_forwarding("callee", "")
    await bench.sleep(OBSERVE_S)
    off = lamp_on(
        bench, "callee", ended, lit=False, new=0, notify=False, trigger="the end of forwarding"
    )
    return [on, off]


async def _message_after_quiet(bench: Bench) -> list[Expectation]:
    await bench.sleep(PHONE_IS_IDLE_S)
    stored = bench.put_message("callee")
    await bench.wait_lamp("callee", lit=True)
    return [lamp_on(bench, "callee", stored, trigger=STORED)]


async def _two_messages(bench: Bench) -> list[Expectation]:
    bench.put_message("callee")
    await bench.sleep(SECOND_MESSAGE_S)
    stored = bench.put_message("callee")
    await bench.wait_lamp("callee", lit=True)
    return [lamp_on(bench, "callee", stored, new=2, trigger=STORED)]


def mwi_scenarios() -> tuple[Scenario, ...]:
    """Every scenario of this module."""
    away = {"callee": LAMP | {Can.LOG_OFF}}
    boots = {"callee": LAMP | {Can.REBOOT}}
    twin = {"twin": LAMP | {Can.SEVERAL_ACCOUNTS}}
    return (
        Scenario(
            "cleared_while_away", "A phone that logs on learns that nothing waits any more",
            away, _cleared_while_away,
        ),
        Scenario(
            "emptied", "The lamp goes out with the last message", {"callee": LAMP}, _emptied,
        ),
        Scenario(
            "message_while_away", "A phone that is logged off is told nothing until it logs on",
            away, _message_while_away,
        ),
        Scenario(
            "boots_then_message", "After two power cuts a message is told once",
            boots, _boots_then_message,
        ),
        Scenario(
            "platform_restart", "After a restart of the platform the lamp is right again",
            boots, _platform_restart,
        ),
        Scenario(
            "phone_calls", "Calls from the phone tell it nothing about its mailbox",
            {"callee": LAMP | CALLER, "target": frozenset({Can.ANSWER})}, _phone_calls,
        ),
        Scenario(
            "two_boxes_one_account", "An account that watches two mailboxes is told their sum",
            twin, _two_boxes_one_account, needs_mailbox=("twin",), adds_mailboxes=("twin",),
        ),
        Scenario(
            "two_mailboxes_emptied", "The icon of the second line goes out with its last message",
            twin, _two_mailboxes_emptied, needs_mailbox=("twin",),
        ),
        Scenario(
            "message_by_feature", "A message that came without a call is told as well",
            {"caller": CALLER, "callee": LAMP | {Can.BUSY}}, _message_by_feature,
        ),
        Scenario(
            "stranger", "Somebody without the password is told nothing",
            {"callee": LAMP}, _stranger, provokes=frozenset({"reg-refused"}),
        ),
        Scenario(
            "two_phones", "Two phones with a mailbox each are told alike",
            {"callee": LAMP, "other": LAMP}, _two_phones, needs_mailbox=("callee", "other"),
        ),
        Scenario(
            "message_next_door", "A message for another mailbox lights no lamp here",
            {"callee": LAMP, "other": LAMP}, _message_next_door, needs_mailbox=("callee", "other"),
        ),
        Scenario(
            "call_forward", "Forwarding at the phone does not light the message lamp",
            {
                "caller": CALLER,
                "callee": LAMP | {Can.FORWARD_302, Can.FEATURE_KEYS},
                "target": frozenset({Can.ANSWER}),
            },
            _call_forward,
        ),
        Scenario(
            "message_after_quiet", "A message is told to a phone that has been silent for a while",
            {"callee": LAMP}, _message_after_quiet,
        ),
        Scenario(
            "two_messages", "Of two messages in a row the phone learns both",
            {"callee": LAMP}, _two_messages,
        ),
        Scenario(
            "message", "A message lights the lamp", {"callee": LAMP}, _message,
        ),
    )  # fmt: skip
