"""Small pieces of header text that SIP and HTTP share: quoted strings and lists.

Must not know: messages, sockets, time. Source: RFC 9110 5.6, RFC 3261 25.1. Every scan is linear
in the length of its text, whatever a peer sends.
"""

from __future__ import annotations

import re

_QUOTED = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_SPECIAL = {
    ",": re.compile(r'[,"<]'),
    ";": re.compile(r'[;"<]'),
}
_SHOWN_CHARS = 80


def shown(text: str) -> str:
    """Quote a peer's text for an error message: printable, and never longer than a line.

    Args:
        text: anything, of any length.
    """
    short = text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "..."
    return ascii(short)


def split_top_level(text: str, separator: str) -> list[str]:
    """Split a header value where its grammar does: outside quotes and angle brackets.

    Args:
        text: the value; an unbalanced quote or bracket keeps the rest in one piece.
        separator: ``","`` or ``";"``.

    Returns:
        The pieces, stripped; empty pieces are kept so that a caller can object.
    """
    if separator not in text:
        return [text.strip()]
    if '"' not in text and "<" not in text:
        return [piece.strip() for piece in text.split(separator)]
    search = _SPECIAL[separator].search
    pieces: list[str] = []
    start = at = 0
    while found := search(text, at):
        mark = found.group()
        if mark == separator:
            pieces.append(text[start : found.start()].strip())
            start = at = found.end()
        elif mark == '"':
            quoted = _QUOTED.match(text, found.start())
            if quoted is None:
                break
            at = quoted.end()
        else:
            close = text.find(">", found.end())
            if close < 0:
                break
            at = close + 1
    pieces.append(text[start:].strip())
    return pieces


def match_quoted(text: str, at: int = 0) -> int:
    """Find where a quoted string that opens at ``at`` ends.

    Args:
        text: text with a double quote at ``at``.
        at: index of the opening quote.

    Returns:
        The index after the closing quote, or -1 when it never closes.
    """
    found = _QUOTED.match(text, at)
    return found.end() if found else -1


def unquote(text: str) -> str:
    """Take the quotes and backslash escapes off a quoted string; other text is unchanged.

    Args:
        text: for example ``"Alice"`` with its outer quotes.
    """
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return _QUOTED_PAIR.sub(r"\1", inner) if "\\" in inner else inner


def quote(text: str) -> str:
    """Write text as a quoted string, with backslash and double quote escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
