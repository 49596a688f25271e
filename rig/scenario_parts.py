"""What scenarios are made of: deposit, retrieve, and what must be true afterwards.

Expectations are literals from the guide and the RFCs, not computed by the platform's own rules.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from rig.bench import Bench
from rig.handset.base import AnswerMode, HandsetCall
from rig.handset.base import HandsetCapability as Can
from rig.mailbox_platform.base import MailboxOptions, UserServices
from rig.verdict.evidence import DiversionExpectation, LampExpectation

BUSY, UNAVAILABLE = "greeting.busy", "greeting.unavailable"
LAMP = frozenset({Can.REGISTER, Can.LAMP})
CALLER = frozenset({Can.CALL})

REGISTRATION = "the registration"

DEPOSIT_SPEECH_S = 1.6
OBSERVE_S = 0.6


async def deposit(
    bench: Bench, *, caller: str = "caller", callee: str = "callee", account: int = 1
) -> float:
    """Call, hear greeting and beep, speak, hang up.

    Returns:
        Instant of hanging up: the end of the deposit.
    """
    number = bench.number_of(callee, account)
    call = await bench.dial(caller, number)
    async with hung_up_when_cut_off(call):
        with bench.product_may_fail(caller):
            await record(bench, call, caller=caller)
    return await bench.hang_up(caller, call)


@contextlib.asynccontextmanager
async def hung_up_when_cut_off(call: HandsetCall) -> AsyncIterator[None]:
    """End a call whose step is cancelled: a mailbox would go on recording into the next test."""
    try:
        yield
    except asyncio.CancelledError:
        await call.hang_up()
        raise


async def record(bench: Bench, call: HandsetCall, *, caller: str = "caller") -> None:
    """Wait for the mailbox to answer and leave speech after the beep."""
    await call.wait_established(timeout_s=20 * bench.config.seconds_per_ring + 10)
    if Can.HEAR_PROMPTS in bench.role(caller).capabilities:
        await call.wait_prompt("beep", timeout_s=15)
    else:
        await bench.sleep(bench.config.blind_greeting_s)
    await call.speak(DEPOSIT_SPEECH_S)


async def retrieve(bench: Bench, role: str, *, account: int = 1) -> None:
    """Press the message key, log in by PIN, hear every new message, leave."""
    handset = bench.role(role)
    call: HandsetCall | None = None
    with bench.product_may_fail(role):
        call = await handset.press_message_key(account=account)
        bench.note(handset.name, "presses the message key", key="message_key")
        async with hung_up_when_cut_off(call):
            await call.wait_established(timeout_s=10)
            await call.wait_prompt("portal.enter_pin", timeout_s=10)
            await call.send_digits(bench.pin_of(role, account) + "#")
            await call.wait_prompt("portal.main", timeout_s=10)
            await call.send_digits("1")
            await call.wait_prompt("portal.end_of_messages", timeout_s=30)
        bench.note(handset.name, "has heard all new messages", key="heard")
    if call is not None:
        bench.note(handset.name, "hangs up", key="hang_up")
        await call.hang_up()


def lamp_on(bench: Bench, role: str, since: float, **kwargs: object) -> LampExpectation:
    """The common lamp of a role must be lit by one new message."""
    expectation = LampExpectation(
        handset=bench.role(role).name,
        lamp="message",
        lit=True,
        since=since,
        until=bench.clock(),
        mailbox=bench.mailbox_of(role),
        new=1,
        within_s=bench.config.lamp_limit_s,
        limit_source=bench.config.limit_source,
    )
    if "trigger" not in kwargs:
        expectation = replace(expectation, hung_up_by=bench.role("caller").name)
    return replace(expectation, **kwargs)  # type: ignore[arg-type]  # names are checked by replace


def lamp_after_boot(bench: Bench, role: str, since: float, **kwargs: object) -> LampExpectation:
    """The common lamp of a role that was booted; its limit counts from its registration.

    A slow boot, or a port that feeds it slowly, is not taken for a slow platform.

    Args:
        bench: open.
        role: whose.
        since: instant before it had power.
        **kwargs: fields of the expectation that differ.
    """
    registered_by = bench.name_of(role)
    return lamp_on(bench, role, since, trigger=REGISTRATION, registered_by=registered_by, **kwargs)


def diverted(
    bench: Bench, since: float, reason: str, cause: int, **kwargs: object
) -> DiversionExpectation:
    """The call must have gone to the mailbox of the callee."""
    expectation = DiversionExpectation(
        caller=bench.role("caller").name,
        callee=bench.role("callee").name,
        callee_names=bench.names_of("callee"),
        since=since,
        until=bench.clock(),
        target_names=(),
        reason=reason,
        cause=cause,
        headers=bench.diversion_headers,
    )
    return replace(expectation, **kwargs)  # type: ignore[arg-type]  # names are checked by replace


async def busy_with_mailbox(bench: Bench, role: str) -> None:
    """Make a role busy and let nothing but the mailbox take its calls."""
    await bench.services(role, UserServices())
    await bench.mailbox_options(role, MailboxOptions())
    await bench.answer_mode(role, AnswerMode.BUSY)
