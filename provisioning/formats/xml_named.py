"""XML in which every leaf is one setting, in whatever arrangement a vendor likes.

A format module describes its files in an :class:`XmlSyntax`; reading, the quick scan and masking
are the same for all. Two ways are known: the name in an attribute
(``<param name="X" value="1"/>``, ``<setting id="X">1</setting>``), and the tag as the name
(``<Proxy_1_>host</Proxy_1_>``), alone or with the tags above it joined by dots.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from lxml import etree

from provisioning.errors import Position
from provisioning.formats.format import Format
from provisioning.formats.settings import FormatError, Key, Problem, Setting, SettingsFile
from provisioning.formats.xml_reading import children, line_of, parse_xml, quick_parse, text_of


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

    def read(self, content: bytes, path: str) -> SettingsFile:
        """Read a file; see :class:`Format`."""
        root = parse_xml(content, path)
        tag = self._local(str(root.tag))
        if tag != self._syntax.root:
            raise FormatError(
                Position(path, line_of(root)), f"root element {tag}, expected {self._syntax.root}"
            )
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
            tag = self._local(str(element.tag))
            if tag in self._syntax.ignored or (tag == self._syntax.id_tag and above):
                continue
            inner = children(element)
            name = self._name(tag, _attributes(element), above)
            if self._syntax.id_tag and (found := element.findtext(self._syntax.id_tag)):
                name = f"{name}[{found}]"
            if inner:
                if text_of(element).strip():
                    problems.append(Problem(line, f"text between the elements of {tag}"))
                self._walk(element, name, path, settings, problems)
            elif not name:
                problems.append(Problem(line, f"{tag} has no {self._syntax.name}"))
            else:
                value = self._value(_attributes(element), text_of(element))
                settings.append(Setting(name, None, value, line, (), path))

    def scan(self, content: bytes) -> dict[Key, str] | None:
        """Read nothing but the values, quickly; see :class:`Format`."""
        root = quick_parse(content)
        if root is None or self._local(root.tag) != self._syntax.root:
            return None
        values: dict[Key, str] = {}
        count = 0
        for pair in self._leaves(root, ""):
            if pair is None:
                return None
            values[pair[0], None] = pair[1]
            count += 1
        return values if len(values) == count else None

    def _leaves(self, parent: ET.Element, above: str) -> Iterator[tuple[str, str] | None]:
        for element in parent:
            tag = self._local(element.tag)
            if tag in self._syntax.ignored or (tag == self._syntax.id_tag and above):
                continue
            name = self._name(tag, element.attrib, above)
            if self._syntax.id_tag and (found := element.findtext(self._syntax.id_tag)):
                name = f"{name}[{found}]"
            if len(element):
                if (element.text or "").strip() or any((e.tail or "").strip() for e in element):
                    yield None
                yield from self._leaves(element, name)
            elif name:
                yield name, self._value(element.attrib, element.text or "")
            else:
                yield None

    def _name(self, tag: str, attributes: dict[str, str], above: str) -> str:
        syntax = self._syntax
        if syntax.name and syntax.name in attributes:
            name = attributes[syntax.name]
            return f"{name}[{attributes[syntax.index]}]" if syntax.index in attributes else name
        if syntax.name and not syntax.nested:
            return ""
        if syntax.index and syntax.index in attributes:
            tag = f"{tag}[{attributes[syntax.index]}]"
        return f"{above}.{tag}" if syntax.nested and above else tag

    def _local(self, tag: str) -> str:
        """The tag without the namespace."""
        return tag.removeprefix(f"{{{self._syntax.namespace}}}") if self._syntax.namespace else tag

    def _value(self, attributes: dict[str, str], text: str) -> str:
        return attributes.get(self._syntax.value, "") if self._syntax.value else text

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


def _attributes(element: etree._Element) -> dict[str, str]:
    return {str(name): str(value) for name, value in element.items()}
