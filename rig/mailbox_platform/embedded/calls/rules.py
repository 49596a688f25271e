"""Decides where a call goes and what the portal asks for: pure functions on data.

The order in which services are asked is one literal table, :data:`DIVERT_ORDER`. Within
one condition forwarding to a number stands above the mailbox; that is the guide's rule.
Across conditions the guide says nothing; the order here is that of the BroadWorks
services as far as it is known: always, not reachable, do-not-disturb and busy, no answer.

Source: mailbox guide, "Mailbox-Optionen" (diversion to the mailbox; "Einstellungen zur
Anrufumleitung haben Vorrang vor Mailbox-Einstellungen") and "Ohne Kennwort bei der
Mailbox anmelden"; RFC 5806 section 4, RFC 4458 section 2, RFC 7544 section 3.4; 3GPP TS
24.604 section 4.5.2.6 (limit of diversions).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from rig.mailbox_platform.base import ForwardRule, MailboxOptions, UserServices
from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind

RING_CYCLE_S = 5.0
"""One ring, seconds: 1 s of tone and 4 s of pause, as in Germany."""

MOST_DIVERSIONS = 5
"""Diversions that one call may suffer before it is ended (3GPP TS 24.604: network option)."""


class DecisionKind(StrEnum):
    """What happens with a call."""

    RING = "ring"
    MAILBOX = "mailbox"
    FORWARD = "forward"
    REJECT = "reject"


class Condition(StrEnum):
    """Why a call is diverted."""

    ALWAYS = "always"
    UNREACHABLE = "unreachable"
    DO_NOT_DISTURB = "do_not_disturb"
    BUSY = "busy"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What the rules must know of a call.

    Attributes:
        called: number that was called, in normal form.
        diverted_from: numbers that diverted this call before, newest first.
        diversions: how many diversions the call carries (sum of the RFC 5806 counters).
        group_call: distributed by a hunt group or call centre.
    """

    called: str
    diverted_from: tuple[str, ...] = ()
    diversions: int = 0
    group_call: bool = False


@dataclass(frozen=True, slots=True)
class LineState:
    """The state of the called user's phones.

    Attributes:
        registered: at least one phone is reachable.
        busy: in a call without call waiting, or the phone answered 486.
        do_not_disturb: the phone itself refused for do-not-disturb.
        unanswered: it rang as long as it may.
    """

    registered: bool = True
    busy: bool = False
    do_not_disturb: bool = False
    unanswered: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a call goes.

    Attributes:
        kind: ring, mailbox, forward or reject.
        condition: why, for everything but ringing.
        target: number to forward to; the mailbox's number for ``mailbox``; else empty.
        reason: RFC 5806 reason of the diversion; empty when there is none.
        cause: RFC 4458 cause of the diversion; 0 when there is none.
        greeting: kind of greeting, for ``mailbox``.
        after_rings: for ``ring``: rings until "unanswered"; None to ring without limit.
        status: SIP status, for ``reject``.
        warning: text of a Warning header, for a call that was diverted too often.
    """

    kind: DecisionKind
    condition: Condition | None = None
    target: str = ""
    reason: str = ""
    cause: int = 0
    greeting: GreetingKind | None = None
    after_rings: int | None = None
    status: int = 0
    warning: str = ""


@dataclass(frozen=True, slots=True)
class ConditionFacts:
    """How a condition is signalled and answered.

    Attributes:
        reason: RFC 5806 reason.
        cause: RFC 4458 cause.
        greeting: kind of greeting in the mailbox.
        status: SIP status when no service takes the call.
    """

    reason: str
    cause: int
    greeting: GreetingKind
    status: int


CONDITIONS: dict[Condition, ConditionFacts] = {
    Condition.ALWAYS: ConditionFacts("unconditional", 302, GreetingKind.UNAVAILABLE, 480),
    Condition.UNREACHABLE: ConditionFacts("unavailable", 503, GreetingKind.UNAVAILABLE, 480),
    Condition.DO_NOT_DISTURB: ConditionFacts("do-not-disturb", 486, GreetingKind.BUSY, 486),
    Condition.BUSY: ConditionFacts("user-busy", 486, GreetingKind.BUSY, 486),
    Condition.UNANSWERED: ConditionFacts("no-answer", 408, GreetingKind.UNAVAILABLE, 480),
}
"""Reason, cause, greeting and last answer of every condition.

Do-not-disturb has the cause of busy: RFC 7544 would map it to 404, from which a mailbox
that sees only the cause would choose the wrong greeting.
"""


class Service(StrEnum):
    """A service that can take a call, in one row of :data:`DIVERT_ORDER`."""

    FORWARD_ALWAYS = "forward_always"
    FORWARD_BUSY = "forward_busy"
    FORWARD_NO_ANSWER = "forward_no_answer"
    FORWARD_NOT_REACHABLE = "forward_not_reachable"
    MAILBOX_ALL = "mailbox_all"
    MAILBOX_BUSY = "mailbox_busy"
    MAILBOX_NO_ANSWER = "mailbox_no_answer"


DIVERT_ORDER: tuple[tuple[Condition, Service], ...] = (
    (Condition.ALWAYS, Service.FORWARD_ALWAYS),
    (Condition.ALWAYS, Service.MAILBOX_ALL),
    (Condition.UNREACHABLE, Service.FORWARD_NOT_REACHABLE),
    (Condition.UNREACHABLE, Service.FORWARD_NO_ANSWER),
    (Condition.UNREACHABLE, Service.MAILBOX_NO_ANSWER),
    (Condition.DO_NOT_DISTURB, Service.FORWARD_BUSY),
    (Condition.DO_NOT_DISTURB, Service.MAILBOX_BUSY),
    (Condition.BUSY, Service.FORWARD_BUSY),
    (Condition.BUSY, Service.MAILBOX_BUSY),
    (Condition.UNANSWERED, Service.FORWARD_NO_ANSWER),
    (Condition.UNANSWERED, Service.MAILBOX_NO_ANSWER),
)
"""The first row whose condition holds and whose service is on takes the call.

A phone that is not registered has a forwarding of its own; without that it is treated as
one that never answers, without the waiting.
"""

_FORWARDS: dict[Service, Callable[[UserServices], ForwardRule]] = {
    Service.FORWARD_ALWAYS: lambda services: services.always,
    Service.FORWARD_BUSY: lambda services: services.busy,
    Service.FORWARD_NO_ANSWER: lambda services: services.no_answer,
    Service.FORWARD_NOT_REACHABLE: lambda services: services.not_reachable,
}
_MAILBOX: dict[Service, Callable[[MailboxOptions], bool]] = {
    Service.MAILBOX_ALL: lambda options: options.all_calls,
    Service.MAILBOX_BUSY: lambda options: options.busy,
    Service.MAILBOX_NO_ANSWER: lambda options: options.no_answer,
}


def decide(
    call: CallFacts,
    options: MailboxOptions | None,
    services: UserServices,
    state: LineState,
    *,
    order: tuple[tuple[Condition, Service], ...] = DIVERT_ORDER,
    most_diversions: int = MOST_DIVERSIONS,
) -> Decision:
    """Decide where a call goes now.

    Ask first with the state before ringing; if that says ``ring``, ask again with what
    came of it: ``busy``, ``do_not_disturb`` or ``unanswered``.

    Args:
        call: the call.
        options: of the called user's mailbox; None when the user has none.
        services: forwarding and do-not-disturb of the called user.
        state: of the user's phones.
        order: the table to walk.
        most_diversions: how many the call may suffer.

    Returns:
        The decision; ``after_rings`` is never 0, because no ring at all is decided at once.
    """
    rings = None if call.group_call else rings_before_diversion(options, services)
    holding = _conditions(services, state, at_once=rings == 0)
    if not call.group_call:
        for condition, service in order:
            if condition in holding:
                decision = _ask(condition, service, call, options, services, most_diversions)
                if decision is not None:
                    return decision
    for condition in Condition:
        if condition in holding and condition is not Condition.ALWAYS:
            return Decision(DecisionKind.REJECT, condition, status=CONDITIONS[condition].status)
    return Decision(DecisionKind.RING, after_rings=rings)


def rings_before_diversion(options: MailboxOptions | None, services: UserServices) -> int | None:
    """Say how often a phone rings before the call counts as unanswered.

    Forwarding stands above the mailbox, so its count holds when both are on.

    Returns:
        Rings, 0 for none at all; None when nobody takes unanswered calls.
    """
    if services.no_answer.active and services.no_answer.target:
        return services.no_answer.rings
    if options is not None and options.active and options.no_answer:
        return options.rings
    return None


def ring_time_s(rings: int, *, cycle_s: float = RING_CYCLE_S) -> float:
    """Turn a count of rings into seconds.

    Args:
        rings: 0 or 2 to 20.
        cycle_s: seconds from the beginning of one ring to the next.
    """
    return rings * cycle_s


def _conditions(services: UserServices, state: LineState, *, at_once: bool) -> set[Condition]:
    holding = {Condition.ALWAYS}
    if not state.registered:
        holding.add(Condition.UNREACHABLE)
    if services.do_not_disturb or state.do_not_disturb:
        holding.add(Condition.DO_NOT_DISTURB)
    if state.busy:
        holding.add(Condition.BUSY)
    if state.unanswered or (at_once and len(holding) == 1):
        holding.add(Condition.UNANSWERED)
    return holding


def _ask(
    condition: Condition,
    service: Service,
    call: CallFacts,
    options: MailboxOptions | None,
    services: UserServices,
    most_diversions: int,
) -> Decision | None:
    """What one row of the table makes of the call; None when its service is off."""
    facts = CONDITIONS[condition]
    if service in _FORWARDS:
        rule = _FORWARDS[service](services)
        if not (rule.active and rule.target):
            return None
        if rule.target == call.called or rule.target in call.diverted_from:
            return Decision(
                DecisionKind.REJECT,
                condition,
                status=482,
                warning=f"forwarding loop: {rule.target} already diverted this call",
            )
        if call.diversions >= most_diversions:
            return Decision(
                DecisionKind.REJECT,
                condition,
                status=facts.status,
                warning=f"too many diversions: {call.diversions}, limit {most_diversions}",
            )
        return Decision(DecisionKind.FORWARD, condition, rule.target, facts.reason, facts.cause)
    if options is None or not options.active or not _MAILBOX[service](options):
        return None
    return Decision(
        DecisionKind.MAILBOX, condition, call.called, facts.reason, facts.cause, facts.greeting
    )


class CallerKind(StrEnum):
    """Who calls the portal, seen from one mailbox."""

    OWN = "own"
    ALIAS = "alias"
    OTHER = "other"


class LoginNeed(StrEnum):
    """What the portal asks for."""

    NOTHING = "nothing"
    PIN = "pin"
    NUMBER_AND_PIN = "number_and_pin"


LOGIN_MATRIX: dict[tuple[CallerKind, bool], LoginNeed] = {
    (CallerKind.OWN, False): LoginNeed.PIN,
    (CallerKind.OWN, True): LoginNeed.NOTHING,
    (CallerKind.ALIAS, False): LoginNeed.PIN,
    (CallerKind.ALIAS, True): LoginNeed.NOTHING,
    (CallerKind.OTHER, False): LoginNeed.NUMBER_AND_PIN,
    (CallerKind.OTHER, True): LoginNeed.NUMBER_AND_PIN,
}
"""What the portal asks for, by caller and by "log in automatically".

The cell (alias, on) reads the guide's "alle Telefone, die Sie für die Mailbox konfiguriert
haben" as including aliases.
"""


def caller_kind(caller: str | None, mailbox: str, aliases: Iterable[str] = ()) -> CallerKind:
    """Say what a caller is to a mailbox.

    Args:
        caller: number in normal form; None or empty when it is withheld, which makes even
            the owner's phone an unknown one.
        mailbox: the owner's number in normal form.
        aliases: the mailbox's aliases in normal form.
    """
    if caller and caller == mailbox:
        return CallerKind.OWN
    if caller and caller in aliases:
        return CallerKind.ALIAS
    return CallerKind.OTHER


def login_need(kind: CallerKind, options: MailboxOptions) -> LoginNeed:
    """Say what the portal asks this caller for."""
    return LOGIN_MATRIX[kind, options.auto_login]
