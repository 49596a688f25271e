"""Recognises what happened to a value on its way: which known mangling turns one into the other.

Pure. Names are those of phrases in ``rules/provisioning.yaml``.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from urllib.parse import quote, unquote

_SHORTEST = 3
_EXPONENT = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}")


def mangling(wanted: str, got: str) -> str:
    """Say what was done to a value.

    Args:
        wanted: by the inventory.
        got: by the file.

    Returns:
        ``escaped``, ``percent``, ``encoded_twice``, ``signs_lost``, ``cut``, ``zeros_lost``,
        ``as_number``, ``quoted``, ``letter_case``; empty if it is no known mangling.
    """
    if min(len(wanted), len(got)) < _SHORTEST or wanted == got:
        return ""
    return next((name for name, done in _KNOWN.items() if done(wanted, got)), "")


def _escaped(wanted: str, got: str) -> bool:
    return html.unescape(got) == wanted or html.unescape(html.unescape(got)) == wanted


def _percent(wanted: str, got: str) -> bool:
    return unquote(got) == wanted or (quote(wanted) != wanted and unquote(wanted) == got)


def _encoded_twice(wanted: str, got: str) -> bool:
    for codec in ("latin-1", "cp1252"):
        try:
            if got.encode(codec).decode("utf-8") == wanted:
                return True
        except UnicodeError:
            continue
    return False


def _signs_lost(wanted: str, got: str) -> bool:
    """Letters beyond ASCII became question marks, or are gone."""
    pattern = "".join(re.escape(c) if c.isascii() else "[?\ufffd]{0,4}" for c in wanted)
    return not wanted.isascii() and re.fullmatch(pattern, got) is not None


def _cut(wanted: str, got: str) -> bool:
    return wanted.startswith(got.rstrip())


def _zeros_lost(wanted: str, got: str) -> bool:
    return got.isascii() and got.isdigit() and wanted.lstrip("0+") == got != wanted


def _as_number(wanted: str, got: str) -> bool:
    digits = wanted.lstrip("+")
    return digits.isdigit() and (
        _EXPONENT.fullmatch(got) is not None or got in {f"{digits}.0", f"{digits},0"}
    )


def _quoted(wanted: str, got: str) -> bool:
    return got != wanted and got.strip("\"' \t") == wanted


def _letter_case(wanted: str, got: str) -> bool:
    return wanted.casefold() == got.casefold()


_KNOWN: dict[str, Callable[[str, str], bool]] = {
    "escaped": _escaped,
    "percent": _percent,
    "encoded_twice": _encoded_twice,
    "signs_lost": _signs_lost,
    "zeros_lost": _zeros_lost,
    "as_number": _as_number,
    "quoted": _quoted,
    "cut": _cut,
    "letter_case": _letter_case,
}

MANGLINGS = frozenset(_KNOWN)
"""Every name that :func:`mangling` gives."""
