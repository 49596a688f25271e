"""What a request for a file is answered with, whoever reads the request and writes the answer.

Pure: a request's headers as text in, a reply out. Must not know sockets, nor the library that
reads requests.

Source: RFC 9110 (methods, conditions, ranges).
"""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from aiohttp import hdrs

from provisioning.transport.content import Answer
from provisioning.transport.http_rules import (
    RangeNotSatisfiableError,
    entity_tag,
    http_date,
    is_unmodified,
    select_range,
)

Headers = tuple[tuple[str, str], ...]
_SERVER = (hdrs.SERVER, "phonerig")  # no version, neither ours nor of a library
_TEXT = (hdrs.CONTENT_TYPE, "text/plain; charset=utf-8")


class Asked(NamedTuple):
    """What of a request decides its answer.

    Attributes:
        method: in capitals.
        target: as it stands in the request line.
        user_agent: as sent; empty without.
        authorization: that header; empty without.
        conditions: ``If-None-Match``, ``If-Modified-Since``, ``Range`` and ``If-Range``; None
            for those that it has not.
    """

    method: str
    target: str
    user_agent: str
    authorization: str
    conditions: tuple[str | None, str | None, str | None, str | None]

    def __repr__(self) -> str:
        """Without what may be secret."""
        return f"Asked({self.method})"


UNCONDITIONAL = (None, None, None, None)


class Reply:
    """An answer before it is written; shared by all requests that get the same.

    Args:
        status: HTTP status.
        headers: but for those of the connection and of the instant.
        body: empty for none.
        handset: whose file it was about; empty when refused or shared.
        octets: of content that were taken.
        sends: its body is content that is sent.
        closes: the connection ends with it.
    """

    __slots__ = ("_heads", "body", "closes", "handset", "headers", "octets", "sends", "status")

    def __init__(
        self,
        status: int,
        headers: Headers = (),
        body: bytes = b"",
        *,
        handset: str = "",
        octets: int = 0,
        sends: bool = False,
        closes: bool = False,
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.handset = handset
        self.octets = octets
        self.sends = sends
        self.closes = closes
        self._heads: dict[int, bytes] = {}

    def head(self, minor: int) -> bytes:
        """Status line and headers as octets, without those of the connection and the instant.

        Args:
            minor: of the version of HTTP/1 that is spoken.
        """
        made = self._heads.get(minor)
        if made is None:
            length = () if self.status == 304 else ((hdrs.CONTENT_LENGTH, str(len(self.body))),)
            phrase = HTTPStatus(self.status).phrase
            rows = [f"HTTP/1.{minor} {self.status} {phrase}"]
            rows += [f"{name}: {value}" for name, value in (*self.headers, *length)]
            made = self._heads[minor] = ("\r\n".join(rows) + "\r\n").encode("utf-8")
        return made


def text_reply(status: int, text: str, *more: tuple[str, str], closes: bool = False) -> Reply:
    """A short answer of text.

    Args:
        status: HTTP status.
        text: the body.
        more: headers.
        closes: the connection ends with it.
    """
    return Reply(status, (_SERVER, _TEXT, *more), text.encode(), closes=closes)


NOT_FOUND = text_reply(404, "not found\n")
"""The one answer for everything that there is not, for whoever asks."""


def file_reply(answer: Answer, asked: Asked) -> Reply:
    """A file, a part of it, or that it has not changed.

    Args:
        answer: the file.
        asked: with its conditions.
    """
    if asked.conditions == UNCONDITIONAL:
        return _whole(answer)
    content = answer.content
    tag = entity_tag(content)
    modified = http_date(answer.modified_at)
    if_none_match, if_modified_since, wanted, if_range = asked.conditions
    basics = _basics(tag, modified)
    if is_unmodified(if_none_match, if_modified_since, tag, answer.modified_at):
        return Reply(304, basics, handset=answer.handset, sends=True)
    try:
        part = select_range(
            wanted if asked.method == hdrs.METH_GET else None,
            if_range,
            len(content),
            tag,
            modified,
        )
    except RangeNotSatisfiableError:
        refused = text_reply(416, "range not satisfiable\n", _content_range("*", len(content)))
        refused.handset = answer.handset
        return refused
    if part is None:
        return _whole(answer)
    place = _content_range(f"{part.start}-{part.stop - 1}", len(content))
    return Reply(
        206,
        (*basics, *_form(answer), place),
        content[part.start : part.stop],
        handset=answer.handset,
        sends=True,
    )


@lru_cache(2048)
def _whole(answer: Answer) -> Reply:
    """The whole file; made once for each."""
    basics = _basics(entity_tag(answer.content), http_date(answer.modified_at))
    return Reply(
        200, (*basics, *_form(answer)), answer.content, handset=answer.handset, sends=True
    )


def _basics(tag: str, modified: str) -> Headers:
    return (
        _SERVER,
        (hdrs.ETAG, tag),
        (hdrs.LAST_MODIFIED, modified),
        (hdrs.CACHE_CONTROL, "no-cache"),
    )


def _form(answer: Answer) -> Headers:
    return ((hdrs.CONTENT_TYPE, answer.media_type), (hdrs.ACCEPT_RANGES, "bytes"))


def _content_range(part: str, size: int) -> tuple[str, str]:
    return (hdrs.CONTENT_RANGE, f"bytes {part}/{size}")
