"""XML elements with an ``idx`` attribute below ``settings``, as Snom reads them.

Also reads a ``setting-files`` list, which names further files.

Source: Snom provisioning documentation, XML setting files.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from lxml import etree

from provisioning.errors import Position
from provisioning.formats.settings import FormatError, Problem, Setting, SettingsFile
from provisioning.formats.xml_reading import (
    children,
    line_of,
    mask_elements,
    parse_xml,
    text_of,
)

_LIST_ROOT = "setting-files"
_ROOT = "settings"
_SECTIONS = frozenset({"phone-settings", "functionKeys"})
_OTHER_SECTIONS = frozenset({"firmware-settings", "tbook", "dialplan", "uploads", "certificates"})
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


def _read_setting(
    element: etree._Element, path: str, settings: list[Setting], problems: list[Problem]
) -> None:
    line = line_of(element)
    index: int | None = None
    further: list[tuple[str, str]] = []
    for name, value in element.items():
        if name == "idx":
            if value.isascii() and value.isdigit():
                index = int(value)
            else:
                problems.append(Problem(line, f"idx is not a number in {element.tag!s}"))
        elif name not in _ATTRIBUTES:
            further.append((str(name), str(value)))
    if children(element):
        problems.append(Problem(line, f"elements inside {element.tag!s}"))
    settings.append(Setting(str(element.tag), index, text_of(element), line, tuple(further), path))


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
