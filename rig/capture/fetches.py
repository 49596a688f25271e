"""Sees which files handsets fetch by TFTP and HTTP: names, statuses, sizes, and nothing else.

Contents carry passwords and are never kept. Of encrypted connections only their number is known.
A fetch whose end is not in the capture has status 0.

Source: RFC 1350, 2347, 2348 (TFTP); HTTP see :mod:`rig.capture.http_stream`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from provisioning.transport.http_rules import loggable_target
from rig.capture.http_stream import HttpBody, HttpEnd, HttpRequest, HttpResponse, HttpStreams
from rig.capture.packet import CapturedPacket, OneEnd, PacketPath
from rig.timeline import Address, FetchSeen

UNFINISHED = 0
MAX_TRANSFERS = 4096
_RRQ, _DATA, _ACK, _ERROR, _OACK = 1, 3, 4, 5, 6
_BLOCK_OCTETS = 512
Sink = Callable[[FetchSeen], None]
SizedSink = Callable[[FetchSeen, int | None], None]
"""Takes a fetch and the octets that its answer announced; None where that is not known, or where
they may still come.
"""

STILL_COMING_S = 60.0
"""An answer that was cut off goes on within this time, if it ever does."""


def _shown(path: bytes) -> str:
    return loggable_target(path.decode("utf-8", "replace"))


def is_encrypted(packet: CapturedPacket) -> bool:
    """Whether octets of TCP begin a connection with TLS."""
    return packet.breaks and packet.payload[:2] == b"\x16\x03"


class FetchWatcher:
    """Feeds on packets of TFTP and HTTP; hands on every fetch when it has ended.

    Args:
        sink: takes the fetches.
        datagrams: takes TFTP instead, for whoever wants to know more of it.
        also: takes TFTP as well.
        sized: takes the fetches by HTTP with what was announced, as well.

    Attributes:
        encrypted: connections that began with TLS.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        datagrams: Callable[[CapturedPacket], None] | None = None,
        also: Callable[[CapturedPacket], None] | None = None,
        sized: SizedSink | None = None,
    ) -> None:
        self.encrypted = 0
        self._tftp = _TftpWatcher(sink)
        self._datagram = datagrams or self._tftp.feed
        self._also = also
        self._http = _HttpWatcher(sink, sized)
        self._one_end = OneEnd()

    def feed(self, packet: CapturedPacket) -> None:
        """Take one packet in order of time."""
        if not self._one_end.takes(packet):
            return
        if packet.transport == "UDP":
            self._datagram(packet)
            if self._also is not None:
                self._also(packet)
        elif is_encrypted(packet):
            self.encrypted += packet.payload[5:6] == b"\1"  # the client's first message
        else:
            self._http.feed(packet)

    def close(self, at: float | None = None) -> None:
        """Hand on what the capture does not see the end of.

        Args:
            at: when it ended, if that is known.
        """
        self._tftp.close()
        self._http.close(at)


@dataclass(slots=True)
class _Transfer:
    at: float
    client: Address
    server: str
    path: str
    last_at: float
    number: int
    block_octets: int = _BLOCK_OCTETS
    expected: int = 1
    octets: int = 0
    whole: bool = False


class _TftpWatcher:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._transfers: dict[Address, _Transfer] = {}

    def feed(self, packet: CapturedPacket) -> None:
        payload = packet.payload
        if len(payload) < 4:
            return
        kind = payload[1]
        if kind == _RRQ:
            self._begin(packet)
            return
        down = self._transfers.get(packet.destination)
        up = self._transfers.get(packet.source)
        if down is not None and packet.source[0] == down.server:
            down.last_at = packet.at
            if kind == _DATA:
                self._data(down, payload)
            elif kind == _OACK:
                down.block_octets = _block_size(payload)
            elif kind == _ERROR:
                self._end(down, -int.from_bytes(payload[2:4]))
        elif up is not None and packet.destination[0] == up.server:
            up.last_at = packet.at
            if kind == _ERROR:
                self._end(up, -int.from_bytes(payload[2:4]))
            elif kind == _ACK and up.whole:
                self._end(up, 200)

    def close(self) -> None:
        for transfer in list(self._transfers.values()):
            self._end(transfer, 200 if transfer.whole else UNFINISHED)

    def _begin(self, packet: CapturedPacket) -> None:
        path, end, _ = packet.payload[2:].partition(b"\0")
        if not end or not path:
            return
        earlier = self._transfers.get(packet.source)
        name = _shown(path)
        if earlier is not None:
            if earlier.path == name and not earlier.octets and not earlier.whole:
                return  # the same request once more
            self._end(earlier, 200 if earlier.whole else UNFINISHED)
        if len(self._transfers) >= MAX_TRANSFERS:
            oldest = next(iter(self._transfers.values()))
            self._end(oldest, 200 if oldest.whole else UNFINISHED)
        self._transfers[packet.source] = _Transfer(
            packet.at, packet.source, packet.destination[0], name, packet.at, packet.number
        )

    @staticmethod
    def _data(transfer: _Transfer, payload: bytes) -> None:
        if int.from_bytes(payload[2:4]) != transfer.expected:
            return  # sent again, or the capture has lost blocks
        size = len(payload) - 4
        transfer.expected = (transfer.expected + 1) & 0xFFFF
        transfer.octets += size
        transfer.whole = size < transfer.block_octets

    def _end(self, transfer: _Transfer, status: int) -> None:
        del self._transfers[transfer.client]
        self._sink(
            FetchSeen(
                at=transfer.at,
                transport="tftp",
                client=transfer.client,
                path=transfer.path,
                handset="",
                status=status,
                octets=transfer.octets,
                duration_s=transfer.last_at - transfer.at,
                number=transfer.number,
            )
        )


def _block_size(oack: bytes) -> int:
    words = oack[2:].split(b"\0")
    for name, value in zip(words[::2], words[1::2], strict=False):
        if name.lower() == b"blksize" and value.isdigit() and len(value) < 6:
            return int(value)
    return _BLOCK_OCTETS


@dataclass(slots=True)
class _Answering:
    asked: HttpRequest
    status: int
    last_at: float
    octets: int = 0
    announced: int | None = None
    media_type: str = ""


class _HttpWatcher:
    def __init__(self, sink: Sink, sized: SizedSink | None = None) -> None:
        self._sink = sink
        self._sized = sized
        self._streams = HttpStreams()
        self._answering: dict[PacketPath, _Answering] = {}

    def feed(self, packet: CapturedPacket) -> None:
        path = packet.path
        for piece in self._streams.feed(packet):
            match piece:
                case HttpResponse(asked=HttpRequest() as asked, status=status) as answer:
                    while len(self._answering) >= MAX_TRANSFERS:
                        self._end(next(iter(self._answering)))
                    self._answering[path] = _Answering(
                        asked,
                        status,
                        packet.at,
                        announced=answer.announced,
                        media_type=answer.media_type,
                    )
                case HttpBody(raw=content):
                    if (answering := self._answering.get(path)) is not None:
                        answering.octets += len(content)
                        answering.last_at = packet.at
                case HttpEnd():
                    self._end(path)
                case _:
                    pass

    def close(self, at: float | None) -> None:
        for path, answering in list(self._answering.items()):
            if at is None or at - answering.last_at < STILL_COMING_S:
                answering.announced = None
            self._end(path)
        for asked in self._streams.unanswered():
            self._tell(_Answering(asked, UNFINISHED, asked.at))

    def _end(self, path: PacketPath) -> None:
        answering = self._answering.pop(path, None)
        if answering is not None:
            self._tell(answering)

    def _tell(self, answering: _Answering) -> None:
        asked = answering.asked
        if asked.rows.get(b"upgrade", b"").lower() == b"websocket":
            return  # a conversation, no file
        seen = FetchSeen(
            at=asked.at,
            transport="http",
            client=asked.client,
            path=_shown(asked.target),
            handset="",
            status=answering.status,
            octets=answering.octets,
            duration_s=answering.last_at - asked.at,
            user_agent=asked.rows.get(b"user-agent", b"").decode("utf-8", "replace"),
            number=asked.number,
            media_type=answering.media_type,
        )
        self._sink(seen)
        if self._sized is not None:
            self._sized(seen, answering.announced)
