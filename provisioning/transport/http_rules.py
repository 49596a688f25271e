"""Conditional and range requests, and what of a request may be logged: pure functions on text.

Knows no server. Source: RFC 9110 section 13 (conditions), section 14 (ranges),
section 8.8 (validators).
"""

from __future__ import annotations

import hashlib
import re
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache

from provisioning.access_model import mask_tokens

_MAX_LOGGED = 2048
_USERINFO = re.compile(r"(?i)\b([a-z]+://)[^/?#@\s]*@")
_SECRET_PARAMETER = re.compile(
    r"(?i)([?&;](?:[^=&;\s]*(?:pass|pwd|secret|token|auth|key|pin)[^=&;\s]*)=)[^&;\s]*"
)
_SINGLE_RANGE = re.compile(r"\s*bytes\s*=\s*([0-9]*)\s*-\s*([0-9]*)\s*", re.IGNORECASE)
_MAX_DIGITS = 18


class RangeNotSatisfiableError(ValueError):
    """A range that lies outside of the file: status 416."""


@lru_cache(2048)
def entity_tag(content: bytes) -> str:
    """Make a strong entity tag that changes with the content and with nothing else.

    Args:
        content: the whole file.

    Returns:
        Quoted tag.
    """
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@lru_cache(1024)
def http_date(at: float) -> str:
    """Write an instant as ``Last-Modified`` does.

    Args:
        at: seconds since the epoch; fractions are dropped.
    """
    return formatdate(int(at), usegmt=True)


def is_unmodified(
    if_none_match: str | None, if_modified_since: str | None, tag: str, modified_at: float
) -> bool:
    """Decide between 304 and the file.

    ``If-None-Match`` goes before ``If-Modified-Since``; a date that cannot be read is
    ignored. Source: RFC 9110 section 13.1.2, 13.1.3, 13.2.2.

    Args:
        if_none_match: header value or None.
        if_modified_since: header value or None.
        tag: entity tag of the file.
        modified_at: its modification instant, seconds since the epoch.
    """
    if if_none_match is not None:
        tags = [text.strip().removeprefix("W/") for text in if_none_match.split(",")]
        return tag in tags or tags == ["*"]
    if if_modified_since is None:
        return False
    try:
        since = parsedate_to_datetime(if_modified_since).timestamp()
    except (ValueError, OverflowError):
        return False
    return int(modified_at) <= since


def select_range(
    range_header: str | None, if_range: str | None, size: int, tag: str, modified: str
) -> range | None:
    """Decide which octets to send.

    Several ranges, another unit and text that is no range get the whole file, as the RFC
    lets a server do. Source: RFC 9110 section 14.2, 13.1.5.

    Args:
        range_header: ``Range`` or None.
        if_range: ``If-Range`` or None.
        size: octets of the whole file.
        tag: its entity tag.
        modified: its ``Last-Modified`` text.

    Returns:
        Octet positions, or None for the whole file.

    Raises:
        RangeNotSatisfiableError: the range begins behind the end.
    """
    match = _SINGLE_RANGE.fullmatch(range_header or "")
    if match is None or (if_range is not None and if_range.strip() not in {tag, modified}):
        return None
    first, last = match.groups()
    if max(len(first), len(last)) > _MAX_DIGITS or not first + last:
        return None
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= size:
        raise RangeNotSatisfiableError(range_header)
    return range(start, stop)


def loggable_target(target: str) -> str:
    """What of a request's target may stand in a log: no token, no password.

    Args:
        target: as requested, or a whole request line.

    Returns:
        The same of bounded length, with ``***`` for path tokens, for user and password before
        a host, and for the values of parameters that are called like secrets.
    """
    text = mask_tokens(target[:_MAX_LOGGED])
    if "@" in text:
        text = _USERINFO.sub(r"\1***@", text)
    return _SECRET_PARAMETER.sub(r"\1***", text) if "=" in text else text
