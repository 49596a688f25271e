"""Reads a capture and says what is in it: SIP, message waiting, diversions, fetches.

Needs no scenario and no inventory: what it reports is on the wire. Faults that need no other
evidence (a body that breaks RFC 3842, a header that cannot be parsed) are listed with packet
number and clause. One pass with bounded memory, whatever the length of the capture.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rig.capture.capture_file import CaptureFile
from rig.capture.capture_rows import AccountHistory, CallLine, CaptureRows, MwiLine, SubscribeLine
from rig.capture.content import Content
from rig.capture.correlate import Correlator
from rig.capture.dissect import Dissector, TcpGap, Unwrap
from rig.capture.fetches import FetchWatcher
from rig.capture.findings import CaptureFinding, as_capture_finding, capture_engine, in_order
from rig.capture.frame import Frame
from rig.capture.media_streams import MediaStreams
from rig.capture.packet import CapturedPacket
from rig.capture.quick_reader import QuickReader
from rig.capture.unread import UnreadWatch
from rig.errors import ProtocolError, UsageError
from rig.media.stream_analysis import StreamAnalyser
from rig.sip.message import Request
from rig.timeline import FetchSeen, RtpStreamSeen, SipSeen, TimelineEvent
from rig.verdict.oracles.engine import CaptureEnd
from rig.verdict.oracles.finding import OracleFinding

if TYPE_CHECKING:
    from rig.capture.fetch_findings import FetchJudge

Progress = Callable[[int, int], None]
"""Told now and then: frames read, octets of the file read."""

_PROGRESS_EVERY = 4096
_COLLECT_AFTER = 100_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept of what may be endless.

    Attributes:
        rows: most rows of each table.
        events: most events of the timeline.
    """

    rows: int = 1000
    events: int = 5000


@dataclass(slots=True)
class CaptureAnalysis:
    """What a capture holds.

    Attributes:
        path: the file, or what stands for it.
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
        accounts: what each account was told about message waiting.
        fetches: files that were fetched by TFTP and HTTP.
        encrypted: connections whose contents are encrypted.
        streams: RTP streams.
        stream_count: how many RTP streams there were.
        findings: broken rules.
        events: the timeline, from its beginning.
        left_out: what no longer fitted, by kind.
        gaps: the first of the holes in TCP streams.
        gap_count: how many holes there were.
        gap_octets: octets missing in them.
        torn_datagrams: IP datagrams of which fragments are missing.
        dropped: frames that a live capture lost.
        notes: what a reader must know about the capture itself, in sentences.
        blind: something that was on the wire is not in the capture, or could not be read.
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
    accounts: list[AccountHistory] = field(default_factory=list)
    fetches: list[FetchSeen] = field(default_factory=list)
    encrypted: int = 0
    streams: list[RtpStreamSeen] = field(default_factory=list)
    stream_count: int = 0
    findings: list[CaptureFinding] = field(default_factory=list)
    events: list[TimelineEvent] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    gaps: list[TcpGap] = field(default_factory=list)
    gap_count: int = 0
    gap_octets: int = 0
    torn_datagrams: int = 0
    dropped: int = 0
    notes: list[str] = field(default_factory=list)
    blind: bool = False

    @property
    def empty(self) -> bool:
        """Whether there was nothing to judge."""
        return not self.messages and not self.fetches


class CaptureAnalyser:
    """Takes frames, gives an analysis.

    Args:
        path: for the report.
        limits: how much is kept.
        unwrap: asked for frames of link layers that are not known here.
        listen: recognise prompts in the audio, which takes far longer.
    """

    def __init__(
        self,
        path: Path,
        *,
        limits: Limits | None = None,
        unwrap: Unwrap | None = None,
        listen: bool = False,
    ) -> None:
        self._limits = limits or Limits()
        self.result = CaptureAnalysis(path)
        self._last_at: float | None = None
        self._dissector = Dissector(unwrap=unwrap)
        streams = StreamAnalyser() if listen else MediaStreams(self._stream)
        self._unread = UnreadWatch()
        self._judge: FetchJudge | None = None
        self._fetches = FetchWatcher(
            self._fetch, also=self._judge_datagram, sized=self._judge_http
        )
        self._correlator = Correlator(
            self._event, streams=streams, other=self._other, reader=QuickReader()
        )
        self._rows = CaptureRows(self._limits.rows)
        self._engine = capture_engine()
        self._found: list[OracleFinding] = []

    def feed(self, frame: Frame) -> None:
        """Take one frame, in the order of the capture."""
        self.result.frames += 1
        self._last_at = frame.at
        for packet in self._dissector.packet(frame):
            self._correlator.feed(packet)

    def finish(self) -> CaptureAnalysis:
        """Look at what still waits, and give the result."""
        self._correlator.feed_all(self._dissector.rest())
        self._correlator.close()
        self._fetches.close(self._last_at)
        result, dissector, rows = self.result, self._dissector, self._rows
        result.truncated, result.foreign = dissector.truncated, dissector.foreign
        result.gaps, result.gap_count = dissector.gaps, dissector.gap_count
        result.gap_octets = dissector.gap_octets
        result.torn_datagrams = dissector.torn_datagrams
        result.cut = self._correlator.cut
        result.encrypted = self._fetches.encrypted
        result.mwi, result.subscribes, result.calls = rows.mwi, rows.subscribes, rows.calls
        result.accounts = list(rows.accounts.values())
        result.left_out += rows.left_out
        for event in (*dissector.refusals.found(), *self._unread.found()):
            self._found += self._engine.feed(event)
        lost = result.dropped + result.gap_count  # a hole in a TCP stream is a lost frame
        end = CaptureEnd(at=self._last_at, dropped=lost, cut=result.cut)
        self._found += self._engine.close(end)
        settled = self._engine.settle(self._found)
        result.findings = [as_capture_finding(finding) for finding in settled]
        result.events.sort(key=lambda event: event.at)
        result.notes += _notes(result, dissector)
        result.blind |= bool(
            result.dropped
            or result.cut
            or result.gap_count
            or result.torn_datagrams
            or dissector.unknown_links
        )
        self._judge_fetches()
        result.findings = in_order(result.findings)
        return result

    def _fetch_judge(self) -> FetchJudge:
        """Made when there is something to judge: most captures hold no fetch."""
        if self._judge is None:
            from rig.capture.fetch_findings import FetchJudge  # noqa: PLC0415 - takes long to load

            self._judge = FetchJudge()
        return self._judge

    def _judge_datagram(self, packet: CapturedPacket) -> None:
        self._fetch_judge().order.datagram(packet)

    def _judge_http(self, seen: FetchSeen, announced: int | None) -> None:
        self._fetch_judge().order.http(seen, announced)

    def _judge_fetches(self) -> None:
        result, judge = self.result, self._judge
        if judge is None:
            return
        result.findings += judge.close(self._last_at or 0.0, blind=result.blind)
        if judge.left_out:
            result.left_out["findings"] += judge.left_out
        if judge.order.unfinished:
            count = judge.order.unfinished
            which = "1 TFTP transfer is" if count == 1 else f"{count} TFTP transfers are"
            result.notes.append(f"{which} not judged: the capture ended before")

    def _other(self, content: Content, packet: CapturedPacket) -> None:
        self._unread.feed(content, packet)
        if content is Content.FETCH:
            judge = self._fetch_judge()
            judge.cut += packet.truncated
            self._fetches.feed(packet)
            judge.passed(packet.at)

    def _keep(self, event: TimelineEvent) -> None:
        if len(self.result.events) < self._limits.events:
            self.result.events.append(event)
        else:
            self.result.left_out["events"] += 1

    def _event(self, event: TimelineEvent) -> None:
        if isinstance(event, RtpStreamSeen):
            self._stream(event)
            return
        self._keep(event)
        if isinstance(event, SipSeen):
            self._message(event)
        self._found += self._engine.feed(event)

    def _stream(self, stream: RtpStreamSeen) -> None:
        self._keep(stream)
        self._found += self._engine.feed(stream)
        self.result.stream_count += 1
        if len(self.result.streams) < self._limits.rows:
            self.result.streams.append(stream)
        else:
            self.result.left_out["streams"] += 1

    def _fetch(self, fetch: FetchSeen) -> None:
        self._keep(fetch)
        if len(self.result.fetches) < self._limits.rows:
            self.result.fetches.append(fetch)
        else:
            self.result.left_out["fetches"] += 1

    def _message(self, seen: SipSeen) -> None:
        message, result = seen.message, self.result
        result.messages += 1
        result.sightings += len(seen.observations)
        if isinstance(message, Request):
            result.methods[message.method] += 1
        else:
            result.statuses[message.status] += 1
        if seen.retransmission:
            result.retransmissions += 1
            return
        try:
            if isinstance(message, Request):
                self._rows.request(seen, message)
            else:
                self._rows.response(seen, message)
        except ProtocolError:
            return  # it gives no row; the oracles say what is wrong with it


def analyse_capture(
    path: Path,
    *,
    limits: Limits | None = None,
    unwrap: Unwrap | None = None,
    listen: bool = False,
    progress: Progress | None = None,
) -> CaptureAnalysis:
    """Read and analyse a capture file.

    Args:
        path: pcap or pcapng, also gzipped; ``-`` is standard input.
        limits: how much is kept.
        unwrap: as for :class:`CaptureAnalyser`.
        listen: as for :class:`CaptureAnalyser`.
        progress: told how far reading has come.

    Returns:
        The analysis; of a damaged file as far as it could be read, with a note.

    Raises:
        rig.errors.UsageError: the file is missing or is no capture.
    """
    file = CaptureFile(path)
    analyser = CaptureAnalyser(path, limits=limits, unwrap=unwrap, listen=listen)
    damage = analyse_frames(file.frames(), analyser, progress and _at(file, progress))
    result = analyser.finish()
    if damage or file.cut_off:
        result.notes.insert(0, damage or file.cut_off)
    result.blind |= bool(damage)
    return result


def _at(file: CaptureFile, progress: Progress) -> Callable[[int], None]:
    return lambda frames: progress(frames, file.position)


def analyse_frames(
    frames: Iterable[Frame], analyser: CaptureAnalyser, tell: Callable[[int], None] | None = None
) -> str:
    """Feed frames until they end or are damaged.

    Returns:
        The damage in words, or empty.

    Raises:
        rig.errors.UsageError: there was nothing to read before it.
    """
    count = 0
    feed = analyser.feed
    try:
        with _rare_collection():
            for frame in frames:
                feed(frame)
                count += 1
                if tell is not None and not count % _PROGRESS_EVERY:
                    tell(count)
    except UsageError as error:
        if not count:
            raise
        return f"{error}; read up to there"
    return ""


@contextmanager
def _rare_collection() -> Iterator[None]:
    """Let the collector of cycles run seldom: messages make none, and it would take a third."""
    before = gc.get_threshold()
    gc.set_threshold(_COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        # What lives is old by now: else the collector would look at all of it at once.
        gc.freeze()
        gc.unfreeze()
        gc.set_threshold(*before)


def _notes(result: CaptureAnalysis, dissector: Dissector) -> list[str]:
    notes = []
    if result.dropped:
        notes.append(f"{result.dropped} frames were lost by the capture; nobody knows which")
    if result.truncated:
        notes.append(
            f"{result.truncated} frames were cut short by the capture; capture with a snap length "
            "of 0 (tcpdump -s 0)"
        )
    if result.cut:
        notes.append(f"{result.cut} SIP messages cannot be read because the capture cut them")
    if result.torn_datagrams:
        notes.append(f"{result.torn_datagrams} IP datagrams lack fragments")
    if result.gap_count:
        first = result.gaps[0]
        notes.append(
            f"{result.gap_count} holes in TCP streams ({result.gap_octets} octets were never "
            f"captured), the first before packet {first.number}"
        )
    notes += [
        f"{count} frames have link type {link}, which nothing here knows"
        for link, count in dissector.unknown_links.items()
    ]
    return notes
