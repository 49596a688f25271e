"""Rules on the lamp itself: policy, obedience to the wire, false sources.

The wire's own story of a lamp is told by the NOTIFYs that the phone accepted; a power cut
makes a phone forget it.
"""

from __future__ import annotations

from collections.abc import Iterable

from rig.timeline import ActionDone, FeatureSeen, FetchSeen, LampSeen, LampState
from rig.verdict.fault_class import Component
from rig.verdict.finding import Proof, ProofKind
from rig.verdict.mwi import LampCase, changes_of
from rig.verdict.mwi_facts import AccountStory, NotifyStory, lamp_state
from rig.verdict.phrase import Word, phrase
from rig.verdict.proofs import (
    absence,
    lamp_edge,
    lamp_now,
    lamp_word,
    mailbox,
    packet,
    phone_word,
    summary_line,
)
from rig.verdict.rule_book import Found, found
from rig.verdict.said import said

FOLLOWS_S = 1.0
"""A lamp edge later than this after a NOTIFY is not its doing."""

MISSED_CALL_WINDOW_S = 3.0
"""A lamp edge this soon after a missed call is put down to it."""

CLOCK_SLACK_S = 0.1
"""How far the instants of lamp and wire may be apart."""

BOOT_S = 60.0
"""Longest time in which a booting phone does with its lamps what it likes."""


def lamp_policy_off(case: LampCase) -> Found | None:
    """The file tells the phone not to light the lamp."""
    applied = case.handset.applied
    if not case.dark or case.expectation.lamp != "message" or applied is None:
        return None
    if applied.lamp.on_message:
        return None
    difference = next((d for d in case.handset.differences if d.field == "lamp.on_message"), None)
    where = next(iter(case.handset.files), said("the_configuration"))
    if difference is not None:
        where = f"{difference.file}:{difference.line}" if difference.line else difference.file
    return found(
        Proof(ProofKind.FILE, where, said("message_lamp_off")), lamp_now(case), where=where
    )


def lamp_contradicts(case: LampCase) -> Found | None:
    """The right NOTIFY arrived and was accepted, the lamp does not follow."""
    last = case.last_arrived
    if last is None or last.summary is None or last.summary.waiting != case.expectation.lit:
        return None
    if not (case.dark or case.false_light):
        return None
    text = summary_line(last)
    state = phrase("dark" if case.dark else "lit")
    status = last.answer_status or 200
    proofs = (packet(last.first, text), lamp_now(case), *phone_word(case))
    return found(*proofs, said=text, status=status, state=state)


def lamp_late(case: LampCase) -> Found | None:
    """The lamp follows the NOTIFY, but beyond the limit."""
    edge, told = case.settling, case.first_right
    if edge is None or told is None:
        return None
    took_s = edge.at - case.trigger_at
    if took_s <= case.expectation.within_s or edge.at < told.first.at:
        return None
    return found(
        packet(told.first, summary_line(told)),
        lamp_edge(edge),
        after_s=edge.at - told.first.at,
        took_s=took_s,
        trigger=Word(case.expectation.trigger),
        limit_s=case.expectation.within_s,
    )


def lamp_by_missed_call(case: LampCase) -> Found | None:
    """The lamp was lit by a missed call."""
    if not case.false_light:
        return None
    last = case.last_arrived
    if last is not None and last.summary is not None and last.summary.waiting:
        return None
    for edge in case.edges:
        if not edge.state.lit:
            continue
        call = next(
            (c for c in case.missed_calls if -0.1 <= edge.at - c.ended_at <= MISSED_CALL_WINDOW_S),
            None,
        )
        if call is None:
            continue
        applied = case.handset.applied
        told = applied is not None and applied.lamp.on_missed_call
        wire = (
            (packet(last.first, said("last_says", what=summary_line(last))),)
            if last
            else (absence(said("notify_says_yes"), edge.at),)
        )
        return found(
            lamp_edge(edge),
            packet(call.invite, said("missed_call")),
            *wire,
            component=Component.CONFIG if told else Component.HANDSET,
            new=case.truth.new if case.truth else "?",
        )
    return None


def lamp_by_forwarding(case: LampCase) -> Found | None:
    """The lamp was lit by the forwarding of calls at the phone itself."""
    shown = [
        f
        for f in case.evidence.events(FeatureSeen, since=case.evidence.started_at)
        if f.handset == case.handset.name and f.active
    ]
    for edge in case.changes:
        if not edge.state.lit or says(case, case.expectation.lamp, edge.at + CLOCK_SLACK_S):
            continue
        for feature in shown:
            if -CLOCK_SLACK_S <= edge.at - feature.at <= FOLLOWS_S:
                where = said("key_of", service=feature.service, handset=feature.handset)
                switched = Proof(
                    ProofKind.ACT, where, said("shows", what=feature.target), feature.at
                )
                return found(lamp_edge(edge), switched, *_last_word(case, edge))
    return None


def lamp_without_cause(case: LampCase) -> Found | None:
    """Lit, though nothing on the wire says so."""
    last = case.last_arrived
    if not case.false_light or (last is not None and last.summary and last.summary.waiting):
        return None
    told_at = last.first.at if last else 0.0
    edges = [lamp_edge(e) for e in case.edges if e.state.lit and e.at > told_at + FOLLOWS_S]
    if last is not None and not edges:
        return None
    return found(*(edges or [lamp_now(case)]), *mailbox(case.truth))


def lamp_on_its_own(case: LampCase) -> Found | None:
    """The lamp is right in the end, but went on where no NOTIFY told it to."""
    edge = _untold_edge(case)
    if edge is None or not edge.state.lit:
        return None
    return found(lamp_edge(edge), *_last_word(case, edge))


def lamp_went_out(case: LampCase) -> Found | None:
    """The lamp is right in the end, but went out meanwhile though messages wait."""
    edge = _untold_edge(case)
    if edge is None or edge.state.lit:
        return None
    return found(lamp_edge(edge), *_last_word(case, edge))


def _untold_edge(case: LampCase) -> LampSeen | None:
    """The first change of the lamp that nothing on the wire accounts for."""
    if case.handset.intent.lamp.on_missed_call:
        return None
    return _untold(case, case.expectation.lamp, case.changes)


def _untold(case: LampCase, lamp: str, changes: Iterable[LampSeen]) -> LampSeen | None:
    for edge in changes:
        told = says(case, lamp, edge.at + CLOCK_SLACK_S + edge.latency_s)
        taken = says(case, lamp, edge.at, answered=True)
        if edge.state.lit in {told, taken} or case.ringing_at(edge.at) or _booting(case, edge.at):
            continue
        return edge
    return None


def _last_word(
    case: LampCase, edge: LampSeen, story: AccountStory | None = None
) -> tuple[Proof, ...]:
    told = [n for n in (story or case.story).notifies if n.first.at <= edge.at]
    if not told:
        return (absence(said("notify_says_yes"), edge.at),)
    return (packet(told[-1].first, said("last_says", what=summary_line(told[-1]))),)


def other_lamp_wrong(case: LampCase) -> Found | None:
    """Another lamp of the same phone contradicts what its account was told."""
    until = case.expectation.until
    for lamp in case.unexpected_lamps:
        state = lamp_state(case.evidence, case.handset.name, lamp, until)
        account = int(lamp.partition(":")[2] or 0)
        story = case.stories.get(account)
        if story is None or state.value == "unknown" or not state.lit or _booting(case, until):
            continue
        heard = [n for n in story.notifies if n.accepted and n.first.at <= until]
        if says(case, lamp, until) or not heard:
            continue
        if until - heard[-1].first.at <= case.expectation.within_s:
            continue  # it may still follow
        return found(
            packet(heard[-1].first, summary_line(heard[-1])),
            Proof(
                ProofKind.LAMP,
                said("lamp_of", lamp=lamp, handset=case.handset.name),
                lamp_word(state),
                until,
            ),
            lamp=lamp,
            said=summary_line(heard[-1]),
        )
    return None


def other_lamp_on_its_own(case: LampCase) -> Found | None:
    """Another lamp of the same phone turned where no NOTIFY of its account told it to."""
    name, evidence = case.handset.name, case.evidence
    for lamp in case.unexpected_lamps:
        story = case.stories.get(int(lamp.partition(":")[2] or 0))
        if story is None or _unseen(case, lamp):
            continue
        edge = _untold(case, lamp, changes_of(evidence, name, lamp, case.expectation.until))
        if edge is not None:
            proofs = (lamp_edge(edge), *_last_word(case, edge, story))
            return found(*proofs, lamp=lamp, state=phrase("lit" if edge.state.lit else "dark"))
    return None


def _unseen(case: LampCase, lamp: str) -> bool:
    """Whether the sensor of a lamp did not see it for a part of the scenario."""
    start, until = case.evidence.started_at, case.expectation.until
    states = [lamp_state(case.evidence, case.handset.name, lamp, start)]
    states += [
        e.state
        for e in case.evidence.events(LampSeen, since=start)
        if (e.handset, e.lamp) == (case.handset.name, lamp) and e.at <= until
    ]
    return LampState.UNKNOWN in states


def says(case: LampCase, lamp: str, at: float, *, answered: bool = False) -> bool:
    """Whether the wire has told a phone by an instant that a lamp must be lit.

    Args:
        case: of the lamp.
        lamp: ``message`` or ``account:N``.
        at: instant.
        answered: count a NOTIFY from the phone's answer on: until then it may still act on the
            one before.
    """
    accounts = [int(lamp.partition(":")[2])] if ":" in lamp else list(case.stories)
    return any(_waiting(case, account, at, answered=answered) for account in accounts)


def _waiting(case: LampCase, account: int, at: float, *, answered: bool) -> bool:
    story = case.stories.get(account)
    if story is None:
        return False
    waiting = False
    for notify in story.notifies:
        if notify.first.at > at:
            break
        if answered and notify.answer is not None and notify.answer.at > at:
            continue
        if notify.heeded:
            waiting = _voice(notify, before=waiting)
    return waiting


def _voice(notify: NotifyStory, *, before: bool) -> bool:
    """What a NOTIFY says of voice messages: fax and the like do not light this lamp."""
    summary = notify.summary
    if summary is None:
        return before
    if summary.voice is None:
        return before if summary.others else summary.waiting
    if summary.waiting and not summary.voice.new:
        return not any(counts.new for counts in summary.others.values())
    return summary.waiting


def _booting(case: LampCase, at: float) -> bool:
    """Whether the phone was without power or starting at an instant.

    It was if the rig cut its power just before, or it fetched its files soon after by itself: a
    fetch that the rig's own cut explains says nothing about the time before that.
    """
    name = case.handset.name
    acts = [
        e.at
        for e in case.evidence.events(ActionDone)
        if e.key == "power_cycle" and e.actor == name
    ]
    cuts = [act for act in acts if 0 <= at - act <= BOOT_S]
    fetches = [
        f.at
        for f in case.evidence.events(FetchSeen)
        if f.handset == name
        and f.at - at >= 0
        and not any(at + CLOCK_SLACK_S < act <= f.at for act in acts)
    ]
    told_since_cut = bool(cuts) and any(
        n.accepted and cuts[-1] < n.first.at <= at for n in case.story.notifies
    )
    if cuts and not told_since_cut:
        return True
    return any(f - at <= BOOT_S for f in fetches)
