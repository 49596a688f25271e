"""XML attributes with dotted names on any element, as Poly UC Software reads them.

Also reads an ``APPLICATION`` element, whose ``CONFIG_FILES`` names further files.

Source: Poly UC Software Administrator Guide, configuration files.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import cast

from provisioning.formats.format import Format
from provisioning.formats.settings import (
    Problem,
    QuickKey,
    Setting,
    SettingsFile,
    sorted_problems,
)
from provisioning.formats.xml_reading import line_of, parse_xml, quick_parse, text_of

_MASTER = "APPLICATION"
_ATTRIBUTE_OR_LINE = re.compile(r"\n|([A-Za-z][\w.\-]*)\s*=\s*(?:\"[^\"\n]*\"|'[^'\n]*')")


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
    settings: list[Setting] = []
    problems: list[Problem] = []
    found: list[tuple[str, str, int]] = []
    for element in root.iter("*"):
        line = line_of(element)
        attributes = cast("list[tuple[str, str]]", element.items())
        found.extend((name, value, line) for name, value in attributes)
        if element.text is not None and text_of(element).strip():
            problems.append(Problem(line, f"text inside {element.tag!s}"))
    lines = _attribute_lines(content, [name for name, _, _ in found])
    for (name, value, _), line in zip(found, lines or [row[2] for row in found], strict=True):
        if "." in name:
            settings.append(Setting(name, None, value, line, (), path))
        elif not name.startswith(("xmlns", "{")):
            problems.append(Problem(line, f"attribute {name} is no parameter"))
    return SettingsFile(path, tuple(settings), (), sorted_problems(problems))


def scan(content: bytes) -> dict[QuickKey, str] | None:
    """Read nothing but the values, quickly.

    Args:
        content: the file.

    Returns:
        The same as ``read(content, path).values``; None when the file cannot be read or holds
        anything odd, which :func:`read` then tells.
    """
    root = quick_parse(content)
    if root is None or root.tag == _MASTER:
        return None
    values: dict[QuickKey, str] = {}
    count = 0
    for element in root.iter():
        text, tail = element.text, element.tail
        if (text and not text.isspace()) or (tail and not tail.isspace()):
            return None
        attributes = element.attrib
        for name, value in attributes.items():
            if "." not in name:
                return None
            values[name] = value
        count += len(attributes)
    return values if len(values) == count else None


def _attribute_lines(content: bytes, names: list[str]) -> list[int] | None:
    """The line at which each attribute is written; the parser only tells an element's line.

    Returns:
        None when the text is written in a way that a plain scan does not follow, e.g. with
        attributes inside comments.
    """
    lines: list[int] = []
    scanned: list[str] = []
    number = 1
    text = content.decode("utf-8", "replace")
    begin = text.find("?>") + 2 if text.startswith("<?xml") else 0
    number += text.count("\n", 0, begin)
    for name in _ATTRIBUTE_OR_LINE.findall(text, begin):
        if name:
            scanned.append(name)
            lines.append(number)
        else:
            number += 1
    return lines if scanned == names else None


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


FORMAT = Format(read=read, scan=scan, mask=mask, xml=True)
