"""Seeded faults of a platform that diverts calls: headers, decisions, circles, greetings."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

from rig.faults.compose import alter, header, octets, on_platform, request, uri, without
from rig.faults.seed import Seed
from rig.faults.sip_rule import Message
from rig.mailbox_platform.embedded.calls.rules import Decision, DecisionKind
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind
from rig.sip.diversion import DiversionEntry
from rig.sip.event import Flow
from rig.sip.history_info import HistoryEntry
from rig.sip.message import Request, Response
from rig.sip.uri import Uri
from rig.verdict.fault_class import Component, FaultClass

Entries = list[DiversionEntry]

PATIENCE = 20
"""Diversions after which a platform without a guard answers no call any more."""

HARD_WIRED_S = 1.6
"""Four short rings of the bench for ring times: the 20 seconds that are always rung there."""

INVITE = request("INVITE")
DIVERTED = request("INVITE", headers={"Diversion": ""})
TO_TRUNK = request("INVITE", uri=r"^sip:\+[^;]*$")
TO_MAILBOX = request("INVITE", uri=";target=")


def with_entries(**changes: object) -> PlatformHook:
    """A platform whose Diversion entries all have other fields."""

    def change(entries: Entries) -> Entries:
        return [replace(e, **changes) for e in entries]  # type: ignore[arg-type]  # replace checks

    return on_platform(diversion=change)


def with_history(pattern: str, new: str) -> PlatformHook:
    """A platform that writes something else into every entry of History-Info."""

    def change(entries: list[HistoryEntry]) -> list[HistoryEntry]:
        return [HistoryEntry.parse(re.sub(pattern, new, str(e))) for e in entries]

    return on_platform(history=change)


def named(entries: Entries, name: str) -> Entries:
    """The entries with a display name."""
    return [replace(e, name_addr=replace(e.name_addr, display_name=name)) for e in entries]


def _names_target(message: Message) -> Message | bytes | None:
    """Fill Diversion with the forward destination instead of the diverting number."""
    user = Uri.parse(message.uri).user if isinstance(message, Request) else ""
    return header("Diversion", r"(<sips?:)[^@>]+", rf"\g<1>{user}")(message)


def _other_end(request: Request, mailbox: str) -> str:
    """Take the oldest of several diverting parties for the owner."""
    entries = request.headers.get_list("Diversion")
    if len(entries) < 2:
        return mailbox
    return DiversionEntry.parse(entries[-1]).name_addr.uri.user_unescaped or mailbox


def split_names(data: bytes) -> bytes:
    """Split Diversion at a comma inside a quoted display name."""
    return re.sub(rb'(?m)^Diversion: ("[^"\r]*), ', rb"Diversion: \1\r\nDiversion: ", data)


class NoLoopGuard(PlatformHook):
    """Diverts a call as often as it is diverted, and answers no call after too many."""

    def __init__(self) -> None:
        self._dead = False

    def loop_guard(self, diverted_from: list[str], most: int) -> tuple[list[str], int]:
        """Let every circle pass."""
        del most
        self._dead = self._dead or len(diverted_from) >= PATIENCE
        return (diverted_from if self._dead else []), PATIENCE + 1

    def outgoing(self, message: Message, flow: Flow) -> Message | None:
        """Say nothing more about calls, but that a cancelled one is cancelled."""
        del flow
        if not self._dead or not isinstance(message, Response):
            return message
        return None if message.cseq.method == "INVITE" and message.status != 487 else message


class _NoSecondVisit(PlatformHook):
    """Refuses every second visit of a call to a user, also when a person transfers it there."""

    def __init__(self) -> None:
        self._visited: set[tuple[str, str]] = set()

    def visit(self, request: Request, number: str) -> int:
        visit = (request.call_id, number)
        if visit in self._visited:
            return 482
        self._visited.add(visit)
        return 0


class _OwnNumberIsOwner(PlatformHook):
    """Takes a call that is forwarded to the callee's own number for the owner's call."""

    def __init__(self) -> None:
        self._owner = ""

    def decision(self, number: str, decision: Decision) -> Decision:
        if decision.kind is not DecisionKind.REJECT or decision.status != 482:
            return decision
        self._owner = number
        kind, greeting = DecisionKind.MAILBOX, GreetingKind.UNAVAILABLE
        return Decision(kind, decision.condition, number, "unconditional", 302, greeting)

    def outgoing(self, message: Message, flow: Flow) -> Message | None:
        del flow
        if self._owner and TO_MAILBOX(message, "") and isinstance(message, Request):
            for name in ("Diversion", "History-Info"):
                message.headers.remove(name)
            place = Uri.parse(message.uri)
            message.uri = str(replace(place, params=()))
            message.headers.set("P-Asserted-Identity", f"<sip:{self._owner}@{place.host}>")
        return message


class DiesOfHeader(PlatformHook):
    """Falls silent about every call that has something in a header.

    Args:
        name: of the header.
        pattern: in one of its values.
    """

    def __init__(self, name: str, pattern: str) -> None:
        self._deadly = request("INVITE", headers={name: pattern})
        self._dead: set[str] = set()

    def incoming(self, message: Message, flow: Flow) -> Message | None:
        """Die of it."""
        del flow
        if self._deadly(message, ""):
            self._dead.add(message.call_id)
        return None if message.call_id in self._dead else message


def _seed(
    name: str, title: str, fault: FaultClass, scenario: str, hook: PlatformHook, **more: object
) -> Seed:
    return Seed(
        name=name,
        title=title,
        component=Component.PLATFORM,
        fault_class=fault,
        scenario=scenario,
        platform=hook,
        **more,  # type: ignore[arg-type]  # fields of Seed
    )


def platform_diversion_seeds() -> tuple[Seed, ...]:
    """Those met in the field, freshly made, and some of our own."""
    return (*_header_seeds(), *_decision_seeds(), *_own_seeds())


def _header_seeds() -> tuple[Seed, ...]:
    lost = alter(DIVERTED, without("Diversion"), share=0.2, random=Random(1349).random)  # noqa: S311 - chance, no secret
    quoted = header("Diversion", r';reason="?([\w-]+)"?', r';reason="\1"')
    return (
        _seed(
            "diversion-lost-now-and-then",
            "the platform loses the Diversion of every fifth diverted call",
            FaultClass.D1,
            "phone_redirects",
            on_platform(lost),
            id="B34",
            source="https://github.com/asterisk/asterisk/commit/a3f3a1a922",
            repeats=21,
        ),
        _seed(
            "diversion-not-to-trunk",
            "the platform forwards to outside numbers without Diversion",
            FaultClass.D1,
            "forward_outside",
            on_platform(alter(TO_TRUNK, without("Diversion"))),
            id="B35",
            source="https://github.com/fusionpbx/fusionpbx/pull/4820",
        ),
        _seed(
            "diversion-name-split",
            "the platform splits a quoted display name at its comma",
            FaultClass.D4,
            "busy",
            on_platform(
                alter(DIVERTED, octets(split_names)),
                diversion=lambda entries: named(entries, "Doe, Jane"),
            ),
            id="B37",
            source="https://github.com/kamailio/kamailio/commit/0ddb019f3d",
        ),
        _seed(
            "diversion-names-target",
            "the platform names the target as the diverting party",
            FaultClass.D3,
            "forward_beats_mailbox",
            on_platform(alter(DIVERTED, _names_target)),
            id="B38",
            source="https://github.com/fusionpbx/fusionpbx/commit/1e2e7ea441",
        ),
        _seed(
            "reason-in-free-words",
            "the platform writes a reason that no RFC knows",
            FaultClass.D2,
            "unanswered",
            with_entries(reason="did not pick up"),
            id="B41",
            source="https://github.com/asterisk/asterisk/commit/25de01f301",
        ),
        _seed(
            "reason-quoted-and-missed",
            "the platform quotes the reason, and the mailbox does not match it",
            FaultClass.D2,
            "busy",
            on_platform(alter(DIVERTED, quoted), greeting=lambda _: "greeting.unavailable"),
        ),
        _seed(
            "dies-of-tel-history",
            "the platform falls silent about a call whose History-Info holds a tel URI",
            FaultClass.D4,
            "tel_history",
            DiesOfHeader("History-Info", r"<tel:"),
            id="B50",
            source="https://github.com/asterisk/asterisk/commit/51e2187a14",
        ),
    )


def _decision_seeds() -> tuple[Seed, ...]:
    return (
        _seed(
            "mailbox-of-other-end",
            "the mailbox takes the first of two diverting parties for its owner",
            FaultClass.D7,
            "forward_chain",
            on_platform(deposit_box=_other_end),
            id="B40",
            source="https://linux-networkers.blogspot.com/2014",
        ),
        _seed(
            "ring-time-fixed",
            "the platform rings for four rings' time, whatever is set",
            FaultClass.D6,
            "ring_times",
            on_platform(ring_seconds=lambda _: HARD_WIRED_S),
            id="B43",
            source="https://github.com/sipXcom/sipxecs/commit/5accdc8f90",
        ),
        _seed(
            "no-loop-guard",
            "the platform follows two phones that forward to each other until it falls silent",
            FaultClass.D5,
            "redirect_loop",
            NoLoopGuard(),
            id="B44",
            source="https://github.com/fusionpbx/fusionpbx/issues/2746",
        ),
        _seed(
            "transfer-taken-for-loop",
            "the platform takes a call that is transferred back for a circle",
            FaultClass.D5,
            "transfer_chain",
            _NoSecondVisit(),
            id="B46",
            source="https://github.com/asterisk/asterisk/commit/77acf5b626",
        ),
        _seed(
            "greeting-skipped",
            "the mailbox beeps without a greeting",
            FaultClass.D7,
            "busy",
            on_platform(greeting=lambda _: ""),
            id="B47",
            source="https://github.com/Star2Billing/a2billing/issues/85",
        ),
        _seed(
            "own-number-is-owner",
            "a call forwarded to the callee's own number gets the owner's menu",
            FaultClass.D6,
            "forward_to_self",
            _OwnNumberIsOwner(),
            id="B49",
            source="https://github.com/2600hz/kazoo/pull/6730",
        ),
    )


def _own_seeds() -> tuple[Seed, ...]:
    """Faults that no public report shows, of kinds that are likely."""
    unhidden = header(
        "Diversion",
        r".*<sip:anonymous@[^>]*>(.*);privacy=full",
        r'"Doe, Jane" <sip:+498999998124@carrier.example>\1',
    )
    return (
        _seed(
            "greeting-busy-for-unanswered",
            "the mailbox says busy to callers of a phone that nobody answered",
            FaultClass.D7,
            "unanswered",
            on_platform(greeting=lambda _: "greeting.busy"),
        ),
        _seed(
            "greeting-unavailable-for-busy",
            "the mailbox says unavailable to callers of a busy phone",
            FaultClass.D7,
            "busy",
            on_platform(greeting=lambda _: "greeting.unavailable"),
        ),
        _seed(
            "diversion-counter-lost",
            "the platform forgets how often an entry was diverted",
            FaultClass.D3,
            "came_diverted",
            with_entries(counter=None),
        ),
        _seed(
            "history-index-jumps",
            "the platform leaves an index of History-Info out",
            FaultClass.D4,
            "busy",
            with_history(r"index=1\.1", "index=1.3"),
        ),
        _seed(
            "diversion-privacy-lost",
            "the platform forgets that a diverting party wants to stay unnamed",
            FaultClass.D4,
            "came_diverted",
            on_platform(alter(DIVERTED, unhidden)),
        ),
        _seed(
            "target-cause-wrong",
            "the platform gives the mailbox the cause of another event",
            FaultClass.D2,
            "busy",
            on_platform(alter(TO_MAILBOX, uri(r";cause=\d+", ";cause=302"))),
        ),
        _seed(
            "headers-disagree",
            "History-Info gives a cause that does not fit the reason in Diversion",
            FaultClass.D2,
            "forward_chain",
            with_history(r";cause=302", ";cause=408"),
        ),
    )
