"""Gigaset XML of settings by name: ``<param name="X" value="1"/>`` inside ``<nvm>``.

DECT managers also take operations: ``<oper name="add_hs" value="00001">`` makes a handset, and its
own parameters say how. Each operation is a setting ``add_hs.00001``, and so are its parameters.

Source: Gigaset's wiki on auto-provisioning and public templates of N610 to N870 and Maxwell.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from xml.etree import ElementTree as ET

from lxml import etree

from provisioning.formats.format import Format
from provisioning.formats.settings import Problem, QuickKey, Setting, SettingsFile, unique_values
from provisioning.formats.xml_reading import children, line_of, parse_rooted, quick_parse

_ROOT = "provisioning"
_SECTION = "nvm"
_VALUE = re.compile(r"(\bvalue\s*=\s*)\"[^\"]*\"")


def read(content: bytes, path: str) -> SettingsFile:
    """Read a file; see :class:`Format`."""
    root = parse_rooted(content, path, _ROOT)
    settings: list[Setting] = []
    problems: list[Problem] = []
    for section in children(root):
        if section.tag != _SECTION:
            problems.append(Problem(line_of(section), f"unknown section {section.tag!s}"))
            continue
        _read_section(section, "", path, settings, problems)
    return SettingsFile(path, tuple(settings), (), tuple(problems))


def _read_section(
    section: etree._Element,
    above: str,
    path: str,
    settings: list[Setting],
    problems: list[Problem],
) -> None:
    for element in children(section):
        line = line_of(element)
        name, value = element.get("name") or "", element.get("value") or ""
        if not name or element.tag not in {"param", "oper"} or (above and element.tag == "oper"):
            problems.append(Problem(line, "neither a parameter nor an operation"))
        elif element.tag == "param":
            settings.append(Setting(above + name, None, value, line, (), path))
        else:
            name = _operation(name, value)
            settings.append(Setting(name, None, value, line, (), path))
            _read_section(element, f"{name}.", path, settings, problems)


def _operation(name: str, value: str) -> str:
    return f"{name}.{value}" if value else name


def scan(content: bytes) -> dict[QuickKey, str] | None:
    """Read nothing but the values, quickly; see :class:`Format`."""
    root = quick_parse(content, _ROOT)
    if root is None:
        return None
    pairs: list[tuple[str, str]] = []
    fine = all(part.tag == _SECTION and _gather(part, "", pairs) for part in root)
    return unique_values(pairs) if fine else None


def _gather(section: ET.Element, above: str, pairs: list[tuple[str, str]]) -> bool:
    """Collect names and values; False for something odd."""
    for element in section:
        tag, name, value = element.tag, element.get("name"), element.get("value", "")
        if not name:
            return False
        if tag == "param":
            pairs.append((above + name, value))
        elif tag == "oper" and not above:
            name = _operation(name, value)
            pairs.append((name, value))
            if not _gather(element, f"{name}.", pairs):
                return False
        else:
            return False
    return True


def mask(content: str, keys: Collection[str]) -> str:
    """Replace the values of some keys by ``***``; see :class:`Format`."""
    if not keys:
        return content
    wanted = set(keys)
    lines = content.split("\n")
    # Templates write one setting a line; whatever could be its value goes.
    for item in read(content.encode(), "masked").settings:
        if item.key in wanted and item.value:
            lines[item.line - 1] = _VALUE.sub(r'\1"***"', lines[item.line - 1])
    return "\n".join(lines)


FORMAT = Format(read=read, scan=scan, mask=mask, xml=True)
