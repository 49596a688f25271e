"""Flat ``key = value`` lines, first line ``#!version:1.0.0.1``, as Yealink reads them.

Source: Yealink Auto Provisioning Guide, chapter on configuration files.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from provisioning.errors import Position
from provisioning.formats.settings import FormatError, Key, Problem, Setting, SettingsFile, decode
from provisioning.formats.value_rule import LOOKS_LIKE_SETTING

HEADER = "#!version:1.0.0.1"
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]*")
_INCLUDE = re.compile(r"include:config\s+[\"<]([^\">]+)[\">]")


def read(content: bytes, path: str) -> SettingsFile:
    """Read a file.

    Args:
        content: the file.
        path: its name, for positions.

    Raises:
        FormatError: not UTF-8, or the first line is not the version line.
    """
    text = decode(content, path)
    lines = text.split("\n")
    if lines[0].rstrip("\r") != HEADER:
        raise FormatError(Position(path, 1), f"the first line must be {HEADER}")
    settings: list[Setting] = []
    includes: list[str] = []
    problems: list[Problem] = []
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line or line[0] == "#":
            continue
        key, sign, value = line.partition("=")
        key = key.rstrip()
        if sign and _KEY.fullmatch(key):
            settings.append(Setting(key, None, value.strip(), number, (), path))
            if "=" in value and LOOKS_LIKE_SETTING.search(value):
                problems.append(Problem(number, "two settings on one line"))
        elif included := _INCLUDE.fullmatch(line):
            includes.append(included[1])
        else:
            problems.append(Problem(number, "neither a setting, a comment nor an include"))
    if lines[-1]:
        problems.append(Problem(len(lines), "the last line does not end"))
    return SettingsFile(path, tuple(settings), tuple(includes), tuple(problems))


def scan(content: bytes) -> dict[Key, str] | None:
    """Read nothing but the values, quickly.

    Args:
        content: the file.

    Returns:
        The same as ``read(content, path).values``; None when the file cannot be read or holds
        anything odd, which :func:`read` then tells.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not text.startswith(f"{HEADER}\n") or not text.endswith("\n") or "\r" in text:
        return None
    lines = [line.partition("=") for line in text.split("\n") if line and line[0] != "#"]
    values: dict[Key, str] = {}
    for key, sign, value in lines:
        name = key.rstrip()
        if not sign or not _is_key(name) or ("=" in value and LOOKS_LIKE_SETTING.search(value)):
            return None
        values[name, None] = value.strip()
    return values if len(values) == len(lines) else None


@lru_cache(maxsize=4096)
def _is_key(text: str) -> bool:
    return _KEY.fullmatch(text) is not None


def mask(content: str, keys: Collection[str]) -> str:
    """Replace the values of some keys by ``***``.

    Args:
        content: the file.
        keys: names of settings.
    """
    if not keys:
        return content
    names = "|".join(re.escape(key) for key in keys)
    return re.sub(
        rf"^([ \t]*(?:{names})[ \t]*=[ \t]*)[^\r\n]+", r"\1***", content, flags=re.MULTILINE
    )
