"""Recognises the plain requests that nearly all phones send, and nothing else.

This is no second parser: it says yes to a GET or HEAD without a body that nobody could read
otherwise, whole and by itself, and "not mine" to everything else, which then goes to the parser
for HTTP. So what is odd, broken or meant to be ambiguous is judged in one place.

Pure. Source: RFC 9112 (HTTP/1.1 messages); what is left out on purpose is said at each rule.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from provisioning.transport.http_reply import UNCONDITIONAL, Asked

LONGEST = 4096
"""Octets of a request's head; longer ones are not plain."""

_HEAD = re.compile(
    # Only the methods that bring no body, and targets of characters without a second meaning.
    rb"(GET|HEAD) (/[A-Za-z0-9/._~%?&=+,:@;$!*'()-]*) HTTP/1\.([01])\r\n"
    # No folded lines, no blanks before the colon, no octets beyond ASCII, no bare CR or LF.
    rb"((?:[A-Za-z0-9-]+:[\t -~]*\r\n)*)\r\n"
)
_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]+")
_NOT_PLAIN = frozenset(
    {
        # a body, or something about one
        *("content-length", "transfer-encoding", "content-encoding", "content-type"),
        *("expect", "trailer", "te"),
        # another protocol
        *("upgrade", "http2-settings"),
        # proxies
        *("proxy-connection", "keep-alive", "via", "forwarded"),
    }
)


class PlainRequest(NamedTuple):
    """A request that was recognised.

    Attributes:
        asked: what it asks for.
        minor: of its version of HTTP/1.
        keep_alive: the connection stays for further requests.
        end: where the next request begins.
    """

    asked: Asked
    minor: int
    keep_alive: bool
    end: int


def recognise(data: bytes, begin: int = 0) -> PlainRequest | None:
    """Read a plain request.

    Args:
        data: as received.
        begin: where the request begins.

    Returns:
        None for whatever is not whole, not plain, or not certain.
    """
    found = _HEAD.match(data, begin)
    if found is None or found.end() - begin > LONGEST:
        return None
    method, target, version, block = found.groups()
    fields: dict[str, str] = {}
    rows = block.decode("ascii").split("\r\n")
    rows.pop()
    for row in rows:
        name, _, value = row.partition(":")
        fields[name.lower()] = value.strip(" \t")
    # No name twice: which of the two counts is a question for a parser.
    if len(fields) != len(rows) or not _NOT_PLAIN.isdisjoint(fields):
        return None
    minor = 1 if version == b"1" else 0
    host = fields.get("host")
    if (host is None and minor) or (host is not None and not _HOST.fullmatch(host)):
        return None
    get = fields.get
    connection = get("connection")
    if connection is None:
        keep_alive = minor == 1
    else:
        connection = connection.lower()
        if connection not in ("keep-alive", "close"):
            return None
        keep_alive = connection == "keep-alive"
    conditions = (
        get("if-none-match"),
        get("if-modified-since"),
        get("range"),
        get("if-range"),
    )
    asked = Asked(
        method.decode("ascii"),
        target.decode("ascii"),
        get("user-agent", ""),
        get("authorization", ""),
        UNCONDITIONAL if conditions == UNCONDITIONAL else conditions,
    )
    return PlainRequest(asked, minor, keep_alive, found.end())
