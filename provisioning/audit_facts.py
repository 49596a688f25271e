"""What an audit knows of single settings of many vendors, from ``audit_facts.yaml``."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from provisioning.yaml_source import load_yaml, to_plain

PATH = Path(__file__).with_name("audit_facts.yaml")
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, config=_STRICT)
class SettingFact:
    """What is known of settings of some name.

    Attributes:
        vendor: whose they are.
        kind: ``uri``, ``number``, ``subscribe`` or ``lamp``.
        name: regular expression of the whole name.
        off: words that switch it off.
    """

    vendor: str
    kind: Literal["uri", "number", "subscribe", "lamp"]
    name: re.Pattern[str]
    off: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, config=_STRICT)
class FirstLine:
    """What the first line of some files must be.

    Attributes:
        vendor: whose they are.
        file: regular expression of the file's name.
        line: exactly.
    """

    vendor: str
    file: re.Pattern[str]
    line: str


@dataclass(frozen=True, slots=True, config=_STRICT)
class Facts:
    """All of them.

    Attributes:
        settings: by name of setting.
        first_lines: by name of file.
        sample_users: user names that stand in sample configurations.
        sample_passwords: passwords that do.
    """

    settings: tuple[SettingFact, ...]
    first_lines: tuple[FirstLine, ...]
    sample_users: frozenset[str]
    sample_passwords: frozenset[str]

    def about(self, name: str) -> SettingFact | None:
        """What is known of a setting.

        Args:
            name: of the setting.
        """
        return _about(name)

    def first_line(self, name: str) -> FirstLine | None:
        """What a file must begin with.

        Args:
            name: of the file, without folders.
        """
        return next((fact for fact in self.first_lines if fact.file.fullmatch(name)), None)


@lru_cache(maxsize=1)
def facts() -> Facts:
    """The facts, read once."""
    return TypeAdapter(Facts).validate_python(to_plain(load_yaml(PATH)))


@lru_cache(maxsize=65536)
def _about(name: str) -> SettingFact | None:
    return next((fact for fact in facts().settings if fact.name.fullmatch(name)), None)
