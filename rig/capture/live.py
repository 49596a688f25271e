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

from rig.capture.dissect import Dissector
from rig.capture.pcapng import Frame
from rig.capture.recorder import PacketRecorder
from rig.capture.sniffer_program import RECORD
from rig.errors import RigError
from rig.timeline import Tap

START_LIMIT_S = 15.0
MARKER_LIMIT_S = 2.0
MARKER = b"phonerig capture marker "


class WireCapture:
    """Captures on one interface into a recorder.

    Attributes:
        interface: its name.
        frames: every frame taken, for export; markers are left out.
        dropped: frames that the kernel had no room for.
    """

    def __init__(
        self, interface: str, recorder: PacketRecorder, *, host: str, pcap_filter: str = ""
    ) -> None:
        self.interface = interface
        self.frames: list[Frame] = []
        self.dropped = 0
        self._recorder = recorder
        self._host = host
        self._filter = pcap_filter or "udp or tcp or (ip[6:2] & 0x3fff != 0)"
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._began = asyncio.Event()
        self._markers: set[bytes] = set()
        self._marker_seen = asyncio.Event()
        self._dissector = Dissector(Tap.WIRE)
        self._stopping = False

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
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self._reader = asyncio.create_task(self._read())
        began = asyncio.create_task(self._began.wait())
        await asyncio.wait(
            {began, self._reader}, timeout=START_LIMIT_S, return_when=asyncio.FIRST_COMPLETED
        )
        began.cancel()
        if not self._began.is_set():
            await self.stop()
            raise RigError(await self._complaint())

    async def catch_up(self) -> None:
        """Wait until everything sent so far has been captured, by sending a marker.

        A marker that does not come back ends the capture in the record: from then on the rig
        counts as blind.
        """
        if self._process is None or self._process.returncode is not None:
            self._recorder.stop(Tap.WIRE, "the capture program ended by itself")
            return
        self._markers.add(marker := MARKER + os.urandom(8).hex().encode())
        self._marker_seen.clear()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(marker, (self._host, 9))
        try:
            await asyncio.wait_for(self._marker_seen.wait(), MARKER_LIMIT_S)
        except TimeoutError:
            self._recorder.stop(
                Tap.WIRE, f"a marker sent to {self._host} did not appear on {self.interface}"
            )

    async def stop(self) -> None:
        """End the capture program; safe to call twice."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 3)
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._reader is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader

    async def _complaint(self) -> str:
        if self._process is None or self._process.stderr is None:
            return f"capture on {self.interface} did not start"
        text = (await self._process.stderr.read()).decode("utf-8", "replace").strip()
        return text.splitlines()[-1] if text else f"capture on {self.interface} did not start"

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
                self._recorder.stop(Tap.WIRE, "the capture program ended by itself")

    def _take(self, kind: bytes, stamp: int, link: int, length: int, data: bytes) -> None:
        if kind == b"R":
            self._began.set()
        elif kind == b"S":
            dropped = int(data.split()[1])
            if dropped > self.dropped:
                self._recorder.lost(Tap.WIRE, dropped - self.dropped)
                self.dropped = dropped
        elif kind == b"P":
            frame = Frame(stamp / 1e9, link, data, length, 0, len(self.frames) + 1)
            for packet in self._dissector.packet(frame):
                if packet.payload in self._markers:
                    self._markers.discard(packet.payload)
                    self._marker_seen.set()
                else:
                    self._recorder.add(packet)
