"""Finds the reader of a format by its name in a profile."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from provisioning.errors import UsageError
from provisioning.formats import grandstream_xml, key_value, xml_attributes, xml_elements
from provisioning.formats.settings import Key, SettingsFile


@dataclass(frozen=True, slots=True)
class Format:
    """One vendor syntax.

    Attributes:
        name: as profiles name it.
        read: bytes and file name to settings.
        scan: bytes to values alone, or None when the file holds anything odd.
        mask: text with the values of some keys replaced by ``***``.
        xml: templates are escaped as XML.
    """

    name: str
    read: Callable[[bytes, str], SettingsFile]
    scan: Callable[[bytes], dict[Key, str] | None]
    mask: Callable[[str, Collection[str]], str]
    xml: bool


_FORMATS = {
    entry.name: entry
    for entry in (
        Format("key_value", key_value.read, key_value.scan, key_value.mask, xml=False),
        Format("xml_elements", xml_elements.read, xml_elements.scan, xml_elements.mask, xml=True),
        Format(
            "xml_attributes",
            xml_attributes.read,
            xml_attributes.scan,
            xml_attributes.mask,
            xml=True,
        ),
        Format(
            "grandstream_xml",
            grandstream_xml.read,
            grandstream_xml.scan,
            grandstream_xml.mask,
            xml=True,
        ),
    )
}


def format_named(name: str) -> Format:
    """The format of a name.

    Args:
        name: as a profile's ``render.format`` says it.

    Raises:
        UsageError: there is none.
    """
    try:
        return _FORMATS[name]
    except KeyError:
        raise UsageError(f"no format {name!r}; known are {', '.join(_FORMATS)}") from None


def read_settings(name: str, content: bytes, path: str) -> SettingsFile:
    """Read a configuration file.

    Args:
        name: of the format.
        content: the file.
        path: its name, for positions.

    Raises:
        FormatError: not in the layout that handsets read.
        UsageError: there is no such format.
    """
    return format_named(name).read(content, path)
