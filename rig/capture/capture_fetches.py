"""Reads what phones fetched out of a capture file, for the oracle of fetches.

One pass with bounded memory. Fetches come in order of their requests, as far as those that end
late allow. Contents are never kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rig.capture.capture_file import CaptureFile
from rig.capture.content import Content, ContentSorter
from rig.capture.dissect import Dissector, Unwrap
from rig.capture.fetch_order import FetchOrder
from rig.capture.fetches import FetchWatcher
from rig.capture.packet import CapturedPacket
from rig.errors import UsageError
from rig.verdict.oracles.fetch import Fetch

_MAGIC = {
    b"\x0a\x0d\x0d\x0a", b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d",
    b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\xcd\x34", b"\x34\xcd\xb2\xa1",
}  # fmt: skip


def is_capture(path: Path) -> bool:
    """Whether a file begins as a pcap, a pcapng or something packed by gzip.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(4)
    return head in _MAGIC or head[:2] == b"\x1f\x8b"


class CaptureFetches:
    """The fetches of one capture.

    Args:
        path: capture file.
        unwrap: asked for frames of link layers that are not known here.

    Attributes:
        unfinished: TFTP transfers that went on when the capture ended; nothing is said of them.
    """

    def __init__(self, path: Path, *, unwrap: Unwrap | None = None) -> None:
        self.unfinished = 0
        self._file = CaptureFile(path)
        self._dissector = Dissector(unwrap=unwrap)
        self._sorter = ContentSorter()
        self._order = FetchOrder()
        self._watcher = FetchWatcher(
            lambda _: None, datagrams=self._order.datagram, sized=self._order.http
        )

    @property
    def encrypted(self) -> int:
        """Connections that began with TLS, into which nobody can look."""
        return self._watcher.encrypted

    @property
    def holes(self) -> int:
        """Places where octets of TCP streams, or fragments, are not in the capture."""
        return self._dissector.gap_count + self._dissector.torn_datagrams

    @property
    def cut_off(self) -> str:
        """What the file ends in the middle of; empty while it does not."""
        return self._file.cut_off

    def __iter__(self) -> Iterator[Fetch]:
        """Read the file.

        Raises:
            UsageError: it is no capture or damaged, or a packet of a fetch was cut short.
        """
        at = 0.0
        for frame in self._file.frames():
            at = frame.at
            for packet in self._dissector.packet(frame):
                self._take(packet)
            yield from self._sure(self._order.ready(at))
        for packet in self._dissector.rest():
            self._take(packet)
        self._watcher.close(at)
        yield from self._sure(self._order.close(at))
        self.unfinished = self._order.unfinished

    def _sure(self, fetches: Iterator[Fetch]) -> Iterator[Fetch]:
        for fetch in fetches:
            # Octets that the capture has not seen are not missing in the file.
            yield replace(fetch, announced=None) if self.holes else fetch

    def _take(self, packet: CapturedPacket) -> None:
        for content, decided in self._sorter.sort(packet):
            if content is not Content.FETCH:
                continue
            if decided.truncated:
                raise UsageError(
                    f"{self._file.path}: packet {decided.number} of a fetch was cut short by the "
                    "capture, so no size is known; capture with a snap length of 0 (tcpdump -s 0)"
                )
            self._watcher.feed(decided)
