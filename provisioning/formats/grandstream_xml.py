"""Grandstream XML, both forms: ``<P271>1</P271>`` and ``<item name="account.1.enable">``.

Version 1 of ``config`` holds P-values, version 2 holds items by alias, some of them with
``part`` elements; firmware of the GRP series reads both. An item with parts is read as one
setting per part, its name joined with a dot. P-values keep their own names here: which
alias they stand for is data of the dialect.

Source: Grandstream XML configuration file examples of the GRP series.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from lxml import etree

from provisioning.formats.format import Format
from provisioning.formats.settings import Problem, QuickKey, Setting, SettingsFile
from provisioning.formats.xml_reading import (
    children,
    line_of,
    mask_elements,
    parse_rooted,
    quick_parse,
    text_of,
)

_ROOT = "gs_provision"
_P_VALUE = re.compile(r"P[0-9]+")


def read(content: bytes, path: str) -> SettingsFile:
    """Read a file.

    Args:
        content: the file.
        path: its name, for positions.

    Raises:
        FormatError: not well-formed, or another root element.
    """
    root = parse_rooted(content, path, _ROOT)
    settings: list[Setting] = []
    problems: list[Problem] = []
    for section in children(root):
        if section.tag == "config":
            for element in children(section):
                _read_element(element, path, settings, problems)
        elif section.tag != "mac":
            problems.append(Problem(line_of(section), f"unknown section {section.tag!s}"))
    return SettingsFile(path, tuple(settings), (), tuple(problems))


def scan(content: bytes) -> dict[QuickKey, str] | None:
    """Read nothing but the values, quickly.

    Args:
        content: the file.

    Returns:
        The same as ``read(content, path).values``; None when the file cannot be read or holds
        anything odd, which :func:`read` then tells.
    """
    root = quick_parse(content, _ROOT)
    if root is None:
        return None
    values: dict[QuickKey, str] = {}
    count = 0
    for section in root:
        if section.tag != "config":
            if section.tag != "mac":
                return None
            continue
        for element in section:
            name = element.get("name") if element.tag == "item" else element.tag
            if len(element) or not name or not (element.tag == "item" or _is_p_value(name)):
                return None
            values[name] = element.text or ""
        count += len(section)
    return values if len(values) == count else None


@lru_cache(maxsize=4096)
def _is_p_value(tag: str) -> bool:
    return _P_VALUE.fullmatch(tag) is not None


def _read_element(
    element: etree._Element, path: str, settings: list[Setting], problems: list[Problem]
) -> None:
    line = line_of(element)
    tag = str(element.tag)
    name = element.get("name")
    if tag == "item" and name:
        parts = children(element) if len(element) else []
        for part in parts:
            part_name = part.get("name")
            if part.tag == "part" and part_name:
                key = f"{name}.{part_name}"
                settings.append(Setting(key, None, text_of(part), line_of(part), (), path))
            else:
                problems.append(Problem(line_of(part), "expected <part name=...>"))
        if not parts:
            settings.append(Setting(str(name), None, text_of(element), line, (), path))
    elif _P_VALUE.fullmatch(tag):
        settings.append(Setting(tag, None, text_of(element), line, (), path))
    else:
        problems.append(Problem(line, f"{tag} is neither an item nor a P-value"))


def mask(content: str, keys: Collection[str]) -> str:
    """Replace the values of some keys by ``***``.

    Args:
        content: the file.
        keys: names of items or P-values.
    """
    if not keys:
        return content
    names = "|".join(re.escape(key) for key in keys)
    return mask_elements(content, rf"item\s+name=\"(?:{names})\"\s*|(?:{names})\s*")


FORMAT = Format(read=read, scan=scan, mask=mask, xml=True)
