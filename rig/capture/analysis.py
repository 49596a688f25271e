"""Reads a capture file and says what is in it: SIP, subscriptions, message waiting, diversions.

Needs no scenario and no inventory: what it reports is on the wire. Faults that need no other
evidence (a body that breaks RFC 3842, a header that cannot be parsed) are listed with packet
number and clause.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rig.capture.correlate import Correlator
from rig.capture.dissect import Dissector
from rig.capture.pcapng import Frame, read_frames
from rig.errors import ProtocolError
from rig.sip.diversion import parse_diversions
from rig.sip.history_info import parse_history
from rig.sip.lint import LintFinding, lint
from rig.sip.message import Request, Response
from rig.sip.message_summary import lint_summary, parse_summary
from rig.timeline import BadSipSeen, RtpStreamSeen, SipSeen, TimelineEvent


@dataclass(frozen=True, slots=True)
class MwiLine:
    """One NOTIFY of message-summary.

    Attributes:
        at: seconds since the epoch.
        packet: number in the capture.
        account: user part of its To header.
        waiting: the flag; None if the body cannot be read or is empty.
        counts: ``new/saved`` or empty.
        state: Subscription-State as written.
        answer: status of the final response, or None.
    """

    at: float
    packet: int
    account: str
    waiting: bool | None
    counts: str
    state: str
    answer: int | None


@dataclass(frozen=True, slots=True)
class SubscribeLine:
    """One SUBSCRIBE of message-summary: who, for how long, answered how."""

    at: float
    packet: int
    account: str
    expires_s: int | None
    answer: int | None


@dataclass(frozen=True, slots=True)
class CallLine:
    """One INVITE transaction with what it says about diversion."""

    at: float
    packet: int
    caller: str
    target: str
    answer: int | None
    diversion: tuple[str, ...]
    history: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaptureFinding:
    """Something that breaks a rule, whatever the scenario.

    Attributes:
        packet: number in the capture.
        clause: RFC and section.
        text: what is wrong.
    """

    packet: int
    clause: str
    text: str


@dataclass(slots=True)
class CaptureAnalysis:
    """What a capture holds.

    Attributes:
        path: the file.
        frames: in the file.
        truncated: frames cut short by the capture.
        foreign: frames without UDP or TCP over IP.
        messages: SIP messages, retransmissions included; one that several interfaces saw
            counts once.
        sightings: the same, counted at every interface.
        cut: SIP messages that cannot be read because the capture cut them.
        retransmissions: how many of them are.
        methods: requests by method.
        statuses: responses by status.
        mwi: NOTIFYs of message-summary.
        subscribes: SUBSCRIBEs of message-summary.
        calls: INVITE transactions.
        streams: RTP streams.
        findings: broken rules.
        events: the timeline.
    """

    path: Path
    frames: int = 0
    truncated: int = 0
    foreign: int = 0
    messages: int = 0
    sightings: int = 0
    cut: int = 0
    retransmissions: int = 0
    methods: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    mwi: list[MwiLine] = field(default_factory=list)
    subscribes: list[SubscribeLine] = field(default_factory=list)
    calls: list[CallLine] = field(default_factory=list)
    streams: list[RtpStreamSeen] = field(default_factory=list)
    findings: list[CaptureFinding] = field(default_factory=list)
    events: list[TimelineEvent] = field(default_factory=list)


def analyse_capture(path: Path) -> CaptureAnalysis:
    """Read and analyse a capture file.

    Args:
        path: pcap or pcapng, also gzipped.

    Raises:
        rig.errors.UsageError: the file is missing or is no capture.
    """
    result = CaptureAnalysis(path)
    dissector, correlator = Dissector(), Correlator()
    for packet in dissector.packets(_counted(path, result)):
        correlator.feed(packet)
    result.truncated, result.foreign = dissector.truncated, dissector.foreign
    result.cut, result.events = correlator.cut, correlator.events()
    messages = [e for e in result.events if isinstance(e, SipSeen)]
    answers = _answers(messages)
    result.streams = [e for e in result.events if isinstance(e, RtpStreamSeen)]
    for bad in (e for e in result.events if isinstance(e, BadSipSeen)):
        result.findings.append(CaptureFinding(bad.observation.number, "RFC 3261 7", bad.error))
    for seen in messages:
        _account_for(seen, result, answers)
    return result


def _counted(path: Path, result: CaptureAnalysis) -> Iterator[Frame]:
    for frame in read_frames(path):
        result.frames += 1
        yield frame


def _account_for(seen: SipSeen, result: CaptureAnalysis, answers: dict[str, int]) -> None:
    message = seen.message
    result.messages += 1
    result.sightings += len(seen.observations)
    result.retransmissions += seen.retransmission
    if isinstance(message, Response):
        result.statuses[message.status] += 1
    else:
        result.methods[message.method] += 1
    if seen.retransmission:
        return
    _add_findings(result, seen, lint(message))
    if not isinstance(message, Request):
        return
    try:
        package = message.event[0] if message.event else ""
        if message.method == "NOTIFY" and package == "message-summary":
            _notify(seen, message, result, answers)
        elif message.method == "SUBSCRIBE" and package == "message-summary":
            account, answer = message.to.uri.user or "", answers.get(seen.transaction)
            line = SubscribeLine(seen.at, seen.number, account, message.expires, answer)
            result.subscribes.append(line)
        elif message.method == "INVITE" and not message.to.tag:
            _call(seen, message, result, answers)
    except ProtocolError as error:
        result.findings.append(CaptureFinding(seen.number, "RFC 3261 20", str(error)))


def _notify(
    seen: SipSeen, request: Request, result: CaptureAnalysis, answers: dict[str, int]
) -> None:
    waiting, counts = None, ""
    if request.body:
        _add_findings(result, seen, lint_summary(request.body))
        try:
            summary = parse_summary(request.body)
            waiting = summary.waiting
            if summary.voice is not None:
                counts = summary.voice.new_and_saved
        except ProtocolError:
            waiting = None  # the linter has said why
    result.mwi.append(
        MwiLine(
            at=seen.at,
            packet=seen.number,
            account=request.to.uri.user or "",
            waiting=waiting,
            counts=counts,
            state=request.headers.get("Subscription-State") or "",
            answer=answers.get(seen.transaction),
        )
    )


def _call(
    seen: SipSeen, request: Request, result: CaptureAnalysis, answers: dict[str, int]
) -> None:
    diversion = tuple(
        f"{entry.name_addr.uri.user or entry.name_addr.uri};reason={entry.reason}"
        for entry in parse_diversions(request.headers)
    )
    history = tuple(
        f"{'.'.join(map(str, entry.index))} {entry.uri.user or entry.uri}"
        + (f";cause={entry.cause}" if entry.cause else "")
        for entry in parse_history(request.headers)
    )
    result.calls.append(
        CallLine(
            at=seen.at,
            packet=seen.number,
            caller=request.from_.uri.user or str(request.from_.uri),
            target=request.uri,
            answer=answers.get(seen.transaction),
            diversion=diversion,
            history=history,
        )
    )


def _add_findings(result: CaptureAnalysis, seen: SipSeen, found: list[LintFinding]) -> None:
    result.findings += [CaptureFinding(seen.number, f.clause, f.text) for f in found]


def _answers(messages: list[SipSeen]) -> dict[str, int]:
    answers: dict[str, int] = {}
    for seen in messages:
        if isinstance(seen.message, Response) and seen.message.status >= 200:
            answers.setdefault(seen.transaction, seen.message.status)
    return answers
