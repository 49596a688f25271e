"""Bytes to SIP messages: quick for ordinary traffic, careful for everything else.

Must not know: sockets, transactions, time. Covers RFC 3261 7 and 18.3, with the tolerance and
the refusals of RFC 4475. Ordinary messages take the short way (no folds, no blanks before a
colon); the long way gives the same result for them.
"""

from __future__ import annotations

import re

from rig.sip.errors import MessageError
from rig.sip.grammar import TOKEN, shown
from rig.sip.header import Headers
from rig.sip.message import SIP_VERSION, Message, Request, Response

Rows = list[tuple[str, str]]

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(r"\r?\n")
_LENGTH = re.compile(r"0*([0-9]{1,9})")
_VERSION = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE)
_STATUS = re.compile(r"[1-6][0-9][0-9]")
_is_token = TOKEN.fullmatch


def parse_message(data: bytes, *, datagram: bool = True) -> Request | Response:
    """Read one SIP message.

    Liberal where RFC 4475 allows it: line feeds alone, folds, blanks before colons, several
    blanks in the request line, a datagram without the closing empty line. Typed views and
    :func:`rig.sip.lint.screen` judge the single headers later.

    Args:
        data: one datagram, or one frame from :class:`rig.sip.framing.StreamFramer`. Octets
            after the body of a datagram are ignored.
        datagram: True for UDP, where a missing Content-Length means "to the end".

    Returns:
        The message; ``raw`` holds ``data``.

    Raises:
        MessageError: with ``status_hint`` 400 or 505 for requests and None where silence is
            the only answer; ``partial`` holds what could be read.

    Source: RFC 3261 7.1, 7.2, 7.3, 18.3; RFC 4475 3.1.
    """
    end = data.find(b"\r\n\r\n")
    if end > 0:
        lines = data[:end].decode("utf-8", "surrogateescape").split("\n")
        start = lines[0].rstrip("\r")
        del lines[0]
        rows = [
            (name, value.strip(" \t\r"))
            for name, colon, value in [line.partition(":") for line in lines]
            if colon and name
        ]
        names = "\n".join([name for name, _ in rows]).lower()
        # A fold or a blank before the colon shows as a blank in a name.
        if len(rows) == len(lines) and start and " " not in names and "\t" not in names:
            keys = names.split("\n") if rows else []
            return _assemble(start, Headers.adopt(rows, keys), data, end + 4, datagram)
    return _parse_carefully(data, datagram)


def _parse_carefully(data: bytes, datagram: bool) -> Request | Response:  # noqa: FBT001 - private, one caller
    offset = len(data) - len(data.lstrip(b"\r\n"))
    if offset == len(data):
        raise MessageError("message: got line ends only (keep-alive)", status_hint=None)
    closing = _END_OF_HEAD.search(data, offset)
    if closing is not None:
        head, body_at = data[offset : closing.start()], closing.end()
    else:
        head, body_at = data[offset:], len(data)
    lines = _LINE_END.split(head.decode("utf-8", "surrogateescape"))
    start = lines[0]
    rows: Rows = []
    fault = ""
    for line in lines[1:]:
        if line[:1] in (" ", "\t"):
            if rows:
                name, value = rows[-1]
                rows[-1] = (name, " ".join((value, line.strip(" \t\r"))).strip(" "))
            else:
                fault = "message: the first line is folded; expected a header row after it"
            continue
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if colon and name:
            rows.append((name, value.strip(" \t\r")))
        elif line:
            fault = fault or f"message: got line {shown(line)}; expected 'name: value'"
    if closing is None and not (datagram and head.endswith(b"\n")):
        fault = fault or "message: no empty line after the headers; it was cut short"
    if fault:
        partial = _salvage(start, Headers(rows), data)
        raise MessageError(fault, status_hint=_hint(partial, 400), partial=partial)
    return _assemble(start.rstrip("\r"), Headers.adopt(rows), data, body_at, datagram)


def _assemble(
    start: str,
    headers: Headers,
    data: bytes,
    body_at: int,
    datagram: bool,  # noqa: FBT001 - private, on the hot path
) -> Request | Response:
    message: Request | Response
    method, _, rest = start.partition(" ")
    uri, _, version = rest.rpartition(" ")
    if version == SIP_VERSION and " " not in uri and uri and uri[0] != "<" and _is_token(method):
        message = Request(method, uri, headers)
    elif method == SIP_VERSION and rest[3:4] == " " and _STATUS.fullmatch(rest[:3]):
        message = Response(int(rest[:3]), rest[4:], headers)
    else:
        message = _unusual_start(start, headers, data)
    message.raw = data
    lengths = headers.content_lengths()
    if lengths:
        end = body_at + _agreed_length(lengths, message)
        if end > len(data):
            raise _length_error(
                f"got {lengths[0]}, but only {len(data) - body_at} octets follow the headers",
                message,
            )
        message.body = data[body_at:end]
    elif datagram:
        message.body = data[body_at:]
    return message


def _agreed_length(lengths: list[str], message: Request | Response) -> int:
    if (
        len(lengths) == 1
        and len(lengths[0]) < 8
        and lengths[0].isdecimal()
        and lengths[0].isascii()
    ):
        return int(lengths[0])
    found = [_LENGTH.fullmatch(length) for length in lengths]
    values = {int(length.group(1)) for length in found if length is not None}
    if None in found:
        wrong = lengths[found.index(None)]
        raise _length_error(f"got {shown(wrong)}; expected up to nine digits", message)
    if len(values) > 1:
        raise _length_error("several values that differ; the body cannot be found", message)
    return values.pop()


def _length_error(text: str, message: Request | Response) -> MessageError:
    return MessageError(
        f"Content-Length: {text} (RFC 3261 18.3)",
        status_hint=_hint(message, 400),
        partial=message,
    )


def _hint(message: Message | None, status: int) -> int | None:
    """Only requests other than ACK are ever answered."""
    return status if isinstance(message, Request) and message.method != "ACK" else None


def _salvage(start: str, headers: Headers, data: bytes) -> Request | Response | None:
    """Make what can be made of a damaged message, so that it can be answered and shown."""
    words = start.split()
    partial: Request | Response
    if not words or words[0].upper().startswith("SIP/"):
        if len(words) < 2 or not _STATUS.fullmatch(words[1]):
            return None
        partial = Response(int(words[1]), " ".join(words[2:]), headers.copy(), version=words[0])
    elif _is_token(words[0]) and len(headers):
        partial = Request(words[0], " ".join(words[1:-1]), headers.copy(), version=words[-1])
    else:
        return None
    partial.raw = data
    return partial


def _unusual_start(start: str, headers: Headers, data: bytes) -> Request | Response:
    """Judge a start line that is not the plain form."""
    words = start.split()
    if words and _VERSION.fullmatch(words[0]):
        return _unusual_status_line(start, words, headers)
    partial = _salvage(start, headers, data)
    hint = _hint(partial, 400)
    if len(words) < 3 or not _is_token(words[0]) or start[:1] in (" ", "\t"):
        raise MessageError(
            f"request line: got {shown(start)}; expected 'METHOD uri SIP/2.0'",
            status_hint=hint,
            partial=partial,
        )
    if not _VERSION.fullmatch(words[-1]):
        raise MessageError(
            f"request line: got {shown(words[-1])} as version; expected SIP/2.0",
            status_hint=hint,
            partial=partial,
        )
    if words[-1].upper() != SIP_VERSION:
        raise MessageError(
            f"request line: got version {shown(words[-1])}; only SIP/2.0 is known",
            status_hint=_hint(partial, 505),
            partial=partial,
        )
    if len(words) != 3 or words[1][0] == "<":
        raise MessageError(
            f"request line: got {shown(start)}; the Request-URI has no blanks and no angle "
            "brackets",
            status_hint=hint,
            partial=partial,
        )
    return Request(words[0], words[1], headers)


def _unusual_status_line(start: str, words: list[str], headers: Headers) -> Response:
    if words[0].upper() != SIP_VERSION:
        raise MessageError(
            f"status line: got version {shown(words[0])}; expected SIP/2.0", status_hint=None
        )
    if len(words) < 2 or not _STATUS.fullmatch(words[1]) or start[:1] in (" ", "\t"):
        raise MessageError(
            f"status line: got {shown(start)}; expected 'SIP/2.0 100..699 reason'",
            status_hint=None,
        )
    reason = start.split(None, 2)[2] if len(words) > 2 else ""
    return Response(int(words[1]), reason, headers)
