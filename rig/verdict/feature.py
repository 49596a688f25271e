"""Rules for forwarding keys: phone and platform must agree, and stay so.

Their rows stand in ``rules/feature.yaml``. What is known of the package stands in
:mod:`rig.sip.feature_event`; RFC 6665 governs who tells whom and when.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache

from rig.sip.feature_event import FeatureWord, feature_words
from rig.sip.message import Request, Response
from rig.timeline import ActionDone, FeatureSeen, SipSeen
from rig.verdict.evidence import Evidence, FeatureExpectation, HandsetFacts
from rig.verdict.finding import Proof, ProofKind
from rig.verdict.measurement import Limit, Measurement
from rig.verdict.phrase import Phrase, phrase
from rig.verdict.proofs import absence, answered, packet
from rig.verdict.rule_book import Found, RuleBook, found
from rig.verdict.rule_table import Source, rule_table
from rig.verdict.said import said
from rig.verdict.sources import at_phone, at_platform, sources_about

FLAP_PERIOD_S = 10.0
"""Changes that follow each other faster, and that nobody made, are the machines' doing."""

KEY = "feature:"
"""How the bench marks the presses of such keys on the timeline."""


@dataclass(frozen=True, slots=True)
class Said:
    """One word about a service, and the message it stood in.

    Attributes:
        word: what was asked or told.
        seen: the SUBSCRIBE or NOTIFY.
        status: of its final response; None for none.
        arrived: whether it was seen at the port of whom it was for, or answered; None if nobody
            looked there.
    """

    word: FeatureWord
    seen: SipSeen
    status: int | None
    arrived: bool | None = True


@dataclass(frozen=True, slots=True)
class FeatureStory:
    """What a phone asked for and what it was told, in order, since the start of the run.

    Attributes:
        asked: by the phone.
        told: by the platform.
    """

    asked: tuple[Said, ...]
    told: tuple[Said, ...]

    def last_told(self, service: str, *, before: float) -> Said | None:
        """The platform's last word on a service before an instant."""
        words = [s for s in self.told if s.word.service == service and s.seen.at <= before]
        return words[-1] if words else None


@dataclass(frozen=True, slots=True)
class FeatureCase:
    """One service that phone and platform must agree on.

    Attributes:
        evidence: of the scenario.
        expectation: what must be true.
        handset: facts about the phone.
        asked: what the phone asked for since the first change, as far as it was accepted.
        refused: what it asked for and was not given.
        told: what it was told since then.
        before: what it had been told last before, or None.
        shown: what it showed, in order, since the start of the run.
        pressed: keys that people pressed.
    """

    evidence: Evidence
    expectation: FeatureExpectation
    handset: HandsetFacts
    asked: tuple[Said, ...]
    refused: tuple[Said, ...]
    told: tuple[Said, ...]
    before: Said | None
    shown: tuple[FeatureSeen, ...]
    pressed: tuple[ActionDone, ...]

    @property
    def subject(self) -> str:
        """The phone."""
        return self.handset.name

    @property
    def sources(self) -> frozenset[Source]:
        """Which evidence there is."""
        return sources_about(self.evidence, self.handset)

    @property
    def last_told(self) -> Said | None:
        """The platform's last word."""
        return self.told[-1] if self.told else self.before

    @property
    def shows(self) -> bool:
        """Whether the service is shown as on now."""
        return bool(self.shown) and self.shown[-1].active

    def fits(self, word: FeatureWord) -> bool:
        """Whether a word is what is wanted."""
        return word.active == self.expectation.active and (
            not word.active
            or not self.expectation.target_names
            or word.target in self.expectation.target_names
        )


def feature_story(evidence: Evidence, handset: HandsetFacts) -> FeatureStory:
    """Gather what phone and platform told each other: a state lasts until the next word."""
    statuses: dict[str, int] = {}
    seen_requests: list[SipSeen] = []
    arrived: set[str] = set()
    for seen in evidence.events(SipSeen):
        if at_phone(seen, handset) or at_platform(seen, evidence):
            arrived.add(seen.transaction)
        message = seen.message
        if isinstance(message, Response):
            if message.status >= 200:
                statuses.setdefault(seen.transaction, message.status)
        elif not seen.retransmission and message.method in {"SUBSCRIBE", "NOTIFY"}:
            seen_requests.append(seen)
    asked: list[Said] = []
    told: list[Said] = []
    calls: set[str] = set()
    for seen in seen_requests:
        if not isinstance(seen.message, Request):
            continue
        ends = {o.source for o in seen.observations} | {o.destination for o in seen.observations}
        if any(end in handset.sip_addresses for end in ends):
            calls.add(seen.message.call_id)
        elif seen.message.call_id not in calls:  # what is lost on the way was seen elsewhere alone
            continue
        status = statuses.get(seen.transaction)
        for word in feature_words(seen.message):
            covered = Source.PLATFORM_PORT if word.asked else Source.PHONE_PORT
            there = status is not None or seen.transaction in arrived
            known = there or covered in sources_about(evidence, handset)
            said = Said(word, seen, status, there if known else None)
            (asked if word.asked else told).append(said)
    return FeatureStory(tuple(asked), tuple(told))


def build_case(evidence: Evidence, expectation: FeatureExpectation) -> FeatureCase:
    """Gather everything about one service of one phone."""
    handset = evidence.handsets[expectation.handset]
    story = feature_story(evidence, handset)

    def within(said: Said) -> bool:
        return expectation.since <= said.seen.at <= expectation.until

    def ours(said: Said) -> bool:
        return said.word.service == expectation.service

    asked = [s for s in story.asked if ours(s) and within(s) and s.status not in {401, 407}]
    told = [s for s in story.told if ours(s) and within(s)]
    return FeatureCase(
        evidence=evidence,
        expectation=expectation,
        handset=handset,
        asked=tuple(s for s in asked if s.status is None or s.status < 300),
        refused=tuple(s for s in asked if s.status is not None and s.status >= 300),
        told=tuple(told),
        before=story.last_told(expectation.service, before=expectation.since),
        shown=tuple(
            e
            for e in evidence.events(FeatureSeen)
            if (e.handset, e.account, e.service)
            == (handset.name, expectation.account, expectation.service)
            and e.at <= expectation.until
        ),
        pressed=tuple(
            e
            for e in evidence.events(ActionDone, since=expectation.since)
            if e.actor == handset.name
            and e.key == KEY + expectation.service
            and e.at <= expectation.until
        ),
    )


def measure(case: FeatureCase) -> list[Measurement]:
    """Measure whether phone and platform agree."""
    wanted = case.expectation
    name = f"{wanted.service} of {wanted.handset}"
    want = Limit("==", _on(active=wanted.active), "keys pressed by people")
    last = case.last_told
    result = [
        Measurement(
            f"told[{name}]",
            "nothing" if last is None else _on(active=last.word.active),
            limit=want,
            where="" if last is None else f"packet {last.seen.number}",
        ),
        Measurement(
            f"changes[{name}]",
            float(len(_turns(case))),
            limit=Limit("<=", float(wanted.changes), "changes made by people"),
        ),
    ]
    if case.handset.shows_features:
        result.append(Measurement(f"shown[{name}]", _on(active=case.shows), limit=want))
    return result


def feature_echoed(case: FeatureCase) -> Found | None:
    """The phone asks for what nobody pressed: it sends back what it is told."""
    extra = len(case.asked) - len(case.pressed)
    if not case.asked or extra <= 0:
        return None
    first, last = case.asked[0], case.asked[-1]
    if (last.seen.at - first.seen.at) / len(case.asked) > FLAP_PERIOD_S:
        return None
    turns = _turns(case)
    return found(
        packet(
            case.asked[-1].seen, said("asks_for", state=_on(active=case.asked[-1].word.active))
        ),
        *(packet(s.seen, said("is_told", state=_on(active=s.word.active))) for s in turns[-2:]),
        asked=len(case.asked),
        pressed=len(case.pressed),
        effect=_effect(turns, case),
        service=_service(case),
    )


def feature_flaps(case: FeatureCase) -> Found | None:
    """The platform changes a service back and forth, and nobody asks for it."""
    turns = _turns(case)
    if len(turns) < case.expectation.changes + 2:
        return None
    period_s = (turns[-1].seen.at - turns[0].seen.at) / (len(turns) - 1)
    if period_s > FLAP_PERIOD_S:
        return None
    return found(
        *(packet(s.seen, said("tells", state=_on(active=s.word.active))) for s in turns[-2:]),
        count=len(turns),
        period_s=period_s,
        service=_service(case),
    )


def feature_not_asked(case: FeatureCase) -> Found | None:
    """A key is pressed and the phone tells nobody."""
    last = case.last_told
    if not case.pressed or case.asked or case.refused or (last and case.fits(last.word)):
        return None
    press = case.pressed[-1]
    return found(
        absence(said("subscribe_with_request"), case.expectation.until),
        Proof(ProofKind.LAMP, said("the_key_of", handset=case.subject), press.what, press.at),
        service=_service(case),
    )


def feature_lost(case: FeatureCase) -> Found | None:
    """What one side said never came to the other."""
    last = case.last_told
    told_right = last is not None and case.fits(last.word) and last.arrived is not False
    shown_right = not case.handset.shows_features or case.shows == case.expectation.active
    wishes = [s for s in case.asked if s.arrived is False]
    states = [] if told_right and shown_right else [s for s in case.told if s.arrived is False]
    lost = next(iter((*wishes, *states)), None)
    if lost is None:
        return None
    asks, on = lost.word.asked, _on(active=lost.word.active)
    return found(
        packet(lost.seen, said("asks_for" if asks else "tells", state=on)),
        absence(said("subscribe_at_platform" if asks else "feature_at_phone"), lost.seen.at),
        what=phrase("request_of" if asks else "word_to", who=case.subject),
        state=_said(lost.word),
        service=_service(case),
    )


def feature_refused(case: FeatureCase) -> Found | None:
    """The platform refuses what the phone asks for."""
    if not case.refused or case.asked:
        return None
    last = case.refused[-1]
    return found(
        packet(last.seen, _asks(last)),
        status=last.status or 0,
        service=_service(case),
    )


def feature_not_done(case: FeatureCase) -> Found | None:
    """The platform accepts what the phone asks for, and tells it something else, or nothing."""
    if not case.asked or not case.fits(case.asked[-1].word):
        return None
    asked = case.asked[-1]
    after = [s for s in case.told if s.seen.at >= asked.seen.at]
    if after and case.fits(after[-1].word):
        return None
    what = phrase("told_nothing")
    proofs: tuple[Proof, ...] = (absence(said("notify_with_state"), case.expectation.until),)
    if after:
        what = phrase("told_state", state=_said(after[-1].word))
        proofs = (packet(after[-1].seen, said("tells", state=_on(active=after[-1].word.active))),)
    return found(
        *proofs,
        packet(asked.seen, _asks(asked)),
        state=_said(asked.word),
        what=what,
        service=_service(case),
    )


def feature_not_told(case: FeatureCase) -> Found | None:
    """A service was changed by another way, and the phone is not told, or told wrongly."""
    last = case.last_told
    if case.asked or case.refused or case.pressed or (last is not None and case.fits(last.word)):
        return None
    last_proof = (
        ()
        if last is None
        else (packet(last.seen, said("told_last", state=_on(active=last.word.active))),)
    )
    return found(
        *(packet(s.seen, said("tells", state=_on(active=s.word.active))) for s in case.told[-1:]),
        *(() if case.told else (absence(said("notify_with_state"), case.expectation.until),)),
        *last_proof,
        state=phrase("on" if case.expectation.active else "off"),
        service=_service(case),
    )


def feature_not_shown(case: FeatureCase) -> Found | None:
    """The phone was told, and shows something else."""
    last = case.last_told
    if not case.handset.shows_features or last is None or not case.fits(last.word):
        return None
    if case.shows == case.expectation.active:
        return None
    where = said("the_key_of", handset=case.subject)
    text = said("shows", what=_on(active=case.shows))
    shown = Proof(ProofKind.LAMP, where, text, case.expectation.until)
    return found(
        packet(last.seen, said("is_told", state=_on(active=last.word.active))),
        shown,
        state=_said(last.word),
        service=_service(case),
    )


def _turns(case: FeatureCase) -> list[Said]:
    """Words by which the platform's state changed, since the first change."""
    state = None if case.before is None else case.before.word.active
    turns = []
    for told in case.told:
        if state is not None and told.word.active != state:
            turns.append(told)
        state = told.word.active
    return turns


def _effect(turns: list[Said], case: FeatureCase) -> Phrase:
    flaps = len(turns) >= case.expectation.changes + 2
    return phrase("goes_on_and_off", count=len(turns)) if flaps else phrase("no_more")


def _on(*, active: bool) -> str:
    return said("on" if active else "off")


def _asks(asked: Said) -> str:
    how = answered(asked.status)
    return said("asks_for_how", state=_on(active=asked.word.active), how=how)


def _said(word: FeatureWord) -> Phrase:
    return phrase("on" if word.active else "off")


def _service(case: FeatureCase) -> Phrase:
    services = {
        "always": phrase("forward_always"),
        "busy": phrase("forward_busy"),
        "no_answer": phrase("forward_no_answer"),
    }
    return services.get(case.expectation.service, phrase("do_not_disturb"))


@cache
def feature_book() -> RuleBook[FeatureCase]:
    """The rules for forwarding keys."""
    return RuleBook(rule_table("feature"), FeatureCase, (sys.modules[__name__],))
