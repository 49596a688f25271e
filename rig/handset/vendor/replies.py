"""Reads JSON and XML of phones: bounded, without entities, and never believed to be right.

Source: RFC 8259 (JSON); XML 1.0, with document types refused.
"""

from __future__ import annotations

import json
from typing import Any

from lxml import etree


def read_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ValueError: it is none.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError(f"no JSON: {_begin(body)}") from None
    if isinstance(found, dict):
        return found
    raise ValueError(f"no JSON object: {_begin(body)}")


def read_xml(body: bytes) -> etree._Element:
    """Read an XML document.

    Raises:
        ValueError: it is none, or has a document type.
    """
    if b"<!doctype" in body[:4096].lower():
        raise ValueError("XML with a document type, which no phone needs")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False
    )
    try:
        return etree.fromstring(body.strip(), parser)
    except (etree.XMLSyntaxError, ValueError, LookupError):
        raise ValueError(f"no XML: {_begin(body)}") from None


def texts(root: etree._Element) -> dict[str, str]:
    """Text of the elements directly below one, by lower-case name; of several the first."""
    found: dict[str, str] = {}
    for child in root:
        if isinstance(child.tag, str):
            found.setdefault(child.tag.lower(), (child.text or "").strip())
    return found


def as_text(value: object) -> str:
    """A JSON value as one line of text; empty for what is no single value."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, str | int):
        return str(value).strip()
    return ""


def as_number(value: object, default: int) -> int:
    """A JSON value as a small number."""
    text = as_text(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else default


def _begin(body: bytes) -> str:
    return repr(body[:60].decode("utf-8", "replace"))
