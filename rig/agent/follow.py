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
    ValueError: it can never be taken.
"""

Told = Callable[[str], None]
"""Called with what a person should know."""


def read_fetches(path: Path, offset: int, take: Fetch, told: Told) -> int:
    """Read what has been written since the last time.

    Args:
        path: the file; one that is not there yet has nothing in it.
        offset: how far it has been read. A shorter file is another one, and read from its start.
        take: called with each fetch.
        told: called when lines are passed over because they cannot be read, or taken.

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
    passed_over: list[str] = []
    for line in octets[:whole].splitlines(keepends=True):
        try:
            found = _fetch(line)
            if found is not None:
                take(*found, offset + len(line))
        except RigError:
            break  # it is tried again from here
        except (ValueError, OverflowError, RecursionError) as error:
            why = (str(error) or type(error).__name__).splitlines()[0]
            passed_over.append(f"the line at octet {offset}: {why}")
        offset += len(line)
    if passed_over:
        more = f" (and {len(passed_over) - 1} more)" if len(passed_over) > 1 else ""
        told(f"{path}: passed over {passed_over[0]}{more}")
    return offset


def _fetch(line: bytes) -> tuple[float, dict[str, Any]] | None:
    """The fetch that a line tells of; None for another event.

    Raises:
        ValueError, OverflowError, RecursionError: it is no line of ``phonerig serve --json``.
    """
    if not line.strip():
        return None
    event = json.loads(line)
    if not isinstance(event, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - of what is read, not of an argument
    if event.pop("event", None) != "fetch":
        return None
    at = event.pop("at", None)
    if not isinstance(at, (int, float)):
        raise ValueError("at is no number of seconds")  # noqa: TRY004 - the same
    return float(at), event


async def follow(path: Path, offset: int, take: Fetch, told: Told) -> None:
    """Read what is written, without an end.

    Args:
        path: the file.
        offset: how far it has been read.
        take: called with each fetch.
        told: called when lines are passed over.
    """
    while True:
        offset = read_fetches(path, offset, take, told)
        await asyncio.sleep(_LOOK_EVERY_S)
