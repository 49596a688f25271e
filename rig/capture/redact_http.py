"""Takes people and contents out of HTTP/1: who fetched what stays, what was in it does not.

A head keeps the headers that say how long and of what kind; the value of every other header is
replaced, credentials are blanked. Contents become zeros. Every octet is replaced by one, so that
lengths and chunks still hold; what is no HTTP/1 is left out.

Source: RFC 9110 sections 8, 10 and 11 (headers), RFC 9112 sections 2 and 7.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus

from rig.capture.http_stream import (
    HttpBody,
    HttpFraming,
    HttpRequest,
    HttpResponse,
    HttpStreams,
)
from rig.capture.packet import CapturedPacket
from rig.capture.redact_message import MessageRedactor

_KEPT = frozenset({
    b"content-length", b"content-type", b"content-encoding", b"content-range",
    b"transfer-encoding", b"connection", b"keep-alive", b"accept", b"accept-encoding",
    b"accept-language", b"accept-ranges", b"range", b"date", b"expires", b"last-modified",
    b"if-modified-since", b"cache-control", b"pragma", b"server", b"user-agent", b"age", b"vary",
    b"upgrade",
})  # fmt: skip
"""Headers that name nobody but a program; known names and hardware addresses go here too."""

_CREDENTIALS = frozenset({
    b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"www-authenticate",
    b"proxy-authenticate", b"authentication-info", b"x-auth-token", b"x-api-key",
})  # fmt: skip
_HEADER = re.compile(rb"([!-9;-~]+)([ \t]*:[ \t]*)([^\r\n]*)")
_SCHEME = re.compile(rb"[A-Za-z]+ ")
_LINE = re.compile(rb"([^\r\n]*)(\r?\n|\Z)")
_PHRASES = {status.phrase.encode() for status in HTTPStatus}


class HttpRedactor:
    """Replaces the octets of HTTP connections.

    Args:
        redactor: knows the names.
    """

    def __init__(self, redactor: MessageRedactor) -> None:
        self._redactor = redactor
        self._streams = HttpStreams()

    def redact(self, packet: CapturedPacket) -> bytes:
        """What stands in this packet instead; heads stand where they end.

        Args:
            packet: the next of its direction.
        """
        clean = bytearray()
        for piece in self._streams.feed(packet):
            match piece:
                case HttpRequest() | HttpResponse():
                    clean += self._head(piece.raw)
                case HttpFraming():
                    clean += _framing(piece.raw)
                case HttpBody():
                    clean += bytes(len(piece.raw))
                case _:
                    pass  # nobody knows what it is
        return bytes(clean)

    def _head(self, raw: bytes) -> bytes:
        clean: list[bytes] = []
        first: Callable[[bytes], bytes] | None = self._start_line
        for text, end in _LINE.findall(raw):
            if first is not None and text:
                clean.append(first(text))
                first = None
            else:
                clean.append(self._row(text))
            clean.append(end)
        return b"".join(clean)

    def _start_line(self, text: bytes) -> bytes:
        if text.startswith(b"HTTP/"):
            head, phrase = text[:12], text[12:]
            known = phrase.strip() in _PHRASES or not phrase.strip()
            return head + (phrase if known else self._redactor.scramble(phrase))
        method, _, rest = text.partition(b" ")
        target, blank, version = rest.rpartition(b" ")
        path, mark, query = target.partition(b"?")
        words = self._redactor.path(path) + mark + self._query(query)
        return method + b" " + words + blank + version

    def _query(self, query: bytes) -> bytes:
        """Names of parameters stay, values go."""
        return (
            re.sub(rb"(?<==)[^&;]+", lambda found: self._redactor.scramble(found[0]), query)
            if b"=" in query
            else self._redactor.scramble(query)
        )

    def _row(self, text: bytes) -> bytes:
        found = _HEADER.fullmatch(text)
        if found is None:
            return self._redactor.scramble(text)
        name, colon, value = found.groups()
        key = name.lower()
        if key in _KEPT:
            value = self._redactor.path(value)
        elif key in _CREDENTIALS:
            scheme = _SCHEME.match(value)
            start = scheme.end() if scheme else 0
            value = value[:start] + b"*" * (len(value) - start)
        else:
            value = self._redactor.scramble(value)
        return name + colon + value


def _framing(line: bytes) -> bytes:
    """The size of a chunk stays; what follows a semicolon does not."""
    size, mark, rest = line.partition(b";")
    end = line[len(line.rstrip(b"\r\n")) :]
    return line if not mark else size + mark + b"x" * (len(rest) - len(end)) + end
