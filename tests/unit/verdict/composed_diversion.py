"""Faults of diversion that no list has, and what each must be called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rig.faults.compose import alter, drop, on_handset, on_platform, request, set_header
from rig.faults.platform_diversion import TO_TRUNK, NoLoopGuard
from rig.faults.seed import Seed
from rig.mailbox_platform.base import UserServices
from rig.mailbox_platform.embedded.calls.rules import Decision, DecisionKind
from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind
from rig.sip.feature_event import FeatureWord
from rig.verdict.fault_class import Component, FaultClass

FEATURE_NOTIFY = request("NOTIFY", event="as-feature-event")


def _to_mailbox(number: str, decision: Decision) -> Decision:
    """The mailbox takes what is forwarded."""
    if decision.kind is not DecisionKind.FORWARD:
        return decision
    return replace(decision, kind=DecisionKind.MAILBOX, target=number, greeting=GreetingKind.BUSY)


def _other_state(services: UserServices) -> UserServices:
    always = services.always
    return replace(services, always=replace(always, active=not always.active))


def _platform(name: str, fault: str, scenario: str, hook: object) -> Seed:
    return Seed(
        name=name, title=name, component=Component.PLATFORM, fault_class=FaultClass(fault),
        scenario=scenario, platform=hook,  # type: ignore[arg-type]  # a hook of the platform
    )  # fmt: skip


def composed_diversion() -> Iterator[Seed]:
    """All of them, freshly made."""
    yield _platform(
        "the mailbox beats the forwarding", "D6", "forward_beats_mailbox",
        on_platform(decision=_to_mailbox),
    )  # fmt: skip
    yield _platform(
        "whoever has a phone has diverted already", "D5", "forward_beats_mailbox",
        on_platform(loop_guard=lambda diverted, most: ([*diverted, "+493023125107"], most)),
    )  # fmt: skip
    yield _platform("users who forward to each other", "D5", "forward_loop", NoLoopGuard())
    yield _platform(
        "phones are told the opposite", "D8", "feature_keys",
        on_platform(services_told=lambda _, services: _other_state(services)),
    )  # fmt: skip
    yield _platform(
        "phones are told once and never again", "D8", "feature_keys",
        on_platform(drop(FEATURE_NOTIFY, skip=1)),
    )  # fmt: skip
    yield _platform(
        "only the newest diversion is kept", "D3", "forward_chain",
        on_platform(diversion=lambda entries: entries[:1]),
    )  # fmt: skip
    yield _platform(
        "diversions stand the wrong way round", "D3", "forward_chain",
        on_platform(diversion=lambda entries: entries[::-1]),
    )  # fmt: skip
    own = set_header("Diversion", "<sip:+493023125106@beispiel.example>;reason=unconditional")
    yield _platform(
        "every call to the trunk has a diverter", "D3", "outside_call",
        on_platform(alter(TO_TRUNK, own)),
    )  # fmt: skip
    yield _platform(
        "rings half as long as is set", "D6", "ring_times",
        on_platform(ring_seconds=lambda value: value / 2),
    )  # fmt: skip
    yield _platform(
        "greets as if the mailbox were full", "D7", "unanswered",
        on_platform(greeting=lambda _: "greeting.mailbox_full"),
    )  # fmt: skip
    keeps = on_handset(
        feature_shown=_only_on,
        keeps_forwarding=lambda: True,
    )
    yield Seed(
        name="the phone forwards besides and never stops",
        title="the phone forwards besides and never stops",
        component=Component.HANDSET,
        fault_class=FaultClass.D8,
        scenario="feature_keys",
        handsets={"callee": keeps},
    )


def _only_on(word: FeatureWord) -> FeatureWord | None:
    return word if word.active else None
