"""Rules for calls that nobody diverts: nothing may say that somebody has.

Their rows stand in ``rules/plain_call.yaml``. Source: RFC 5806 section 5 (Diversion is added when
a call is diverted, and only then).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache

from rig.sip.message import Request
from rig.timeline import SipSeen
from rig.verdict.diversion_facts import CallLeg, legs_of_call
from rig.verdict.evidence import Evidence, PlainCallExpectation
from rig.verdict.feature_facts import FeatureStory, feature_story
from rig.verdict.measurement import Limit, Measurement
from rig.verdict.phrase import Phrase, phrase
from rig.verdict.proofs import answered, packet
from rig.verdict.rule_book import Found, RuleBook, found
from rig.verdict.rule_table import Source, rule_table
from rig.verdict.said import said
from rig.verdict.sources import sources_about


@dataclass(frozen=True, slots=True)
class PlainCase:
    """One call that nobody diverts.

    Attributes:
        evidence: of the scenario.
        expectation: what must be true.
        caller_leg: the caller's INVITE; None if it was not seen.
        sightings: every form in which that INVITE was seen, in order: as it left, as it came.
        legs: INVITEs of the platform for the same call.
        features: what platform and called phone told each other of its services.
    """

    evidence: Evidence
    expectation: PlainCallExpectation
    caller_leg: CallLeg | None
    sightings: tuple[SipSeen, ...]
    legs: tuple[CallLeg, ...]
    features: FeatureStory | None

    @property
    def subject(self) -> str:
        """Who is called."""
        return self.expectation.callee

    @property
    def sources(self) -> frozenset[Source]:
        """Which evidence there is."""
        handset = self.evidence.handsets.get(self.expectation.caller)
        return frozenset() if handset is None else sources_about(self.evidence, handset)


def build_case(evidence: Evidence, expectation: PlainCallExpectation) -> PlainCase:
    """Find the legs of the call."""
    caller = evidence.addresses_of(expectation.caller)
    leg, legs = legs_of_call(
        evidence, caller, expectation.target_names, expectation.since, expectation.until
    )
    sightings = () if leg is None else tuple(
        seen
        for seen in evidence.events(SipSeen, since=expectation.since)
        if isinstance(seen.message, Request)
        and seen.message.method == "INVITE"
        and seen.transaction == leg.invite.transaction
        and not seen.retransmission
    )  # fmt: skip
    callee = evidence.handsets.get(expectation.callee)
    features = None if callee is None else feature_story(evidence, callee)
    return PlainCase(evidence, expectation, leg, sightings, legs, features)


def measure(case: PlainCase) -> list[Measurement]:
    """Measure a call that nobody diverts."""
    wanted = case.expectation
    call = f"{wanted.caller} to {wanted.callee}"
    named = [leg for leg in case.legs if _diverter(leg.invite)]
    away = [leg for leg in case.legs if _redirected(leg)]
    return [
        Measurement(
            f"legs_that_name_a_diverter[{call}]",
            float(len(named)),
            limit=Limit("==", 0.0, "RFC 5806 section 5"),
        ),
        Measurement(
            f"redirections[{call}]", float(len(away)), limit=Limit("==", 0.0, "inventory")
        ),
    ]


def added_on_the_way(case: PlainCase) -> Found | None:
    """A Diversion comes to the call between the caller and the platform."""
    if not case.sightings or _diverter(case.sightings[0]):
        return None
    for seen in case.sightings[1:]:
        diverter = _diverter(seen)
        if diverter:
            return found(
                packet(seen, f"Diversion: {diverter}"),
                packet(case.sightings[0], said("same_invite")),
                whose=_whose(case, diverter),
                diverter=diverter,
            )
    return None


def added_by_platform(case: PlainCase) -> Found | None:
    """The platform writes a Diversion on a call that came without one."""
    if not case.sightings or any(_diverter(seen) for seen in case.sightings):
        return None
    if any(_redirected(leg) for leg in case.legs):
        return None  # a phone has diverted it
    for leg in case.legs:
        diverter = _diverter(leg.invite)
        if diverter:
            return found(
                packet(leg.invite, f"Diversion: {diverter}"),
                packet(case.sightings[-1], said("callers_invite")),
                whose=_whose(case, diverter),
                diverter=diverter,
                uri=leg.request.uri,
            )
    return None


def redirected_alone(case: PlainCase) -> Found | None:
    """The phone forwards, though the platform has told it that nothing is forwarded."""
    story = case.features
    for leg in case.legs:
        if leg.final is None or not _redirected(leg):
            continue
        told = None if story is None else story.last_told("always", before=leg.invite.at)
        if told is None or told.word.active:
            continue
        contact = leg.final.message.headers.get("Contact") or ""
        return found(
            packet(
                leg.final,
                said(
                    "what_and",
                    what=answered(leg.status),
                    more=said("with_contact", contact=contact),
                ),
            ),
            packet(told.seen, said("nothing_forwarded")),
            status=leg.status or 0,
            contact=contact,
        )
    return None


def _redirected(leg: CallLeg) -> bool:
    return leg.status is not None and 300 <= leg.status < 400


def _diverter(seen: SipSeen) -> str:
    return seen.message.headers.get("Diversion") or ""


def _whose(case: PlainCase, diverter: str) -> Phrase:
    """Whether the party that is named is the caller itself."""
    first = case.sightings[0].message
    user = first.from_.uri.user or ""
    return phrase("the_caller_itself" if user and f":{user}@" in diverter else "somebody")


@cache
def plain_call_book() -> RuleBook[PlainCase]:
    """The rules for calls that nobody diverts."""
    return RuleBook(rule_table("plain_call"), PlainCase, (sys.modules[__name__],))
