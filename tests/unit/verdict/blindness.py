"""Takes the rig's sight away in a recorded clean run, in every way that a rig can lose it.

Whatever is done here is the rig's own trouble: the product was right all the time. So a verdict
must be inconclusive or an error and say why; ``pass`` would be a lie and ``fail`` a false alarm.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from recording import Recording

from rig.capture.packet import CapturedPacket
from rig.capture.recorder import PacketRecorder
from rig.run import judged
from rig.timeline import CaptureHealth, LampSeen, LampState, Tap, TimelineEvent
from rig.verdict.evidence import LampExpectation
from rig.verdict.finding import RigFault, Verdict
from rig.verdict.outcome import Outcome

Packets = list[CapturedPacket]
Events = list[TimelineEvent]
UNSURE = frozenset({Outcome.INCONCLUSIVE, Outcome.ERROR})

FAMILIES = frozenset(
    {
        *("drops counted", "capture ended", "sighting lost", "tap silent", "cut short"),
        *("clocks apart", "sensor unplugged", "sensor noisy", "peer or rig broke down"),
    }
)

CRASHES = (
    "the SIP server of the softphone does not answer",
    "baresip ended with signal 11 in the middle of the call",
    "sipp ended with code 255",
    "the handset desk-anna did not register within 10 s",
    "no beep was heard within 20 s",
    "the connection to the far capture host broke",
    "the port 5060 is in use",
    "No space left on device",
)
"""How peers and the rig itself break down while a scenario runs."""

CUTS = (60, 120, 200, 300, 450, 600, 800)
"""Octets that a snap length leaves of a message."""

SKEWS_S = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 60.0, 3600.0)
"""Two clocks apart by so much; a busy machine's own delays hide less, and no limit is so near."""


@dataclass(frozen=True)
class Blindness:
    """One way to lose sight.

    Attributes:
        label: for failures.
        family: kind of loss.
        judge: gives the verdict.
        cause: pattern that must be in its sentence.
    """

    label: str
    family: str
    judge: Callable[[], Verdict]
    cause: str

    def complaint(self) -> str:
        """What is wrong with the verdict; empty if it is as it must be."""
        verdict = self.judge()
        if verdict.outcome not in UNSURE:
            return f"{self.label}: {verdict.outcome} {verdict.sentence}"
        if not re.search(self.cause, verdict.sentence):
            return f"{self.label}: does not name the cause: {verdict.sentence}"
        return ""


def generate(r: Recording, *, step: int = 1) -> Iterator[Blindness]:
    """Every way for one recording.

    Args:
        r: a clean run.
        step: take every so-many-th packet where each packet is lost in turn.
    """
    yield from counters(r)
    yield from lost_sightings(r, step)
    yield from gaps(r)
    yield from cuts(r)
    yield from clocks(r)
    yield from sensors(r)
    yield from crashes(r)


def healths(r: Recording) -> list[CaptureHealth]:
    return [e for e in r.events if isinstance(e, CaptureHealth)]


def counters(r: Recording) -> Iterator[Blindness]:
    """The capture itself says that it missed something."""
    for one in healths(r):
        rest = [e for e in r.events if e is not one]
        where = f"{r.name} {one.tap}"
        for dropped in (1, 2, 17, 1000, 10**9):
            changed = replace(one, dropped=dropped)
            yield Blindness(
                f"{where}: {dropped} dropped",
                "drops counted",
                lambda c=changed, s=rest: r.judged(None, [*s, c]),
                "dropped",
            )
        for note in ("", "the interface went down", "tcpdump ended with code 1"):
            changed = replace(one, running=False, note=note)
            yield Blindness(
                f"{where}: stopped ({note})",
                "capture ended",
                lambda c=changed, s=rest: r.judged(None, [*s, c]),
                note or "stopped",
            )
        yield Blindness(
            f"{where}: no account",
            "capture ended",
            lambda s=rest: r.judged(None, s),
            "no account|no capture",
        )
    others = [e for e in r.events if not isinstance(e, CaptureHealth)]
    yield Blindness(
        f"{r.name}: no capture", "capture ended", lambda: r.judged(None, others), "no capture"
    )


def lost_sightings(r: Recording, step: int) -> Iterator[Blindness]:
    """One message that one tap did not see, nobody counted it, and the other tap tells."""
    if len(healths(r)) < 2:
        return
    mine = [p for p in r.packets if r.started_at <= p.at < r.ended_at - 0.5]
    answered = {p.payload for p in mine if certain_at_both(p, mine)}
    for number, lost in enumerate(mine):
        known = lost.payload in answered and must_be_missed(lost.payload)
        if number % step or not known or lost.at > r.ended_at - 1.5:
            continue
        rest = [p for p in r.packets if p is not lost]
        yield Blindness(
            f"{r.name}: {lost.tap} missed {lost.payload[:24]!r} (packet {lost.number})",
            "sighting lost",
            lambda s=rest: r.judged(s),
            "did not see|hole|blind|saw no",
        )


def certain_at_both(packet: CapturedPacket, packets: Packets) -> bool:
    """Whether a message certainly was at both ends: both saw it, once each."""
    return {p.tap for p in packets if p.payload == packet.payload} == {
        Tap.PLATFORM,
        Tap.HANDSET,
    } and sum(p.payload == packet.payload for p in packets) == 2


def must_be_missed(payload: bytes) -> bool:
    """Whether its loss can be told: a provisional answer may be lost and never come again."""
    return not payload.startswith(b"SIP/2.0 1")


def gaps(r: Recording) -> Iterator[Blindness]:
    """A tap sees nothing for a while, and nobody counts it."""
    length = r.ended_at - r.started_at
    for one in healths(r):
        for start, share in ((0.0, 1.0), (0.2, 0.5), (0.3, 0.7), (0.0, 0.6)):
            begin = r.started_at + start * length
            end = begin + share * length
            rest = [p for p in r.packets if p.tap is not one.tap or not begin <= p.at <= end]
            lost = [p.payload for p in r.packets if p.tap is one.tap and begin <= p.at <= end]
            if not any(must_be_missed(payload) for payload in lost):
                continue  # nothing happened then
            yield Blindness(
                f"{r.name} {one.tap}: nothing from {start:.0%} for {share:.0%}",
                "tap silent",
                lambda s=rest: r.judged(s),
                "did not see|hole|blind|saw no|no INVITE|not enough",
            )


def cuts(r: Recording) -> Iterator[Blindness]:
    """A snap length cuts messages: the recorder counts them."""
    for one in healths(r):
        for octets in CUTS:
            whole = [p for p in r.packets if p.tap is one.tap and len(p.payload) > octets]
            if not whole:
                continue
            yield Blindness(
                f"{r.name} {one.tap}: cut at {octets} octets",
                "cut short",
                lambda n=octets, t=one.tap: recorded(r, n, t),
                "dropped|did not see|hole|blind|saw no",
            )


def recorded(r: Recording, octets: int, tap: Tap) -> Verdict:
    """Judge what a recorder keeps of a run whose messages are cut at one tap."""
    recorder = PacketRecorder()
    for packet in sorted(r.packets, key=lambda p: p.at):
        short = packet.tap is tap and len(packet.payload) > octets
        recorder.add(
            replace(packet, payload=packet.payload[:octets], truncated=True) if short else packet
        )
    others = [e for e in r.events if not isinstance(e, CaptureHealth)]
    health = recorder.health(frozenset(h.tap for h in healths(r)), r.ended_at)
    return r.judged(recorder.packets, [*others, *health])


def clocks(r: Recording) -> Iterator[Blindness]:
    """The clocks of two taps are apart, drift apart, or one jumps in the middle."""
    if len(healths(r)) < 2:
        return
    middle = (r.started_at + r.ended_at) / 2
    moves: list[tuple[str, Callable[[float], float]]] = []
    for skew_s in SKEWS_S:
        for signed in (skew_s, -skew_s):
            moves.append((f"{signed:+} s", lambda at, s=signed: at + s))
            moves.append(
                (f"{signed:+} s from half-way", lambda at, s=signed: at + s * (at > middle))
            )
    moves += [
        (f"drifts {rate:+.0%}", lambda at, n=rate: at + n * (at - r.started_at))
        for rate in (0.05, -0.05, 0.2, -0.2)
    ]
    after = {
        p.outbound for p in r.packets if p.tap is Tap.HANDSET and middle < p.at < r.ended_at - 0.5
    }
    for label, move in moves:
        if "half-way" in label and after != {True, False}:
            continue  # nothing went to and fro after it, so it cannot show
        yield Blindness(
            f"{r.name}: clock of the handsets' tap {label}",
            "clocks apart",
            lambda m=move: r.judged(
                replace(p, at=m(p.at)) if p.tap is Tap.HANDSET else p for p in r.packets
            ),
            "clock|did not see|hole|blind|saw no|no INVITE|not enough",
        )


def sensors(r: Recording) -> Iterator[Blindness]:
    """The lamp sensor is unplugged, blinded by light, or noisy."""
    wanted = [e for e in r.evidence.expectations if isinstance(e, LampExpectation)]
    for nr, one in enumerate(wanted):
        mine = [
            e
            for e in r.events
            if isinstance(e, LampSeen) and (e.handset, e.lamp) == (one.handset, one.lamp)
        ]
        rest = [e for e in r.events if e not in mine]
        where = f"{r.name}/{nr} sensor of {one.handset}"
        lost = LampSeen(at=one.until, handset=one.handset, lamp=one.lamp, state=LampState.UNKNOWN)
        instants = (r.started_at - 1, one.since - 0.01, one.since + 0.01, one.until - 0.01)
        for at in instants:
            seen = [*rest, *(e for e in mine if e.at < at), replace(lost, at=at)]
            yield Blindness(
                f"{where}: unplugged {at - one.since:+.2f} s",
                "sensor unplugged",
                lambda s=seen: r.judged(None, s),
                "sensor",
            )
        yield Blindness(
            f"{where}: never fitted",
            "sensor unplugged",
            lambda rest=rest: r.judged(None, rest),
            "sensor",
        )
        for count in (8, 20, 60, 200):
            noise: Events = [
                replace(
                    lost,
                    at=one.until - 0.9 + 0.8 * n / count,
                    state=LampState.STEADY if n % 2 else LampState.OFF,
                )
                for n in range(count)
            ]
            for end in (LampState.STEADY, LampState.OFF):
                last = replace(lost, at=one.until - 0.05, state=end)
                yield Blindness(
                    f"{where}: {count} edges in a second, then {end}",
                    "sensor noisy",
                    lambda n=noise, x=last: r.judged(None, [*r.events, *n, x]),
                    "sensor",
                )


def crashes(r: Recording) -> Iterator[Blindness]:
    """A peer or the rig itself breaks down, whatever the evidence says."""
    for text in CRASHES:
        trouble = RigFault(Outcome.ERROR, f"the scenario could not be carried out: {text}")
        for label, expectations in (("", r.evidence.expectations), (" early", [])):
            yield Blindness(
                f"{r.name}: {text}{label}",
                "peer or rig broke down",
                lambda t=trouble, x=expectations: judged(replace(r.evidence, expectations=x), t),
                re.escape(text),
            )
