"""Changes lines of served configuration files, by pattern or by the vendor's own setting.

The spellings that are known: ``key = value`` and ``key: value`` lines, XML elements named by the
setting (``<key attributes>value</key>``), XML attributes (``key="value"``), and
``<item name="key">value</item>``.
"""

from __future__ import annotations

import re
from collections.abc import Callable


class FileRule:
    """One change of served files; callable as :data:`rig.faults.circumstances.AlterFile`.

    Args:
        change: gives the new content and how often it was changed.
        name: pattern that must be found in the name of the file; empty for every file.

    Attributes:
        hits: how many places were changed: a fault that changed nothing proves nothing.
    """

    def __init__(self, change: Callable[[bytes], tuple[bytes, int]], name: str = "") -> None:
        self.hits = 0
        self._change, self._name = change, name

    def __call__(self, name: str, content: bytes) -> bytes:
        """The content that is served."""
        if not re.search(self._name, name):
            return content
        changed, places = self._change(content)
        self.hits += places
        return changed


def in_files(pattern: str, new: str, *, name: str = "") -> FileRule:
    """Replace a pattern wherever it stands; ``^`` and ``$`` are the ends of lines."""
    return FileRule(
        lambda content: re.subn(pattern.encode(), new.encode(), content, flags=re.MULTILINE), name
    )


def setting(key: str, value: str, *, name: str = "") -> FileRule:
    """Give a setting another value, in whatever syntax the vendor writes it.

    Args:
        key: the vendor's spelling, e.g. ``account.1.subscribe_mwi``.
        value: new value, as it stands in the file.
        name: pattern for the name of the file.
    """
    pattern, replacement = _spellings(key), value.encode()

    def change(content: bytes) -> tuple[bytes, int]:
        return pattern.subn(
            lambda found: _around(found, "before") + replacement + _around(found, "after"), content
        )

    return FileRule(change, name)


def without_setting(key: str, *, name: str = "") -> FileRule:
    """Take a setting out: its whole line, or its attribute where several stand on one line."""
    escaped = re.escape(key.encode())
    attribute = re.compile(rb'[ \t]*(?<![\w.])%s="[^"]*"' % escaped)
    line = re.compile(
        rb"^[ \t]*(?:<%s[ >]|%s[ \t]*[=:]|<item name=\"%s\")[^\n]*\n" % ((escaped,) * 3),
        re.MULTILINE,
    )

    def change(content: bytes) -> tuple[bytes, int]:
        changed, places = line.subn(b"", content)
        return (changed, places) if places else attribute.subn(b"", content)

    return FileRule(change, name)


def together(*rules: Callable[[str, bytes], bytes]) -> Callable[[str, bytes], bytes]:
    """One change after the other."""

    def change(name: str, content: bytes) -> bytes:
        for rule in rules:
            content = rule(name, content)
        return content

    return change


def _spellings(key: str) -> re.Pattern[bytes]:
    escaped = re.escape(key.encode())
    return re.compile(
        rb"(?P<before1>^[ \t]*%s[ \t]*[=:][ \t]*)[^\r\n]*(?P<after1>)"
        rb"|(?P<before2><%s(?: [^>]*)?>)[^<]*(?P<after2></%s>)"
        rb'|(?P<before3><item name="%s">)[^<]*(?P<after3></item>)'
        rb'|(?P<before4>(?<![\w.])%s=")[^"]*(?P<after4>")' % ((escaped,) * 5),
        re.MULTILINE,
    )


def _around(found: re.Match[bytes], side: str) -> bytes:
    return next(
        (text for n in range(1, 5) if (text := found.group(f"{side}{n}")) is not None), b""
    )
