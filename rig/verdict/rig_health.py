"""Whether the rig's own evidence is whole: taps, holes, clocks, the rig's event loop.

What cannot be seen must not be judged: a blind rig says so and never passes or fails.
Must not know what a right or wrong message is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from rig.sip.message import Request, Response
from rig.timeline import (
    ActionDone,
    BadSipSeen,
    CaptureHealth,
    LampSeen,
    LoopStalled,
    SipSeen,
    Tap,
)
from rig.verdict.evidence import Addresses, Evidence, LampExpectation
from rig.verdict.finding import RigFault
from rig.verdict.outcome import Outcome
from rig.verdict.said import said

CLOCK_SLACK_S = 0.02
"""A message may seem to arrive this much before it was sent; more, and two clocks disagree."""

FLIGHT_S = 0.25
"""What happened this shortly before the end may not have been seen everywhere yet."""

REPEATED_S = 1.0
"""Who misses an answer has asked again by then: T1 is half a second. Source: RFC 3261 17.1.2.2."""

ACT_S = 2.0
"""The rig's own act must be on the wire within this time."""

ACTS = {
    "dial": frozenset({"INVITE"}),
    "message_key": frozenset({"INVITE"}),
    "hang_up": frozenset({"BYE", "CANCEL"}),
}
"""What an act of the rig puts on the wire, by its key."""

NOISE_EDGES = 6
NOISE_S = 1.0
"""So many changes of a lamp within this time are no lamp: a blink is one state of the sensor."""

STALL_LIMIT_S = 0.5
"""An event loop that stood still for longer cannot vouch for instants."""


def capture_faults(evidence: Evidence) -> list[RigFault]:
    """Say what the capture missed; empty if it was whole.

    A capture that stopped, lost packets, never saw one, or saw only half of what it should,
    cannot support a verdict.
    """
    if not evidence.needs_wire:
        return []
    health = evidence.events(CaptureHealth)
    if not health:
        return [RigFault(Outcome.ERROR, said("rig_no_capture"))]
    faults = unhealthy(evidence.taps, health)
    if (
        not faults
        and not evidence.quiet
        and not evidence.events(SipSeen, since=evidence.started_at)
    ):
        faults.append(_silence(evidence))
    return faults or [*_holes(evidence)]


def _silence(evidence: Evidence) -> RigFault:
    """No message in the whole scenario: nothing tells a blind capture from a mute product.

    What was captured before shows that interface and port are right.
    """
    before = evidence.events(SipSeen)
    if not before:
        return RigFault(Outcome.ERROR, said("rig_no_message"))
    return RigFault(Outcome.INCONCLUSIVE, said("rig_silence", before=len(before)))


def unhealthy(taps: Iterable[Tap], health: Iterable[CaptureHealth]) -> list[RigFault]:
    """Say what the captures themselves say that they missed.

    Args:
        taps: those that are relied on.
        health: their words, in order.
    """
    return [*_unhealthy(frozenset(taps), [*health])]


def _unhealthy(taps: frozenset[Tap], health: list[CaptureHealth]) -> Iterator[RigFault]:
    for tap in sorted(taps | {h.tap for h in health}):
        words = [h for h in health if h.tap is tap]
        if not words:
            yield RigFault(Outcome.ERROR, said("rig_no_account", tap=tap.value))
        elif not words[-1].running:
            note = words[-1].note or said("rig_no_reason")
            yield RigFault(Outcome.ERROR, said("rig_capture_stopped", tap=tap.value, why=note))
        elif words[-1].dropped:
            yield RigFault(
                Outcome.INCONCLUSIVE,
                said(
                    "rig_dropped",
                    tap=tap.value,
                    dropped=words[-1].dropped,
                    kept=words[-1].packets,
                ),
            )


def _holes(evidence: Evidence) -> Iterator[RigFault]:
    """What the packets themselves say about packets that are missing."""
    window = evidence.events(SipSeen, since=evidence.started_at)
    checks = (_orphan(evidence, window), _blind_tap(evidence, window), _clocks(window))
    for sentence in (*checks, _unseen_act(evidence)):
        if sentence:
            yield RigFault(Outcome.INCONCLUSIVE, sentence)


def _orphan(evidence: Evidence, window: list[SipSeen]) -> str:
    """A response whose request nobody saw."""
    if evidence.events(BadSipSeen):
        return ""  # its request may be among the bytes that are no message
    requests = [s for s in evidence.events(SipSeen) if isinstance(s.message, Request)]
    asked = {s.transaction for s in requests}
    # A peer that answers by another branch than it was asked by leaves no hole.
    alike = {(s.message.call_id, s.message.cseq) for s in requests}
    for seen in window:
        if not isinstance(seen.message, Response) or seen.transaction in asked:
            continue
        if (seen.message.call_id, seen.message.cseq) not in alike:
            return said("rig_hole", packet=seen.number, status=seen.message.status)
    return ""


def _blind_tap(evidence: Evidence, window: list[SipSeen]) -> str:
    """A message that one endpoint certainly had, and that its own tap did not see."""
    if not {Tap.PLATFORM, Tap.HANDSET} <= evidence.taps:
        return ""
    phones = {a for h in evidence.handsets.values() if h.own_tap for a in h.sip_addresses}
    answered = {s.transaction for s in window if isinstance(s.message, Response)}
    got = _certainly_got(evidence, window)
    for seen in window:
        if evidence.ended_at - seen.at < FLIGHT_S:
            continue
        ends = {o.tap for o in seen.observations}
        first = seen.observations[0]
        if not {first.source, first.destination} & phones:
            continue
        if Tap.HANDSET not in ends:
            answers = isinstance(seen.message, Request) and seen.transaction in answered
            arrived = answers or seen.number in got
            received = first.destination in phones and arrived and not seen.retransmission
            if first.source in phones or received:
                return said("rig_tap_passed", packet=seen.number)
        elif Tap.PLATFORM not in ends and first.destination in evidence.platform_addresses:
            answers = isinstance(seen.message, Request) and seen.transaction in answered
            if answers and not seen.retransmission:
                return said("rig_tap_answered", packet=seen.number)
            if seen.number in got and not seen.retransmission:
                return said("rig_tap_waited", packet=seen.number)
        elif Tap.PLATFORM not in ends and first.source in evidence.platform_addresses:
            return said("rig_tap_sent", packet=seen.number)
    return ""


def _certainly_got(evidence: Evidence, window: list[SipSeen]) -> set[int]:
    """Final answers and ACKs that must have arrived, because nobody asked or answered again.

    Returns:
        Their packet numbers.
    """
    repeated = {s.transaction for s in window if s.retransmission}
    acknowledged = {
        (s.message.call_id, s.message.cseq.number)
        for s in window
        if isinstance(s.message, Request) and s.message.method == "ACK"
    }
    answered_again = {
        (s.message.call_id, s.message.cseq.number)
        for s in window
        if s.retransmission and isinstance(s.message, Response)
    }
    found = set()
    for seen in window:
        message = seen.message
        if isinstance(message, Request):
            again = (message.call_id, message.cseq.number) in answered_again
            late = evidence.ended_at - seen.at <= REPEATED_S
            if message.method == "ACK" and not again and not late:
                found.add(seen.number)
            continue
        if message.status < 200 or seen.transaction in repeated:
            continue
        if message.cseq.method == "INVITE":
            certain = (message.call_id, message.cseq.number) in acknowledged
        else:
            certain = evidence.ended_at - seen.at > REPEATED_S
        if certain:
            found.add(seen.number)
    return found


def _clocks(window: list[SipSeen]) -> str:
    """A message that arrived before it was sent."""
    for seen in window:
        sent = [o.at for o in seen.observations if o.outbound]
        got = [o.at for o in seen.observations if o.outbound is False]
        if sent and got and min(got) < min(sent) - CLOCK_SLACK_S:
            return said("rig_clocks", packet=seen.number, early_s=min(sent) - min(got))
    return ""


def _unseen_act(evidence: Evidence) -> str:
    """An act of the rig itself that left no trace on the wire."""
    for act in evidence.events(ActionDone, since=evidence.started_at):
        methods = ACTS.get(act.key)
        handset = evidence.handsets.get(act.actor)
        if methods is None or handset is None or evidence.ended_at - act.at < FLIGHT_S:
            continue
        since = act.at - ACT_S
        if act.key == "hang_up":
            dials = [
                a.at
                for a in evidence.events(ActionDone)
                if a.key in {"dial", "message_key"} and a.actor == act.actor and a.at <= act.at
            ]
            since = dials[-1] if dials else evidence.started_at
        if not any(
            _fits(seen, methods, handset.sip_addresses, act.key)
            for seen in evidence.events(SipSeen, since=since)
            if seen.at <= act.at + ACT_S
        ):
            return said("rig_blind", actor=act.actor, what=act.what, methods=_either(methods))
    return ""


def _either(methods: frozenset[str]) -> str:
    first, *more = sorted(methods)
    return said("rig_or", one=first, other=more[0]) if more else first


def _fits(seen: SipSeen, methods: frozenset[str], addresses: Addresses, key: str) -> bool:
    if not any(o.source in addresses or o.destination in addresses for o in seen.observations):
        return False
    message = seen.message
    if isinstance(message, Request):
        return message.method in methods
    # A call that was refused or has ended by itself needs no BYE.
    return key == "hang_up" and message.status >= 300 and message.status not in {401, 407}


def sensor_faults(evidence: Evidence) -> list[RigFault]:
    """Say which lamp sensors cannot be believed because they change faster than any lamp."""
    faults = []
    lamps = {(e.handset, e.lamp) for e in evidence.expectations if isinstance(e, LampExpectation)}
    for handset, lamp in sorted(lamps):
        readings = [
            seen
            for seen in evidence.events(LampSeen, since=evidence.started_at)
            if (seen.handset, seen.lamp) == (handset, lamp)
        ]
        # A sensor may be asked again and say the same; that is no change.
        edges = [new.at for old, new in pairwise(readings) if new.state is not old.state]
        for first, last in zip(edges, edges[NOISE_EDGES - 1 :], strict=False):
            if last - first < NOISE_S:
                faults.append(
                    RigFault(
                        Outcome.INCONCLUSIVE,
                        said(
                            "rig_sensor_noisy",
                            handset=handset,
                            edges=NOISE_EDGES,
                            lamp=lamp,
                            span_s=last - first,
                        ),
                    )
                )
                break
    return faults


def stalled_s(evidence: Evidence, since: float) -> float:
    """Longest time, in seconds, for which the rig's own event loop stood still."""
    stalls = evidence.events(LoopStalled, since=since)
    return max((stall.blocked_s for stall in stalls), default=0.0)
