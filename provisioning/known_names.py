"""What to tell somebody who asked for a name that does not exist.

A few names are all told. Of many, which nobody reads, only those that look like the one asked
for are, and how many there are.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

MOST_LISTED = 40
"""More names than these are no help in a message."""
_MOST_NEAR = 5
_LONGEST_COMPARED = 64


def near_names(asked: str, known: Iterable[str], most: int = 3) -> tuple[str, ...]:
    """Names that look like another one, whatever their case, the likeliest first.

    Args:
        asked: what was asked for.
        known: names that exist.
        most: how many at most.
    """
    by_lower = {name.casefold(): name for name in known}
    wanted = asked[:_LONGEST_COMPARED].casefold()
    found = difflib.get_close_matches(wanted, list(by_lower), n=most, cutoff=0.5)
    return tuple(by_lower[name] for name in found)


def known_names(asked: str, known: Iterable[str], called: Mapping[str, str] | None = None) -> str:
    """A clause that says which names there are: ``known: a, b`` or ``the nearest of 90: a, b``.

    Args:
        asked: what was asked for.
        known: names that exist.
        called: what to call them in the message, where that is not the name itself; several
            names of one thing are called the same.
    """
    other = called or {}
    shown = {name: other.get(name, name) for name in known}
    every = list(dict.fromkeys(shown.values()))
    if len(every) <= MOST_LISTED:
        return f"known: {', '.join(every) or 'none'}"
    near = dict.fromkeys(shown[name] for name in near_names(asked, shown, _MOST_NEAR))
    if not near:
        return f"none of the {len(every)} that are known is like it"
    return f"the nearest of {len(every)}: {', '.join(near)}"
