"""Rules for how a diverting party is named; their rows stand in ``diversion.yaml``.

Source: RFC 5806 sections 3.1 (one entry for each diversion) and 5 (an entry is an address).
"""

from __future__ import annotations

from rig.sip.diversion import DiversionEntry
from rig.verdict.diversion import party_of
from rig.verdict.diversion_facts import DiversionCase
from rig.verdict.diversion_hop_rules import case_diversions, case_header, parsed_diversions
from rig.verdict.rule_book import Found, found

MOST_EXTENSION_DIGITS = 6
"""A number of more digits may be one of the public network in its national form."""


def told_twice(case: DiversionCase) -> str:
    """Name of a party that diverted once and has two entries; empty if there is none.

    Entries that the call brought along are not the platform's.
    """
    brought = [] if case.caller_leg is None else parsed_diversions(case.caller_leg.request.headers)
    for hop in case.expectation.hops:
        entries = [e for e in case_diversions(case) if party_of(e) in hop.names]
        if len(entries) - sum(party_of(e) in hop.names for e in brought) > 1:
            return hop.name
    return ""


def named_by_extension(case: DiversionCase) -> Found | None:
    """A leg to the outside names the diverting party by digits that are known inside alone."""
    if not _goes_outside(case):
        return None
    for entry in case_diversions(case):
        for hop in case.expectation.hops:
            full = next((n for n in hop.names if n.startswith("+")), "")
            if _is_extension(entry, full):
                return found(
                    case_header(case, "Diversion"), party=hop.name, got=party_of(entry), full=full
                )
    return None


def _goes_outside(case: DiversionCase) -> bool:
    names = case.expectation.target_names
    inside = {a.user for h in case.evidence.handsets.values() for a in h.intent.accounts}
    numbers = {n for n in names if n.startswith("+")}
    return bool(numbers) and numbers == set(names) and not inside & set(names)


def _is_extension(entry: DiversionEntry, full: str) -> bool:
    user = party_of(entry)
    short = user.isascii() and user.isdigit() and len(user) <= MOST_EXTENSION_DIGITS
    return short and full.endswith(user)
