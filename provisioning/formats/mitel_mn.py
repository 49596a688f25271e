"""``<Parameter>`` XML of Mitel 5300 phones: tags with text, and users and keys by attributes.

A user is called by its place in the list, ``user[1].ID``, a key by its ``Line``, ``key[1].Fea``.
Source: public templates for 5320 to 5340.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from provisioning.formats.format import Format
from provisioning.formats.settings import Problem, QuickKey, Setting, SettingsFile, unique_values
from provisioning.formats.xml_reading import children, line_of, parse_rooted, quick_parse

_ROOT = "Parameter"
_USERS = ("user_list", "User")
_KEYS = ("pkDescription", "Key")
_LINE = "Line"


def read(content: bytes, path: str) -> SettingsFile:
    """Read a file; see :class:`Format`."""
    root = parse_rooted(content, path, _ROOT)
    settings: list[Setting] = []
    problems: list[Problem] = []
    for element, name, value in _pairs(root, children):
        if name:
            settings.append(Setting(name, None, value, line_of(element), (), path))
        else:
            problems.append(Problem(line_of(element), f"unknown element {element.tag!s}"))
    return SettingsFile(path, tuple(settings), (), tuple(problems))


def scan(content: bytes) -> dict[QuickKey, str] | None:
    """Read nothing but the values, quickly; see :class:`Format`."""
    root = quick_parse(content, _ROOT)
    if root is None:
        return None
    values = unique_values([(name, value) for _, name, value in _pairs(root, list)])
    return None if values is None or "" in values else values


def _pairs(root: Any, inside: Callable[[Any], Iterable[Any]]) -> Iterator[tuple[Any, str, str]]:
    """Element, name and value of every setting; no name for what is none."""
    for element in inside(root):
        parts = list(inside(element))
        if element.tag == _USERS[0]:
            for place, user in enumerate(parts, 1):
                prefix = f"user[{place}]" if user.tag == _USERS[1] else ""
                yield from _attributes(user, prefix)
        elif element.tag == _KEYS[0]:
            for key in parts:
                prefix = f"key[{key.get(_LINE)}]" if key.tag == _KEYS[1] and key.get(_LINE) else ""
                yield from _attributes(key, prefix)
        else:
            yield element, "" if parts else str(element.tag), element.text or ""


def _attributes(element: Any, prefix: str) -> Iterator[tuple[Any, str, str]]:
    attributes: Mapping[str, str] = element.attrib
    if not prefix:
        yield element, "", ""
        return
    for name, value in attributes.items():
        yield element, f"{prefix}.{name}", value


def mask(content: str, keys: Collection[str]) -> str:
    """Replace the values of some keys by ``***``; see :class:`Format`."""
    if not keys:
        return content
    wanted = set(keys)
    lines = content.split("\n")
    # Templates write an element a line.
    for item in read(content.encode(), "masked").settings:
        if item.key not in wanted or not item.value:
            continue
        line = lines[item.line - 1]
        name = item.key.rpartition(".")[2]
        if "." in item.key:
            line = re.sub(rf"(\b{name}=)\"[^\"]*\"", r'\1"***"', line)
        else:
            line = re.sub(rf"<{name}>.*</{name}>", f"<{name}>***</{name}>", line)
        lines[item.line - 1] = line
    return "\n".join(lines)


FORMAT = Format(read=read, scan=scan, mask=mask, xml=True)
