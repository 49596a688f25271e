"""A lamp board on a serial line: lamps are seen, keys are pressed, from any thread.

Owns the port and two threads: one reads the port, the other runs the session and calls the
listeners. Methods that ask the board something wait for its answer, a few milliseconds; in a
coroutine they belong into :func:`asyncio.to_thread`.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

from rig.clock import Clock, now
from rig.errors import RigError, UsageError
from rig.lamp.board.calibration import Calibration, CalibrationRefused, calibrate
from rig.lamp.board.channels import ChannelReading, LightChanged
from rig.lamp.board.host_clock import HostInstant
from rig.lamp.board.line import PULSE_MS, ClockTold, RawLevels
from rig.lamp.board.port import OctetsRead, Port, PortClosed, PortEvent, PortOpened
from rig.lamp.board.requests import Request
from rig.lamp.board.sensor import BoardLampSensor
from rig.lamp.board.session import (
    BoardInfo,
    BoardSession,
    PulseEnded,
    RelayFault,
    SeenUntil,
    SessionEvent,
    Settings,
)
from rig.lamp.pattern import PatternThresholds

BAUD = 115_200
GIVE_UP_S = 30.0
"""No answer takes so long, whatever the clock says."""
STUCK_S = 0.2
"""A relay that does not follow is told within this time after it should have moved."""
LAMPS = range(8)

BoardListener = Callable[[SessionEvent], None]
Deliver = Callable[..., Any]


def _call(callback: Callable[..., Any], *arguments: Any) -> None:
    callback(*arguments)


class SerialLampBoard:
    """One lamp board."""

    def __init__(
        self,
        url: str,
        *,
        baud: int = BAUD,
        settings: Settings | None = None,
        clock: Clock = now,
        deliver: Deliver = _call,
    ) -> None:
        """Make a board that is not opened yet.

        Args:
            url: device or URL that pyserial knows: ``/dev/serial/by-path/...``,
                ``socket://host:port``, ``rfc2217://host:port``.
            baud: of the line; the firmware speaks 115,200.
            settings: how it is watched.
            clock: gives instants.
            deliver: how listeners are called: directly, in the board's thread, or by a loop's
                ``call_soon_threadsafe``.
        """
        self._url = url
        self._clock = clock
        self._deliver = deliver
        self._session = BoardSession(settings)
        self._session.channels.grow(len(LAMPS))
        self._queue: queue.Queue[PortEvent | None] = queue.Queue()
        self._port = Port(url, baud, self._queue, clock)
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._leaving = False
        self._never_opened = ""
        self._listeners: list[BoardListener] = []
        self._sensors: list[BoardLampSensor] = []
        self._looked_at = 0.0
        self._pulses: dict[int, int] = {}
        self._relay_faults: dict[int, RelayFault] = {}

    # -- life -------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """What reports call it: ``serial:/dev/ttyUSB0``."""
        return f"serial:{self._url}"

    def start(self, *, wait_s: float = 6.0) -> None:
        """Open the line and wait until the board is believed.

        Args:
            wait_s: how long it may take; a board that is restarted by the opening of its port
                needs two seconds.

        Raises:
            rig.errors.RigError: the line cannot be opened, or what answers is no lamp board,
                or nobody answers. The board is stopped again.
        """
        if self._thread:
            raise UsageError(f"{self.name} was started already")
        self._leaving = False
        self._never_opened = ""
        self._thread = threading.Thread(target=self._run, name=f"{self.name} session")
        self._thread.daemon = True
        self._port.start()
        self._thread.start()
        deadline = self._clock() + wait_s
        with self._changed:
            while not self._settled() and self._clock() < deadline:
                self._changed.wait(0.05)
            if self._ready:
                return
            reason = self._never_opened or self._blind_reason()
        self.stop()
        raise RigError(
            f"lamp board {self._url} cannot be used: {reason}. "
            "Check the URL, the cable and that nothing else has the port open."
        )

    def stop(self) -> None:
        """Close the line and end both threads. Safe to call twice."""
        self._port.stop()
        if self._thread:
            with self._changed:
                self._leaving = True
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    @property
    def _ready(self) -> bool:
        return self._session.phase == "ready" and self._session.channels.blind is None

    def _settled(self) -> bool:
        return self._ready or bool(self._never_opened) or self._session.phase == "stranger"

    def _blind_reason(self) -> str:
        blind = self._session.channels.blind
        return blind[1] if blind else "it did not get ready"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- what is known ----------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether the board is believed now."""
        with self._changed:
            return self._ready

    @property
    def reason(self) -> str:
        """Why the board is not believed, in words; empty if it is."""
        with self._changed:
            return "" if self._ready else self._blind_reason()

    @property
    def info(self) -> BoardInfo | None:
        """What the board says it is; None before it has."""
        return self._session.info

    @property
    def channels(self) -> tuple[ChannelReading, ...]:
        """What each input sees now."""
        with self._changed:
            return self._session.channels.readings

    @property
    def lines_lost(self) -> int:
        """Lines that the board could not send, by its own count."""
        return self._session.lost

    @property
    def relay_faults(self) -> Mapping[int, RelayFault]:
        """Relays that do not do what they were told, by number."""
        with self._changed:
            return dict(self._relay_faults)

    def calibration(self, channel: int) -> Calibration | None:
        """Levels and thresholds of an input; None without."""
        self._check(channel)
        with self._changed:
            return self._session.channels.calibration(channel)

    def subscribe(self, listener: BoardListener) -> None:
        """Call ``listener`` with every event of the session from now on."""
        self._listeners.append(listener)

    # -- what can be done -------------------------------------------------------------------

    def read_raw(self, channel: int) -> int:
        """Take one reading of an input's converter, 0 to 1023.

        Raises:
            rig.errors.RigError: no board is ready, or it does not answer.
        """
        self._check(channel)
        return self._raw(f"A{channel}?")[0]

    def read_all_raw(self) -> tuple[int, ...]:
        """Take one reading of every input.

        Raises:
            rig.errors.RigError: no board is ready, or it does not answer.
        """
        return self._raw("A?")

    def _raw(self, command: str) -> tuple[int, ...]:
        reply = self._ask(command).reply
        return reply.raw if isinstance(reply, RawLevels) else ()

    def read_clock(self) -> tuple[int, HostInstant]:
        """Ask the board for its clock.

        Returns:
            Milliseconds since it started, and when that was by the host's clock.

        Raises:
            rig.errors.RigError: no board is ready, or it does not answer.
        """
        reply = self._ask("C?").reply
        ms = reply.ms if isinstance(reply, ClockTold) else 0
        with self._changed:
            return ms, self._session.clock.at(ms)

    def calibrate(
        self, channel: int, *, dark: int | Sequence[int], lit: int | Sequence[int]
    ) -> Calibration:
        """Set an input's thresholds from its levels; kept over restarts of the board.

        Args:
            channel: which input.
            dark: one or more readings while the lamp is off.
            lit: one or more readings while it is on.

        Returns:
            Levels and thresholds.

        Raises:
            CalibrationRefused: unplugged, saturated, low contrast, noisy. The input is unknown
                for this reason from now on.
            rig.errors.RigError: the board does not take the thresholds. A board that is not
                connected gets them when it is.
        """
        self._check(channel)
        reference = self._session.settings.reference
        room = self.read_raw(reference) if reference is not None and self.ready else None
        try:
            found = calibrate(channel, dark, lit, room=room)
        except CalibrationRefused as error:
            self._thresholds(channel, None, error.reason)
            raise
        self._thresholds(channel, found, "")
        return found

    def set_calibration(self, channel: int, found: Calibration | None) -> None:
        """Set levels and thresholds that were found before; kept over restarts of the board.

        Args:
            channel: which input.
            found: what an earlier calibration gave; None takes it away.

        Raises:
            rig.errors.RigError: the board does not take the thresholds.
        """
        self._check(channel)
        self._thresholds(channel, found, "")

    def _thresholds(self, channel: int, found: Calibration | None, refused: str) -> None:
        with self._changed:
            request = self._session.calibrated(channel, found, self._clock(), refused=refused)
        self._queue.put(None)
        if request:
            self._wait(request)

    def press(self, relay: int, ms: int) -> int:
        """Close a relay for a time, and wait until it is open again.

        Args:
            relay: which one.
            ms: how long, 10 to 2000; the board opens it by itself.

        Returns:
            How long it was closed, by the board's clock, in milliseconds.

        Raises:
            rig.errors.RigError: no board is ready, it has restarted in the middle, or the relay
                does not follow.
            rig.errors.UsageError: no such relay, or too short or long.
        """
        relays = self.info.relays if self.info else 0
        if relay not in range(relays) and self.info:
            raise UsageError(f"{self.name} has relays 0 to {relays - 1}, got {relay}")
        if ms not in PULSE_MS:
            raise UsageError(f"a key press lasts {PULSE_MS[0]} to {PULSE_MS[-1]} ms, got {ms}")
        with self._changed:
            self._pulses.pop(relay, None)
            self._relay_faults.pop(relay, None)
        self._ask(f"P{relay} {ms}", tries=1)
        lasted = self._pulse(relay, ms)
        if fault := self.relay_faults.get(relay):
            contact = "stays closed: the key is held down" if fault.closed else "does not close"
            raise RigError(
                f"relay {relay} of {self.name} is stuck: its contact {contact}. "
                "Check relay and feedback wire."
            )
        return lasted

    def _pulse(self, relay: int, ms: int) -> int:
        """Wait for the end of a press, and then for what the contact has to say."""
        deadline = self._clock() + ms / 1000 + self._session.settings.reply_s
        # Who has not looked at the port since cannot say that the board said nothing.
        with self._changed:
            while relay not in self._pulses:
                if not self._ready:
                    raise RigError(
                        f"key press by relay {relay} of {self.name} broke off: "
                        f"{self._blind_reason()}. The relay opens by itself."
                    )
                if self._looked_at > deadline:
                    raise RigError(f"relay {relay} of {self.name} never said that it has opened")
                self._changed.wait(0.05)
            if relay in self._session.settings.feedback:
                until = self._clock() + STUCK_S
                while relay not in self._relay_faults and self._looked_at < until:
                    self._changed.wait(0.01)
            return self._pulses.pop(relay)

    def sensor(
        self,
        handset: str,
        lamps: Mapping[str, int],
        thresholds: PatternThresholds | Mapping[str, PatternThresholds] | None = None,
    ) -> BoardLampSensor:
        """Make a lamp sensor for one handset.

        Args:
            handset: name that its events carry.
            lamps: input of each lamp: ``{"message": 0, "account:1": 1}``.
            thresholds: limits of the classifier, for all lamps or by lamp.

        Raises:
            rig.errors.UsageError: no such input, or no lamps.
        """
        for channel in lamps.values():
            self._check(channel)
        if isinstance(thresholds, PatternThresholds):
            thresholds = dict.fromkeys(lamps, thresholds)
        inputs = ",".join(str(channel) for channel in lamps.values())
        sensor = BoardLampSensor(
            handset,
            lamps,
            name=f"{self.name}#{inputs}",
            thresholds=thresholds,
            confirm_s=2 * self._session.settings.beat_s,
        )
        with self._changed:
            for reading in self._session.channels.readings:
                sensor.light_changed(LightChanged(reading, self._clock()))
            self._sensors.append(sensor)
        return sensor

    def _check(self, channel: int) -> None:
        count = self.info.lamps if self.info else len(LAMPS)
        if channel not in range(count):
            raise UsageError(f"{self.name} has inputs 0 to {count - 1}, got {channel}")

    def _ask(self, command: str, *, tries: int = 3) -> Request:
        with self._changed:
            request = self._session.request(command, tries=tries)
        self._queue.put(None)
        return self._wait(request)

    def _wait(self, request: Request) -> Request:
        with self._changed:
            if not self._changed.wait_for(lambda: request.done, GIVE_UP_S):
                request.failed = "the session's thread does not run"
        if request.failed:
            raise RigError(f"{self.name}: {request.failed}")
        return request

    # -- the session's thread ---------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._serve()
        except BaseException as error:
            # A listener has raised. What is known must not look as if it were still watched.
            self._port.leave()
            with self._changed:
                self._session.closed(self._clock(), f"a listener failed: {error!r}")
                events = self._session.take_events()
                self._changed.notify_all()
            for event in events:
                self._tell(event, tuple(self._sensors), ())
            raise

    def _serve(self) -> None:
        while True:
            event = self._queue.get()
            with self._changed:
                self._advance(event)
                events = self._session.take_events()
                self._note(events)
                # Whoever begins to listen after this has seen these events' outcome already.
                sensors, listeners = tuple(self._sensors), tuple(self._listeners)
                self._changed.notify_all()
                done = self._leaving and self._queue.empty()
            for each in events:
                self._tell(each, sensors, listeners)
            if done:
                return

    def _note(self, events: Iterable[SessionEvent]) -> None:
        for event in events:
            if isinstance(event, PulseEnded):
                self._pulses[event.relay] = event.ms
            elif isinstance(event, RelayFault):
                self._relay_faults[event.relay] = event

    def _advance(self, event: PortEvent | None) -> None:
        session = self._session
        if event:
            self._looked_at = event.at
        match event:
            case PortOpened(at=at):
                session.opened(at)
            case PortClosed(at=at, reason=reason, was_open=was_open):
                if not was_open and session.info is None:
                    self._never_opened = reason
                session.closed(at, reason)
            case OctetsRead(at=at, octets=octets):
                session.receive(octets, at)
                # Time passes only as far as the port was looked at: a program that stood still
                # must not take its own pause for the board's silence.
                session.handle_timer(at)
            case None:
                pass
        while octets := session.data_to_send(self._clock()):
            self._port.write(octets)

    def _tell(
        self,
        event: SessionEvent,
        sensors: tuple[BoardLampSensor, ...],
        listeners: tuple[BoardListener, ...],
    ) -> None:
        for sensor in sensors:
            if isinstance(event, LightChanged):
                self._deliver(sensor.light_changed, event)
            elif isinstance(event, SeenUntil):
                self._deliver(sensor.seen_until, event.at, self._clock())
        for listener in listeners:
            self._deliver(listener, event)
