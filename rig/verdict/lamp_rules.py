"""Rules on the lamp itself: policy, obedience to the wire, false sources.

The wire's own story of a lamp is told by the NOTIFYs that the phone accepted; a power cut
makes a phone forget it.
"""

from __future__ import annotations

from rig.timeline import ActionDone, FetchSeen, LampSeen
from rig.verdict.fault_class import Component, FaultClass
from rig.verdict.finding import Finding, Proof, ProofKind
from rig.verdict.mwi import LampCase
from rig.verdict.mwi_facts import NotifyStory, lamp_state
from rig.verdict.proofs import absence, lamp_edge, lamp_now, mailbox, packet, summary_line

FOLLOWS_S = 1.0
"""A lamp edge later than this after a NOTIFY is not its doing."""

MISSED_CALL_WINDOW_S = 3.0
"""A lamp edge this soon after a missed call is put down to it."""

CLOCK_SLACK_S = 0.1
"""How far the instants of lamp and wire may be apart."""

BOOT_S = 60.0
"""Longest time in which a booting phone does with its lamps what it likes."""


def lamp_policy_off(case: LampCase) -> Finding | None:
    """M9 by configuration: the file tells the phone not to light the lamp."""
    applied = case.handset.applied
    if not case.dark or case.expectation.lamp != "message" or applied is None:
        return None
    if applied.lamp.on_message:
        return None
    difference = next((d for d in case.handset.differences if d.field == "lamp.on_message"), None)
    where = case.handset.files[0] if case.handset.files else "the configuration"
    if difference is not None:
        where = f"{difference.file}:{difference.line}" if difference.line else difference.file
    return Finding(
        FaultClass.M9,
        Component.CONFIG,
        f"{where} switches the message lamp of {case.handset.name} off",
        "switch the message lamp on in the inventory's lamp policy",
        (Proof(ProofKind.FILE, where, "message lamp off"), lamp_now(case)),
        "lamp_policy_off",
        case.handset.name,
    )


def lamp_contradicts(case: LampCase) -> Finding | None:
    """M9: the right NOTIFY arrived and was accepted, the lamp does not follow."""
    last = case.last_arrived
    if last is None or last.summary is None or last.summary.waiting != case.expectation.lit:
        return None
    if not (case.dark or case.false_light):
        return None
    word = "dark" if case.dark else "lit"
    return Finding(
        FaultClass.M9,
        Component.HANDSET,
        f"{case.handset.name} accepted {summary_line(last)} with {last.answer_status} "
        f"and its lamp stays {word}",
        "check the phone's lamp, its firmware and the shared functions of this lamp",
        (packet(last.first, summary_line(last)), lamp_now(case)),
        "lamp_contradicts",
        case.handset.name,
    )


def lamp_late(case: LampCase) -> Finding | None:
    """M9: the lamp follows the NOTIFY, but beyond the limit."""
    edge, told = case.settling, case.first_right
    if edge is None or told is None:
        return None
    took_s = edge.at - case.trigger_at
    if took_s <= case.expectation.within_s or edge.at < told.first.at:
        return None
    return Finding(
        FaultClass.M9,
        Component.HANDSET,
        f"the lamp of {case.handset.name} follows {edge.at - told.first.at:.1f} s after the "
        f"NOTIFY, {took_s:.1f} s after {case.expectation.trigger}; "
        f"{case.expectation.within_s:g} s are allowed",
        "look at the load and the firmware of the phone, and at the sensor's own latency",
        (packet(told.first, summary_line(told)), lamp_edge(edge)),
        "lamp_late",
        case.handset.name,
    )


def lamp_by_missed_call(case: LampCase) -> Finding | None:
    """M10: the lamp was lit by a missed call."""
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
            (packet(last.first, f"last NOTIFY says {summary_line(last)}"),)
            if last
            else (absence("NOTIFY with Messages-Waiting: yes", edge.at),)
        )
        return Finding(
            FaultClass.M10,
            Component.CONFIG if told else Component.HANDSET,
            f"the message lamp of {case.handset.name} was lit by a missed call, "
            f"not by a message (mailbox: {case.truth.new if case.truth else '?'} new)",
            "keep missed calls off the message lamp in the phone's settings",
            (lamp_edge(edge), packet(call.invite, "the call that was missed"), *wire),
            "lamp_by_missed_call",
            case.handset.name,
        )
    return None


def lamp_without_cause(case: LampCase) -> Finding | None:
    """M10: lit, though nothing on the wire says so."""
    last = case.last_arrived
    if not case.false_light or (last is not None and last.summary and last.summary.waiting):
        return None
    told_at = last.first.at if last else 0.0
    edges = [lamp_edge(e) for e in case.edges if e.state.lit and e.at > told_at + FOLLOWS_S]
    if last is not None and not edges:
        return None
    return Finding(
        FaultClass.M10,
        Component.HANDSET,
        f"the lamp of {case.handset.name} is lit though no NOTIFY says yes",
        "find what else drives this lamp: call forwarding, missed calls, a key's own state",
        (*(edges or [lamp_now(case)]), *mailbox(case.truth)),
        "lamp_without_cause",
        case.handset.name,
    )


def lamp_on_its_own(case: LampCase) -> Finding | None:
    """M10 or M9: the lamp is right in the end, but changed where no NOTIFY told it to."""
    if case.handset.intent.lamp.on_missed_call:
        return None
    for edge in case.changes:
        told = says(case, case.expectation.lamp, edge.at + CLOCK_SLACK_S + edge.latency_s)
        if edge.state.lit == told or case.ringing_at(edge.at) or _booting(case, edge.at):
            continue
        lit = edge.state.lit
        word = "went on before any NOTIFY said yes" if lit else "went out though messages wait"
        return Finding(
            FaultClass.M10 if lit else FaultClass.M9,
            Component.HANDSET,
            f"the lamp of {case.handset.name} {word}, and is right only at the end",
            "find what else drives this lamp; compare the clocks of sensor and capture",
            (lamp_edge(edge), *_last_word(case, edge)),
            "lamp_on_its_own",
            case.handset.name,
        )
    return None


def _last_word(case: LampCase, edge: LampSeen) -> tuple[Proof, ...]:
    said = [n for n in case.story.notifies if n.first.at <= edge.at]
    if not said:
        return (absence("NOTIFY with Messages-Waiting: yes", edge.at),)
    return (packet(said[-1].first, f"last NOTIFY says {summary_line(said[-1])}"),)


def other_lamp_wrong(case: LampCase) -> Finding | None:
    """M9: another lamp of the same phone contradicts what its account was told."""
    until = case.expectation.until
    for lamp in case.unexpected_lamps:
        state = lamp_state(case.evidence, case.handset.name, lamp, until)
        account = int(lamp.partition(":")[2] or 0)
        story = case.stories.get(account)
        if story is None or state.value == "unknown" or not state.lit or _booting(case, until):
            continue
        said = [n for n in story.notifies if n.accepted and n.first.at <= until]
        if says(case, lamp, until) or not said:
            continue
        if until - said[-1].first.at <= case.expectation.within_s:
            continue  # it may still follow
        return Finding(
            FaultClass.M9,
            Component.HANDSET,
            f"lamp {lamp} of {case.handset.name} is lit though its last NOTIFY said "
            f"{summary_line(said[-1])}",
            "look at how the phone clears the icon of this account",
            (
                packet(said[-1].first, summary_line(said[-1])),
                Proof(ProofKind.LAMP, f"lamp {lamp} of {case.handset.name}", f"{state}", until),
            ),
            "other_lamp_wrong",
            case.handset.name,
        )
    return None


def says(case: LampCase, lamp: str, at: float) -> bool:
    """Whether the wire has told a phone by an instant that a lamp must be lit."""
    accounts = [int(lamp.partition(":")[2])] if ":" in lamp else list(case.stories)
    return any(_waiting(case, account, at) for account in accounts)


def _waiting(case: LampCase, account: int, at: float) -> bool:
    story = case.stories.get(account)
    if story is None:
        return False
    waiting = False
    for notify in story.notifies:
        if notify.first.at > at:
            break
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

    It was if it fetched its files soon after, or the rig cut its power just before.
    """
    name = case.handset.name
    cuts = [
        e.at
        for e in case.evidence.events(ActionDone)
        if e.key == "power_cycle" and e.actor == name and 0 <= at - e.at <= BOOT_S
    ]
    fetches = [
        f.at for f in case.evidence.events(FetchSeen) if f.handset == name and f.at - at >= 0
    ]
    told_since_cut = bool(cuts) and any(
        n.accepted and cuts[-1] < n.first.at <= at for n in case.story.notifies
    )
    if cuts and not told_since_cut:
        return True
    return any(f - at <= BOOT_S for f in fetches)
