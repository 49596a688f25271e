"""The serial port of a lamp board: opened, read by a thread, opened again when it goes away.

Any URL that pyserial knows: a device, ``socket://host:port``, ``rfc2217://host:port``. What the
port does is put on a queue with its instant; opening anew is told, because the board may have
been restarted by it.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from dataclasses import dataclass

import serial

from rig.clock import Clock

READ_S = 0.1
"""A read waits so long for its first octet; stopping takes no longer."""
WRITE_S = 1.0
"""A line that takes nothing for so long is broken."""
BURST_BYTES = 4096
"""So many octets at most are read before they are given on."""
BACK_OFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses before the port is opened again; the last one repeats."""


@dataclass(frozen=True, slots=True)
class PortOpened:
    """The port is open."""

    at: float


@dataclass(frozen=True, slots=True)
class PortClosed:
    """The port could not be opened, or is gone."""

    at: float
    reason: str
    was_open: bool


@dataclass(frozen=True, slots=True)
class OctetsRead:
    """Octets came; none, if the port was looked at in vain until then."""

    at: float
    octets: bytes


PortEvent = PortOpened | PortClosed | OctetsRead


class Port:
    """A serial port that comes back."""

    def __init__(
        self, url: str, baud: int, events: queue.Queue[PortEvent | None], clock: Clock
    ) -> None:
        self._url = url
        self._baud = baud
        self._events = events
        self._clock = clock
        self._leaving = threading.Event()
        self._serial: serial.Serial | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Open the port, and keep it open, in a thread of its own."""
        self._leaving.clear()
        self._thread = threading.Thread(target=self._run, name=f"lamp board {self._url}")
        self._thread.daemon = True
        self._thread.start()

    def leave(self) -> None:
        """Close the port soon, and do not wait for that."""
        self._leaving.set()

    def stop(self) -> None:
        """Close the port and end the thread."""
        self.leave()
        if self._thread:
            self._thread.join()
            self._thread = None

    def write(self, octets: bytes) -> str:
        """Send octets.

        Returns:
            Why they could not be sent; empty if they were. The reader finds out as well.
        """
        with self._lock:
            port = self._serial
            if port is None:
                return "the port is not open"
            try:
                port.write(octets)
            except (serial.SerialException, OSError) as error:
                return str(error)
        return ""

    def _run(self) -> None:
        failures = 0
        while not self._leaving.is_set():
            was_open = False
            try:
                port = self._open()
                was_open = True
                with self._lock:
                    self._serial = port
                self._events.put(PortOpened(self._clock()))
                failures = 0
                self._read(port)
                reason = "stopped"
            # A port that goes away raises SerialException from read and a bare OSError from
            # in_waiting, and handlers of URLs raise what they like: none may end this thread.
            except Exception as error:  # noqa: BLE001 - see above; the reason is told
                reason = str(error) or type(error).__name__
            finally:
                self._close()
            self._events.put(PortClosed(self._clock(), reason, was_open))
            self._leaving.wait(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)])
            failures += 1

    def _open(self) -> serial.Serial:
        # The RFC 2217 handler knows no limit for writing; its socket has one.
        limit_s = None if self._url.lower().startswith("rfc2217:") else WRITE_S
        return serial.serial_for_url(
            self._url, self._baud, timeout=READ_S, write_timeout=limit_s, exclusive=True
        )

    def _read(self, port: serial.Serial) -> None:
        while not self._leaving.is_set():
            octets = port.read(1)
            # A socket never says that more than one octet waits.
            while 0 < len(octets) < BURST_BYTES and (more := port.in_waiting):
                octets += port.read(more)
            # Also in vain: only who has looked may say that nothing came.
            self._events.put(OctetsRead(self._clock(), octets))

    def _close(self) -> None:
        with self._lock:
            port, self._serial = self._serial, None
            if port is None:
                return
            # pyserial 3.5 forgets a socket unclosed whose peer has gone.
            connection = getattr(port, "_socket", None)
            with contextlib.suppress(serial.SerialException, OSError):
                port.close()
            with contextlib.suppress(OSError):
                if connection is not None:
                    connection.close()
