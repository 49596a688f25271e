"""Rules for calls that run in a circle, and for those that are only taken for it.

Their rows stand in ``rules/loop.yaml``. Source: RFC 3261 section 16.3 (482, 483); 3GPP TS 24.604
section 4.5.2.6.2 (limit of diversions); RFC 3515 section 2.4.5 (what a transferor is told).
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache

from rig.sip.message import Request, Response
from rig.timeline import SipSeen
from rig.verdict.diversion_facts import CallLeg, heard_by_caller, legs_of_call
from rig.verdict.diversion_hop_rules import few_hops_left, is_loop_alarm
from rig.verdict.evidence import Evidence, LoopExpectation
from rig.verdict.finding import Proof, ProofKind
from rig.verdict.measurement import Limit, Measurement
from rig.verdict.phrase import Phrase, phrase
from rig.verdict.proofs import absence, answered, packet
from rig.verdict.rule_book import Found, RuleBook, found
from rig.verdict.rule_table import Source, rule_table
from rig.verdict.said import said
from rig.verdict.sources import sources_about

_FRAGMENT = re.compile(rb"\ASIP/2\.0 (\d{3})\b")
CIRCLE_VISITS = 3
"""Visits to one party after which a call runs in a circle; twice may be chance."""


@dataclass(frozen=True, slots=True)
class LoopCase:
    """One call that may run in a circle.

    Attributes:
        evidence: of the scenario.
        expectation: what must be true.
        caller_leg: the caller's INVITE; None if it was not seen.
        legs: INVITEs of the platform for the same call, in order.
        forwarded: 181 responses to the caller.
        referrals: what transferors were told of their transfers, with the status.
        heard: prompts in the audio to the caller.
    """

    evidence: Evidence
    expectation: LoopExpectation
    caller_leg: CallLeg | None
    legs: tuple[CallLeg, ...]
    forwarded: tuple[SipSeen, ...]
    referrals: tuple[tuple[int, SipSeen], ...]
    heard: tuple[str, ...]

    @property
    def subject(self) -> str:
        """The callee's handset."""
        return self.expectation.callee

    @property
    def sources(self) -> frozenset[Source]:
        """Which evidence there is."""
        seen = sources_about(self.evidence, self.evidence.handsets[self.expectation.callee])
        return seen | ({Source.CALLER_AUDIO} if self.heard else set())

    @property
    def ended_s(self) -> float | None:
        """How long the call lived until the platform ended it; None while it did not.

        A 487 answers the caller's own CANCEL; it is no end by the platform.
        """
        leg = self.caller_leg
        if leg is None or leg.final is None or (leg.status == 487 and leg.cancel is not None):
            return None
        return leg.final.at - leg.invite.at


def build_case(evidence: Evidence, expectation: LoopExpectation) -> LoopCase:
    """Find the legs of the call, and what was said of it."""
    caller = evidence.addresses_of(expectation.caller)
    caller_leg, legs = legs_of_call(
        evidence, caller, expectation.callee_names, expectation.since, expectation.until
    )
    forwarded: list[SipSeen] = []
    referrals: list[tuple[int, SipSeen]] = []
    for seen in evidence.events(SipSeen, since=expectation.since):
        message = seen.message
        if seen.at > expectation.until or seen.retransmission:
            continue
        if isinstance(message, Response):
            own = caller_leg is not None and seen.transaction == caller_leg.invite.transaction
            if own and message.status == 181:
                forwarded.append(seen)
        elif (status := _referral_status(message)) is not None:
            referrals.append((status, seen))
    heard = () if caller_leg is None else heard_by_caller(evidence, caller_leg, caller)
    return LoopCase(
        evidence, expectation, caller_leg, legs, tuple(forwarded), tuple(referrals), heard
    )


def _referral_status(request: Request) -> int | None:
    if request.method != "NOTIFY" or not (request.headers.get("Event") or "").startswith("refer"):
        return None
    match = _FRAGMENT.match(request.body)
    return int(match.group(1)) if match else None


def measure(case: LoopCase) -> list[Measurement]:
    """Measure how a call that may run in a circle ended."""
    wanted = case.expectation
    call = f"{wanted.caller} to {wanted.callee}"
    alarms = len(_alarms(case))
    if not wanted.loops:
        limit = Limit("==", 0.0, "RFC 3261 section 16.3: only circles are refused as such")
        return [Measurement(f"loop_alarms[{call}]", float(alarms), limit=limit)]
    within = Limit("<=", wanted.within_s, "3GPP TS 24.604 section 4.5.2.6.2, by this bench")
    most = Limit("<=", float(wanted.most_invites), "bench default")
    ended = case.ended_s
    return [
        Measurement(
            f"ended_after_s[{call}]",
            "never" if ended is None else round(ended, 3),
            "s",
            within if ended is not None else Limit("==", "ended", within.source),
        ),
        Measurement(f"invites[{call}]", float(len(case.legs)), limit=most),
    ]


def owner_menu_in_loop(case: LoopCase) -> Found | None:
    """The caller hears what is for the mailbox's owner."""
    menu = next((p for p in case.heard if p.startswith("portal.")), "")
    if not menu:
        return None
    to_mailbox = [
        leg for leg in case.legs
        if any(o.destination in case.evidence.voicemail_addresses for o in leg.invite.observations)
    ]  # fmt: skip
    return found(
        *(packet(leg.invite, f"INVITE {leg.request.uri}") for leg in to_mailbox[-1:]),
        Proof(ProofKind.AUDIO, said("audio_to_caller"), ", ".join(case.heard)),
        prompt=menu,
    )


def loop_goes_round(case: LoopCase) -> Found | None:
    """A call comes to the same party again and again."""
    wanted, caller = case.expectation, case.caller_leg
    if caller is None or not wanted.loops or _ended_in_time(case):
        return None
    visits = Counter(leg.request.uri for leg in case.legs)
    party, most = max(visits.items(), key=lambda item: item[1], default=("", 0))
    if most >= CIRCLE_VISITS:
        last = case.legs[-1].invite
        how = phrase("visited", party=party, count=most, invites=len(case.legs))
    elif len(case.forwarded) >= CIRCLE_VISITS:
        last = case.forwarded[-1]
        how = phrase("forwarded", count=len(case.forwarded))
    else:
        return None
    return found(packet(last, said("once_more")), *_caller_proofs(case, caller), how=how,
                 end=_end(case, caller))  # fmt: skip


def loop_not_ended(case: LoopCase) -> Found | None:
    """A call that can only run in a circle gets no answer in time; its way was not seen."""
    wanted, caller = case.expectation, case.caller_leg
    if caller is None or not wanted.loops or _ended_in_time(case):
        return None
    return found(*_caller_proofs(case, caller), certain=False, end=_end(case, caller))


def _ended_in_time(case: LoopCase) -> bool:
    ended = case.ended_s
    few = len(case.legs) <= case.expectation.most_invites
    return few and ended is not None and ended <= case.expectation.within_s


def _end(case: LoopCase, caller: CallLeg) -> Phrase:
    ended = case.ended_s
    if ended is None:
        return phrase("not_ended", after_s=case.expectation.within_s)
    return phrase("ended_after", after_s=ended, status=caller.status or 0)


def _caller_proofs(case: LoopCase, caller: CallLeg) -> tuple[Proof, ...]:
    asked = packet(caller.invite, f"INVITE {caller.request.uri}")
    if caller.final is not None:
        return asked, packet(caller.final, answered(caller.status))
    return asked, absence(said("final_to_caller"), case.expectation.until)


def transfer_refused(case: LoopCase) -> Found | None:
    """A person's transfer is refused, and nobody says that the call ran in a circle."""
    if case.expectation.loops or _alarms(case):
        return None
    asked: dict[str, SipSeen] = {}
    for seen in case.evidence.events(SipSeen, since=case.expectation.since):
        message = seen.message
        if isinstance(message, Request) and message.method == "REFER":
            asked.setdefault(seen.transaction, seen)
        elif (
            isinstance(message, Response)
            and seen.transaction in asked
            and message.status >= 300
            and message.status not in {401, 407}
        ):
            refer = asked[seen.transaction]
            return found(
                packet(seen, answered(message.status)),
                packet(refer, f"Refer-To: {refer.message.headers.get('Refer-To') or '-'}"),
                status=message.status,
            )
    return None


def transfer_refused_as_loop(case: LoopCase) -> Found | None:
    """A call that people sent round was refused as if a forwarding did it."""
    alarms = _alarms(case)
    if case.expectation.loops or not alarms:
        return None
    status, seen = alarms[0]
    diverted = [leg for leg in case.legs if "Diversion" in leg.request.headers]
    transfers = len({seen.message.call_id for _, seen in case.referrals})
    return found(
        packet(seen, f"SIP/2.0 {status}"),
        *(
            packet(leg.invite, said("invite_undiverted", uri=leg.request.uri))
            for leg in case.legs[-1:]
        ),
        status=status,
        transfers=transfers,
        diverted=len(diverted),
    )


def _alarms(case: LoopCase) -> list[tuple[int, SipSeen]]:
    """Every word that the call runs in a circle."""
    alarms = [(status, seen) for status, seen in case.referrals if status in {482, 483}]
    for leg in (case.caller_leg, *case.legs):
        if leg is None or leg.final is None or few_hops_left(leg):
            continue
        if isinstance(leg.final.message, Response) and is_loop_alarm(leg.final.message):
            alarms.append((leg.final.message.status, leg.final))
    return sorted(alarms, key=lambda alarm: alarm[1].at)


@cache
def loop_book() -> RuleBook[LoopCase]:
    """The rules for circles."""
    return RuleBook(rule_table("loop"), LoopCase, (sys.modules[__name__],))
