"""Flat files, one setting a line, in whatever punctuation a vendor likes.

A format module describes its lines in a :class:`FlatSyntax`; reading, the quick scan and masking
are the same for all.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from provisioning.errors import Position
from provisioning.formats.format import Format
from provisioning.formats.settings import (
    FormatError,
    Problem,
    QuickKey,
    Setting,
    SettingsFile,
    decode,
    unique_values,
)
from provisioning.formats.value_rule import ValueRule


@dataclass(frozen=True, slots=True)
class FlatSyntax:
    """How the lines of a flat file look.

    Attributes:
        separator: between name and value; a blank for any number of blanks.
        key: regular expression of a whole name.
        header: first line, exactly; empty for none.
        prefix: word before each name, with its blank, e.g. ``SET `` of Avaya.
        quote: sign on both sides of a value; empty for none.
        comments: what a comment begins with.
        include: regular expression of a line that names a further file, in its group 1.
        smuggled: what a value must not look like, because two joined lines would; it has the
            separator in it.
        reserved: values that mean something else to the handset.
        encoding: of the file.
        newline: end of line.
    """

    separator: str
    key: str = r"[A-Za-z][A-Za-z0-9_.\-]*"
    header: str = ""
    prefix: str = ""
    quote: str = ""
    comments: tuple[str, ...] = ("#",)
    include: str = ""
    smuggled: str = ""
    reserved: frozenset[str] = frozenset()
    encoding: str = "utf-8"
    newline: str = "\n"


def flat_format(syntax: FlatSyntax) -> Format:
    """The format of a flat syntax.

    Args:
        syntax: how its lines look.
    """
    reader = _Flat(syntax)
    return Format(
        read=reader.read,
        scan=reader.scan,
        mask=reader.mask,
        xml=False,
        rule=ValueRule(
            reserved=syntax.reserved,
            forbidden=syntax.quote,
            smuggled=re.compile(syntax.smuggled) if syntax.smuggled else None,
        ),
        encoding=syntax.encoding,
        newline=syntax.newline,
        header=syntax.header,
    )


class _Flat:
    def __init__(self, syntax: FlatSyntax) -> None:
        self._syntax = syntax
        key = re.compile(syntax.key)
        self._is_key = lru_cache(maxsize=8192)(lambda text: key.fullmatch(text) is not None)
        plain = not (syntax.prefix or syntax.quote or syntax.separator == " ")
        sign = re.escape(syntax.separator)
        self._plain = (
            re.compile(rf"^({syntax.key})[ \t]*{sign}(.*)$", re.MULTILINE) if plain else None
        )
        comments = "|".join(re.escape(comment) for comment in syntax.comments)
        self._empty = re.compile(rf"^(?:(?:{comments}).*)?\n", re.MULTILINE)
        # Where no setting can begin like a comment, comments can simply be counted.
        only = syntax.comments[0] if len(syntax.comments) == 1 else ""
        self._comment = only if only and key.match(only) is None else ""
        self._include = re.compile(syntax.include) if syntax.include else None
        self._smuggled = re.compile(syntax.smuggled) if syntax.smuggled else None

    def read(self, content: bytes, path: str) -> SettingsFile:
        """Read a file; see :class:`Format`."""
        text = decode(content, path, self._syntax.encoding)
        lines = text.split("\n")
        header = self._syntax.header
        if header and lines[0].rstrip("\r") != header:
            raise FormatError(Position(path, 1), f"the first line must be {header}")
        settings: list[Setting] = []
        includes: list[str] = []
        problems: list[Problem] = []
        for number, raw in enumerate(lines, 1):
            line = raw.strip()
            if not line or line.startswith(self._syntax.comments):
                continue
            pair = self._pair(line)
            if pair is not None:
                settings.append(Setting(pair[0], None, pair[1], number, (), path))
                if self._smuggled is not None and self._smuggled.search(pair[1]):
                    problems.append(Problem(number, "two settings on one line"))
            elif self._include is not None and (found := self._include.fullmatch(line)):
                includes.append(found[1])
            else:
                problems.append(Problem(number, "neither a setting, a comment nor an include"))
        if lines[-1]:
            problems.append(Problem(len(lines), "the last line does not end"))
        return SettingsFile(path, tuple(settings), tuple(includes), tuple(problems))

    def scan(self, content: bytes) -> dict[QuickKey, str] | None:
        """Read nothing but the values, quickly; see :class:`Format`."""
        syntax = self._syntax
        try:
            text = content.decode(syntax.encoding)
        except UnicodeDecodeError:
            return None
        if syntax.newline != "\n":
            text = text.replace(syntax.newline, "\n")
        if "\r" in text or not text.endswith("\n") or text.startswith("\ufeff"):
            return None
        if syntax.header and not text.startswith(f"{syntax.header}\n"):
            return None
        values = self._plain_values(text) if self._plain is not None else self._values(text)
        if values is None:
            return None
        if self._smuggled is not None:
            joined = "\n".join(values.values())
            if syntax.separator in joined and self._smuggled.search(joined):
                return None
        return values

    def _plain_values(self, text: str) -> dict[QuickKey, str] | None:
        """The same as :meth:`_values` in one go, where there is neither prefix nor quote."""
        assert self._plain is not None  # noqa: S101 - asked by the caller
        pairs = self._plain.findall(text)
        others = text.count("\n") - len(pairs)
        if others != self._comments_in(text) and others != len(self._empty.findall(text)):
            return None
        values: dict[QuickKey, str] = {name.rstrip(): value.strip() for name, value in pairs}
        return values if len(values) == len(pairs) else None

    def _comments_in(self, text: str) -> int:
        """How many lines are comments, where that is easily told; -1 where it is not."""
        sign = self._comment
        return text.count(f"\n{sign}") + text.startswith(sign) if sign else -1

    def _values(self, text: str) -> dict[QuickKey, str] | None:
        pairs: list[tuple[str, str]] = []
        for line in text.split("\n"):
            if not line or line.startswith(self._syntax.comments):
                continue
            pair = self._pair(line)
            if pair is None:
                return None
            pairs.append(pair)
        return unique_values(pairs)

    def _pair(self, line: str) -> tuple[str, str] | None:
        syntax = self._syntax
        if syntax.prefix:
            if not line.startswith(syntax.prefix):
                return None
            line = line[len(syntax.prefix) :].lstrip()
        if syntax.separator == " ":
            name, _, value = line.partition(" ")
        else:
            name, sign, value = line.partition(syntax.separator)
            if not sign:
                return None
        name, value = name.rstrip(), value.strip()
        if not self._is_key(name):
            return None
        if syntax.quote:
            inner = value[1:-1]
            quoted = len(value) > 1 and value[0] == value[-1] == syntax.quote
            return (name, inner) if quoted and syntax.quote not in inner else None
        return name, value

    def mask(self, content: str, keys: Collection[str]) -> str:
        """Replace the values of some keys by ``***``; see :class:`Format`."""
        if not keys:
            return content
        syntax = self._syntax
        names = "|".join(re.escape(key) for key in keys)
        quote = re.escape(syntax.quote)
        blank = "[ \t]"
        sign = f"{blank}+" if syntax.separator == " " else f"{blank}*{syntax.separator}{blank}*"
        head = rf"^({blank}*{re.escape(syntax.prefix)}(?:{names}){sign}{quote})"
        value = rf"[^\r\n{quote}]+" if quote else r"[^\r\n]+"
        return re.sub(head + value, r"\1***", content, flags=re.MULTILINE)
