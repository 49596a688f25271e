"""Follows the lines that ``phonerig serve --json`` writes, and picks the fetches out of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rig.errors import RigError

_LOOK_EVERY_S = 0.2
_AT_ONCE_OCTETS = 1 << 20
_LONGEST_LINE_OCTETS = 1 << 16

Fetch = Callable[[float, dict[str, Any], int], None]
"""Called with the instant of a fetch, its data, and how far the file has been read.

Raises:
    RigError: it cannot be taken now, and is to come again.
"""


def read_fetches(path: Path, offset: int, take: Fetch) -> int:
    """Read what has been written since the last time.

    Args:
        path: the file; one that is not there yet has nothing in it.
        offset: how far it has been read. A shorter file is another one, and read from its start.
        take: called with each fetch.

    Returns:
        How far it has been read now: behind the last whole line.
    """
    try:
        with path.open("rb") as file:
            if file.seek(0, 2) < offset:
                offset = 0
            file.seek(offset)
            octets = file.read(_AT_ONCE_OCTETS)
    except FileNotFoundError:
        return 0
    whole = octets.rfind(b"\n") + 1
    if not whole and len(octets) > _LONGEST_LINE_OCTETS:
        whole = len(octets)  # no line of ours is so long: passed over
    for line in octets[:whole].splitlines(keepends=True):
        found = _fetch(line)
        if found is not None:
            try:
                take(*found, offset + len(line))
            except RigError:
                return offset  # it is tried again from here
        offset += len(line)
    return offset


def _fetch(line: bytes) -> tuple[float, dict[str, Any]] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or event.pop("event", None) != "fetch":
        return None
    at = event.pop("at", None)
    return (float(at), event) if isinstance(at, (int, float)) and at >= 0 else None


async def follow(path: Path, offset: int, take: Fetch) -> None:
    """Read what is written, without an end.

    Args:
        path: the file.
        offset: how far it has been read.
        take: called with each fetch.
    """
    while True:
        offset = read_fetches(path, offset, take)
        await asyncio.sleep(_LOOK_EVERY_S)
