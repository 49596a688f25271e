"""Sections of ``Name  :value`` lines between fixed first and last lines, as Fanvil reads them.

``<SIP CONFIG MODULE>`` begins a section and ``--SIP Line List--  :`` a part of one. A name is
unique in its part only, so a setting is called by both: ``SIP Line List.SIP1 Phone Number``.

Source: files that Fanvil handsets export, and public templates made from them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from provisioning.errors import Position
from provisioning.formats.format import Format
from provisioning.formats.settings import (
    FormatError,
    Problem,
    QuickKey,
    Setting,
    SettingsFile,
    decode,
    unique_values,
)

_FIRST = re.compile(r"<<VOIP CONFIG FILE>>Version:[0-9.]+[ \t]*")
_LAST = "<<END OF FILE>>"
_SECTION = re.compile(r"<([^<>]+)>")
_PART = re.compile(r"--[ ]?(.+?)[ ]?--[ \t]*:[ \t]*")
_PAIR = re.compile(r"([A-Za-z][^:<>]*?)[ \t]*:(.*)")


def read(content: bytes, path: str) -> SettingsFile:
    """Read a file.

    Args:
        content: the file.
        path: its name, for positions.

    Raises:
        FormatError: another first line.
    """
    lines = decode(content, path).split("\n")
    if _FIRST.fullmatch(lines[0].rstrip("\r")) is None:
        raise FormatError(Position(path, 1), "the first line must be <<VOIP CONFIG FILE>>Version:")
    settings: list[Setting] = []
    problems: list[Problem] = []
    for number, name, value in _pairs(lines):
        if name:
            settings.append(Setting(name, None, value, number, (), path))
        else:
            problems.append(Problem(number, value))
    if [line.strip() for line in lines[-2:]] != [_LAST, ""]:
        problems.append(Problem(len(lines), f"the last line must be {_LAST}"))
    return SettingsFile(path, tuple(settings), (), tuple(problems))


def scan(content: bytes) -> dict[QuickKey, str] | None:
    """Read nothing but the values, quickly.

    Args:
        content: the file.

    Returns:
        The same as ``read(content, path).values``; None when the file cannot be read or holds
        anything odd, which :func:`read` then tells.
    """
    try:
        lines = content.decode().split("\n")
    except UnicodeDecodeError:
        return None
    if _FIRST.fullmatch(lines[0]) is None or lines[-2:] != [_LAST, ""]:
        return None
    pairs = [(name, value) for _, name, value in _pairs(lines)]
    values = unique_values(pairs)
    return None if values is None or "" in values else values


def mask(content: str, keys: Collection[str]) -> str:
    """Replace the values of some keys by ``***``.

    Args:
        content: the file.
        keys: names of settings, each with its part.
    """
    lines = content.split("\n")
    wanted = set(keys)
    for number, name, value in _pairs(lines):
        if name in wanted and value:
            line = lines[number - 1]
            lines[number - 1] = f"{line[: line.index(':') + 1]}***"
    return "\n".join(lines)


def _pairs(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    """Line, name and value of each setting; without a name the value is what is wrong."""
    part = ""
    for number, raw in enumerate(lines[1:], 2):
        line = raw.strip()
        if not line or line == _LAST:
            continue
        if line[0] in "-<" and (found := _PART.fullmatch(line) or _SECTION.fullmatch(line)):
            part = found[1]
        elif (pair := _PAIR.fullmatch(line)) is not None and part:
            yield number, f"{part}.{pair[1]}", pair[2]
        else:
            yield number, "", "neither a section, a part of one nor a setting"


FORMAT = Format(read=read, scan=scan, mask=mask, xml=False)
