"""Cuts a byte stream (TCP, TLS) into SIP messages.

Must not know: sockets, time. Covers RFC 3261 18.3 and 7.5, RFC 5626 3.5.1 (keep-alive by
CRLF), with limits, because a peer that never ends its headers must not eat the memory.
"""

from __future__ import annotations

import re

from rig.sip.errors import MessageError
from rig.sip.grammar import shown

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_LENGTH_ROW = re.compile(rb"\n(?:content-length|l)[ \t]*:[ \t\r\n]*([^\r\n]*)", re.IGNORECASE)
_LENGTH = re.compile(rb"0*([0-9]{1,9})[ \t]*")
_LINE_ENDS = (bytearray(b"\r"), bytearray(b"\n"))
_PING = b"\r\n\r\n"
_OVERLAP = 3


def is_keep_alive(data: bytes) -> bool:
    """Whether a datagram or chunk holds line ends only: a keep-alive, not a message.

    Args:
        data: what was received; four NUL octets, which some phones send over UDP, count too.
    """
    return not data.strip(b"\r\n\x00")


class StreamFramer:
    """Collects received chunks and hands out whole messages.

    After MessageError the framing is lost for good: close the connection.

    Args:
        max_head_bytes: longest header section.
        max_body_bytes: longest body.
    """

    def __init__(self, *, max_head_bytes: int = 65536, max_body_bytes: int = 1048576) -> None:
        self._buffer = bytearray()
        self._max_head_bytes = max_head_bytes
        self._max_body_bytes = max_body_bytes
        self._searched = 0
        self._needed = 0
        self._pings = 0
        self._lost = ""

    def feed(self, data: bytes) -> None:
        """Take a received chunk of any size."""
        self._buffer += data

    @property
    def pending_bytes(self) -> int:
        """Octets received that do not make a message yet."""
        return len(self._buffer)

    def take_keep_alives(self) -> int:
        """Say how many double-CRLF pings came since the last call; each wants one CRLF back.

        Source: RFC 5626 3.5.1.
        """
        pings, self._pings = self._pings, 0
        return pings

    def next_message(self) -> bytes | None:
        """Give the next whole message, or None until more has been received.

        Raises:
            MessageError: Content-Length is missing, malformed, doubled with different values
                or too large, or the headers never end; the connection is of no more use.

        Source: RFC 3261 18.3 and 20.14 (on streams Content-Length is a must).
        """
        if self._lost:
            raise MessageError(self._lost)
        if not self._needed and (self._searched or self._skip_line_ends()):
            self._find_end()
        if not self._needed or len(self._buffer) < self._needed:
            return None
        message = bytes(self._buffer[: self._needed])
        del self._buffer[: self._needed]
        self._needed = self._searched = 0
        return message

    def _skip_line_ends(self) -> bool:
        """Drop line ends before a message; False while they may still become a ping."""
        buffer = self._buffer
        while buffer[:1] in _LINE_ENDS:
            if buffer.startswith(_PING):
                self._pings += 1
                del buffer[:4]
            elif _PING.startswith(bytes(buffer[:4])):
                return False
            else:
                del buffer[:1]
        return True

    def _find_end(self) -> None:
        found = _END_OF_HEAD.search(self._buffer, self._searched)
        if found is None:
            self._searched = max(0, len(self._buffer) - _OVERLAP)
            if len(self._buffer) > self._max_head_bytes:
                self._lose(f"stream: no end of headers within {self._max_head_bytes} octets")
            return
        if found.end() > self._max_head_bytes:
            self._lose(f"stream: headers longer than {self._max_head_bytes} octets")
        self._needed = found.end() + self._body_length(bytes(self._buffer[: found.start()]))

    def _body_length(self, head: bytes) -> int:
        lengths = set()
        for value in _LENGTH_ROW.findall(head):
            found = _LENGTH.fullmatch(value)
            if found is None:
                shown_value = shown(value.decode("ascii", "replace"))
                self._lose(f"stream: Content-Length is {shown_value}; expected digits")
            else:
                lengths.add(int(found.group(1)))
        if len(lengths) != 1:
            what = "missing" if not lengths else "given twice with different values"
            self._lose(f"stream: Content-Length is {what}; message borders are unknown")
        length = lengths.pop()
        if length > self._max_body_bytes:
            self._lose(f"stream: body of {length} octets; at most {self._max_body_bytes} taken")
        return length

    def _lose(self, why: str) -> None:
        self._lost = f"{why}; close the connection (RFC 3261 18.3)"
        raise MessageError(self._lost)
