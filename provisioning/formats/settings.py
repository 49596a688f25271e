"""What a configuration file says, whatever its syntax: settings with their lines.

A reader keeps what is suspicious instead of repairing it: duplicate keys and odd lines are
listed, so that a file can be judged and a finding can point at ``file:line``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from provisioning.errors import Position, UsageError

MAX_FILE_BYTES = 4 * 1024 * 1024
"""Larger files are not configuration of one handset."""

Key = tuple[str, int | None]
"""Name and index of a setting."""

QuickKey = str | Key
"""The same where time counts: the name alone when there is no index."""


def quick_key(key: Key) -> QuickKey:
    """How a quick scan names a setting."""
    return key[0] if key[1] is None else key


def unique_values(pairs: Sequence[tuple[str, str]] | None) -> dict[QuickKey, str] | None:
    """What a quick scan gives for names and values that it found.

    Args:
        pairs: in any order; None for something odd.

    Returns:
        Values by name; None for something odd, and a name that stands twice is odd.
    """
    if pairs is None:
        return None
    values: dict[QuickKey, str] = dict(pairs)
    return values if len(values) == len(pairs) else None


class Setting(NamedTuple):
    """One setting as written; a tuple, because there are hundreds in every file.

    Attributes:
        key: its name.
        index: index that is not part of the name (Snom's ``idx``), or None.
        value: unescaped.
        line: from 1.
        attributes: further attributes of the element, e.g. Snom's ``label``.
        file: name of the file.
    """

    key: str
    index: int | None  # type: ignore[assignment]  # hides tuple.index, which nobody asks a setting for
    value: str
    line: int
    attributes: tuple[tuple[str, str], ...] = ()
    file: str = ""

    def attribute(self, name: str) -> str | None:
        """One of the further attributes, or None."""
        return next((value for key, value in self.attributes if key == name), None)

    @property
    def position(self) -> Position:
        """File and line."""
        return Position(self.file, self.line)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a file that its handset will not read as meant.

    Attributes:
        line: from 1.
        text: what is wrong.
    """

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A configuration file as read.

    Attributes:
        path: its name.
        settings: in the order written.
        includes: names of further files that it tells the handset to fetch.
        problems: what looks wrong, in order of lines.
    """

    path: str
    settings: tuple[Setting, ...]
    includes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    _by_key: dict[Key, Setting] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index = {(setting.key, setting.index): setting for setting in self.settings}
        object.__setattr__(self, "_by_key", index)

    def find(self, key: str, index: int | None = None) -> Setting | None:
        """The setting that counts (the last one of that name), or None.

        Args:
            key: its name.
            index: index that is not part of the name.
        """
        return self._by_key.get((key, index))

    def find_all(self, key: str, index: int | None = None) -> list[Setting]:
        """Every setting of that name, in the order written."""
        return [item for item in self.settings if item.key == key and item.index == index]

    @property
    def by_key(self) -> dict[Key, Setting]:
        """The settings that count, by name and index."""
        return self._by_key

    @property
    def values(self) -> dict[Key, str]:
        """Values by name and index; an attribute is named ``key@attribute``."""
        values: dict[Key, str] = {}
        for (key, index), setting in self._by_key.items():
            values[key, index] = setting.value
            for name, value in setting.attributes:
                values[f"{key}@{name}", index] = value
        return values

    @property
    def duplicates(self) -> list[tuple[Setting, Setting]]:
        """Pairs of an earlier and a later setting of one name."""
        if len(self._by_key) == len(self.settings):
            return []
        seen: dict[Key, Setting] = {}
        pairs = []
        for setting in self.settings:
            key = (setting.key, setting.index)
            if key in seen:
                pairs.append((seen[key], setting))
            seen[key] = setting
        return pairs


class FormatError(UsageError):
    """A file is not in the layout that its handset reads.

    Attributes:
        position: file and line.
        what: what is wrong.
    """

    def __init__(self, position: Position, what: str) -> None:
        self.position = position
        self.what = what
        super().__init__(f"{position}: {what}")


def decode(content: bytes, path: str, encoding: str = "utf-8") -> str:
    """Decode strictly.

    Args:
        content: the file.
        path: its name, for errors.
        encoding: of the file.

    Raises:
        FormatError: too large, or not in that encoding.
    """
    if len(content) > MAX_FILE_BYTES:
        raise FormatError(Position(path), f"{len(content)} bytes, at most {MAX_FILE_BYTES}")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FormatError(Position(path, line), f"not {encoding.upper()}") from error


def sorted_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems in order of lines."""
    return tuple(sorted(problems, key=lambda problem: problem.line))
