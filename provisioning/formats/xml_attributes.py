"""XML attributes with dotted names on any element, as Poly UC Software reads them.

Also reads an ``APPLICATION`` element, whose ``CONFIG_FILES`` names further files.

Source: Poly UC Software Administrator Guide, configuration files.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from lxml import etree

from provisioning.formats.settings import (
    Problem,
    Setting,
    SettingsFile,
    sorted_problems,
)
from provisioning.formats.xml_reading import children, line_of, parse_xml, text_of

_MASTER = "APPLICATION"
_ATTRIBUTE = re.compile(r"(?<=\s)([A-Za-z][\w.\-]*)\s*=\s*(?:\"[^\"]*\"|'[^']*')")


def read(content: bytes, path: str) -> SettingsFile:
    """Read a file.

    Args:
        content: the file.
        path: its name, for positions.

    Raises:
        FormatError: not well-formed.
    """
    root = parse_xml(content, path)
    if root.tag == _MASTER:
        listed = str(root.get("CONFIG_FILES") or "")
        names = tuple(name for part in listed.split(",") if (name := part.strip()))
        return SettingsFile(path, (), names)
    lines = _attribute_lines(content)
    settings: list[Setting] = []
    problems: list[Problem] = []
    _read_element(root, path, lines, settings, problems)
    return SettingsFile(path, tuple(settings), (), sorted_problems(problems))


def _read_element(
    element: etree._Element,
    path: str,
    lines: dict[str, list[int]],
    settings: list[Setting],
    problems: list[Problem],
) -> None:
    for name, value in element.items():
        places = lines.get(str(name))
        line = places.pop(0) if places else line_of(element)
        if "." in name:
            settings.append(Setting(str(name), None, str(value), line, (), path))
        elif not str(name).startswith(("xmlns", "{")):
            problems.append(Problem(line, f"attribute {name!s} is no parameter"))
    if text_of(element).strip():
        problems.append(Problem(line_of(element), f"text inside {element.tag!s}"))
    for child in children(element):
        _read_element(child, path, lines, settings, problems)


def _attribute_lines(content: bytes) -> dict[str, list[int]]:
    """Lines at which each attribute is written; the parser only tells an element's line."""
    text = content.decode("utf-8", "replace")
    found: dict[str, list[int]] = {}
    line, at = 1, 0
    for match in _ATTRIBUTE.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        found.setdefault(match[1], []).append(line)
    return found


def mask(content: str, keys: Collection[str]) -> str:
    """Replace the values of some keys by ``***``.

    Args:
        content: the file.
        keys: names of settings.
    """
    if not keys:
        return content
    names = "|".join(re.escape(key) for key in keys)
    return re.sub(rf"((?<=\s)(?:{names})\s*=\s*)(?:\"[^\"]+\"|'[^']+')", r'\1"***"', content)
