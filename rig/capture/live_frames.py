"""Frames of an interface for whoever has no event loop: the capture program and a spool.

The spool takes everything in at once, so that slow reading loses nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator

from rig.capture.byte_window import ByteWindow
from rig.capture.frame import Frame
from rig.capture.frame_source import FrameSource
from rig.capture.sniffer_program import BUFFER_BYTES, RECORD
from rig.capture.spool import Spool
from rig.errors import RigError

STOP_S = 10.0
_PIPE_OCTETS = 1 << 20
_PROGRAM = "rig.capture.sniffer_program"


class LiveFrames(FrameSource):
    """Captures on one interface.

    Args:
        interface: its name.
        pcap_filter: in the syntax of pcap-filter(7).
        buffer_bytes: what the kernel may hold for us.
    """

    def __init__(
        self, interface: str, pcap_filter: str, *, buffer_bytes: int = BUFFER_BYTES
    ) -> None:
        super().__init__()
        self._interface = interface
        self._arguments = [interface, pcap_filter, str(buffer_bytes), "ring"]
        self._process: subprocess.Popen[bytes]
        self._window: ByteWindow

    def _begin(self) -> None:
        """Start the program.

        Raises:
            RigError: no such interface, no privilege, no libpcap.
        """
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", _PROGRAM, *self._arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us: we stop it when it has given all it has
        )
        self._ends.callback(self._close_pipes)
        self._ends.callback(self._end_program)
        if self._process.stdout is None:
            raise RigError("the capture program has no output")
        descriptor = self._process.stdout.fileno()
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_OCTETS)
        spool = Spool(lambda size: os.read(descriptor, size))
        self._ends.callback(spool.join, STOP_S)
        self._ends.callback(self._end_program)  # first of all, so that the spool comes to its end
        self._window = ByteWindow(spool)
        if not self._window.need(RECORD.size):
            why = self._complaint()
            raise RigError(why or f"capture on {self._interface} did not start; try again")

    def stop(self) -> None:
        """Capture no more; :meth:`frames` gives what has come until now and ends."""
        self._stopping.set()
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def frames(self) -> Iterator[Frame]:
        """Frames as they come, until somebody stops the capture or it ends by itself."""
        window, number = self._window, 0
        while window.need(RECORD.size):
            kind, stamp, link, length, kept = RECORD.unpack_from(window.data, window.at)
            if not window.need(RECORD.size + kept):
                break
            start = window.at + RECORD.size
            data = window.data[start : start + kept]
            window.at = start + kept
            if kind == b"P":
                number += 1
                yield Frame(stamp / 1e9, link, data, length, 0, number)
            elif kind == b"S":
                self.dropped = int(data.split()[1])
        if not self._stopping.is_set():
            self.ended_badly = self._complaint() or (
                f"the capture on {self._interface} ended by itself"
            )

    def _complaint(self) -> str:
        """The program's last word, if it had any; it has ended."""
        stderr = self._process.stderr
        lines = stderr.read().decode("utf-8", "replace").splitlines() if stderr else []
        return lines[-1] if lines and lines[-1].startswith("capture on") else ""

    def _end_program(self) -> None:
        process = self._process
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
