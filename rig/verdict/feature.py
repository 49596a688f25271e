"""Rules for forwarding keys: phone and platform must agree, and stay so.

Their rows stand in ``rules/feature.yaml``. What is known of the package stands in
:mod:`rig.sip.feature_event`; RFC 6665 governs who tells whom and when.
"""

from __future__ import annotations

import sys
from functools import cache

from rig.sip.feature_event import FeatureWord
from rig.verdict.feature_facts import FeatureCase, Said
from rig.verdict.finding import Proof, ProofKind
from rig.verdict.measurement import Limit, Measurement
from rig.verdict.phrase import Phrase, phrase
from rig.verdict.proofs import absence, answered, packet
from rig.verdict.rule_book import Found, RuleBook, found
from rig.verdict.rule_table import rule_table
from rig.verdict.said import said

FLAP_PERIOD_S = 10.0
"""Changes that follow each other faster, and that nobody made, are the machines' doing."""


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


def feature_asked_other(case: FeatureCase) -> Found | None:
    """A key is pressed, and the phone asks for another target than it was given."""
    wanted = case.expectation
    last = case.asked[-1] if case.asked else None
    if last is None or not wanted.active or not wanted.target_names or not last.word.active:
        return None
    if case.fits(last.word):
        return None
    return found(
        packet(last.seen, _asks(last)),
        target=last.word.target or "-",
        wanted="/".join(wanted.target_names),
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
    if case.shows == case.expectation.active and not _shows_other(case):
        return None
    where, other = said("the_key_of", handset=case.subject), _shows_other(case)
    target = f" {case.shown[-1].target}" if case.shows and case.shown[-1].target else ""
    text = said("shows", what=_on(active=case.shows) + target)
    shown = Proof(ProofKind.LAMP, where, text, case.expectation.until)
    return found(
        packet(last.seen, said("is_told", state=_on(active=last.word.active))),
        shown,
        state=_said(last.word),
        what=phrase("another_target" if other else "the_opposite"),
        service=_service(case),
    )


def _shows_other(case: FeatureCase) -> bool:
    """Whether what is shown goes elsewhere than it was told; a phone may show no target."""
    names = case.expectation.target_names
    target = case.shown[-1].target if case.shows else ""
    return bool(case.expectation.active and names and target and target not in names)


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
