"""YAML with file:line:column at every node, and every scalar left as the text it was.

A site inventory is full of values that YAML would turn into something else: the MAC
``001565123456`` is an octal number, ``10:20:30:40:50:55`` a number in base 60,
``12e456789012`` infinity, the extension ``0123`` the number 83, the name ``no`` false.
Here nothing is converted: who asks for a number gets to convert the text.

Refused, each with its place: tags, a key given twice, a second document, merge keys,
unknown anchors (with the hint to quote ``*97``), too deep nesting, and aliases that
expand to too much.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml

from provisioning.errors import InputErrors, InputFault, Position
from provisioning.text_source import decode_text, read_input_file

MAX_DEPTH = 24
"""Deepest nesting of lists and mappings."""
MAX_NODES = 1_000_000
"""Most nodes, aliases counted with all that they stand for.

Ten thousand handsets with eight line keys each are about 900,000.
"""

_PYTHON_TAG = "tag:yaml.org,2002:python/"
_QUOTE_FIX = 'Put the value in quotes, for example "*97".'


@dataclass(frozen=True, slots=True)
class YamlText:
    """One scalar, as text.

    Attributes:
        value: the text; quotes and escapes resolved, nothing else converted.
        position: where it begins.
        plain: written without quotes.
    """

    value: str
    position: Position
    plain: bool = True

    @property
    def is_empty(self) -> bool:
        """Nothing was written after the colon or dash."""
        return self.plain and not self.value


@dataclass(frozen=True, slots=True)
class YamlMap:
    """One mapping, in the order written.

    Attributes:
        entries: key and value; a key appears once.
        position: where it begins.
    """

    entries: tuple[tuple[YamlText, YamlNode], ...]
    position: Position

    def get(self, key: str) -> YamlNode | None:
        """The value of a key, or None when the key is absent."""
        return next((value for name, value in self.entries if name.value == key), None)


@dataclass(frozen=True, slots=True)
class YamlList:
    """One list.

    Attributes:
        items: its elements.
        position: where it begins.
    """

    items: tuple[YamlNode, ...]
    position: Position


@dataclass(frozen=True, slots=True)
class YamlBroken:
    """Stands where something was already reported, so that reading can go on.

    Attributes:
        position: where it stood.
    """

    position: Position


YamlNode = YamlText | YamlMap | YamlList | YamlBroken

Plain = str | list["Plain"] | dict[str, "Plain"]
"""A node without positions: text, list or dict."""


def load_yaml(path: Path) -> YamlNode:
    """Read one YAML file.

    Args:
        path: the file.

    Raises:
        InputErrors: all faults of its YAML at once.
    """
    return parse_yaml(read_input_file(path), str(path))


def parse_yaml(data: bytes, file: str) -> YamlNode:
    """Parse one YAML document.

    Args:
        data: the file's bytes.
        file: its name, for positions.

    Raises:
        InputErrors: all faults of its YAML at once.
    """
    root, faults = parse_yaml_collecting(data, file)
    if faults or root is None:
        raise InputErrors(faults)
    return root


def parse_yaml_collecting(data: bytes, file: str) -> tuple[YamlNode | None, list[InputFault]]:
    """Parse one YAML document as far as it goes, for callers that report more faults.

    Args:
        data: the file's bytes.
        file: its name, for positions.

    Returns:
        The root node (None when the text is no YAML at all) and the faults found; broken
        places in the tree hold :class:`YamlBroken`.
    """
    try:
        text = decode_text(data, file)
    except InputErrors as error:
        return None, error.faults
    return _Composer(file).compose(text)


def to_plain(node: YamlNode) -> Plain:
    """Drop the positions: text, lists and dicts, as data for a schema check.

    Args:
        node: any node; a broken place becomes empty text.
    """
    if isinstance(node, YamlText):
        return node.value
    if isinstance(node, YamlList):
        return [to_plain(item) for item in node.items]
    if isinstance(node, YamlMap):
        return {key.value: to_plain(value) for key, value in node.entries}
    return ""


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    position: Position
    is_map: bool
    anchor: str | None
    items: list[YamlNode] = field(default_factory=list)  # of a mapping: key, value, key, value ...
    nodes: int = 1
    height: int = 1


@dataclass(frozen=True, slots=True)
class _Anchored:
    node: YamlNode
    nodes: int
    height: int


class _Mark(Protocol):
    """Where the parser was, counted from 0."""

    @property
    def line(self) -> int: ...

    @property
    def column(self) -> int: ...


class _FatalFaultError(Exception):
    """Reading cannot go on; the fault is already in the list."""


class _Composer:
    """Builds the tree from parser events, with an explicit stack and limits."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._faults: list[InputFault] = []
        self._anchors: dict[str, _Anchored] = {}
        self._stack: list[_Open] = []
        self._root: YamlNode | None = None
        self._documents = 0
        self._nodes = 0
        self._takers: dict[type[yaml.Event], Callable[[Any], None]] = {
            yaml.ScalarEvent: self._take_scalar,
            yaml.MappingStartEvent: self._open,
            yaml.SequenceStartEvent: self._open,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._take_alias,
            yaml.DocumentStartEvent: self._start_document,
        }

    def compose(self, text: str) -> tuple[YamlNode | None, list[InputFault]]:
        try:
            self._take_all(text)
        except _FatalFaultError:
            return None, sorted(self._faults)
        if self._root is None:
            self._fault(
                Position(self._file), "the file is empty", expected="a mapping", fix="Fill it."
            )
        return self._root, sorted(self._faults)

    def _take_all(self, text: str) -> None:
        takers = self._takers
        try:
            next_event = yaml.CBaseLoader(text).get_event
            while (event := next_event()) is not None:
                take = takers.get(type(event))
                if take is not None:
                    take(event)
        except yaml.MarkedYAMLError as error:
            self._syntax_fault(error)
            raise _FatalFaultError from error
        except yaml.YAMLError as error:
            self._fault(
                Position(self._file),
                "the YAML reader gave up",
                got=type(error).__name__,
                fix="Check that this is a YAML file.",
            )
            raise _FatalFaultError from error

    def _take_scalar(self, event: yaml.ScalarEvent) -> None:
        position = self._position(event.start_mark)
        self._count(1, position)
        node: YamlNode = YamlText(event.value, position, not event.style)
        if event.tag is not None:
            self._refuse_tag(event.tag, position)
            node = YamlBroken(position)
        self._add(node, event.anchor, nodes=1, height=1)

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        position = self._position(event.start_mark)
        self._count(1, position)
        if event.tag is not None:
            self._refuse_tag(event.tag, position)
        if len(self._stack) >= MAX_DEPTH:
            self._fatal(position, "too deep nesting", f"at most {MAX_DEPTH} levels")
        is_map = isinstance(event, yaml.MappingStartEvent)
        self._stack.append(_Open(position, is_map, event.anchor))

    def _close(self, _event: yaml.CollectionEndEvent) -> None:
        done = self._stack.pop()
        node = self._close_map(done) if done.is_map else YamlList(tuple(done.items), done.position)
        self._add(node, done.anchor, nodes=done.nodes, height=done.height)

    def _start_document(self, event: yaml.DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            self._fault(
                self._position(event.start_mark),
                "a second YAML document begins here",
                got="---",
                expected="one document per file",
                fix="Remove the line or move the rest to another file.",
            )
            raise _FatalFaultError

    def _take_alias(self, event: yaml.AliasEvent) -> None:
        position = self._position(event.start_mark)
        anchored = self._anchors.get(event.anchor or "")
        if anchored is None:
            # The name is not shown: it may be a password that begins with a star.
            self._fault(
                position,
                "an unquoted * begins a YAML alias, and no anchor of that name comes before",
                expected="text in quotes, or an alias of an anchor above",
                fix=_QUOTE_FIX,
            )
            self._add(YamlBroken(position), None, nodes=1, height=1)
            return
        if len(self._stack) + anchored.height > MAX_DEPTH:
            self._fatal(position, "too deep nesting by an alias", f"at most {MAX_DEPTH} levels")
        self._count(anchored.nodes, position)
        self._add(anchored.node, None, nodes=anchored.nodes, height=anchored.height)

    def _count(self, nodes: int, position: Position) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._fatal(position, "too many values, aliases expanded", f"at most {MAX_NODES}")

    def _add(self, node: YamlNode, anchor: str | None, *, nodes: int, height: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = _Anchored(node, nodes, height)
        if not self._stack:
            self._root = node
            return
        parent = self._stack[-1]
        parent.nodes += nodes
        if parent.height <= height:
            parent.height = height + 1
        parent.items.append(node)

    def _close_map(self, done: _Open) -> YamlMap:
        pairs = tuple(zip(done.items[::2], done.items[1::2], strict=True))
        good = tuple((key, value) for key, value in pairs if isinstance(key, YamlText))
        names = {key.value for key, _ in good}
        if len(names) == len(pairs) and "<<" not in names:
            return YamlMap(good, done.position)
        return YamlMap(self._judge_entries(pairs), done.position)

    def _judge_entries(
        self, pairs: tuple[tuple[YamlNode, YamlNode], ...]
    ) -> tuple[tuple[YamlText, YamlNode], ...]:
        """Report the keys of a mapping that cannot be; the others remain."""
        entries: list[tuple[YamlText, YamlNode]] = []
        first_at: dict[str, Position] = {}
        for key, value in pairs:
            if isinstance(key, YamlBroken):
                continue
            if not isinstance(key, YamlText):
                self._fault(key.position, "a key is not text", expected="a word and a colon")
            elif key.value == "<<" and key.plain:
                self._fault(
                    key.position,
                    "merge keys are not supported",
                    got="<<",
                    expected="each value written where it belongs",
                    fix="Write the values out.",
                )
            elif key.value in first_at:
                self._fault(
                    key.position,
                    f"{show_key(key.value)} is given twice",
                    got=f"the first one at {first_at[key.value]}",
                    expected="each key once",
                    fix="Remove one of the two.",
                )
            else:
                first_at[key.value] = key.position
                entries.append((key, value))
        return tuple(entries)

    def _refuse_tag(self, tag: str, position: Position) -> None:
        self._fault(
            position,
            "YAML tags are refused",
            got="!!python/..." if tag.startswith(_PYTHON_TAG) else "a tag (!...)",
            expected="plain values, lists and mappings",
            fix="Remove the tag; if the value begins with an exclamation mark, quote it.",
        )

    def _syntax_fault(self, error: yaml.MarkedYAMLError) -> None:
        position = self._position(error.problem_mark or error.context_mark)
        problem = error.problem or "unreadable YAML"
        context = error.context or ""
        fix = "Check the indentation, colons, brackets and quotes here and on the line above."
        if "scanning an alias" in context:
            problem, fix = "an unquoted * begins a YAML alias", _QUOTE_FIX
        elif "cannot start any token" in problem:
            fix = "Use spaces, not tabs, to indent; quote values that begin with @, ` or %."
        elif "mapping values are not allowed" in problem:
            fix = "Quote a value that holds a colon and a space; check the indentation."
        self._fault(position, f"this is not YAML: {problem}", expected="valid YAML", fix=fix)

    def _fatal(self, position: Position, what: str, expected: str) -> None:
        self._fault(position, what, expected=expected, fix="Write the file more simply.")
        raise _FatalFaultError

    def _fault(
        self, position: Position, what: str, *, got: str = "", expected: str = "", fix: str = ""
    ) -> None:
        self._faults.append(InputFault(position, what, got, expected, fix))

    def _position(self, mark: _Mark | None) -> Position:
        if mark is None:
            return Position(self._file)
        return Position(self._file, mark.line + 1, mark.column + 1)


def show_key(key: str) -> str:
    """Name a key in an error, but only if it looks like a key and not like a secret.

    ``password: {hunter2}`` is a mapping with the secret as its key.

    Args:
        key: the key as written.
    """
    looks_like_key = key.isascii() and key.replace("_", "").replace("-", "").isalpha()
    return f"key {key!r}" if looks_like_key and len(key) <= 40 else "a key"
