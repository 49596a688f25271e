"""Small pieces of the SIP grammar that several header readers share.

Must not know: messages, sockets, time. Covers RFC 3261 25.1 (tokens, quoted strings,
parameters, hosts, numbers). Every scan is linear in the length of its text, whatever a peer
sends.
"""

from __future__ import annotations

import re

from provisioning.header_text import (
    match_quoted,
    quote,
    shown,
    split_top_level,
    unquote,
)
from rig.sip.errors import MessageError

__all__ = [
    "HOST_PATTERN",
    "MAX_CSEQ",
    "MAX_UINT32",
    "TOKEN",
    "Params",
    "find_param",
    "format_params",
    "match_quoted",
    "parse_number",
    "parse_params",
    "quote",
    "set_param",
    "shown",
    "split_top_level",
    "unescape",
    "unquote",
]

Params = tuple[tuple[str, str | None], ...]
"""Parameters as written: name and value (quotes kept), None for a parameter without '='."""

TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
HOST_PATTERN = r"\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*)"
MAX_UINT32 = 2**32 - 1
MAX_CSEQ = 2**31 - 1
_DIGITS = re.compile(r"[0-9]+")
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")


def unescape(text: str) -> str:
    """Decode ``%XX`` escapes of a URI part; bytes that are not UTF-8 survive as surrogates.

    Args:
        text: a URI part as written.
    """
    if "%" not in text:
        return text
    raw = text.encode("utf-8", "surrogateescape")
    out = re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes((int(m.group(1), 16),)), raw)
    return out.decode("utf-8", "surrogateescape")


def parse_params(text: str, *, where: str) -> Params:
    """Read ``;name=value;flag`` into pairs, values as written.

    Args:
        text: empty, or starting with a semicolon.
        where: what the parameters belong to, for the error message.

    Raises:
        MessageError: an empty parameter, an open quote, or text that is no parameter.

    Source: RFC 3261 25.1 (generic-param, SEMI, EQUAL allow blanks around them).
    """
    text = text.strip()
    if not text:
        return ()
    if text[0] != ";":
        raise MessageError(
            f"{where}: got {shown(text)} where parameters start; expected ';name=value'"
        )
    params: list[tuple[str, str | None]] = []
    for piece in split_top_level(text[1:], ";"):
        name, equals, value = piece.partition("=")
        name = name.rstrip()
        if not name or " " in name or "\t" in name or '"' in name:
            raise MessageError(
                f"{where}: got parameter {shown(piece)}; expected a name or name=value "
                "between semicolons"
            )
        if not equals:
            params.append((name, None))
            continue
        value = value.strip()
        if value[:1] == '"':
            if match_quoted(value) != len(value):
                raise MessageError(f"{where}: quoted value of {name!r} is not closed properly")
        elif " " in value or "\t" in value or '"' in value:
            raise MessageError(
                f"{where}: got blank or quote inside the value of {name!r}; quote the value"
            )
        params.append((name, value))
    return tuple(params)


def find_param(params: Params, name: str) -> str | None:
    """Look a header parameter up by name, in any case.

    Returns:
        The value without quotes, ``""`` for a parameter without '=', None when absent.
    """
    wanted = name.lower()
    for key, value in params:
        if key.lower() == wanted:
            return "" if value is None else unquote(value)
    return None


def set_param(params: Params, name: str, value: str | None) -> Params:
    """Replace a parameter where it stands, or append it.

    Args:
        params: the present parameters.
        name: compared in any case.
        value: as it shall be written; None for a parameter without '='.
    """
    wanted = name.lower()
    kept = [(k, v) for k, v in params if k.lower() != wanted]
    place = next((i for i, (k, _) in enumerate(params) if k.lower() == wanted), len(kept))
    kept.insert(place, (name, value))
    return tuple(kept)


def format_params(params: Params) -> str:
    """Write parameters as ``;name=value;flag``, exactly as given."""
    return "".join(f";{k}" if v is None else f";{k}={v}" for k, v in params)


def parse_number(text: str, *, where: str, maximum: int, clamp: bool = False) -> int:
    """Read an unsigned decimal number of a header, without trusting its length.

    Args:
        text: digits, leading zeros allowed, blanks around allowed.
        where: the header, for the error message.
        maximum: largest value that the header may carry.
        clamp: return ``maximum`` for larger numbers instead of raising.

    Raises:
        MessageError: not digits only, or larger than ``maximum``.
    """
    digits = text.strip()
    if not _DIGITS.fullmatch(digits):
        raise MessageError(f"{where}: got {shown(digits)}; expected a number 0..{maximum}")
    significant = digits.lstrip("0")
    if len(significant) > len(str(maximum)) or int(significant or "0") > maximum:
        if clamp:
            return maximum
        raise MessageError(f"{where}: got {shown(digits)}; expected at most {maximum}")
    return int(significant or "0")
