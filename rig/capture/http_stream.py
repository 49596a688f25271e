"""Splits HTTP/1 connections into heads and bodies, whatever way their octets were cut.

Every octet goes out in one piece, so that one may count or replace them; only a head that has not
ended waits.
Must not know what a fetch is.

Source: RFC 9112 sections 2 (messages), 6 and 7 (length of bodies).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from rig.capture.packet import CapturedPacket, PacketPath
from rig.timeline import Address

MAX_CONNECTIONS = 4096
_MAX_HEAD = 65_536
_MAX_CHUNK_HEAD = 1100
_REQUEST = re.compile(rb"([A-Z]{3,8}) (\S{1,8192}) HTTP/1")
_RESPONSE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})")
_CHUNK = re.compile(rb"[\r\n]*([0-9A-Fa-f]{1,8})[^\r\n]{0,1000}\r?\n")


@dataclass(slots=True)
class HttpRequest:
    """The head of a request.

    Attributes:
        raw: its octets, with the empty line.
        method: as written.
        target: as written.
        rows: headers by lower-case name; of doubled ones the last.
        at: instant of its last octet.
        client: who asked.
        number: packet of its last octet.
    """

    raw: bytes
    method: bytes
    target: bytes
    rows: dict[bytes, bytes]
    at: float
    client: Address
    number: int


@dataclass(slots=True)
class HttpResponse:
    """The head of a response.

    Attributes:
        raw: its octets, with the empty line.
        status: of three digits.
        asked: what it answers; None when that was not seen, or for 1xx.
        announced: octets of its body by Content-Length; None where it has none or says nothing.
        media_type: its Content-Type in lower case, without parameters.
    """

    raw: bytes
    status: int
    asked: HttpRequest | None
    announced: int | None = None
    media_type: str = ""


@dataclass(slots=True)
class HttpBody:
    """Octets of content."""

    raw: bytes


@dataclass(slots=True)
class HttpFraming:
    """The line before a chunk."""

    raw: bytes


@dataclass(slots=True)
class HttpLost:
    """Octets of which nobody knows what they are."""

    raw: bytes


@dataclass(slots=True)
class HttpEnd:
    """A message of this direction has ended, or nobody knows where it goes on; no octets."""

    raw: bytes = b""


HttpPiece = HttpRequest | HttpResponse | HttpBody | HttpFraming | HttpLost | HttpEnd


@dataclass(slots=True)
class _Direction:
    """One direction of a connection: a head, then a body, then a head."""

    head: bytearray = field(default_factory=bytearray)
    left: int | None = 0
    chunked: bool = False
    lost: bool = False


class HttpStreams:
    """Feed it TCP octets in order; it gives pieces."""

    def __init__(self) -> None:
        self._directions: dict[PacketPath, _Direction] = {}
        self._asked: dict[tuple[int, Address, Address], deque[HttpRequest]] = {}

    def feed(self, packet: CapturedPacket) -> Iterator[HttpPiece]:
        """Take the octets of one packet.

        Yields:
            Pieces that are complete with it; a head when its last octet has come.
        """
        path = packet.path
        direction = self._directions.get(path)
        if direction is None or packet.breaks:
            if direction is not None:
                yield HttpEnd()
            self._make_room()
            direction = self._directions[path] = _Direction()
        data = packet.payload
        while data and not direction.lost:
            pieces, data = self._take(direction, data, packet)
            yield from pieces
        if data:
            yield HttpLost(data)

    def unanswered(self) -> Iterator[HttpRequest]:
        """Requests whose answer never came."""
        for waiting in self._asked.values():
            yield from waiting

    def _make_room(self) -> None:
        while len(self._directions) >= MAX_CONNECTIONS:
            del self._directions[next(iter(self._directions))]
        while len(self._asked) >= MAX_CONNECTIONS:
            del self._asked[next(iter(self._asked))]

    def _take(
        self, direction: _Direction, data: bytes, packet: CapturedPacket
    ) -> tuple[list[HttpPiece], bytes]:
        """Use up some octets; gives those that are left."""
        if direction.left is None:
            return [HttpBody(data)], b""
        if direction.left:
            size = min(direction.left, len(data))
            direction.left -= size
            ended = not direction.left and not direction.chunked
            body: list[HttpPiece] = [HttpBody(data[:size])]
            return body + ([HttpEnd()] if ended else []), data[size:]
        direction.head += data
        if direction.chunked:
            return _chunk(direction)
        end, size = direction.head.find(b"\r\n\r\n"), 4
        if end < 0:
            end, size = direction.head.find(b"\n\n"), 2
        if end < 0:
            return _too_long(direction, _MAX_HEAD)
        head, rest = bytes(direction.head[: end + size]), bytes(direction.head[end + size :])
        direction.head.clear()
        return list(self._begin(direction, head, packet)), rest

    def _begin(
        self, direction: _Direction, raw: bytes, packet: CapturedPacket
    ) -> Iterator[HttpPiece]:
        head = raw.strip(b"\r\n")
        rows = {}
        for line in head.split(b"\n")[1:]:
            name, _, value = line.partition(b":")
            rows[name.strip().lower()] = value.strip()
        request, response = _REQUEST.match(head), _RESPONSE.match(head)
        direction.chunked = b"chunked" in rows.get(b"transfer-encoding", b"").lower()
        length = rows.get(b"content-length", b"")
        if request is not None:
            method, target = request.groups()
            direction.left = _number(length)
            asked = HttpRequest(raw, method, target, rows, packet.at, packet.source, packet.number)
            pair = (packet.interface, packet.source, packet.destination)
            self._asked.setdefault(pair, deque(maxlen=64)).append(asked)
            yield asked
        elif response is not None:
            yield from self._answer(direction, raw, int(response[1]), rows, packet)
        else:
            direction.lost = not direction.chunked and head != b""
            direction.left = 0
            yield HttpLost(raw)

    def _answer(
        self,
        direction: _Direction,
        raw: bytes,
        status: int,
        rows: dict[bytes, bytes],
        packet: CapturedPacket,
    ) -> Iterator[HttpPiece]:
        direction.left = 0
        length = rows.get(b"content-length", b"")
        if status < 200:
            direction.chunked = False
            yield HttpResponse(raw, status, None)
            return
        waiting = self._asked.get((packet.interface, packet.destination, packet.source))
        asked = waiting.popleft() if waiting else None
        empty = status in {204, 304} or (asked is not None and asked.method == b"HEAD")
        told = length.isdigit() and not empty and not direction.chunked
        media_type = rows.get(b"content-type", b"").partition(b";")[0].strip().lower()
        yield HttpResponse(
            raw,
            status,
            asked,
            _number(length) if told else None,
            media_type[:80].decode("ascii", "replace"),
        )
        if empty:
            direction.chunked = False
        elif not direction.chunked:
            direction.left = _number(length) if length else None
        if not direction.chunked and direction.left == 0:
            yield HttpEnd()


def _chunk(direction: _Direction) -> tuple[list[HttpPiece], bytes]:
    found = _CHUNK.match(direction.head)
    if found is None:
        return _too_long(direction, _MAX_CHUNK_HEAD)
    line, rest = bytes(found[0]), bytes(direction.head[found.end() :])
    direction.left = int(found[1], 16)
    direction.head.clear()
    direction.chunked = direction.left > 0
    framing: list[HttpPiece] = [HttpFraming(line)]
    return framing + ([] if direction.chunked else [HttpEnd()]), rest


def _too_long(direction: _Direction, limit: int) -> tuple[list[HttpPiece], bytes]:
    """What waits for its end waits in vain when it is longer than anything known."""
    direction.lost = len(direction.head) > limit
    if not direction.lost:
        return [], b""
    lost = bytes(direction.head)
    direction.head.clear()
    return [HttpLost(lost)], b""


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() and len(text) < 16 else 0
