"""One vendor syntax: how its files are read, scanned, masked, and what they can hold."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from provisioning.formats.settings import QuickKey, SettingsFile
from provisioning.formats.value_rule import ValueRule


@dataclass(frozen=True, slots=True)
class Format:
    """One vendor syntax.

    Attributes:
        read: bytes and file name to settings.
        scan: bytes to values alone, or None when the file holds anything odd.
        mask: text with the values of some keys replaced by ``***``.
        xml: templates are escaped as XML.
        rule: which values a file can hold exactly.
        encoding: of the files; what it cannot hold is refused.
        newline: ends a line in the files; templates always have a line feed.
        header: what the first line of a file must be, exactly; empty for nothing.
    """

    read: Callable[[bytes, str], SettingsFile]
    scan: Callable[[bytes], dict[QuickKey, str] | None]
    mask: Callable[[str, Collection[str]], str]
    xml: bool
    rule: ValueRule = field(default_factory=ValueRule)
    encoding: str = "utf-8"
    newline: str = "\n"
    header: str = ""

    def encode(self, text: str) -> bytes:
        """A rendered text as the octets of a file.

        Args:
            text: lines that end in a line feed.

        Raises:
            UnicodeEncodeError: the encoding does not hold a character.
        """
        if self.newline != "\n":
            text = text.replace("\n", self.newline)
        return text.encode(self.encoding)
