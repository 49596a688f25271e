"""Documents of the Xsi interface: elements, written and read as XML and as JSON.

The JSON form puts the text of a leaf under ``$``, an attribute under ``@name``, and repeated
elements in a list; one element of a list may come as an object, none as ``{}``. Order
between elements of different names is lost in it.

What is read may come from anybody: no document type, no entities, bounded size and depth.

Source: XML 1.0 (Fifth Edition); element names and the JSON form as public clients of the
interface use them (not the vendor's specification, which was not at hand).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lxml import etree

from rig.errors import UsageError

NAMESPACE = "http://schema.broadsoft.com/xsi"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
XML_HEADER = b'<?xml version="1.0" encoding="UTF-8"?>'
"""Begins every document; clients find the parts of an event stream by it."""

MAX_OCTETS = 64 * 1024
MAX_DEPTH = 16
_LARGE_OCTETS = 10_000_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFUSED = re.compile(rb"<!(?:DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)", re.IGNORECASE)
_TRUE = frozenset({"true", "1"})


class DocumentError(UsageError):
    """A document that cannot be read; the message says why, without its content."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element: either text, or children, or nil.

    Attributes:
        name: without namespace.
        text: of a leaf; empty for a flag that is there or not.
        children: in order.
        nil: says "no value", which clears one in a PUT.
        type: local name of the XMLSchema-instance type; empty for none.
    """

    name: str
    text: str = ""
    children: tuple[Element, ...] = ()
    nil: bool = False
    type: str = ""

    def child(self, name: str) -> Element | None:
        """The first child of that name."""
        return next((child for child in self.children if child.name == name), None)

    def all(self, name: str) -> tuple[Element, ...]:
        """Every child of that name."""
        return tuple(child for child in self.children if child.name == name)

    def value(self, *path: str) -> str:
        """Text at the end of a path of child names, stripped; empty when there is none."""
        element: Element | None = self
        for name in path:
            element = element.child(name) if element is not None else None
        return element.text.strip() if element is not None else ""


def leaf(name: str, value: str | float | bool) -> Element:  # noqa: FBT001 - a value, no switch
    """An element with text; booleans are ``true`` and ``false``."""
    return Element(name, _text(value))


def is_true(text: str) -> bool:
    """Whether the text of a boolean element says yes."""
    return text.strip().lower() in _TRUE


def to_xml(root: Element, *, prefix: str = "") -> bytes:
    """Write a document.

    Args:
        root: what to write; characters that XML cannot hold become U+FFFD.
        prefix: namespace prefix; empty makes it the default namespace. Events have one.
    """
    instance = f"{prefix}1" if prefix else "xs"
    used: dict[str | None, str] = {prefix or None: NAMESPACE}
    if _needs_instance(root):
        used[instance] = INSTANCE
    top = etree.Element(f"{{{NAMESPACE}}}{root.name}", nsmap=used)  # type: ignore[arg-type]  # the stub knows no None
    _write(root, top, prefix)
    return XML_HEADER + etree.tostring(top, encoding="UTF-8", xml_declaration=False)


def _needs_instance(element: Element) -> bool:
    return element.nil or bool(element.type) or any(map(_needs_instance, element.children))


def _write(element: Element, into: etree._Element, prefix: str) -> None:
    if element.nil:
        into.set(f"{{{INSTANCE}}}nil", "true")
    if element.type:
        into.set(f"{{{INSTANCE}}}type", f"{prefix}:{element.type}" if prefix else element.type)
    if element.text:
        into.text = _NOT_XML.sub("\ufffd", element.text)
    for child in element.children:
        _write(child, etree.SubElement(into, f"{{{NAMESPACE}}}{child.name}"), prefix)


def from_xml(
    content: bytes, *, max_octets: int = MAX_OCTETS, namespace: str = NAMESPACE
) -> Element:
    """Read a document.

    Args:
        content: as received; UTF-8. Elements without a namespace are taken as ours.
        max_octets: larger ones are refused.
        namespace: that elements may have.

    Raises:
        DocumentError: too large or deep, not XML, with a document type, of another namespace.
    """
    _check_size(content, max_octets)
    if b"\0" in content:
        raise DocumentError("the body holds NUL octets; expected XML in UTF-8")
    if _REFUSED.search(content):
        raise DocumentError("the body has a document type or entities; send plain elements")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=max_octets > _LARGE_OCTETS,
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DocumentError(f"the body is not well-formed XML: {error}") from error
    return _read(root, 1, namespace)


def _read(node: etree._Element, depth: int, namespace: str) -> Element:
    _check_depth(depth)
    name = etree.QName(node)
    if name.namespace not in {None, namespace}:
        raise DocumentError(
            f"element {name.localname} is of namespace {name.namespace}; expected {namespace}"
        )
    children = tuple(_read(child, depth + 1, namespace) for child in node.iterchildren("*"))
    nil = is_true(str(node.get(f"{{{INSTANCE}}}nil") or node.get("nil") or ""))
    kind = str(node.get(f"{{{INSTANCE}}}type") or "").rpartition(":")[2]
    text = "" if children or nil else (node.text or "")
    return Element(str(name.localname), text, children, nil, kind)


def to_json(root: Element) -> bytes:
    """Write a document in its JSON form."""
    body = {"@xmlns": {"$": NAMESPACE}, **_json_of(root)}
    return json.dumps({root.name: body}, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "replace"
    )


def _json_of(element: Element) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if element.nil:
        content["@nil"] = "true"
    if element.type:
        content["@type"] = element.type
    if element.text:
        content["$"] = element.text
    for child in element.children:
        value = _json_of(child)
        if child.name not in content:
            content[child.name] = value
        elif isinstance(content[child.name], list):
            content[child.name].append(value)
        else:
            content[child.name] = [content[child.name], value]
    return content


def from_json(content: bytes, *, max_octets: int = MAX_OCTETS) -> Element:
    """Read a document in its JSON form.

    Args:
        content: as received; a leaf may be ``{"$": value}`` or the bare value.
        max_octets: larger ones are refused.

    Raises:
        DocumentError: too large or deep, not JSON, or not of this form.
    """
    _check_size(content, max_octets)
    try:
        data = json.loads(content, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"the body is not JSON: {error}") from error
    if not isinstance(data, dict) or len(data) != 1:
        raise DocumentError("the body is JSON, but not one object with one root element")
    ((name, body),) = data.items()
    if isinstance(body, list):
        raise DocumentError(f"the root element {_name(name)} is a list; expected one object")
    return _element_of(name, body, 1)


def _element_of(name: str, body: object, depth: int) -> Element:
    _check_depth(depth)
    _name(name)
    if body is None:
        return Element(name, nil=True)
    if not isinstance(body, dict):
        return Element(name, _scalar(name, body))
    text, kind, nil = "", "", False
    children: list[Element] = []
    for key, value in body.items():
        if key == "$":
            text = _scalar(name, value)
        elif key.startswith("@"):
            attribute = key.rpartition(":")[2].lstrip("@")
            inner = value.get("$", "") if isinstance(value, dict) else value
            nil = nil or (attribute == "nil" and is_true(str(inner)))
            kind = str(inner).rpartition(":")[2] if attribute == "type" else kind
        else:
            parts = value if isinstance(value, list) else [value]
            children.extend(_element_of(key, part, depth + 1) for part in parts)
    return Element(name, "" if children or nil else text, tuple(children), nil, kind)


def _scalar(name: str, value: object) -> str:
    if isinstance(value, str | bool | int):
        return _text(value)
    raise DocumentError(f"element {name}: a value of kind {type(value).__name__} is not taken")


def _text(value: str | float | bool) -> str:  # noqa: FBT001 - a value, no switch
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise DocumentError("the body has an element name that XML does not know")
    return name


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return content


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is no JSON")


def _check_size(content: bytes, max_octets: int) -> None:
    if len(content) > max_octets:
        raise DocumentError(f"the body has {len(content)} octets; at most {max_octets} are taken")


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise DocumentError(f"the body nests elements deeper than {MAX_DEPTH}")


Reader = Callable[[bytes], Element]
