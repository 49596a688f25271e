"""A lamp board's port and session, and the two threads that run them.

One thread reads the port and puts what comes on a queue; the other runs the session, and calls
sensors and listeners. Whoever asks the board something waits until the session's thread has the
answer.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import Any, Self

from rig.clock import Clock, now
from rig.errors import RigError, UsageError
from rig.lamp.board.channels import LightChanged
from rig.lamp.board.events import (
    Phase,
    PulseEnded,
    RelayFault,
    SeenUntil,
    SessionEvent,
    Settings,
)
from rig.lamp.board.port import OctetsRead, Port, PortClosed, PortEvent, PortOpened
from rig.lamp.board.requests import Request
from rig.lamp.board.sensor import BoardLampSensor
from rig.lamp.board.session import BoardSession

BAUD = 115_200
GIVE_UP_S = 30.0
"""No answer takes so long, whatever the clock says."""
LAMPS = range(8)
"""Inputs of a board that has not said how many it has."""

BoardListener = Callable[[SessionEvent], None]
Deliver = Callable[..., Any]


def call_here(callback: Callable[..., Any], *arguments: Any) -> None:
    """Call a listener in the thread of the board."""
    callback(*arguments)


class BoardThread:
    """What runs a board; use it as :class:`rig.lamp.board.serial_board.SerialLampBoard`."""

    def __init__(
        self,
        url: str,
        *,
        baud: int = BAUD,
        settings: Settings | None = None,
        clock: Clock = now,
        deliver: Deliver = call_here,
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
        return self._session.phase is Phase.READY and self._session.channels.blind is None

    def _settled(self) -> bool:
        return self._ready or bool(self._never_opened) or self._session.phase is Phase.STRANGER

    def _blind_reason(self) -> str:
        blind = self._session.channels.blind
        return blind[1] if blind else "it did not get ready"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

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

    def subscribe(self, listener: BoardListener) -> None:
        """Call ``listener`` with every event of the session from now on."""
        self._listeners.append(listener)

    def _ask(self, command: str, *, tries: int = 3) -> Request:
        with self._changed:
            request = self._session.request(command, tries=tries)
        self._queue.put(None)
        return self._wait(request)

    def _wait(self, request: Request) -> Request:
        if threading.current_thread() is self._thread:
            raise UsageError("a listener must not ask the board: it would wait for itself")
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
                self._session.closed(f"a listener failed: {error!r}")
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
            case PortClosed(reason=reason, was_open=was_open):
                if not was_open and session.info is None:
                    self._never_opened = reason
                session.closed(reason)
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
                self._deliver(sensor.seen_until, event.at)
        for listener in listeners:
            self._deliver(listener, event)
