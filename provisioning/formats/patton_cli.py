"""Commands of Patton SmartWare: contexts by indentation, values among the words of a line.

A setting is named by the contexts above it and the words of its command that are no values:
``location-service LOC0/registration outbound/lifetime``. Which words are values is listed in
:data:`COMMANDS`. A command without values is ``yes``, and ``no`` behind the word no.

Sources: templates of public provisioning tools; SmartWare Software Configuration Guide,
chapter Location Service.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from provisioning.formats.format import Format
from provisioning.formats.settings import (
    Problem,
    QuickKey,
    Setting,
    SettingsFile,
    decode,
    unique_values,
)
from provisioning.formats.value_rule import ValueRule

COMMANDS = (
    "cli version *",
    "clock local default-offset *",
    "clock local dst-rule * * from * * * * until * * * *",
    "sntp-client server primary *",
    "administrator * password *",
    "location 1 *",
    "vlan *",
    "set layer2 cos *",
    "map * to *",
    "remote * *",
    "subscriber-number *",
    "username * password *",
    "domain *",
    "identity *",
    "authenticate authentication-service * username *",
    "preferred-transport-protocol *",
    "message-server * *",
    "subscribe *",
    "registrar * *",
    "lifetime *",
    "register *",
)
"""Commands with values; a star is one of them."""

_STEP = 2
_WORD = re.compile(r'"[^"]*"(?!\S)|[^\s"]+(?!\S)')


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    start: int
    words: tuple[re.Match[str], ...]
    values: tuple[tuple[str, re.Match[str]], ...]
    above: str
    name: str
    is_context: bool

    def settings(self) -> Iterator[tuple[str, str]]:
        """Names and values of the line."""
        for name, word in self.values:
            yield self.above + name, word[0].removeprefix('"').removesuffix('"')
        if not self.values and not self.is_context:
            off = self.name.startswith("no ")
            yield self.above + self.name.removeprefix("no "), "no" if off else "yes"


def _by_length() -> dict[int, list[tuple[str, ...]]]:
    found: dict[int, list[tuple[str, ...]]] = {}
    for command in COMMANDS:
        words = tuple(command.split())
        found.setdefault(len(words), []).append(words)
    return found


_PATTERNS = _by_length()


def _values(words: tuple[re.Match[str], ...]) -> list[tuple[str, re.Match[str]]]:
    for pattern in _PATTERNS.get(len(words), ()):
        if all(want in ("*", word[0]) for want, word in zip(pattern, words, strict=True)):
            return list(_named(pattern, words))
    return []


def _named(
    pattern: tuple[str, ...], words: tuple[re.Match[str], ...]
) -> Iterator[tuple[str, re.Match[str]]]:
    names: list[str] = []
    counts: dict[str, int] = {}
    for want, word in zip(pattern, words, strict=True):
        if want != "*":
            names.append(want)
            continue
        name = " ".join(names)
        counts[name] = counts.get(name, 0) + 1
        yield (name if counts[name] == 1 else f"{name} {counts[name]}"), word


def _lines(text: str, problems: list[Problem]) -> Iterator[_Line]:
    rows = [
        (number, start, row)
        for number, start, row in _rows(text)
        if row.strip() and not row.lstrip().startswith("#")
    ]
    above: list[str] = []
    for position, (number, start, row) in enumerate(rows):
        indent = len(row) - len(row.lstrip(" "))
        depth, rest = divmod(indent, _STEP)
        if rest or depth > len(above):
            problems.append(Problem(number, "indented unlike any context above it"))
            depth = min(depth, len(above))
        del above[depth:]
        words = tuple(_WORD.finditer(row))
        if " ".join(word[0] for word in words) != row[indent:]:
            problems.append(Problem(number, "quotes or blanks that the gateway would not read"))
            continue
        following = rows[position + 1][2] if position + 1 < len(rows) else ""
        is_context = len(following) - len(following.lstrip(" ")) > indent
        values = tuple(_values(words))
        name = values[0][0] if values else " ".join(word[0].strip('"') for word in words)
        yield _Line(number, start, words, values, "".join(above), name, is_context)
        if is_context:
            above.append(f"{name}/")


def _rows(text: str) -> Iterator[tuple[int, int, str]]:
    start = 0
    for number, row in enumerate(text.split("\n"), 1):
        yield number, start, row
        start += len(row) + 1


def read(content: bytes, path: str) -> SettingsFile:
    """Read a file; see :class:`Format`."""
    text = decode(content, path)
    problems: list[Problem] = []
    settings = tuple(
        Setting(name, None, value, line.number, (), path)
        for line in _lines(text, problems)
        for name, value in line.settings()
    )
    if not text.endswith("\n"):
        problems.append(Problem(text.count("\n") + 1, "the last line does not end"))
    return SettingsFile(path, settings, (), tuple(problems))


def scan(content: bytes) -> dict[QuickKey, str] | None:
    """Read nothing but the values, quickly; see :class:`Format`."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    problems: list[Problem] = []
    pairs = [pair for line in _lines(text, problems) for pair in line.settings()]
    return unique_values(None if problems or not text.endswith("\n") else pairs)


def mask(content: str, keys: Collection[str]) -> str:
    """Replace the values of some keys by ``***``; see :class:`Format`."""
    spans = [
        (line.start + word.start(), line.start + word.end())
        for line in _lines(content, [])
        for name, word in line.values
        if line.above + name in keys and word[0].strip('"')
    ]
    for start, end in reversed(spans):
        content = f'{content[:start]}"***"{content[end:]}'
    return content


FORMAT = Format(read=read, scan=scan, mask=mask, xml=False, rule=ValueRule(forbidden='"'))
