"""The table of diagnosis rules for diverted calls: decision, headers, greeting.

Source: RFC 5806 (Diversion), RFC 7044 (History-Info), RFC 4458 and RFC 7544 (causes).
"""

from __future__ import annotations

from collections.abc import Callable

from rig.errors import ProtocolError
from rig.sip.diversion import parse_diversions
from rig.sip.history_info import HistoryEntry, lint_history, parse_history
from rig.verdict.diversion import RING_TOLERANCE_S, newest_diversion, newest_history, party_of
from rig.verdict.diversion_facts import DiversionCase
from rig.verdict.fault_class import Component, FaultClass
from rig.verdict.finding import Finding, Proof, ProofKind
from rig.verdict.proofs import packet


def not_diverted(case: DiversionCase) -> Finding | None:
    """D6: the call did not reach where it must go, or rang where it must not."""
    wanted, caller = case.expectation, case.caller_leg
    if caller is None:
        return None
    target = "/".join(wanted.target_names) or "the mailbox"
    if not case.diverted_legs:
        went = case.other_legs[0] if case.other_legs else None
        instead = f"it went to {went.request.uri}" if went else f"it ended with {caller.status}"
        proofs = [packet(caller.invite, f"INVITE {caller.request.uri}")]
        proofs += [packet(went.invite, f"INVITE {went.request.uri}")] if went else []
        return Finding(
            FaultClass.D6,
            Component.PLATFORM,
            f"the call to {wanted.callee} was not diverted to {target}: {instead}",
            "compare the user's forwarding and mailbox options with the inventory",
            tuple(proofs),
            "not_diverted",
            wanted.callee,
        )
    if bool(case.callee_legs) != wanted.rang:
        rang = "rang" if case.callee_legs else "did not ring"
        leg = (case.callee_legs or case.diverted_legs)[0]
        return Finding(
            FaultClass.D6,
            Component.PLATFORM,
            f"{wanted.callee} {rang} although this call must "
            f"{'ring it first' if wanted.rang else 'be diverted at once'}",
            "compare the user's forwarding and mailbox options with the inventory",
            (packet(leg.invite, f"INVITE {leg.request.uri}"),),
            "rang_wrongly",
            wanted.callee,
        )
    return None


def target_refused(case: DiversionCase) -> Finding | None:
    """D6: the call was sent where it must go, and was refused there."""
    legs = case.diverted_legs
    if not legs or any(
        leg.status is None or leg.status < 300 or leg.status == 487 for leg in legs
    ):
        return None
    leg = legs[-1]
    return Finding(
        FaultClass.D6,
        Component.PLATFORM,
        f"the diverted call of {case.expectation.callee} reached {leg.request.uri} and was "
        f"answered {leg.status}",
        "look at why the target refuses a diverted call: its state, its rights, its loop guard",
        (
            packet(leg.invite, f"INVITE {leg.request.uri}"),
            *((packet(leg.final, f"answered {leg.status}"),) if leg.final else ()),
        ),
        "target_refused",
        case.expectation.callee,
    )


def called_too_many(case: DiversionCase) -> Finding | None:
    """D6: beside the right target the call went to somebody else as well."""
    if not case.diverted_legs:
        return None
    diverted_at = case.diverted_legs[0].invite.at
    for leg in case.other_legs:
        user = leg.request.uri.partition(":")[2].partition("@")[0]
        if user in case.expectation.callee_names or leg.invite.at < diverted_at - 0.05:
            continue
        return Finding(
            FaultClass.D6,
            Component.PLATFORM,
            f"the diverted call of {case.expectation.callee} went to {leg.request.uri} too",
            "compare the user's forwarding and mailbox options with the inventory",
            (packet(leg.invite, f"INVITE {leg.request.uri}"),),
            "called_too_many",
            case.expectation.callee,
        )
    return None


def wrong_timer(case: DiversionCase) -> Finding | None:
    """D6: the phone rang too short or too long before the diversion."""
    wanted = case.expectation.ring_s
    leg = case.callee_legs[0] if case.callee_legs else None
    if wanted is None or leg is None or leg.ringing_at is None or leg.cancel is None:
        return None
    rang = leg.cancel.at - leg.ringing_at
    if abs(rang - wanted) <= RING_TOLERANCE_S:
        return None
    return Finding(
        FaultClass.D6,
        Component.PLATFORM,
        f"{case.expectation.callee} rang {rang:.1f} s before the diversion instead of "
        f"{wanted:.1f} s",
        "compare the number of rings with the inventory",
        (
            packet(leg.provisional[0], "ringing"),
            packet(leg.cancel, f"CANCEL {rang:.1f} s later"),
        ),
        "wrong_timer",
        case.expectation.callee,
    )


def header_missing(case: DiversionCase) -> Finding | None:
    """D1: the diverted leg does not say who diverted it."""
    if not case.diverted_legs:
        return None
    leg = case.diverted_legs[0]
    missing = [h for h in case.expectation.headers if h not in leg.request.headers]
    if not missing:
        return None
    return Finding(
        FaultClass.D1,
        Component.PLATFORM,
        f"the diverted INVITE to {leg.request.uri} carries no {' and no '.join(missing)}",
        "switch the diversion header on for this leg (trunk or mailbox profile)",
        (packet(leg.invite, f"INVITE without {', '.join(missing)}"),),
        "header_missing",
        case.expectation.callee,
    )


def header_malformed(case: DiversionCase) -> Finding | None:
    """D4: a header is there and cannot be parsed."""
    if not case.diverted_legs:
        return None
    leg = case.diverted_legs[0]
    readers: tuple[tuple[str, Callable[[DiversionCase], object]], ...] = (
        ("Diversion", newest_diversion),
        ("History-Info", newest_history),
    )
    for name, reader in readers:
        value = leg.request.headers.get(name)
        if name in case.expectation.headers and value is not None and reader(case) is None:
            return Finding(
                FaultClass.D4,
                Component.PLATFORM,
                f"{name} on the diverted INVITE cannot be parsed",
                "RFC 5806 and RFC 7044 give the grammar; mind quotes and commas",
                (packet(leg.invite, f"{name}: {value}"),),
                "header_malformed",
                case.expectation.callee,
            )
    return None


def history_malformed(case: DiversionCase) -> Finding | None:
    """D4: the index tree of History-Info, or a cause in it, breaks the grammar."""
    if not case.diverted_legs or "History-Info" not in case.expectation.headers:
        return None
    faults = lint_history(case.diverted_legs[0].request.headers)
    if not faults:
        return None
    return Finding(
        FaultClass.D4,
        Component.PLATFORM,
        f"History-Info on the diverted INVITE breaks {faults[0].clause}: {faults[0].text}",
        "RFC 7044 section 10.3 says how the index grows",
        (_header(case, "History-Info"),),
        "history_malformed",
        case.expectation.callee,
    )


def not_asked_for(case: DiversionCase) -> Finding | None:
    """D3: a leg that nobody has diverted yet says that somebody has."""
    if case.caller_leg is None or "Diversion" in case.caller_leg.request.headers:
        return None
    for leg in case.callee_legs:
        if "Diversion" in leg.request.headers:
            return Finding(
                FaultClass.D3,
                Component.PLATFORM,
                f"the INVITE that rings {case.expectation.callee} carries a Diversion, though "
                "nobody has diverted this call",
                "no Diversion may be added to a call that is not diverted",
                (packet(leg.invite, f"Diversion: {leg.request.headers.get('Diversion')}"),),
                "not_asked_for",
                case.expectation.callee,
            )
    return None


def wrong_reason(case: DiversionCase) -> Finding | None:
    """D2: the reason or cause does not fit what really happened."""
    if not case.diverted_legs:
        return None
    wanted = case.expectation
    happened = _what_happened(case)
    entry = newest_diversion(case)
    if "Diversion" in wanted.headers and entry is not None and entry.reason != wanted.reason:
        return Finding(
            FaultClass.D2,
            Component.PLATFORM,
            f"Diversion says reason={entry.reason} but {happened}, which is {wanted.reason}",
            "the platform must take the reason from the event that diverted the call",
            (
                _header(case, "Diversion"),
                *_happened_proofs(case),
            ),
            "wrong_reason",
            wanted.callee,
        )
    last = newest_history(case)
    if "History-Info" in wanted.headers and last is not None and last.cause != wanted.cause:
        return Finding(
            FaultClass.D2,
            Component.PLATFORM,
            f"History-Info says cause={last.cause} but {happened}, which is {wanted.cause}",
            "the platform must take the cause from the event that diverted the call",
            (
                _header(case, "History-Info"),
                *_happened_proofs(case),
            ),
            "wrong_cause",
            wanted.callee,
        )
    return None


def _what_happened(case: DiversionCase) -> str:
    wanted = case.expectation
    if not case.callee_legs:
        return f"{wanted.callee} was not rung"
    leg = case.callee_legs[0]
    if leg.cancel is not None:
        return f"{wanted.callee} rang and was not answered"
    return f"{wanted.callee} answered {leg.status}"


def _header(case: DiversionCase, name: str) -> Proof:
    leg = case.diverted_legs[0]
    return packet(leg.invite, f"{name}: {', '.join(leg.request.headers.get_all(name))}")


def _happened_proofs(case: DiversionCase) -> tuple[Proof, ...]:
    """Point at what really happened at the callee."""
    for leg in case.callee_legs:
        if leg.cancel is not None:
            return (packet(leg.cancel, "CANCEL after ringing"),)
        if leg.final is not None:
            return (packet(leg.final, f"answered {leg.status}"),)
    return ()


def wrong_party(case: DiversionCase) -> Finding | None:
    """D3: the diverting party is not the callee, or stands in the wrong place."""
    if not case.diverted_legs or "Diversion" not in case.expectation.headers:
        return None
    entry = newest_diversion(case)
    if entry is None:
        return None
    callee, names = case.expectation.callee, case.expectation.callee_names
    if party_of(entry) not in names:
        older = [party_of(e) for e in parse_diversions(case.diverted_legs[0].request.headers)[1:]]
        order = " (it stands further down: wrong order)" if set(older) & set(names) else ""
        what = f"names {party_of(entry)} as the diverting party instead of {callee} ({names[0]})"
        what += order
    elif (entry.counter or 1) != 1:
        what = f"counts {entry.counter} diversions by {callee}, who diverted once"
    else:
        return None
    return Finding(
        FaultClass.D3,
        Component.PLATFORM,
        f"Diversion {what}",
        "the newest Diversion entry must name the party that diverted last, and count it once",
        (_header(case, "Diversion"),),
        "wrong_party",
        callee,
    )


def wrong_history_party(case: DiversionCase) -> Finding | None:
    """D3: the hop before the last one in History-Info is not the callee."""
    if not case.diverted_legs or "History-Info" not in case.expectation.headers:
        return None
    try:
        entries = parse_history(case.diverted_legs[0].request.headers)
    except ProtocolError:
        return None
    names = case.expectation.callee_names
    if not entries or any(_hop(entry) in names for entry in entries[:-1]):
        return None
    return Finding(
        FaultClass.D3,
        Component.PLATFORM,
        f"History-Info does not name {case.expectation.callee} ({names[0]}) as a hop before "
        "the target",
        "each target that the call was sent to must leave an entry",
        (_header(case, "History-Info"),),
        "wrong_history_party",
        case.expectation.callee,
    )


def _hop(entry: HistoryEntry) -> str:
    return entry.uri.user_unescaped or ""


def wrong_greeting(case: DiversionCase) -> Finding | None:
    """D7: the caller heard the wrong greeting or none, or something that is not for callers."""
    wanted = case.expectation
    if not wanted.greeting or not case.diverted_legs:
        return None
    heard = case.greetings
    greetings = [p for p in heard if p.startswith("greeting.")]
    menu = next((p for p in heard if p.startswith("portal.")), "")
    if menu:
        said = f"heard {menu}, which is the owner's,"
    elif not greetings:
        said = "heard no greeting"
    elif set(greetings) != {wanted.greeting}:
        said = f"heard {', '.join(greetings)}"
    elif heard[0] == "beep":
        said = "heard the beep before the greeting"
    else:
        return None
    return Finding(
        FaultClass.D7,
        Component.PLATFORM,
        f"the caller of {wanted.callee} {said} instead of {wanted.greeting}",
        "check which greeting the mailbox chooses for this cause",
        (
            packet(case.diverted_legs[0].invite, "the call to the mailbox"),
            Proof(ProofKind.AUDIO, "audio to the caller", ", ".join(heard) or "silence"),
        ),
        "wrong_greeting",
        wanted.callee,
        certain=case.media_seen,
    )


CHAIN: tuple[Callable[[DiversionCase], Finding | None], ...] = (
    not_diverted,
    called_too_many,
    target_refused,
    wrong_timer,
    not_asked_for,
    header_malformed,
    header_missing,
    wrong_party,
    wrong_reason,
    history_malformed,
    wrong_history_party,
    wrong_greeting,
)
"""Decision first, then headers, then what the caller heard."""


def diagnose(case: DiversionCase) -> list[Finding]:
    """Name what is wrong with one diverted call: the first finding of the chain."""
    for rule in CHAIN:
        finding = rule(case)
        if finding is not None:
            return [finding]
    return []
