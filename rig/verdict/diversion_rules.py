"""The rules for diverted calls: decision, headers, greeting; their rows are ``diversion.yaml``.

Source: RFC 5806 (Diversion), RFC 7044 (History-Info), RFC 4458 and RFC 7544 (causes).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache

from rig.errors import ProtocolError
from rig.sip.diversion import parse_diversions
from rig.sip.history_info import HistoryEntry, lint_history, parse_history
from rig.verdict import (
    diversion_hop_rules,
    diversion_party_rules,
    diversion_phone_rules,
    diversion_way_rules,
)
from rig.verdict.diversion import RING_TOLERANCE_S, newest_diversion, newest_history, party_of
from rig.verdict.diversion_facts import CallLeg, DiversionCase, user_of
from rig.verdict.diversion_hop_rules import hop_missing, ring_time_fixed, rings_always_short
from rig.verdict.diversion_party_rules import told_twice
from rig.verdict.diversion_phone_rules import whose_entry
from rig.verdict.diversion_way_rules import late_ringing, phone_called
from rig.verdict.fault_class import Component
from rig.verdict.finding import Proof, ProofKind
from rig.verdict.phrase import Fact, Phrase, phrase
from rig.verdict.proofs import answered, packet
from rig.verdict.rule_book import Found, RuleBook, found
from rig.verdict.rule_table import rule_table
from rig.verdict.said import said
from rig.verdict.sources import from_phone

FORBIDDEN = 403


def not_diverted(case: DiversionCase) -> Found | None:
    """The call did not reach where it must go."""
    caller = case.caller_leg
    if caller is None or case.diverted_legs:
        return None
    target: Fact = "/".join(case.expectation.target_names) or phrase("the_mailbox")
    went = case.other_legs[0] if case.other_legs else None
    instead = phrase("ended_with", status=caller.status or "no answer")
    if went is not None:
        instead = phrase("went_to", uri=went.request.uri)
    proofs = [packet(caller.invite, f"INVITE {caller.request.uri}")]
    proofs += [packet(went.invite, f"INVITE {went.request.uri}")] if went else []
    return found(*proofs, target=target, instead=instead)


def rang_wrongly(case: DiversionCase) -> Found | None:
    """The call rang where it must not, or did not ring where it must."""
    wanted = case.expectation
    if not case.diverted_legs or bool(case.callee_legs) == wanted.rang:
        return None
    leg = (case.callee_legs or case.diverted_legs)[0]
    return found(
        packet(leg.invite, f"INVITE {leg.request.uri}"),
        rang=phrase("did_ring" if case.callee_legs else "did_not_ring"),
        must=phrase("must_ring_first" if wanted.rang else "must_divert_at_once"),
    )


def target_refused(case: DiversionCase) -> Found | None:
    """The call was sent where it must go, and was refused there."""
    legs = case.diverted_legs
    if not legs or any(
        leg.status is None or leg.status < 300 or leg.status == 487 for leg in legs
    ):
        return None
    leg = legs[-1]
    phone = phone_called(case, leg)
    own = phone is not None and leg.final is not None and from_phone(leg.final, phone)
    if leg.status == FORBIDDEN and _missing(case, leg):
        return None  # a trunk must refuse what names no diverting party
    return found(
        packet(leg.invite, f"INVITE {leg.request.uri}"),
        *((packet(leg.final, answered(leg.status)),) if leg.final else ()),
        component=Component.HANDSET if own else Component.PLATFORM,
        uri=leg.request.uri,
        status=leg.status or 0,
    )


def called_too_many(case: DiversionCase) -> Found | None:
    """Beside the right target the call went to somebody else as well."""
    if not case.diverted_legs:
        return None
    diverted_at = case.diverted_legs[0].invite.at
    on_the_way = {name for hop in case.expectation.hops for name in hop.names}
    for leg in case.other_legs:
        user = leg.request.uri.partition(":")[2].partition("@")[0]
        if user in on_the_way or leg.invite.at < diverted_at - 0.05:
            continue
        return found(packet(leg.invite, f"INVITE {leg.request.uri}"), uri=leg.request.uri)
    return None


def wrong_timer(case: DiversionCase) -> Found | None:
    """The phone rang too short or too long before the diversion."""
    wanted = case.expectation.ring_s
    leg = case.callee_legs[0] if case.callee_legs else None
    if wanted is None or leg is None or leg.ringing_at is None or leg.cancel is None:
        return None
    if ring_time_fixed(case):
        return None  # said already, of all calls together
    rang = leg.cancel.at - leg.ringing_at
    if abs(rang - wanted) <= RING_TOLERANCE_S and not rings_always_short(case):
        return None
    late = late_ringing(case, leg)
    return found(
        packet(leg.provisional[0], said("ringing")),
        packet(leg.cancel, said("cancel_later", rang_s=rang)),
        component=Component.NETWORK if late > RING_TOLERANCE_S else Component.PLATFORM,
        rang_s=rang,
        wanted_s=wanted,
    )


def header_missing(case: DiversionCase) -> Found | None:
    """The diverted leg does not say who diverted it."""
    if not case.diverted_legs:
        return None
    leg = case.diverted_legs[0]
    missing = _missing(case, leg)
    if not missing:
        return None
    second = phrase("and_no", header=missing[1]) if missing[1:] else phrase("no_more")
    return found(
        packet(leg.invite, said("invite_without", headers=", ".join(missing))),
        uri=leg.request.uri,
        first=missing[0],
        second=second,
    )


def _missing(case: DiversionCase, leg: CallLeg) -> list[str]:
    return [h for h in case.expectation.headers if h not in leg.request.headers]


def header_malformed(case: DiversionCase) -> Found | None:
    """A header is there and cannot be parsed."""
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
            return found(packet(leg.invite, f"{name}: {value}"), header=name)
    return None


def history_malformed(case: DiversionCase) -> Found | None:
    """The index tree of History-Info, or a cause in it, breaks the grammar."""
    if not case.diverted_legs or "History-Info" not in case.expectation.headers:
        return None
    faults = lint_history(case.diverted_legs[0].request.headers)
    if not faults:
        return None
    clause, text = faults[0].clause, faults[0].text
    return found(_header(case, "History-Info"), clause=clause, fault=text)


def not_asked_for(case: DiversionCase) -> Found | None:
    """A leg that nobody has diverted yet says that somebody has."""
    if case.caller_leg is None or "Diversion" in case.caller_leg.request.headers:
        return None
    for leg in case.callee_legs:
        if "Diversion" in leg.request.headers:
            written = leg.request.headers.get("Diversion")
            return found(packet(leg.invite, f"Diversion: {written}"))
    return None


def wrong_reason(case: DiversionCase) -> Found | None:
    """The reason in Diversion does not fit what really happened."""
    last = case.expectation.last
    if not case.diverted_legs or "Diversion" not in case.expectation.headers:
        return None
    entry = newest_diversion(case)
    if entry is None or entry.reason == last.reason:
        return None
    return found(
        _header(case, "Diversion"),
        *_happened_proofs(case),
        component=whose_entry(case, entry),
        said=entry.reason,
        happened=_what_happened(case),
        wanted=last.reason,
    )


def wrong_cause(case: DiversionCase) -> Found | None:
    """The cause in History-Info does not fit what really happened."""
    wanted = case.expectation.last
    if not case.diverted_legs or "History-Info" not in case.expectation.headers:
        return None
    last = newest_history(case)
    if last is None or last.cause == wanted.cause or _out_of_order(case):
        return None
    return found(
        _header(case, "History-Info"),
        *_happened_proofs(case),
        said="none" if last.cause is None else last.cause,
        happened=_what_happened(case),
        wanted=wanted.cause,
    )


def _out_of_order(case: DiversionCase) -> bool:
    """Whether the entry at the end of History-Info need not be the newest."""
    faults = lint_history(case.diverted_legs[0].request.headers)
    return any(fault.clause == "RFC 7044 10.3" for fault in faults)


def _last_legs(case: DiversionCase) -> list[CallLeg]:
    """INVITEs that rang the party that diverted last."""
    last = case.expectation.last
    if not case.expectation.further:
        return list(case.callee_legs)
    return [leg for leg in case.other_legs if user_of(leg.request.uri) in last.names]


def _what_happened(case: DiversionCase) -> Phrase:
    callee = case.expectation.last.name
    legs = _last_legs(case)
    if not legs:
        return phrase("not_rung", callee=callee)
    leg = legs[0]
    if leg.cancel is not None:
        return phrase("not_answered", callee=callee)
    return phrase("answered", callee=callee, status=leg.status or "nothing")


def _header(case: DiversionCase, name: str) -> Proof:
    leg = case.diverted_legs[0]
    return packet(leg.invite, f"{name}: {', '.join(leg.request.headers.get_all(name))}")


def _happened_proofs(case: DiversionCase) -> tuple[Proof, ...]:
    """Point at what really happened at the callee."""
    for leg in _last_legs(case):
        if leg.cancel is not None:
            return (packet(leg.cancel, said("cancel_after_ringing")),)
        if leg.final is not None:
            return (packet(leg.final, answered(leg.status)),)
    return ()


def wrong_party(case: DiversionCase) -> Found | None:
    """The diverting party is not the one that diverted last, or stands in the wrong place."""
    if not case.diverted_legs or "Diversion" not in case.expectation.headers:
        return None
    entry = newest_diversion(case)
    if entry is None:
        return None
    last, leg = case.expectation.last, case.diverted_legs[0]
    callee, names, got = last.name, last.names, party_of(entry)
    if got not in names:
        older = [party_of(e) for e in parse_diversions(leg.request.headers)[1:]]
        order = phrase("wrong_order" if set(older) & set(names) else "no_more")
        if got in {user_of(leg.request.uri), *case.expectation.target_names}:
            order = phrase("is_the_target")
        what = phrase("names_other", got=got, callee=callee, name=names[0], order=order)
    elif entry.counter not in {None, 1}:
        what = phrase("counts", count=entry.counter or 0, callee=callee)
    elif not hop_missing(case) and (second := told_twice(case)):
        what = phrase("names_twice", callee=second)
    else:
        return None
    return found(_header(case, "Diversion"), component=whose_entry(case, entry), what=what)


def wrong_history_party(case: DiversionCase) -> Found | None:
    """The hop before the last one in History-Info is not the callee."""
    if not case.diverted_legs or "History-Info" not in case.expectation.headers:
        return None
    try:
        entries = parse_history(case.diverted_legs[0].request.headers)
    except ProtocolError:
        return None
    missing = next(
        (
            hop
            for hop in case.expectation.hops[len(case.expectation.before) :]
            if not any(_hop(entry) in hop.names for entry in entries[:-1])
        ),
        None,
    )
    if not entries or missing is None:
        return None
    return found(_header(case, "History-Info"), party=missing.name, name=missing.names[0])


def _hop(entry: HistoryEntry) -> str:
    return entry.uri.user_unescaped or ""


def wrong_greeting(case: DiversionCase) -> Found | None:
    """The caller heard the wrong greeting, or none, or the beep first."""
    wanted = case.expectation
    if not wanted.greeting or not case.diverted_legs:
        return None
    heard = case.greetings
    greetings = [p for p in heard if p.startswith("greeting.")]
    if not greetings:
        how = phrase("heard_no_greeting")
    elif set(greetings) != {wanted.greeting}:
        how = phrase("heard", prompts=", ".join(greetings))
    elif heard[0] == "beep":
        how = phrase("heard_beep_first")
    else:
        return None
    return found(
        packet(case.diverted_legs[0].invite, said("to_the_mailbox")),
        Proof(ProofKind.AUDIO, said("audio_to_caller"), ", ".join(heard) or said("silence")),
        heard=how,
        wanted=wanted.greeting,
    )


MODULES = (
    sys.modules[__name__],
    diversion_hop_rules,
    diversion_party_rules,
    diversion_phone_rules,
    diversion_way_rules,
)
"""Where the predicates stand."""


@cache
def diversion_book() -> RuleBook[DiversionCase]:
    """The rules for diverted calls: decision first, then headers, then what the caller heard."""
    return RuleBook(rule_table("diversion"), DiversionCase, MODULES)
