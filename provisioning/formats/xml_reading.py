"""Parses XML that anybody may have written: no DTD, no entities, no network, bounded size.

The parser itself refuses nesting deeper than 256.

Source: XML 1.0 (Fifth Edition) sections 2.2 and 4.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from lxml import etree

from provisioning.errors import Position
from provisioning.formats.settings import MAX_FILE_BYTES, FormatError

_PARSER = etree.XMLParser(
    resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False
)
"""Made once: making a parser takes as long as reading a short file."""


def parse_xml(content: bytes, path: str) -> etree._Element:
    """Parse a document.

    Args:
        content: the file.
        path: its name, for positions.

    Returns:
        The root element.

    Raises:
        FormatError: too large, not well-formed, has a document type, or is nested too deep.
    """
    if len(content) > MAX_FILE_BYTES:
        raise FormatError(Position(path), f"{len(content)} bytes, at most {MAX_FILE_BYTES}")
    try:
        root = etree.fromstring(content, _PARSER)
    except etree.XMLSyntaxError as error:
        line = error.lineno or 0
        raise FormatError(Position(path, line), f"not well-formed XML: {error.msg}") from error
    except ValueError as error:
        raise FormatError(Position(path), f"not XML: {error}") from error
    info = root.getroottree().docinfo
    if info.internalDTD is not None or info.doctype:
        raise FormatError(Position(path, 1), "a document type is refused")
    return root


def parse_rooted(content: bytes, path: str, tag: str, namespace: str = "") -> etree._Element:
    """Parse a document that has a certain root element.

    Args:
        content: the file.
        path: its name, for positions.
        tag: of the root element.
        namespace: that it may be in.

    Raises:
        FormatError: as :func:`parse_xml`, or another root element.
    """
    root = parse_xml(content, path)
    found = local_name(str(root.tag), namespace)
    if found != tag:
        raise FormatError(Position(path, line_of(root)), f"root element {found}, expected {tag}")
    return root


def local_name(tag: str, namespace: str) -> str:
    """A tag without a namespace that it may be in."""
    return tag.removeprefix(f"{{{namespace}}}") if namespace else tag


def quick_parse(content: bytes, tag: str = "", namespace: str = "") -> ET.Element | None:
    """Parse a document by a second, quicker parser, or say nothing but that it is odd.

    What was rendered is thereby read by two parsers that share no code: this one on every
    handset, the other one in the tests and wherever a fault is to be explained.

    Args:
        content: the file; anything with a document type or a comment is odd.
        tag: of the root element; empty for any, and another one is odd.
        namespace: that it may be in.
    """
    if b"<!" in content or len(content) > MAX_FILE_BYTES:
        return None
    try:
        root = ET.fromstring(content)  # noqa: S314 - no <! means no DTD and no entities
    except (ET.ParseError, LookupError):  # the latter for an encoding that nobody knows
        return None
    return root if tag in {"", local_name(root.tag, namespace)} else None


def is_blank(text: str | None) -> bool:
    """Whether there is no text but white space."""
    return not text or text.isspace()


def children(element: etree._Element) -> list[etree._Element]:
    """Child elements, without comments and processing instructions."""
    return list(element.iterchildren("*"))


def text_of(element: etree._Element) -> str:
    """The text of an element; comments inside are skipped."""
    if len(element) == 0:
        return element.text or ""
    parts = [element.text or ""]
    parts.extend(child.tail or "" for child in element)
    return "".join(parts)


def line_of(element: etree._Element) -> int:
    """Line of an element's start tag, from 1."""
    line: int | None = element.sourceline  # type: ignore[assignment]  # the stub has an ellipsis
    return line or 0


def mask_elements(content: str, tags: str) -> str:
    """Replace the text of elements by ``***``.

    Args:
        content: the file.
        tags: regular expression of a start tag's inside, up to the closing ``>``.
    """
    return re.sub(rf"(<(?:{tags})>)[^<]+", r"\1***", content)
