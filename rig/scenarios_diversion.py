"""Scenarios in which faults of diversion show: chains, circles, trunks, timers, feature keys.

They are not part of the demonstration; seeded faults and trials run them. Expectations are
literals from the RFCs and the guide.

Source: RFC 5806, RFC 7044, RFC 4458, RFC 7544; 3GPP TS 24.604 section 4.5.2.6 (loops).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace

from provisioning.intent import CallPolicyIntent
from rig.bench import Bench
from rig.bench_config import BenchConfig
from rig.errors import RigError
from rig.handset.base import AnswerMode
from rig.handset.base import HandsetCapability as Can
from rig.mailbox_platform.base import ForwardRule, MailboxOptions, UserServices
from rig.scenario import Scenario
from rig.scenario_parts import (
    BUSY,
    CALLER,
    LAMP,
    OBSERVE_S,
    busy_with_mailbox,
    deposit,
    diverted,
    lamp_on,
)
from rig.sip_transport.call import Call
from rig.verdict.evidence import (
    DiversionExpectation,
    Expectation,
    FeatureExpectation,
    Hop,
    LoopExpectation,
    PlainCallExpectation,
)

OUTSIDE_NUMBER = "+4915228817386"
"""A number that the site does not have; Germany keeps its range free for film and print."""

OUTSIDE_CALLER = "+498999998123"
OUTSIDE_DIVERTER = "+498999998124"
TALK_S = 0.3
HANG_UP_S = 0.8
LISTEN_S = 2.0
"""Long enough to recognise what answers."""

OUTSIDE_WAIT_S = 2.0
LOOP_WAIT_S = 3.2
"""A little longer than a call in a circle may live."""

LOOP_REFUSED = frozenset({"loop-answer"})
"""Who makes a call go round in a circle wants it refused."""

RINGS = (2, 3, 6)
"""At five seconds a ring: 10, 15 and 30 seconds."""

SHORT_RING_S = 0.4
"""One ring where several ring times are measured; the counts of rings stay real."""


def always_to(number: str) -> UserServices:
    """Forwards every call to a number."""
    return UserServices(always=ForwardRule(active=True, target=number))


async def short_call(
    bench: Bench, *, number: str = "", wait_s: float = 10, talk_s: float = TALK_S
) -> float:
    """Call the callee, or a number, talk a moment if anybody answers, hang up.

    Returns:
        When the call began.
    """
    began = bench.clock()
    call = await bench.dial("caller", number or bench.number_of("callee"))
    with bench.product_may_fail("caller"):
        await call.wait_established(timeout_s=wait_s)
        await bench.sleep(talk_s)
    with contextlib.suppress(TimeoutError):  # a platform that is silent does not cancel either
        await asyncio.wait_for(bench.hang_up("caller", call), HANG_UP_S)
    await bench.sleep(OBSERVE_S / 2)
    return began


async def outside_call(bench: Bench, *headers: tuple[str, str]) -> float:
    """The same from outside, with headers that the call brings along."""
    began = bench.clock()
    number = bench.number_of("callee")
    call = await bench.call_from_outside(number, caller=OUTSIDE_CALLER, headers=headers)
    await _talk(bench, call)
    return began


async def _talk(bench: Bench, call: Call) -> None:
    try:
        await call.wait_answered(OUTSIDE_WAIT_S)
        await bench.sleep(TALK_S)
    except RigError as error:
        bench.note("outside", f"gives up: {error}", key="gave_up")
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(call.hang_up(), HANG_UP_S)
    await bench.sleep(OBSERVE_S / 2)


def hop(bench: Bench, role: str, reason: str, cause: int) -> Hop:
    """A role as one that diverts."""
    return Hop(bench.name_of(role), bench.names_of(role), reason, cause)


def plain(bench: Bench, began: float, callee: str) -> PlainCallExpectation:
    """The call went to a role, or outside, and nobody diverted it."""
    outside = callee == "outside"
    return PlainCallExpectation(
        caller=bench.name_of("caller"),
        callee=callee if outside else bench.name_of(callee),
        target_names=(OUTSIDE_NUMBER,) if outside else bench.names_of(callee),
        since=began,
        until=bench.clock(),
    )


def from_outside(expectation: DiversionExpectation) -> DiversionExpectation:
    """The same with the caller outside."""
    return replace(expectation, caller="outside")


async def _forward_chain(bench: Bench) -> list[Expectation]:
    await bench.services("callee", always_to(bench.number_of("next")))
    await busy_with_mailbox(bench, "next")
    began = bench.clock()
    ended = await deposit(bench)
    await bench.wait_lamp("next", lit=True)
    return [
        diverted(
            bench,
            began,
            "unconditional",
            302,
            further=(hop(bench, "next", "user-busy", 486),),
            greeting=bench.audible(BUSY),
            mailbox=bench.mailbox_of("next"),
        ),
        lamp_on(bench, "next", ended),
    ]


async def _forward_outside(bench: Bench) -> list[Expectation]:
    if bench.outside is not None:
        bench.outside.demands_diversion = True
    await bench.answer_mode("target", AnswerMode.ANSWER)
    await bench.services("callee", always_to(bench.number_of("target")))
    began = await outside_call(bench)
    target = bench.names_of("target")
    inside = diverted(bench, began, "unconditional", 302, target_names=target)
    await bench.services("callee", always_to(OUTSIDE_NUMBER))
    began = await outside_call(bench)
    beyond = diverted(bench, began, "unconditional", 302, target_names=(OUTSIDE_NUMBER,))
    return [from_outside(inside), from_outside(beyond)]


async def _phone_redirects(bench: Bench) -> list[Expectation]:
    await bench.services("callee", UserServices())
    await bench.answer_mode("target", AnswerMode.ANSWER)
    await bench.press_forwarding("callee", bench.number_of("target"))
    began = await short_call(bench)
    wanted = diverted(
        bench, began, "unconditional", 302, rang=True, target_names=bench.names_of("target")
    )
    await bench.press_forwarding("callee", "")
    return [wanted]


async def _ring_times(bench: Bench) -> list[Expectation]:
    await bench.services("callee", UserServices())
    expectations: list[Expectation] = []
    for rings in RINGS:
        await bench.mailbox_options("callee", MailboxOptions(rings=rings))
        began = await short_call(bench)
        ring_s = rings * bench.config.seconds_per_ring
        expectations.append(diverted(bench, began, "no-answer", 408, rang=True, ring_s=ring_s))
    return expectations


def _loop(bench: Bench, began: float, *, loops: bool) -> LoopExpectation:
    return LoopExpectation(
        caller=bench.name_of("caller"),
        callee=bench.name_of("callee"),
        callee_names=bench.names_of("callee"),
        since=began,
        until=bench.clock(),
        loops=loops,
    )


async def _forward_loop(bench: Bench) -> list[Expectation]:
    await bench.services("callee", always_to(bench.number_of("next")))
    await bench.services("next", always_to(bench.number_of("callee")))
    began = await short_call(bench, wait_s=LOOP_WAIT_S)
    return [_loop(bench, began, loops=True)]


async def _redirect_loop(bench: Bench) -> list[Expectation]:
    for role, other in (("callee", "next"), ("next", "callee")):
        await bench.services(role, UserServices())
        await bench.press_forwarding(role, bench.number_of(other))
    began = await short_call(bench, wait_s=LOOP_WAIT_S)
    wanted = _loop(bench, began, loops=True)
    for role in ("callee", "next"):
        await bench.press_forwarding(role, "")
    return [wanted]


async def _forward_to_self(bench: Bench) -> list[Expectation]:
    await bench.services("callee", always_to(bench.number_of("callee")))
    began = await short_call(bench, wait_s=LOOP_WAIT_S, talk_s=LISTEN_S)
    return [_loop(bench, began, loops=True)]


async def _transfer_chain(bench: Bench) -> list[Expectation]:
    for role in ("callee", "target"):
        await bench.answer_mode(role, AnswerMode.ANSWER)
    await bench.services("callee", UserServices())
    began = bench.clock()
    call = await bench.dial("caller", bench.number_of("callee"))
    with bench.product_may_fail("caller"):
        await call.wait_established(timeout_s=5)
        for giver, taker in (("callee", "target"), ("target", "callee")):
            await bench.sleep(TALK_S)
            number = bench.number_of(taker)
            bench.note(bench.name_of(giver), f"transfers the call to {number}", key="transfer")
            await bench.keys(giver).transfer(number, timeout_s=4)
    await bench.sleep(TALK_S)
    await bench.hang_up("caller", call)
    await bench.sleep(OBSERVE_S)
    return [_loop(bench, began, loops=False)]


async def _came_diverted(bench: Bench) -> list[Expectation]:
    target = bench.number_of("target")
    await bench.services("callee", UserServices(busy=ForwardRule(active=True, target=target)))
    await bench.answer_mode("callee", AnswerMode.BUSY)
    await bench.answer_mode("target", AnswerMode.ANSWER)
    diverter = f"sip:{OUTSIDE_DIVERTER}@carrier.example"
    began = await outside_call(
        bench,
        ("Diversion", f'"Doe, Jane" <{diverter}>;reason=no-answer;counter=3;privacy=full'),
    )
    wanted = diverted(
        bench,
        began,
        "user-busy",
        486,
        rang=True,
        target_names=bench.names_of("target"),
        before=(Hop("outside", (OUTSIDE_DIVERTER,), "no-answer", 408, 3, "full"),),
    )
    return [from_outside(wanted)]


async def _tel_history(bench: Bench) -> list[Expectation]:
    target = bench.number_of("target")
    await bench.services("callee", always_to(target))
    await bench.answer_mode("target", AnswerMode.ANSWER)
    called = bench.number_of("callee")
    expectations: list[Expectation] = []
    for way in (f"sip:{OUTSIDE_DIVERTER}@carrier.example", f"tel:{OUTSIDE_DIVERTER}"):
        began = await outside_call(
            bench,
            ("History-Info", f"<{way}>;index=1"),
            ("History-Info", f"<sip:{called}@{bench.site.domain};cause=302>;index=1.1;mp=1"),
        )
        wanted = diverted(
            bench, began, "unconditional", 302, target_names=bench.names_of("target")
        )
        expectations.append(from_outside(wanted))
    return expectations


async def _outside_call(bench: Bench) -> list[Expectation]:
    began = await short_call(bench, number=OUTSIDE_NUMBER)
    return [plain(bench, began, "outside")]


async def _feature_keys(bench: Bench) -> list[Expectation]:
    with bench.product_may_fail("callee"):
        await bench.keys("callee").wait_synced(2)
    await bench.services("callee", UserServices())
    await bench.answer_mode("target", AnswerMode.ANSWER)
    target = bench.number_of("target")

    def agreed(since: float, *, active: bool, changes: int) -> FeatureExpectation:
        return FeatureExpectation(
            handset=bench.name_of("callee"),
            service="always",
            active=active,
            since=since,
            until=bench.clock(),
            target_names=bench.names_of("target") if active else (),
            changes=changes,
        )

    began = bench.clock()
    await bench.press_forwarding("callee", target)
    await bench.sleep(0.15)
    await bench.press_forwarding("callee", "")
    await bench.sleep(1.5)
    off = agreed(began, active=False, changes=2)
    began = bench.clock()
    await bench.press_forwarding("callee", target)
    await bench.sleep(0.3)
    on = agreed(began, active=True, changes=1)
    called_at = await short_call(bench)
    carried_out = diverted(
        bench, called_at, "unconditional", 302, target_names=bench.names_of("target")
    )
    began = bench.clock()
    await bench.services("callee", UserServices())
    await bench.sleep(0.3)
    off_again = agreed(began, active=False, changes=1)
    await bench.answer_mode("callee", AnswerMode.ANSWER)
    called_at = await short_call(bench)
    return [off, on, carried_out, off_again, plain(bench, called_at, "callee")]


def diversion_scenarios() -> tuple[Scenario, ...]:
    """All of them."""
    keys = LAMP | {Can.FEATURE_KEYS}
    answers = frozenset({Can.ANSWER})
    return (
        Scenario(
            "forward_chain", "Two diversions in a row: the last one's mailbox takes the call",
            {"caller": CALLER, "callee": LAMP, "next": LAMP | {Can.BUSY}}, _forward_chain,
            needs_mailbox=("callee", "next"),
        ),
        Scenario(
            "forward_outside", "Forwarding inside and to an outside number says who forwarded",
            {"callee": LAMP, "target": answers}, _forward_outside, needs_outside=True,
        ),
        Scenario(
            "phone_redirects", "The phone itself forwards by 302 and says why",
            {"caller": CALLER, "callee": keys, "target": answers}, _phone_redirects,
        ),
        Scenario(
            "ring_times", "The phone rings as long as is set: 10, 15 and 30 seconds' worth",
            {"caller": CALLER, "callee": LAMP | {Can.ANSWER}}, _ring_times,
        ),
        Scenario(
            "forward_loop", "Two users forward to each other: the call ends",
            {"caller": CALLER, "callee": LAMP, "next": LAMP}, _forward_loop,
            provokes=LOOP_REFUSED,
        ),
        Scenario(
            "redirect_loop", "Two phones forward to each other: the call ends",
            {"caller": CALLER, "callee": keys, "next": keys}, _redirect_loop,
            provokes=LOOP_REFUSED,
        ),
        Scenario(
            "forward_to_self", "A user forwards to their own number: the call ends",
            {"caller": CALLER, "callee": LAMP}, _forward_to_self,
            provokes=LOOP_REFUSED,
        ),
        Scenario(
            "transfer_chain", "A call is transferred there and back: that is no circle",
            {
                "caller": CALLER,
                "callee": keys | {Can.TRANSFER},
                "target": answers | {Can.TRANSFER},
            },
            _transfer_chain,
        ),
        Scenario(
            "came_diverted", "A call that has been diverted before keeps what it brought along",
            {"callee": LAMP | {Can.BUSY}, "target": answers}, _came_diverted, needs_outside=True,
        ),
        Scenario(
            "tel_history", "A call whose history holds a tel URI is a call like others",
            {"callee": LAMP, "target": answers}, _tel_history, needs_outside=True,
        ),
        Scenario(
            "outside_call", "A call that nobody diverts names no diverting party",
            {"caller": CALLER}, _outside_call, needs_mailbox=(), needs_outside=True,
        ),
        Scenario(
            "feature_keys", "Phone and platform agree on what is forwarded",
            {"caller": CALLER, "callee": keys, "target": answers}, _feature_keys,
        ),
    )  # fmt: skip


def with_trunk(config: BenchConfig) -> BenchConfig:
    """A bench with a trunk and a carrier behind it."""
    return replace(config, outside=True)


def with_short_rings(config: BenchConfig) -> BenchConfig:
    """A bench whose rings are short."""
    return replace(config, seconds_per_ring=SHORT_RING_S)


def with_feature_keys(config: BenchConfig) -> BenchConfig:
    """A bench whose phones leave forwarding to the platform, where they can."""
    site = config.site
    handsets = tuple(
        replace(h, policy=replace(h.policy, calls=CallPolicyIntent(feature_key_sync=True)))
        for h in site.handsets
    )
    return replace(config, site=replace(site, handsets=handsets))


_BENCHES: Mapping[str, Callable[[BenchConfig], BenchConfig]] = {
    "forward_outside": with_trunk,
    "came_diverted": with_trunk,
    "tel_history": with_trunk,
    "outside_call": with_trunk,
    "ring_times": with_short_rings,
    "feature_keys": with_feature_keys,
}


def bench_for(scenario: str, config: BenchConfig) -> BenchConfig:
    """Make a bench fit for one of these scenarios; unchanged for others."""
    fit = _BENCHES.get(scenario)
    return config if fit is None else fit(config)
