"""What phone and platform told each other of forwarding and do-not-disturb, and what is shown."""

from __future__ import annotations

from dataclasses import dataclass

from rig.sip.feature_event import FeatureWord, feature_words
from rig.sip.message import Request, Response
from rig.timeline import ActionDone, FeatureSeen, SipSeen
from rig.verdict.evidence import Evidence, FeatureExpectation, HandsetFacts
from rig.verdict.rule_table import Source
from rig.verdict.sources import at_phone, at_platform, sources_about

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
