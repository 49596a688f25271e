"""Reads saved logs of fetches, line by line: phonerig's own and those of web servers.

Two forms are known: one JSON object a line, as ``phonerig serve --json`` prints them, and the
combined format that nginx and Apache write. Pure: text in, fetches out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from provisioning.transport.http_rules import loggable_target
from rig.errors import UsageError
from rig.verdict.oracles.fetch import Fetch

LONGEST_LINE = 65_536

_COMBINED = re.compile(
    r'(?P<host>\S{1,64}) \S+ \S+ \[(?P<at>[^\]]{1,40})\] "(?P<method>[A-Z]{1,10}) '
    r'(?P<path>[^"\s]{1,4096})(?: HTTP/[0-9.]+)?" (?P<status>[0-9]{3}) (?P<octets>[0-9]+|-)'
    r'(?: "[^"]*" "(?P<agent>[^"]{0,1024})")?'
)
_EXPECTED = "expected a line of 'phonerig serve --json' or of a web server's combined log"
_FIELDS: dict[str, tuple[type, ...]] = {
    "at": (int, float),
    "path": (str,),
    "status": (int,),
    "client": (str,),
    "transport": (str,),
}


def read_lines(lines: Iterable[str], name: str) -> Iterator[Fetch]:
    """Read a log.

    Lines that tell of something else (the server's start, an upload) are passed over. Secrets that
    a web server has written into paths do not come through.

    Args:
        lines: of the log, in order.
        name: of the file, for errors.

    Raises:
        UsageError: a line is of neither form; says which.
    """
    for number, text in enumerate(lines, 1):
        line = text.strip()
        if not line:
            continue
        try:
            fetch = _line(line, number)
        except ValueError as error:
            raise UsageError(f"{name}:{number}: {error}") from None
        if fetch is not None:
            yield fetch


def _line(line: str, number: int) -> Fetch | None:
    if len(line) > LONGEST_LINE:
        raise ValueError(f"{len(line)} characters in a line, at most {LONGEST_LINE}")
    return _own(line, number) if line.startswith("{") else _combined(line, number)


def _own(line: str, number: int) -> Fetch | None:
    try:
        data: dict[str, Any] = json.loads(line)
    except RecursionError:
        raise ValueError("JSON nested too deep") from None
    if data.get("event") != "fetch":
        return None
    wrong = [field for field, kinds in _FIELDS.items() if type(data.get(field)) not in kinds]
    if wrong:
        raise ValueError(f"{wrong[0]} is {data.get(wrong[0])!r}; {_EXPECTED}")
    host, _, port = data["client"].rpartition(":")
    return Fetch(
        at=float(data["at"]),
        transport=data["transport"],
        client=(host, int(port) if port.isascii() and port.isdigit() else 0),
        path=data["path"],
        status=data["status"],
        octets=_count(data.get("octets")),
        user_agent=str(data.get("user_agent", "")),
        handset=str(data.get("handset", "")),
        number=number,
    )


def _combined(line: str, number: int) -> Fetch | None:
    match = _COMBINED.match(line)
    if match is None:
        raise ValueError(f"got {line[:60]!r}; {_EXPECTED}")
    if match["method"] not in {"GET", "HEAD"}:
        return None
    at = datetime.strptime(match["at"], "%d/%b/%Y:%H:%M:%S %z").timestamp()
    agent = match["agent"] or ""
    return Fetch(
        at=at,
        transport="http",
        client=(match["host"], 0),
        path=loggable_target(match["path"]),
        status=int(match["status"]),
        octets=_count(match["octets"]),
        user_agent="" if agent == "-" else agent,
        number=number,
    )


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return max(0, value)
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else 0
