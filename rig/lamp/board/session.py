"""The host's side of a conversation with the lamp board, as a state machine.

Sans-IO: octets and instants go in; octets, events and the next timer come out. The board is
believed only after it has said what it is, its clock was paired with ours, thresholds were set
and all levels were read. Whatever breaks this (a restart, a lost line, silence, garbage) makes
every input unknown until it was done again.
"""

from __future__ import annotations

from collections import deque

from rig.lamp.board.calibration import Calibration
from rig.lamp.board.channels import Blind, Channels
from rig.lamp.board.events import (
    BecameReady,
    BoardInfo,
    Phase,
    PulseEnded,
    RelayFault,
    RequestDone,
    SeenUntil,
    SessionEvent,
    Settings,
    WentBlind,
)
from rig.lamp.board.garbage import GarbageMeter, garbage_words
from rig.lamp.board.host_clock import HostClock, HostInstant, RoundTrip, ms_between
from rig.lamp.board.line import (
    PROTOCOL,
    Beat,
    BoardLine,
    Booted,
    ClockTold,
    Damaged,
    Edge,
    Identity,
    Levels,
    LineReader,
    PulseDone,
    RawLevels,
    RelayTold,
)
from rig.lamp.board.requests import Request, Requests

NAME = "lampsense"
"""What the board's program calls itself."""
SEQUENCE = 256
BEATS_MISSED = 3
"""Heartbeat periods without a heartbeat after which the board is dead: one that answers, but has
forgotten to send them, has been restarted."""
ASK_AGAIN_S = 5.0
"""A board that cannot do what is wanted is asked again after so long: it may have been flashed."""
BACK_MS = 1000
"""A board's clock that is so much earlier than it was has begun anew."""
DEBOUNCE_S = 0.03
"""An edge is told at most so long after its instant: four samples, 4 ms apart, and the queue."""
SAMPLE_S = 0.004
"""Each input is sampled once in this time, so an edge is up to so much older than its stamp."""


class BoardSession:
    """One conversation, over as many openings of the line as it takes."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.channels = Channels()
        self.clock = HostClock()
        self.info: BoardInfo | None = None
        self.phase = Phase.CLOSED
        self.lost = 0
        """Lines that the board had no room for, by its own count."""
        self._reader = LineReader()
        self._requests = Requests(self.settings.reply_s)
        self._events: deque[SessionEvent] = deque()
        self._calibrations: dict[int, Calibration] = {}
        self._sync: Request | None = None
        self._seq = 0
        self._beat_at = 0.0
        self._ms: int | None = None
        """The board's clock when it last told it."""
        self._seen_at = 0.0
        """Up to here every edge is known."""
        self._base: int | None = None
        """Reading of the reference when the board was told of it."""
        self._again_at = 0.0
        self._clock_at = 0.0
        self._raw_at = 0.0
        self._garbage = GarbageMeter()

    # -- the line ---------------------------------------------------------------------------

    def opened(self, now: float) -> None:
        """The line is open: ask who is there."""
        self._reader.reset()
        self._garbage = GarbageMeter()
        self._beat_at = self._seen_at = now
        self._ask("the line was opened anew", fresh=True)

    def closed(self, reason: str) -> None:
        """The line is gone: nothing is known from the last confirmation on.

        Args:
            reason: in one clause.
        """
        self.phase = Phase.CLOSED
        self._give_up(f"the line to the board is gone: {reason}", fresh=True)
        self._blind(Blind.NOT_CONNECTED, reason, self._seen_at)

    def receive(self, octets: bytes, now: float) -> None:
        """Take octets from the board; anything at all."""
        if self.phase is Phase.CLOSED:
            return
        lines = self._reader.feed(octets)
        for line in lines:
            if isinstance(line, Damaged):
                self._garbage.damaged(line.octets, now)
            else:
                self._garbage.good()
                self._take(line, now)
        if lines and isinstance(lines[-1], Damaged) and self.phase is Phase.READY:
            self._read_again()
        if self._garbage.too_much(self._reader.pending, now):
            self._no_board(now)
        self._drain()

    def data_to_send(self, now: float) -> bytes:
        """Octets for the board; send them at once, an answer is awaited from ``now`` on."""
        if self.phase is Phase.CLOSED or self._garbage.until is not None:
            return b""
        return self._requests.to_send(now)

    def take_events(self) -> list[SessionEvent]:
        """All events that were not taken yet, in order."""
        events = list(self._events)
        self._events.clear()
        return events

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` must be called; None if nothing is awaited."""
        if self.phase is Phase.CLOSED:
            return None
        times = [self._requests.next_timer(), self._garbage.until]
        if self.phase is Phase.STRANGER:
            times.append(self._again_at)
        if self.phase is Phase.READY:
            times += [self._dead_at, self._clock_at, self._raw_at]
        return min((at for at in times if at is not None), default=None)

    @property
    def _dead_at(self) -> float:
        return self._beat_at + BEATS_MISSED * self.settings.beat_s

    def handle_timer(self, now: float) -> None:
        """Time passes."""
        if self.phase is Phase.CLOSED:
            return
        if self._garbage.until is not None:
            if now >= self._garbage.until:
                self._garbage = GarbageMeter()
                self._ask("garbage on the line", fresh=False)
            return
        if failed := self._requests.handle_timer(now):
            self._finish(failed, now)
        if self.phase is Phase.READY:
            self._upkeep(now)
        elif self.phase is Phase.STRANGER and now >= self._again_at:
            self._ask("the board is asked again", fresh=False)
        self._drain()

    def _upkeep(self, now: float) -> None:
        if now >= self._dead_at:
            silent_s = BEATS_MISSED * self.settings.beat_s
            self._blind(Blind.SILENT, f"no heartbeat for {silent_s:g} s", self._seen_at)
            self._ask("the board is silent", fresh=False)
            return
        if now >= self._clock_at:
            self._clock_at = now + self.settings.clock_every_s
            if not self._requests.asked("C?"):
                self._requests.add(Request("C?", tries=1))
        if now >= self._raw_at:
            self._raw_at = now + self.settings.raw_every_s
            if not self._requests.asked("A?"):
                self._requests.add(Request("A?", tries=1))

    # -- commands ---------------------------------------------------------------------------

    def request(self, command: str, *, tries: int = 3) -> Request:
        """Give the board a command.

        Args:
            command: without its checksum.
            tries: how often it may be sent; 1 for what must not happen twice.

        Returns:
            What an event will say is over. It has failed already if no board is ready.
        """
        request = Request(command, tries)
        if self.phase is Phase.READY:
            self._requests.add(request)
        else:
            blind = self.channels.blind
            request.failed = f"the board is not ready: {blind[1] if blind else self.phase}"
        return request

    def calibrated(
        self, channel: int, found: Calibration | None, now: float, *, refused: str = ""
    ) -> Request | None:
        """Set the thresholds of an input, now and after every restart of the board.

        Args:
            channel: which input.
            found: thresholds; None takes them away.
            now: instant.
            refused: why there are none, beginning with a name of :class:`Blind`.

        Returns:
            The command, if a board is there to take it.
        """
        self._calibrations.pop(channel, None)
        if found:
            self._calibrations[channel] = found
        self.channels.calibrated(channel, found, now, refused=refused)
        self._drain()
        if self.phase is not Phase.READY:
            return None
        request = self.request(_thresholds(channel, found, self._brighter(found)))
        self._read_again()
        return request

    # -- asking and reading -----------------------------------------------------------------

    def _ask(self, reason: str, *, fresh: bool) -> None:
        """Begin from the beginning: who are you?"""
        self._give_up(reason, fresh=fresh)
        self.phase = Phase.ASKING
        self._sync = Request("V?", tries=1)
        self._requests.add(self._sync)
        if self.channels.blind is None:
            self._blind(Blind.SILENT, reason, self._seen_at)

    def _give_up(self, reason: str, *, fresh: bool) -> None:
        self._sync = None
        for request in self._requests.fail_all(reason, fresh=fresh):
            self._events.append(RequestDone(request))

    def _known(self, identity: Identity, now: float) -> None:
        """The board has said what it is."""
        self.info = BoardInfo(
            identity.name, identity.protocol, identity.board, identity.lamps, identity.relays
        )
        if identity.name != NAME or identity.protocol != PROTOCOL:
            self._stranger(
                f"the board speaks {identity.name} {identity.protocol}, "
                f"expected {NAME} {PROTOCOL}; flash the firmware that came with this program",
                now,
            )
            return
        self.phase = Phase.SYNCING
        self.clock = HostClock()
        self.channels.grow(identity.lamps)
        settings = self.settings
        commands = ["C?"] * settings.round_trips
        commands += [f"F{relay} 1" for relay in sorted(settings.feedback)]
        commands.append("G-" if settings.reference is None else f"G{settings.reference}")
        commands.append(f"H {round(1000 * settings.beat_s)}")
        for command in commands:
            self._requests.add(Request(command))
        self._sync = Request("A?")
        self._requests.add(self._sync)

    def _set_thresholds(self) -> None:
        """The room's light is known: thresholds follow it, and the levels are read."""
        for channel, found in sorted(self._calibrations.items()):
            self._requests.add(Request(_thresholds(channel, found, self._brighter(found))))
        self._sync = Request("S?")
        self._requests.add(self._sync)

    def _brighter(self, found: Calibration | None) -> int:
        """How much more light is in the room than when the levels were taken.

        The board compares with the light at the time when it was told of the reference.
        """
        if self._base is None or found is None or found.room is None:
            return 0
        return self._base - found.room

    def _read_again(self) -> None:
        if not self._requests.asked("S?"):
            self._requests.add(Request("S?"))

    def _finish(self, request: Request, now: float) -> None:
        """A command is over."""
        self._events.append(RequestDone(request))
        if request.refused and self.phase is Phase.SYNCING:
            self._stranger(request.failed, now)
        elif request.failed and (self.phase is not Phase.READY or request.command == "S?"):
            self._no_answer(request)
        elif request is not self._sync:
            return
        elif isinstance(request.reply, Identity):
            self._known(request.reply, now)
        elif isinstance(request.reply, RawLevels):
            reference = self.settings.reference
            self._base = None if reference is None else request.reply.raw[reference]
            self._set_thresholds()
        elif isinstance(request.reply, Levels) and self.info:
            self._sync = None
            self.phase = Phase.READY
            self._clock_at = now + self.settings.clock_every_s
            self._raw_at = now + self.settings.raw_every_s
            self._events.append(BecameReady(self.info))

    def _stranger(self, words: str, now: float) -> None:
        """The board cannot do what is wanted; asking again at once would not help."""
        self._give_up(words, fresh=False)
        self.phase = Phase.STRANGER
        self._again_at = now + ASK_AGAIN_S
        self._blind(Blind.PROTOCOL, words, self._seen_at)

    def _no_answer(self, request: Request) -> None:
        """Nobody has answered while we asked; say why, and ask again."""
        stray = self._garbage.octets + self._reader.pending
        self._garbage = GarbageMeter()
        self._reader.reset()
        if stray:
            self._blind(Blind.GARBAGE, garbage_words(stray), self._seen_at)
        else:
            self._blind(Blind.SILENT, request.failed, self._seen_at)
        self._ask(request.failed, fresh=False)

    def _no_board(self, now: float) -> None:
        """What comes is no board; listen until it is over."""
        if self._garbage.until is None:
            octets = self._garbage.octets + self._reader.pending
            self._blind(Blind.GARBAGE, garbage_words(octets), self._seen_at)
            self._give_up("garbage on the line", fresh=False)
            self.phase = Phase.ASKING
        self._garbage.begin(now)
        self._reader.reset()

    # -- lines ------------------------------------------------------------------------------

    def _take(self, line: BoardLine, now: float) -> None:
        if isinstance(line, Booted):
            self._booted(line)
            return
        if self._garbage.until is not None:
            return
        if isinstance(line, ClockTold | Levels | Beat):
            before, self._ms = self._ms, line.ms
            if before is not None and ms_between(before, line.ms) < -BACK_MS:
                # The line that told of the restart was lost.
                self._booted(Booted(NAME, PROTOCOL, "its clock has begun anew"))
                return
        finished = self._requests.take(line, now)
        if finished and isinstance(line, ClockTold):
            self.clock.add(RoundTrip(finished.sent_at, now, line.ms))
        self._observe(line, now)
        if finished:
            self._finish(finished, now)

    def _booted(self, line: Booted) -> None:
        self._blind(Blind.REBOOTED, f"the board has restarted ({line.cause})", self._seen_at)
        self._garbage = GarbageMeter()
        self._ms = None
        self._ask(f"the board has restarted ({line.cause})", fresh=True)

    def _observe(self, line: BoardLine, now: float) -> None:
        """What a line says of lamps and relays, whether or not it was asked for."""
        match line:
            case Edge():
                self._edge(line)
            case Levels():
                self._levels(line, now)
            case Beat():
                self._beat(line, now)
            case RawLevels(first=first, raw=raw):
                self.channels.raw(first, raw)
            case PulseDone(relay=relay, ms=ms):
                self._events.append(PulseEnded(relay, ms))
            case RelayTold(relay=relay, closed=closed, why=why):
                self._events.append(RelayFault(relay, closed, why))
            case _:
                pass

    def _beat(self, line: Beat, now: float) -> None:
        self.lost = line.lost
        if self.phase is not Phase.READY:
            return
        self._beat_at = max(self._beat_at, now)
        self._number(line.seq)
        if self._requests.idle and line.levels != self.channels.levels:
            # The numbers of edges repeat: after 256 lost ones they fit again.
            self._lines_lost(SEQUENCE)
        self._seen_until(line.ms)

    def _edge(self, line: Edge) -> None:
        if self.phase is not Phase.READY:
            return
        if self.channels.blind is None and line.seq == (self._seq + 1) % SEQUENCE:
            self._seq = line.seq
            instant = self._instant(line.ms)
            self.channels.edge(line.lamp, line.level, instant.at, instant.error_s)
        else:
            self._lines_lost((line.seq - self._seq - 1) % SEQUENCE)

    def _number(self, seq: int) -> None:
        """A line has told the number of the last edge; is it the one that we know?"""
        if seq != self._seq and self.channels.blind is None:
            self._lines_lost((seq - self._seq) % SEQUENCE)

    def _lines_lost(self, count: int) -> None:
        if self.channels.blind is None:
            words = f"{count} edge{'s' * (count != 1)} never arrived; all levels are read again"
            self._blind(Blind.LOST_LINES, words, self._seen_at)
        self._read_again()

    def _levels(self, line: Levels, now: float) -> None:
        if self.phase not in {Phase.READY, Phase.SYNCING} or not self.clock.paired:
            return
        if self.phase is Phase.READY:
            self._number(line.seq)
        self._seq = line.seq
        self._beat_at = max(self._beat_at, now)
        instant = self._instant(line.ms)
        self.channels.read(line.levels, instant.at, instant.error_s)
        self._seen_until(line.ms)

    def _instant(self, ms: int) -> HostInstant:
        instant = self.clock.at(ms)
        return HostInstant(instant.at - SAMPLE_S / 2, instant.error_s + SAMPLE_S / 2)

    def _seen_until(self, ms: int) -> None:
        at = self._instant(ms).at - DEBOUNCE_S
        self.channels.confirm(at)
        self._drain()
        if self.channels.blind is None:
            self._seen_at = at
            self._events.append(SeenUntil(at))

    # -- blindness --------------------------------------------------------------------------

    def _blind(self, why: Blind, words: str, since: float) -> None:
        self.channels.go_blind(why, words, since)
        self._drain()
        blind = self.channels.blind
        self._events.append(WentBlind(why, blind[1] if blind else words, since))

    def _drain(self) -> None:
        """Changes of the inputs become events, in order."""
        while change := self.channels.next_change():
            self._events.append(change)


def _thresholds(channel: int, found: Calibration | None, counts: int) -> str:
    on, off = found.moved(counts) if found else (0, 0)
    return f"T{channel} {on} {off}"
