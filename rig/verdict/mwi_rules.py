"""The table of diagnosis rules for message waiting: from evidence to a named fault.

Each rule looks at one :class:`~rig.verdict.mwi.LampCase` and either stays silent or returns a
finding with its proof. Rules of one group are tried in order and the first that fires wins:
an earlier link of the chain (config, subscription, platform, network, handset) explains the
later ones. The rules see evidence only, never how a fault was made.
"""

from __future__ import annotations

from collections.abc import Callable

from rig.timeline import LampSeen, MailboxSeen, SipSeen
from rig.verdict.fault_class import Component, FaultClass
from rig.verdict.finding import Finding, Proof, ProofKind
from rig.verdict.mwi import LampCase
from rig.verdict.mwi_facts import NotifyStory

FOLLOWS_S = 1.0
"""A lamp edge later than this after a NOTIFY is not its doing."""

MISSED_CALL_WINDOW_S = 3.0
"""A lamp edge this soon after a missed call is put down to it."""

Rule = Callable[[LampCase], Finding | None]


def packet(seen: SipSeen, text: str) -> Proof:
    """A proof that points at a message."""
    return Proof(ProofKind.PACKET, f"packet {seen.number}", text, seen.at, seen.number)


def _lamp(edge: LampSeen) -> Proof:
    where = f"lamp {edge.lamp} of {edge.handset}"
    return Proof(ProofKind.LAMP, where, f"turned {edge.state}", edge.at)


def _lamp_now(case: LampCase) -> Proof:
    where = f"lamp {case.expectation.lamp} of {case.handset.name}"
    return Proof(ProofKind.LAMP, where, f"{case.state} at the end", case.expectation.until)


def _mailbox(truth: MailboxSeen | None) -> tuple[Proof, ...]:
    if truth is None:
        return ()
    text = f"{truth.new} new, {truth.saved} saved"
    return (Proof(ProofKind.MAILBOX, f"mailbox {truth.mailbox}", text, truth.at),)


def _absence(text: str, at: float) -> Proof:
    return Proof(ProofKind.ABSENCE, "not seen", text, at)


def _summary_line(notify: NotifyStory) -> str:
    if notify.summary is None:
        return notify.body_error or "no body"
    flag = "yes" if notify.summary.waiting else "no"
    voice = notify.summary.voice
    counts = "" if voice is None else f", Voice-Message: {voice.new}/{voice.saved or 0}"
    return f"Messages-Waiting: {flag}{counts}"


def subscription_not_configured(case: LampCase) -> Finding | None:
    """P4: the file that the phone read does not tell it to subscribe."""
    wrong = [
        d for d in case.handset.differences if d.field.startswith(f"accounts[{case.account}].mwi.")
    ]
    if not case.dark or not wrong or case.story.subscribes:
        return None
    first = wrong[0]
    line = f":{first.line}" if first.line else ""
    have = f"reads {first.got}" if first.line else f"key absent, the phone takes {first.got}"
    registers = case.story.registers[-1:]
    return Finding(
        FaultClass.P4,
        Component.CONFIG,
        f"{first.file}{line} does not make account {case.account} of {case.handset.name} "
        f"subscribe to its messages ({first.field}: wanted {first.wanted}, {have}), "
        "so the phone registered and never sent SUBSCRIBE",
        "render the file again and make the phone fetch it (resync)",
        (
            Proof(ProofKind.FILE, f"{first.file}{line}", f"{first.key or first.field}: {have}"),
            *(packet(r, "REGISTER, no SUBSCRIBE follows") for r in registers),
            _absence("SUBSCRIBE for message-summary", case.expectation.until),
        ),
        "subscription_not_configured",
        case.handset.name,
    )


def subscribe_refused(case: LampCase) -> Finding | None:
    """M7: the platform refused the subscription and nothing repaired it."""
    stories = [s for s in case.story.subscribes if s.status not in {401, 407}]
    if not case.dark or not stories or case.after:
        return None
    last = stories[-1]
    if last.status is None or last.status < 300:
        return None
    return Finding(
        FaultClass.M7,
        Component.PLATFORM,
        f"the platform answers {last.status} to the SUBSCRIBE of {case.handset.name}",
        "allow message-summary for this account on the platform, or provision unsolicited MWI",
        (packet(last.seen, f"SUBSCRIBE answered {last.status}"),),
        "subscribe_refused",
        case.handset.name,
    )


def never_subscribed(case: LampCase) -> Finding | None:
    """M8: the file says subscribe, the phone did not."""
    mode = next((a.mwi.mode for a in case.handset.intent.accounts if a.index == case.account), "")
    if not case.dark or mode != "subscribe" or case.story.subscribes or case.after:
        return None
    return Finding(
        FaultClass.M8,
        Component.HANDSET,
        f"{case.handset.name} was told to subscribe to its messages and did not",
        "reboot the phone; if it stays silent, look at its registration and firmware",
        (_absence("SUBSCRIBE for message-summary", case.expectation.until),),
        "never_subscribed",
        case.handset.name,
    )


def notify_missing(case: LampCase) -> Finding | None:
    """M1: the mailbox changed, nobody was told."""
    if not (case.dark or case.false_light) or case.after or not case.expectation.notify:
        return None
    truth = case.truth
    if truth is None or (truth.new > 0) != case.expectation.lit:
        return None
    if case.false_light and case.missed_calls:
        return None
    return Finding(
        FaultClass.M1,
        Component.PLATFORM,
        f"mailbox {truth.mailbox} changed ({truth.new} new) and the platform sent no NOTIFY to "
        f"{case.handset.name}",
        "check the platform's MWI option of this user and its notification path",
        (
            *_mailbox(truth),
            _absence(f"NOTIFY message-summary after {case.expectation.trigger}", truth.at),
        ),
        "notify_missing",
        case.handset.name,
    )


def notify_lost(case: LampCase) -> Finding | None:
    """M11: sent by the platform, never seen at the phone."""
    if not case.after:
        return None
    last = case.after[-1]
    if last.arrived or last.answer is not None:
        return None
    certain = last.arrived is False
    tail = "" if certain else " (nobody listened at the phone's port, so it may have ignored it)"
    return Finding(
        FaultClass.M11,
        Component.NETWORK,
        f"the platform sent a NOTIFY {last.transmissions} times to {case.handset.name} and it "
        f"never arrived{tail}",
        "look at NAT keep-alive, firewall and proxy between platform and phone",
        (
            packet(last.first, f"{_summary_line(last)}, sent {last.transmissions} times"),
            _absence("this NOTIFY at the phone's port, and any answer", last.first.at),
        ),
        "notify_lost",
        case.handset.name,
        certain=certain,
    )


def notify_refused(case: LampCase) -> Finding | None:
    """M7 or M3: the phone refuses the NOTIFY."""
    refused = [n for n in case.after if n.answer_status and n.answer_status >= 300]
    if not refused or not case.dark:
        return None
    last = refused[-1]
    outside = not last.solicited
    return Finding(
        FaultClass.M7 if outside else FaultClass.M3,
        Component.HANDSET if outside else Component.PLATFORM,
        f"{case.handset.name} answers {last.answer_status} to the "
        f"{'unsolicited ' if outside else ''}NOTIFY",
        "let the phone accept unsolicited NOTIFY, or provision a subscription"
        if outside
        else "the NOTIFY does not fit the phone's dialog: check Call-ID, tags and CSeq",
        (packet(last.first, f"NOTIFY answered {last.answer_status}"),),
        "notify_refused",
        case.handset.name,
    )


def body_malformed(case: LampCase) -> Finding | None:
    """M4: the message summary cannot be read, or breaks the grammar."""
    bad = [n for n in case.after if n.body_error or (n.first.message.body and n.summary is None)]
    if not bad:
        return None
    last = bad[-1]
    return Finding(
        FaultClass.M4,
        Component.PLATFORM,
        f"the message summary to {case.handset.name} cannot be read: {last.body_error}",
        "RFC 3842 wants Messages-Waiting: yes or no as the first line, each line ended by CRLF",
        (packet(last.first, last.body_error),),
        "body_malformed",
        case.handset.name,
    )


def count_wrong(case: LampCase) -> Finding | None:
    """M5: flag or counts differ from the mailbox, or contradict each other."""
    for notify in case.after:
        summary = notify.summary
        if summary is None:
            continue
        voice = summary.voice
        contradiction = (
            voice is not None and not summary.others and (summary.waiting != (voice.new > 0))
        )
        stale = notify is case.after[-1] and case.outdated(notify)
        if not contradiction and not stale and case.truthful(notify):
            continue
        truth = case.truth
        held = f"the mailbox holds {truth.new} new" if truth else "its own counts say otherwise"
        return Finding(
            FaultClass.M5,
            Component.PLATFORM,
            f"the NOTIFY to {case.handset.name} says {_summary_line(notify)} while {held}",
            "the platform must derive the flag from the count of new messages alone",
            (packet(notify.first, _summary_line(notify)), *_mailbox(truth)),
            "count_wrong",
            case.handset.name,
        )
    return None


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
        (Proof(ProofKind.FILE, where, "message lamp off"), _lamp_now(case)),
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
        f"{case.handset.name} accepted {_summary_line(last)} with {last.answer_status} "
        f"and its lamp stays {word}",
        "check the phone's lamp, its firmware and the shared functions of this lamp",
        (packet(last.first, _summary_line(last)), _lamp_now(case)),
        "lamp_contradicts",
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
            (packet(last.first, f"last NOTIFY says {_summary_line(last)}"),)
            if last
            else (_absence("NOTIFY with Messages-Waiting: yes", edge.at),)
        )
        return Finding(
            FaultClass.M10,
            Component.CONFIG if told else Component.HANDSET,
            f"the message lamp of {case.handset.name} was lit by a missed call, "
            f"not by a message (mailbox: {case.truth.new if case.truth else '?'} new)",
            "keep missed calls off the message lamp in the phone's settings",
            (_lamp(edge), packet(call.invite, "the call that was missed"), *wire),
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
    edges = [_lamp(e) for e in case.edges if e.state.lit and e.at > told_at + FOLLOWS_S]
    if last is not None and not edges:
        return None
    return Finding(
        FaultClass.M10,
        Component.HANDSET,
        f"the lamp of {case.handset.name} is lit though no NOTIFY says yes",
        "find what else drives this lamp: call forwarding, missed calls, a key's own state",
        (*(edges or [_lamp_now(case)]), *_mailbox(case.truth)),
        "lamp_without_cause",
        case.handset.name,
    )


CHAIN: tuple[Rule, ...] = (
    subscription_not_configured,
    subscribe_refused,
    notify_lost,
    body_malformed,
    count_wrong,
    notify_refused,
    lamp_by_missed_call,
    notify_missing,
    never_subscribed,
    lamp_policy_off,
    lamp_without_cause,
    lamp_contradicts,
)
"""In order: who breaks the chain first, from the file to the lamp."""


def diagnose(case: LampCase) -> list[Finding]:
    """Name what is wrong in one case.

    Returns:
        The first finding of the chain, or nothing on a healthy system.
    """
    for rule in CHAIN:
        finding = rule(case)
        if finding is not None:
            return [finding]
    return []
