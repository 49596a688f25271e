"""XML in which attributes are the settings and elements say whose they are.

A format module says which attribute tells elements of one tag apart, and which elements are a
name and a value. Elements without attributes are only there to hold others. So
``<accounts><account index="0" username="anna"><host_primary port="5060"/></account></accounts>``
is ``account[0].username`` and ``account[0].host_primary.port``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from lxml import etree

from provisioning.formats.format import Format
from provisioning.formats.settings import (
    Problem,
    QuickKey,
    Setting,
    SettingsFile,
    unique_values,
)
from provisioning.formats.xml_reading import (
    children,
    is_blank,
    line_of,
    parse_rooted,
    quick_parse,
    text_of,
)


@dataclass(frozen=True, slots=True)
class AttributeTree:
    """How an XML file holds settings in attributes.

    Attributes:
        root: tag of the root element.
        index: by tag, the attribute that tells elements of this tag apart.
        named: by tag, the attributes that hold a name and its value.
    """

    root: str
    index: Mapping[str, str] = field(default_factory=dict)
    named: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def attribute_tree_format(tree: AttributeTree) -> Format:
    """The format of an attribute tree.

    Args:
        tree: how its files hold settings.
    """
    reader = _Tree(tree)
    return Format(read=reader.read, scan=reader.scan, mask=reader.mask, xml=True)


class _Tree:
    def __init__(self, tree: AttributeTree) -> None:
        self._tree = tree

    def read(self, content: bytes, path: str) -> SettingsFile:
        """Read a file; see :class:`Format`."""
        root = parse_rooted(content, path, self._tree.root)
        settings: list[Setting] = []
        problems: list[Problem] = []
        self._walk(root, "", path, settings, problems)
        return SettingsFile(path, tuple(settings), (), tuple(problems))

    def _walk(
        self,
        parent: etree._Element,
        above: str,
        path: str,
        settings: list[Setting],
        problems: list[Problem],
    ) -> None:
        if text_of(parent).strip():
            problems.append(Problem(line_of(parent), f"text inside {parent.tag!s}"))
        for element in children(parent):
            line, tag = line_of(element), str(element.tag)
            attributes = {str(name): str(value) for name, value in element.items()}
            pairs, inner = self._pairs(tag, attributes, above)
            settings.extend(Setting(name, None, value, line, (), path) for name, value in pairs)
            self._walk(element, inner, path, settings, problems)

    def scan(self, content: bytes) -> dict[QuickKey, str] | None:
        """Read nothing but the values, quickly; see :class:`Format`."""
        root = quick_parse(content, self._tree.root)
        found: list[tuple[str, str]] = []
        fine = root is not None and self._gather(root, "", found)
        return unique_values(found) if fine else None

    def _gather(self, parent: ET.Element, above: str, found: list[tuple[str, str]]) -> bool:
        """Collect names and values below an element; False for text where none belongs."""
        if not is_blank(parent.text):
            return False
        for element in parent:
            pairs, inner = self._pairs(element.tag, element.attrib, above)
            found += pairs
            if not (is_blank(element.tail) and self._gather(element, inner, found)):
                return False
        return True

    def _pairs(
        self, tag: str, attributes: Mapping[str, str], above: str
    ) -> tuple[list[tuple[str, str]], str]:
        """Settings of one element, and what stands before the names of those inside it."""
        named = self._tree.named.get(tag)
        if named is not None and named[0] in attributes:
            return [(above + attributes[named[0]], attributes.get(named[1], ""))], above
        if not attributes:
            return [], above
        index = self._tree.index.get(tag)
        if index is not None and index in attributes:
            tag = f"{tag}[{attributes[index]}]"
        inner = f"{above}{tag}."
        return [
            (inner + name, value) for name, value in attributes.items() if name != index
        ], inner

    def mask(self, content: str, keys: Collection[str]) -> str:
        """Replace the values of some keys by ``***``; see :class:`Format`.

        Every attribute that is called like one of them goes, and every element that is named
        like one of them: rather one value too many.
        """
        value = r"(?:\"[^\"]*\"|'[^']*')"
        for name in {key.rpartition(".")[2] for key in keys}:
            own = re.escape(name)
            content = re.sub(rf"(\s{own}\s*=\s*){value}", r'\1"***"', content)
            for name_in, value_in in self._tree.named.values():
                head = rf"(\s{name_in}\s*=\s*[\"']{own}[\"'][^<>]*?\s{value_in}\s*=\s*)"
                content = re.sub(head + value, r'\1"***"', content)
        return content
