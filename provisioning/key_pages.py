"""Where a line key stands when the files count keys page by page.

A profile says it in the quirk ``key_pages``: the pages in order, each with its number of
keys, e.g. ``dssSide[1]: 3, internal[1]: 6``. What a page is called is the dialect's matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from provisioning.errors import UsageError

QUIRK = "key_pages"


class KeyPlace(NamedTuple):
    """Where one key stands.

    Attributes:
        page: its page.
        place: on that page, from 1.
        last: the last one of its page.
    """

    page: str
    place: int
    last: bool


def key_places(quirks: Mapping[str, str], line_keys: int) -> tuple[KeyPlace, ...]:
    """The page of every key and its place there.

    Args:
        quirks: of the profile.
        line_keys: how many keys the model has; those of expansion modules not counted.

    Returns:
        One entry per key; none at all when the dialect has no pages.

    Raises:
        UsageError: the pages do not hold exactly the model's keys.
    """
    return _places(quirks[QUIRK], line_keys) if QUIRK in quirks else ()


@lru_cache(maxsize=256)
def _places(text: str, line_keys: int) -> tuple[KeyPlace, ...]:
    places: list[KeyPlace] = []
    for part in filter(None, map(str.strip, text.split(","))):
        page, _, size = part.rpartition(":")
        if not (page and size.strip().isdecimal()):
            raise UsageError(f"quirk {QUIRK}: {part!r} is not a page and its number of keys")
        count = int(size)
        places += [KeyPlace(page.strip(), n, n == count) for n in range(1, count + 1)]
    if len(places) != line_keys:
        raise UsageError(
            f"quirk {QUIRK}: the pages hold {len(places)} keys, limits.line_keys says {line_keys}"
        )
    return tuple(places)
