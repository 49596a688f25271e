"""A live capture on an interface, taken by the capture program in a process of its own.

The capture proves that it is alive: :meth:`WireCapture.catch_up` sends a marker datagram and
waits until the capture itself delivers it. A capture that has died, hangs or listens on the
wrong interface cannot do that, and the rig says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys

from rig import clock
from rig.capture.dissect import Dissector
from rig.capture.frame import Frame
from rig.capture.packet import CapturedPacket
from rig.capture.recorder import PacketRecorder
from rig.capture.sniffer_program import BUFFER_BYTES, RECORD, STATUS_EVERY_S
from rig.errors import RigError
from rig.timeline import Tap

START_LIMIT_S = 30.0
STOP_LIMIT_S = 3.0
MARKER_LIMIT_S = 2.0
"""A marker may take this long while nothing else comes either."""
CATCH_UP_LIMIT_S = 30.0
"""A marker may take this long behind frames that wait before it."""
MARKER = b"phonerig capture marker "
MARKER_PORT = 9
STAMP_OFF_S = 0.1
"""Time stamps that are further off the rig's clock than this are on another time axis."""
_STDERR_KEPT = 4096
_EVERYTHING = "udp or tcp or (ip[6:2] & 0x3fff != 0) or (ip6 and ip6[6] == 44)"


class WireCapture:
    """Captures on one interface into a recorder.

    Attributes:
        interface: its name.
        frames: how many were taken, markers included.
        dropped: frames that the kernel had no room for.
        marker_delay_s: by how much the last marker's time stamp was behind the rig's clock;
            None before the first. The two are one time axis, so it must be near nothing.
    """

    def __init__(
        self,
        interface: str,
        recorder: PacketRecorder,
        *,
        host: str,
        pcap_filter: str = "",
        buffer_bytes: int = BUFFER_BYTES,
    ) -> None:
        self.interface = interface
        self.frames = 0
        self.dropped = 0
        self.marker_delay_s: float | None = None
        self._stamp_off_s = 0.0
        self._recorder = recorder
        self._host = host
        self._filter = pcap_filter or _EVERYTHING
        self._buffer_bytes = buffer_bytes
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._listener: asyncio.Task[None] | None = None
        self._complaints = b""
        self._began = asyncio.Event()
        self._markers: dict[bytes, float] = {}
        self._marker_seen = asyncio.Event()
        self._status_seen = asyncio.Event()
        self._dissector = Dissector(Tap.WIRE)
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """Process id of the capture program; None before it is started."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the capture program and wait until it captures.

        Raises:
            RigError: no such interface, no privilege, no libpcap: in one line with what to do.
        """
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "rig.capture.sniffer_program",
            self.interface,
            self._filter,
            str(self._buffer_bytes),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self._listener = asyncio.create_task(self._listen())
        self._reader = asyncio.create_task(self._read())
        began = asyncio.create_task(self._began.wait())
        await asyncio.wait(
            {began, self._reader}, timeout=START_LIMIT_S, return_when=asyncio.FIRST_COMPLETED
        )
        began.cancel()
        if not self._began.is_set():
            await self.stop()
            raise RigError(
                self._complaint() or f"capture on {self.interface} did not start; try again"
            )

    async def catch_up(self) -> None:
        """Wait until everything sent so far has been captured, by sending a marker.

        A marker that does not come back ends the capture in the record: from then on the rig
        counts as blind.
        """
        if self._process is None or self._process.returncode is not None:
            self._ended_by_itself()
            return
        marker = MARKER + os.urandom(8).hex().encode()
        self._marker_seen.clear()
        self._markers[marker] = clock.now()
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(marker, (self._host, MARKER_PORT))
        except OSError as error:
            self._recorder.stop(Tap.WIRE, f"no marker could be sent to {self._host}: {error}")
            return
        deadline = clock.now() + CATCH_UP_LIMIT_S
        while clock.now() < deadline:
            before = self.frames
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._marker_seen.wait(), MARKER_LIMIT_S)
                await self._next_status()
                self._hold_to_clock()
                return
            if self.frames == before:
                break
        self._recorder.stop(
            Tap.WIRE, f"a marker sent to {self._host} did not appear on {self.interface}"
        )

    def _hold_to_clock(self) -> None:
        """End the capture in the record if its stamps are no longer on the rig's time axis.

        The kernel stamps by the wall clock. Whoever sets that clock moves every packet against
        what the rig itself has seen, and right would look wrong.
        """
        if abs(self._stamp_off_s) > STAMP_OFF_S:
            self._recorder.stop(
                Tap.WIRE,
                f"time stamps on {self.interface} are {self._stamp_off_s:+.1f} s off the rig's "
                "clock: the wall clock was set in the middle; begin the run anew",
            )

    async def _next_status(self) -> None:
        """Wait for the count of drops that is newer than the marker."""
        self._status_seen.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._status_seen.wait(), STATUS_EVERY_S * 20)

    async def stop(self) -> None:
        """End the capture program; safe to call twice."""
        self._stopping = True
        if self._process is not None:
            await end_program(self._process)
        for task in (self._reader, self._listener):
            if task is not None:
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def _complaint(self) -> str:
        """The capture program's last word, if it had any."""
        lines = self._complaints.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines and lines[-1].startswith("capture on") else ""

    def _ended_by_itself(self) -> None:
        why = self._complaint()
        text = "the capture program ended by itself"
        self._recorder.stop(Tap.WIRE, f"{text}: {why}" if why else text)

    async def _listen(self) -> None:
        if self._process is None or self._process.stderr is None:
            raise RigError("the capture program has no standard error")
        while text := await self._process.stderr.read(1024):
            self._complaints = (self._complaints + text)[-_STDERR_KEPT:]

    async def _read(self) -> None:
        if self._process is None or self._process.stdout is None:
            raise RigError("the capture program has no output")
        stream = self._process.stdout
        try:
            while True:
                head = await stream.readexactly(RECORD.size)
                kind, stamp, link, length, kept = RECORD.unpack(head)
                self._take(kind, stamp, link, length, await stream.readexactly(kept))
        except asyncio.IncompleteReadError:
            if not self._stopping:
                if self._listener is not None:
                    await asyncio.wait({self._listener}, timeout=1)
                self._ended_by_itself()

    def _take(self, kind: bytes, stamp: int, link: int, length: int, data: bytes) -> None:
        if kind == b"R":
            self._began.set()
        elif kind == b"S":
            self._status_seen.set()
            dropped = int(data.split()[1])
            if dropped > self.dropped:
                self._recorder.lost(Tap.WIRE, dropped - self.dropped)
                self.dropped = dropped
        elif kind == b"P":
            self.frames += 1
            frame = Frame(stamp / 1e9, link, data, length, 0, self.frames)
            for packet in self._dissector.packet(frame):
                if not self._is_marker(packet):
                    self._recorder.add(packet)

    def _is_marker(self, packet: CapturedPacket) -> bool:
        """Recognise markers; those of other captures on the same interface as well."""
        if not packet.payload.startswith(MARKER):
            return False
        sent_at = self._markers.pop(packet.payload, None)
        if sent_at is not None:
            self.marker_delay_s = packet.at - sent_at
            # It was stamped after it was sent and before now: what lies outside is off for sure.
            too_late_s = max(0.0, packet.at - clock.now())
            self._stamp_off_s = min(0.0, packet.at - sent_at) or too_late_s
            self._marker_seen.set()
        return True


async def end_program(
    process: asyncio.subprocess.Process, patience_s: float = STOP_LIMIT_S
) -> None:
    """End a program, by force if need be; one that is gone by then is fine.

    Its end may be known to the kernel and not yet to the event loop, at either signal.

    Args:
        process: the program.
        patience_s: how long it may take to end by itself.
    """
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), patience_s)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
