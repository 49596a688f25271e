"""Sees which files handsets fetch by TFTP and HTTP: names, statuses, sizes, and nothing else.

Contents carry passwords and are never kept. Of encrypted connections only their number is known.
A fetch whose end is not in the capture has status 0.

Source: RFC 1350, 2347, 2348 (TFTP), RFC 9112 sections 6 and 7 (length of HTTP bodies).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from rig.capture.packet import CapturedPacket
from rig.timeline import Address, FetchSeen

UNFINISHED = 0
MAX_TRANSFERS = 4096
_MAX_HEAD = 65_536
_RRQ, _DATA, _ACK, _ERROR, _OACK = 1, 3, 4, 5, 6
_BLOCK_OCTETS = 512
_SECRET_QUERY = re.compile(
    r"([?&;](?:pass(?:word|wd)?|pwd?|pin|secret|token|auth\w*|key)=)[^&;\s]*", re.IGNORECASE
)
_REQUEST = re.compile(rb"([A-Z]{3,8}) (\S{1,8192}) HTTP/1")
_RESPONSE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]{0,1000}\r?\n")

Sink = Callable[[FetchSeen], None]
_Pair = tuple[int, Address, Address]
"""Interface, client, server."""


def _shown(path: bytes) -> str:
    return _SECRET_QUERY.sub(r"\1***", path.decode("utf-8", "replace"))


class FetchWatcher:
    """Feeds on packets of TFTP and HTTP; hands on every fetch when it has ended.

    Args:
        sink: takes the fetches.

    Attributes:
        encrypted: connections that began with TLS.
    """

    def __init__(self, sink: Sink) -> None:
        self.encrypted = 0
        self._tftp = _TftpWatcher(sink)
        self._http = _HttpWatcher(sink)

    def feed(self, packet: CapturedPacket) -> None:
        """Take one packet in order of time."""
        if packet.transport == "UDP":
            self._tftp.feed(packet)
        elif packet.breaks and packet.payload[:2] == b"\x16\x03":
            self.encrypted += packet.payload[5:6] == b"\1"  # the client's first message
        else:
            self._http.feed(packet)

    def close(self) -> None:
        """Hand on what the capture does not see the end of."""
        self._tftp.close()
        self._http.close()


@dataclass(slots=True)
class _Transfer:
    at: float
    client: Address
    server: str
    path: str
    last_at: float
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
            packet.at, packet.source, packet.destination[0], name, packet.at
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
            )
        )


def _block_size(oack: bytes) -> int:
    words = oack[2:].split(b"\0")
    for name, value in zip(words[::2], words[1::2], strict=False):
        if name.lower() == b"blksize" and value.isdigit() and len(value) < 6:
            return int(value)
    return _BLOCK_OCTETS


@dataclass(slots=True)
class _Asked:
    at: float
    client: Address
    method: bytes
    path: str
    user_agent: str


@dataclass(slots=True)
class _Answering:
    asked: _Asked
    status: int
    last_at: float
    octets: int = 0


@dataclass(slots=True)
class _Direction:
    """One direction of a connection: a head, then a body, then a head."""

    head: bytearray = field(default_factory=bytearray)
    left: int | None = 0
    chunked: bool = False
    lost: bool = False
    answering: _Answering | None = None


class _HttpWatcher:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._directions: dict[_Pair, _Direction] = {}
        self._asked: dict[_Pair, deque[_Asked]] = {}

    def feed(self, packet: CapturedPacket) -> None:
        key = (packet.interface, packet.source, packet.destination)
        direction = self._directions.get(key)
        if direction is None or packet.breaks:
            if direction is not None:
                self._end(direction)
            self._make_room()
            direction = self._directions[key] = _Direction()
        data = packet.payload
        while data and not direction.lost:
            data = self._take(direction, data, packet)

    def close(self) -> None:
        for direction in self._directions.values():
            self._end(direction)
        for waiting in self._asked.values():
            for asked in waiting:
                self._tell(_Answering(asked, UNFINISHED, asked.at))

    def _make_room(self) -> None:
        while len(self._directions) >= MAX_TRANSFERS:
            self._end(self._directions.pop(next(iter(self._directions))))
        while len(self._asked) >= MAX_TRANSFERS:
            del self._asked[next(iter(self._asked))]

    def _take(self, direction: _Direction, data: bytes, packet: CapturedPacket) -> bytes:
        """Use up some octets; gives those that are left."""
        if direction.left is None:
            self._body(direction, len(data), packet)
            return b""
        if direction.left:
            size = min(direction.left, len(data))
            direction.left -= size
            self._body(direction, size, packet)
            if not direction.left and not direction.chunked:
                self._end(direction)
            return data[size:]
        if direction.chunked:
            return self._chunk(direction, data)
        direction.head += data
        end, size = direction.head.find(b"\r\n\r\n"), 4
        if end < 0:
            end, size = direction.head.find(b"\n\n"), 2
        if end < 0:
            direction.lost = len(direction.head) > _MAX_HEAD
            return b""
        head, rest = bytes(direction.head[:end]), bytes(direction.head[end + size :])
        direction.head.clear()
        self._begin(direction, head.lstrip(b"\r\n"), packet)
        return rest

    def _chunk(self, direction: _Direction, data: bytes) -> bytes:
        direction.head += data
        text = bytes(direction.head).lstrip(b"\r\n")
        found = _CHUNK.match(text)
        if found is None:
            direction.lost = len(text) > 1100
            return b""
        direction.head.clear()
        direction.left = int(found[1], 16)
        if not direction.left:
            direction.chunked = False
            self._end(direction)
        return text[found.end() :]

    def _body(self, direction: _Direction, size: int, packet: CapturedPacket) -> None:
        if direction.answering is not None:
            direction.answering.octets += size
            direction.answering.last_at = packet.at

    def _begin(self, direction: _Direction, head: bytes, packet: CapturedPacket) -> None:
        rows = {}
        for line in head.split(b"\n")[1:]:
            name, _, value = line.partition(b":")
            rows[name.strip().lower()] = value.strip()
        request, response = _REQUEST.match(head), _RESPONSE.match(head)
        direction.chunked = b"chunked" in rows.get(b"transfer-encoding", b"").lower()
        length = rows.get(b"content-length", b"")
        if request is not None:
            agent = rows.get(b"user-agent", b"").decode("utf-8", "replace")
            asked = _Asked(packet.at, packet.source, request[1], _shown(request[2]), agent)
            pair = (packet.interface, packet.source, packet.destination)
            self._asked.setdefault(pair, deque(maxlen=64)).append(asked)
            direction.left = _number(length)
        elif response is not None:
            self._answer(direction, int(response[1]), length, packet)
        else:
            direction.lost = not direction.chunked and head != b""
            direction.left = 0

    def _answer(
        self, direction: _Direction, status: int, length: bytes, packet: CapturedPacket
    ) -> None:
        waiting = self._asked.get((packet.interface, packet.destination, packet.source))
        direction.left = 0
        if status < 200:
            direction.chunked = False
            return
        asked = waiting.popleft() if waiting else None
        if asked is not None:
            direction.answering = _Answering(asked, status, packet.at)
        empty = status in {204, 304} or (asked is not None and asked.method == b"HEAD")
        if empty:
            direction.chunked = False
        elif not direction.chunked:
            direction.left = _number(length) if length else None
        if not direction.chunked and direction.left == 0:
            self._end(direction)

    def _end(self, direction: _Direction) -> None:
        answering, direction.answering = direction.answering, None
        if answering is not None:
            self._tell(answering)

    def _tell(self, answering: _Answering) -> None:
        asked = answering.asked
        self._sink(
            FetchSeen(
                at=asked.at,
                transport="http",
                client=asked.client,
                path=asked.path,
                handset="",
                status=answering.status,
                octets=answering.octets,
                duration_s=answering.last_at - asked.at,
                user_agent=asked.user_agent,
            )
        )


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() and len(text) < 16 else 0
