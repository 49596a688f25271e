"""Rules for what a diverted call carries of its way: every hop, its reason, privacy, mailbox.

Their rows stand in ``rules/diversion.yaml``. Source: RFC 5806 sections 4 and 5, RFC 7044 section
10, RFC 4458 section 2, RFC 7544 sections 4 and 5 (how the two headers agree).
"""

from __future__ import annotations

import re
from itertools import pairwise

from rig.errors import ProtocolError
from rig.sip.diversion import DiversionEntry, parse_diversions
from rig.sip.diversion_cause import agree, cause_of
from rig.sip.header import Headers
from rig.sip.history_info import HistoryEntry, parse_history
from rig.sip.message import Response
from rig.sip.uri import Uri
from rig.timeline import MailboxSeen, SipSeen
from rig.verdict.diversion import RING_TOLERANCE_S, party_of
from rig.verdict.diversion_facts import CallLeg, DiversionCase, build_case
from rig.verdict.evidence import DiversionExpectation, Hop
from rig.verdict.finding import Proof, ProofKind
from rig.verdict.phrase import phrase
from rig.verdict.proofs import answered, mailbox, packet
from rig.verdict.rule_book import Found, found
from rig.verdict.said import said

SEVERAL = 3
SAME_TIME_S = 0.3
"""Ringing times that differ by less are the same."""

LOOP_STATUSES = frozenset({482, 483})
_LOOP_WORDS = re.compile(r"\bloop|too many (?:diversion|forward|redirect|hop)", re.IGNORECASE)
_ODD_BUT_LEGAL = (
    (phrase("tel_uri"), re.compile(r"<tel:", re.IGNORECASE)),
    (phrase("comma_in_name"), re.compile(r'"[^"]*,[^"]*"\s*<')),
)
_HIDDEN = frozenset({"full", "uri"})
_NAMELESS = frozenset({"full", "name"})


def is_loop_alarm(response: Response) -> bool:
    """Whether a response says that a call runs in a circle.

    Source: RFC 3261 sections 16.3 and 21.4.20 to 21.4.21; 3GPP TS 24.604 section 4.5.2.6.2.
    """
    warnings = response.headers.get_all("Warning")
    return response.status in LOOP_STATUSES or any(_LOOP_WORDS.search(w) for w in warnings)


def few_hops_left(leg: CallLeg) -> bool:
    """Whether a 483 is what the INVITE itself asks for by its Max-Forwards."""
    left = leg.request.max_forwards
    return leg.status == 483 and left is not None and left <= 2


def died_of_header(case: DiversionCase) -> Found | None:
    """The platform does not answer a call that carries something unusual and legal."""
    caller = case.caller_leg
    if caller is None or _answered(case, caller):
        return None
    for name in ("History-Info", "Diversion"):
        written = ", ".join(caller.request.headers.get_all(name))
        for what, odd in _ODD_BUT_LEGAL:
            if not odd.search(written):
                continue
            alike = _alike(case, name, odd)
            other = () if alike is None else (packet(alike, said("like_call")),)
            return found(
                packet(caller.invite, said("no_answer_at_all", header=name, written=written)),
                *other,
                certain=alike is not None,
                header=name,
                odd=what,
            )
    return None


def _answered(case: DiversionCase, leg: CallLeg) -> bool:
    return any(
        isinstance(seen.message, Response) and seen.transaction == leg.invite.transaction
        for seen in case.evidence.events(SipSeen, since=leg.invite.at)
    )


def _alike(case: DiversionCase, name: str, odd: re.Pattern[str]) -> SipSeen | None:
    """The INVITE of another call to the same callee, answered, with a tame header or without."""
    for other in case.evidence.expectations:
        if not isinstance(other, DiversionExpectation) or other.callee != case.expectation.callee:
            continue
        leg = build_case(case.evidence, other).caller_leg
        if leg is None or leg.status is None:
            continue
        if not odd.search(", ".join(leg.request.headers.get_all(name))):
            return leg.invite
    return None


def false_loop_alarm(case: DiversionCase) -> Found | None:
    """A call that does not run in a circle was ended as if it did."""
    caller = case.caller_leg
    if caller is None or case.diverted_legs or few_hops_left(caller):
        return None
    final = caller.final
    if final is None or not isinstance(final.message, Response):
        return None
    if not is_loop_alarm(final.message):
        return None
    warning = final.message.headers.get("Warning")
    text = answered(caller.status)
    if warning:
        text = said("what_and", what=text, more=said("warning", text=warning))
    return found(packet(final, text), packet(caller.invite, f"INVITE {caller.request.uri}"),
                 status=caller.status or 0)  # fmt: skip


def owner_menu(case: DiversionCase) -> Found | None:
    """The caller hears what is for the mailbox's owner."""
    menu = next((p for p in case.greetings if p.startswith("portal.")), "")
    if not menu or any(p.startswith("greeting.") for p in case.greetings):
        return None
    return found(
        *(packet(leg.invite, f"INVITE {leg.request.uri}") for leg in case.diverted_legs[:1]),
        Proof(ProofKind.AUDIO, said("audio_to_caller"), ", ".join(case.greetings)),
        prompt=menu,
    )


def ring_time_fixed(case: DiversionCase) -> Found | None:
    """The phone rings for the same time, whatever is set."""
    series = _ring_series(case)
    wanted, rang = [w for w, _, _ in series], [r for _, r, _ in series]
    if len(series) < 2 or max(wanted) - min(wanted) <= RING_TOLERANCE_S:
        return None
    if max(rang) - min(rang) > SAME_TIME_S:
        return None
    return found(
        *(packet(cancel, said("cancel_of", rang_s=r, wanted_s=w)) for w, r, cancel in series),
        rang_s=sum(rang) / len(rang),
        settings=", ".join(f"{w:.1f}" for w in wanted),
    )


def rings_always_short(case: DiversionCase) -> bool:
    """Whether several calls were each diverted too early; a slow rig makes ringing longer only."""
    series = _ring_series(case)
    return len(series) >= SEVERAL and all(w - rang > SAME_TIME_S for w, rang, _ in series)


def _ring_series(case: DiversionCase) -> list[tuple[float, float, SipSeen]]:
    """Wanted and real ringing time of every call to this callee in the scenario."""
    series = []
    for other in case.evidence.expectations:
        if not isinstance(other, DiversionExpectation) or other.callee != case.expectation.callee:
            continue
        leg = next(iter(build_case(case.evidence, other).callee_legs), None)
        if other.ring_s is None or leg is None or leg.ringing_at is None or leg.cancel is None:
            continue
        series.append((other.ring_s, leg.cancel.at - leg.ringing_at, leg.cancel))
    return series


def name_split(case: DiversionCase) -> Found | None:
    """A list was split at a comma inside a quoted display name."""
    if not case.diverted_legs or "Diversion" not in case.expectation.headers:
        return None
    leg = case.diverted_legs[0]
    rows = leg.request.headers.get_all("Diversion")
    for first, second in pairwise(rows):
        if first.count('"') % 2 == 0 or second.count('"') % 2 == 0:
            continue
        if parsed_diversions(Headers([("Diversion", f"{first}, {second}")])):
            return found(
                packet(leg.invite, f"Diversion: {first}"),
                packet(leg.invite, f"Diversion: {second}"),
                first=first,
            )
    return None


def hop_missing(case: DiversionCase) -> Found | None:
    """A party that diverted the call is not among the entries, or not in its place.

    Entries below those are of diversions that the call brought along.
    """
    hops = case.expectation.hops
    entries = case_diversions(case)
    if len(hops) < 2 or not entries:
        return None
    known, older = entries[: len(hops)], entries[len(hops) :]
    again = [hop for hop in hops if any(_is_hop(entry, hop) for entry in older)]
    if (
        len(known) == len(hops)
        and not again
        and all(_is_hop(entry, hop) for entry, hop in zip(known, reversed(hops), strict=True))
    ):
        return None
    absent = next((h for h in hops if not any(_is_hop(e, h) for e in entries)), None)
    what = phrase("hop_order")
    if absent is not None:
        what = phrase("hop_absent", name=absent.name)
    elif again:
        what = phrase("hop_twice", name=again[0].name)
    got = ", ".join(party_of(entry) for entry in entries)
    wanted = ", ".join(hop.name for hop in reversed(hops))
    return found(case_header(case, "Diversion"), what=what, got=got, wanted=wanted)


def counter_lost(case: DiversionCase) -> Found | None:
    """An entry does not stand for as many diversions as it came with."""
    for entry, hop in _entries_of_hops(case):
        if hop.counter > 1 and (entry.counter or 1) != hop.counter:
            said = "no counter" if entry.counter is None else f"counter={entry.counter}"
            return found(
                case_header(case, "Diversion"), party=hop.name, said=said, wanted=hop.counter
            )
    return None


def privacy_lost(case: DiversionCase) -> Found | None:
    """A party that wants to stay unnamed is named, or the next system is not told of the wish."""
    to_mailbox = not case.expectation.target_names
    for entry, hop in _entries_of_hops(case):
        if not hop.privacy:
            continue
        called = entry.name_addr.display_name
        shown = hop.privacy in _NAMELESS and called.casefold() not in {"", "anonymous"}
        by_uri = hop.privacy in _HIDDEN and party_of(entry) in hop.names
        named = (shown or by_uri) and not to_mailbox
        if entry.privacy != hop.privacy or named:
            said = str(entry.name_addr) if named else f"privacy={entry.privacy or '-'}"
            how = phrase("party_named" if named else "wish_lost", party=hop.name)
            return found(case_header(case, "Diversion"), how=how, said=said, wanted=hop.privacy)
    return None


def hop_reason_wrong(case: DiversionCase) -> Found | None:
    """An earlier diversion is told with another reason or cause than it had."""
    if not case.diverted_legs:
        return None
    entries = {hop.name: entry for entry, hop in _entries_of_hops(case)}
    causes = _causes_of_hops(case)
    for hop in case.expectation.hops[:-1]:
        entry, (cause, seen) = entries.get(hop.name), causes.get(hop.name, (None, None))
        if entry is not None and entry.reason != hop.reason:
            return found(
                case_header(case, "Diversion"),
                header="Diversion", said=f"reason={entry.reason}", party=hop.name,
                wanted=hop.reason, other=phrase("no_more"),
            )  # fmt: skip
        if seen is not None and cause != hop.cause:
            other = phrase("no_more")
            if entry is not None and cause is not None and not agree(entry.reason, cause):
                other = phrase("disagree", reason=entry.reason, cause=cause_of(entry.reason))
            return found(
                case_header(case, "History-Info"),
                header="History-Info", said=f"cause={cause}", party=hop.name,
                wanted=hop.cause, other=other,
            )  # fmt: skip
    return None


def target_cause_wrong(case: DiversionCase) -> Found | None:
    """The Request-URI tells the mailbox another cause than the diversion had."""
    if not case.diverted_legs or case.expectation.target_names:
        return None
    leg = case.diverted_legs[0]
    try:
        said = Uri.parse(leg.request.uri).param("cause")
    except ProtocolError:
        return None
    wanted = case.expectation.last.cause
    if said is None or said == str(wanted):
        return None
    return found(packet(leg.invite, f"INVITE {leg.request.uri}"), said=said, wanted=wanted)


def wrong_mailbox(case: DiversionCase) -> Found | None:
    """The message lies in the mailbox of somebody else on the way."""
    wanted = case.expectation.mailbox
    if not wanted or not case.diverted_legs:
        return None
    leg = case.diverted_legs[0]
    left = [
        seen
        for seen in case.evidence.events(MailboxSeen, since=leg.invite.at)
        if seen.cause == "deposit" and seen.at <= case.expectation.until
    ]
    if not left or any(seen.mailbox == wanted for seen in left):
        return None
    order = ", ".join(party_of(entry) for entry in case_diversions(case)) or "nobody"
    return found(
        *mailbox(left[0]),
        case_header(case, "Diversion"),
        packet(leg.invite, f"INVITE {leg.request.uri}"),
        got=left[0].mailbox,
        mailbox=wanted,
        order=order,
    )


def reason_not_matched(case: DiversionCase) -> Found | None:
    """The reason is quoted, and the mailbox greets as if there were none."""
    wanted = case.expectation.greeting
    if not wanted or not case.diverted_legs or wanted in case.greetings:
        return None
    heard = [p for p in case.greetings if p.startswith("greeting.")]
    quoted = re.search(r'reason\s*=\s*"[^"]*"', case_header(case, "Diversion").text)
    if quoted is None or not heard:
        return None
    return found(
        case_header(case, "Diversion"),
        Proof(ProofKind.AUDIO, said("audio_to_caller"), ", ".join(case.greetings)),
        quoted=quoted.group(0),
        heard=heard[0],
        wanted=wanted,
    )


# -- what the headers hold --------------------------------------------------------------------


def parsed_diversions(headers: Headers) -> list[DiversionEntry]:
    """Entries of a message, newest first; none when one of them cannot be read."""
    try:
        return list(parse_diversions(headers))
    except ProtocolError:
        return []


def case_diversions(case: DiversionCase) -> list[DiversionEntry]:
    """Diversion entries of the diverted leg, where they are to be judged."""
    if not case.diverted_legs or "Diversion" not in case.expectation.headers:
        return []
    return parsed_diversions(case.diverted_legs[0].request.headers)


def case_header(case: DiversionCase, name: str) -> Proof:
    """A proof that points at a header of the diverted leg."""
    leg = case.diverted_legs[0]
    return packet(leg.invite, f"{name}: {', '.join(leg.request.headers.get_all(name))}")


def _is_hop(entry: DiversionEntry, hop: Hop) -> bool:
    """Whether an entry is about a party, also where it does not name it because it must not."""
    uri = entry.name_addr.uri
    if (uri.number if uri.is_tel else uri.user_unescaped) in hop.names:
        return True
    return hop.privacy in _HIDDEN and party_of(entry) == "anonymous"


def _entries_of_hops(case: DiversionCase) -> list[tuple[DiversionEntry, Hop]]:
    """Each hop with its entry, as far as there is one."""
    pairs = []
    for hop in case.expectation.hops:
        entry = next((e for e in case_diversions(case) if _is_hop(e, hop)), None)
        if entry is not None:
            pairs.append((entry, hop))
    return pairs


def _causes_of_hops(case: DiversionCase) -> dict[str, tuple[int | None, HistoryEntry]]:
    """The cause with which History-Info leaves each hop, by its name."""
    if "History-Info" not in case.expectation.headers:
        return {}
    try:
        entries = parse_history(case.diverted_legs[0].request.headers)
    except ProtocolError:
        return {}
    found_causes = {}
    for entry, following in pairwise(entries):
        for hop in case.expectation.hops:
            if entry.uri.user_unescaped in hop.names:
                found_causes[hop.name] = (following.cause, following)
    return found_causes
