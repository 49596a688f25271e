"""XML elements with an ``idx`` attribute below ``settings``, as Snom reads them.

Also reads a ``setting-files`` list, which names further files.

Source: Snom provisioning documentation, XML setting files.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import cast

from lxml import etree

from provisioning.errors import Position
from provisioning.formats.format import Format
from provisioning.formats.settings import FormatError, Problem, QuickKey, Setting, SettingsFile
from provisioning.formats.xml_reading import (
    children,
    line_of,
    mask_elements,
    parse_xml,
    quick_parse,
    text_of,
)

_LIST_ROOT = "setting-files"
_ROOT = "settings"
_SECTIONS = frozenset({"phone-settings", "functionKeys"})
_OTHER_SECTIONS = frozenset({"firmware-settings", "tbook", "dialplan", "uploads", "certificates"})
_KEY = "fkey"
_ATTRIBUTES = frozenset({"idx", "perm"})


def read(content: bytes, path: str) -> SettingsFile:
    """Read a file.

    Args:
        content: the file.
        path: its name, for positions.

    Raises:
        FormatError: not well-formed, or another root element.
    """
    root = parse_xml(content, path)
    if root.tag == _LIST_ROOT:
        return _read_list(root, path)
    if root.tag != _ROOT:
        raise FormatError(
            Position(path, line_of(root)), f"root element {root.tag!s}, expected {_ROOT}"
        )
    settings: list[Setting] = []
    problems: list[Problem] = []
    for section in children(root):
        if section.tag in _SECTIONS:
            for element in children(section):
                _read_setting(element, path, settings, problems)
        elif section.tag not in _OTHER_SECTIONS:
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
        if section.tag not in _SECTIONS:
            return None
        for element in section:
            if len(element):
                return None
            tag, number = element.tag, element.get("idx")
            index = None if number is None else _index(number)
            if index is None and number is not None:
                return None
            values[tag if index is None else (tag, index)] = element.text or ""
            count += 1
            if tag == _KEY:
                for name, value in element.items():
                    if name not in _ATTRIBUTES:
                        further = f"{_KEY}@{name}"
                        values[further if index is None else (further, index)] = value
                        count += 1
    return values if len(values) == count else None


@lru_cache(maxsize=1024)
def _index(text: str) -> int | None:
    """The number of an ``idx``; None when it is none."""
    return int(text) if text.isascii() and text.isdigit() else None


def _read_setting(
    element: etree._Element, path: str, settings: list[Setting], problems: list[Problem]
) -> None:
    line = line_of(element)
    tag = str(element.tag)
    index: int | None = None
    number = element.get("idx")
    if number is not None:
        index = _index(number)
        if index is None:
            problems.append(Problem(line, f"idx is not a number in {tag}"))
    further = _further(element) if tag == _KEY else ()
    text = element.text or ""
    if len(element):
        text = text_of(element)
        if children(element):
            problems.append(Problem(line, f"elements inside {tag}"))
    settings.append(Setting(tag, index, text, line, further, path))


def _further(element: etree._Element) -> tuple[tuple[str, str], ...]:
    attributes = cast("list[tuple[str, str]]", element.items())
    return tuple(pair for pair in attributes if pair[0] not in _ATTRIBUTES)


def _read_list(root: etree._Element, path: str) -> SettingsFile:
    includes: list[str] = []
    problems: list[Problem] = []
    for element in children(root):
        url = element.get("url")
        if element.tag == "file" and url:
            includes.append(str(url))
        else:
            problems.append(Problem(line_of(element), "expected <file url=.../>"))
    return SettingsFile(path, (), tuple(includes), tuple(problems))


def mask(content: str, keys: Collection[str]) -> str:
    """Replace the values of some keys by ``***``.

    Args:
        content: the file.
        keys: names of settings.
    """
    if not keys:
        return content
    names = "|".join(re.escape(key) for key in keys)
    return mask_elements(content, rf"(?:{names})(?:\s[^>]*)?")


FORMAT = Format(read=read, scan=scan, mask=mask, xml=True)
