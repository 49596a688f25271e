"""XML in which every leaf is one setting, in whatever arrangement a vendor likes.

A format module describes its files in an :class:`XmlSyntax`; reading, the quick scan and masking
are the same for all. Two ways are known: the name in an attribute
(``<param name="X" value="1"/>``, ``<setting id="X">1</setting>``), and the tag as the name
(``<Proxy_1_>host</Proxy_1_>``), alone or with the tags above it joined by dots.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
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
    local_name,
    parse_rooted,
    parse_xml,
    quick_parse,
    text_of,
)


@dataclass(frozen=True, slots=True)
class XmlSyntax:
    """How an XML file holds settings.

    Attributes:
        root: tag of the root element.
        name: attribute that holds the name; empty when the tag is the name.
        value: attribute that holds the value; empty when the text is the value.
        index: attribute that tells elements of one tag, or of one name, apart; joined to it as
            ``tag[1]``.
        nested: the name is the path of tags below the root, joined by dots.
        ignored: tags that hold no settings.
        id_tag: tag of a child whose text tells elements of one tag apart, joined to the tag as
            ``tag[text]``; the child itself is no setting.
        namespace: that the elements are in; those of a file without it are read all the same.
    """

    root: str
    name: str = ""
    value: str = ""
    index: str = ""
    nested: bool = False
    ignored: frozenset[str] = frozenset()
    id_tag: str = ""
    namespace: str = ""


def xml_format(syntax: XmlSyntax) -> Format:
    """The format of an XML syntax.

    Args:
        syntax: how its files hold settings.
    """
    reader = _Named(syntax)
    return Format(read=reader.read, scan=reader.scan, mask=reader.mask, xml=True)


class _Named:
    def __init__(self, syntax: XmlSyntax) -> None:
        self._syntax = syntax
        self._skipped_inside = syntax.ignored | {syntax.id_tag}

    def read(self, content: bytes, path: str) -> SettingsFile:
        """Read a file; see :class:`Format`."""
        root = parse_rooted(content, path, self._syntax.root, self._syntax.namespace)
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
        for element in children(parent):
            line = line_of(element)
            tag = local_name(str(element.tag), self._syntax.namespace)
            if tag in self._skipped(above):
                continue
            name = self._name(element, tag, above)
            if children(element):
                if text_of(element).strip():
                    problems.append(Problem(line, f"text between the elements of {tag}"))
                self._walk(element, name, path, settings, problems)
            elif not name:
                problems.append(Problem(line, f"{tag} has no {self._syntax.name}"))
            else:
                value = element.get(self._syntax.value, "") if self._syntax.value else None
                value = text_of(element) if value is None else value
                settings.append(Setting(name, None, value, line, (), path))

    def scan(self, content: bytes) -> dict[QuickKey, str] | None:
        """Read nothing but the values, quickly; see :class:`Format`."""
        root = quick_parse(content, self._syntax.root, self._syntax.namespace)
        if root is None:
            return None
        pairs: list[tuple[str, str]] = []
        return unique_values(pairs) if self._gather(root, "", pairs) else None

    def _gather(self, parent: ET.Element, above: str, pairs: list[tuple[str, str]]) -> bool:
        """Collect names and values below an element; False for something odd."""
        namespace, value_in = self._syntax.namespace, self._syntax.value
        skipped = self._skipped(above)
        for element in parent:
            tag = local_name(element.tag, namespace) if namespace else element.tag
            if tag in skipped:
                continue
            name = self._name(element, tag, above)
            if len(element):
                inside = is_blank(element.text) and all(is_blank(e.tail) for e in element)
                if not (inside and self._gather(element, name, pairs)):
                    return False
            elif name:
                value = element.get(value_in, "") if value_in else element.text
                pairs.append((name, value or ""))
            else:
                return False
        return True

    def _skipped(self, above: str) -> frozenset[str]:
        """Tags that hold no settings; the tag that tells elements apart is one inside them."""
        return self._skipped_inside if above else self._syntax.ignored

    def _name(self, element: ET.Element | etree._Element, tag: str, above: str) -> str:
        name = self._own_name(element, tag, above)
        if self._syntax.index and (index := element.get(self._syntax.index)) is not None:
            name = f"{name}[{index}]"
        if self._syntax.id_tag and (found := element.findtext(self._syntax.id_tag)):
            name = f"{name}[{found}]"
        return name

    def _own_name(self, element: ET.Element | etree._Element, tag: str, above: str) -> str:
        syntax = self._syntax
        if syntax.name:
            name = element.get(syntax.name)
            if name is not None or not syntax.nested:
                return name or ""
        return f"{above}.{tag}" if above and syntax.nested else tag

    def mask(self, content: str, keys: Collection[str]) -> str:
        """Replace the values of some keys by ``***``; see :class:`Format`."""
        if not keys:
            return content
        root = parse_xml(content.encode(), "masked")
        settings: list[Setting] = []
        self._walk(root, "", "masked", settings, [])
        wanted = set(keys)
        lines = content.split("\n")
        for number in {item.line for item in settings if item.key in wanted and item.value}:
            lines[number - 1] = self._mask_line(lines[number - 1])
        return "\n".join(lines)

    def _mask_line(self, line: str) -> str:
        """Templates write one setting a line; whatever could be its value goes."""
        if self._syntax.value:
            attribute = re.escape(self._syntax.value)
            return re.sub(rf"(\b{attribute}\s*=\s*)(?:\"[^\"]*\"|'[^']*')", r'\1"***"', line)
        return re.sub(r">[^<]+<", ">***<", line)
