"""Reads typed fields out of YAML nodes and collects every fault instead of stopping.

A field whose value is wrong is reported and read as None (or its default), so that one run
shows all faults of a file. Must not know what a site is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TypeVar

from provisioning.errors import InputFault, Position, UsageError
from provisioning.yaml_source import (
    YamlBroken,
    YamlList,
    YamlMap,
    YamlNode,
    YamlText,
    show_key,
)

MAX_FAULTS = 500
MAX_TEXT_CHARS = 256
_LINE_BREAKERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_TRUE = {"true": True, "false": False, "yes": True, "no": False, "on": True, "off": False}
_SHOWN_CHARS = 60

T = TypeVar("T")
Choice = TypeVar("Choice", bound=StrEnum)


class FaultList:
    """Collects the faults of one reading, each once, up to a limit."""

    def __init__(self) -> None:
        self._faults: dict[InputFault, None] = {}

    def add(
        self, position: Position, what: str, *, got: str = "", expected: str = "", fix: str = ""
    ) -> None:
        """Note a fault.

        Args:
            position: where.
            what: what is wrong.
            got: the value as written; never a secret.
            expected: what would have been right.
            fix: what to do.
        """
        self.extend([InputFault(position, what, got, expected, fix)])

    def extend(self, faults: Iterable[InputFault]) -> None:
        """Take over faults found elsewhere."""
        for fault in faults:
            if len(self._faults) < MAX_FAULTS:
                self._faults.setdefault(fault)
            elif fault not in self._faults:
                self._faults.setdefault(
                    InputFault(
                        Position(fault.position.file),
                        f"there are more than {MAX_FAULTS} faults; the rest is not listed",
                    )
                )

    def __len__(self) -> int:
        return len(self._faults)

    def as_list(self) -> list[InputFault]:
        """All faults, in order of position."""
        return sorted(self._faults)


class FieldReader:
    """Reads the fields of one mapping.

    Args:
        node: what should be a mapping.
        what: name of the thing in errors, for example ``user``.
        faults: where faults go.
    """

    def __init__(self, node: YamlNode, what: str, faults: FaultList) -> None:
        self.what = what
        self.faults = faults
        self.position = node.position
        self.usable = isinstance(node, YamlMap)
        self._values: dict[str, YamlNode] = {}
        self._keys: tuple[YamlText, ...] = ()
        self._asked: set[str] = set()
        if isinstance(node, YamlMap):
            self._values = {key.value: value for key, value in node.entries}
            self._keys = tuple(key for key, _ in node.entries)
        else:
            expect_kind(node, f"the {what}", "a mapping (key: value)", faults)

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that is written, for mappings whose keys are the user's own."""
        return tuple(key.value for key in self._keys)

    def node(self, key: str, *, required: bool = False) -> YamlNode | None:
        """The value of a key as it is; None when absent, empty (reported) or broken.

        Args:
            key: the key.
            required: report its absence.
        """
        self._asked.add(key)
        value = self._values.get(key)
        if value is None:
            if required and self.usable:
                self.faults.add(
                    self.position,
                    f"the {self.what} has no {key!r}",
                    expected=f"a key {key!r}",
                    fix="Add it.",
                )
            return None
        if isinstance(value, YamlText) and value.is_empty:
            self.faults.add(
                value.position,
                f"{key!r} has no value",
                expected="a value after the colon",
                fix="Write one or remove the key; quote a value that begins with #.",
            )
            return None
        return None if isinstance(value, YamlBroken) else value

    def position_of(self, key: str) -> Position:
        """Where a key's value stands, or the mapping when the key is absent.

        Args:
            key: the key; not counted as asked for.
        """
        value = self._values.get(key)
        return self.position if value is None else value.position

    def parsed(
        self,
        key: str,
        parse: Callable[[str], T],
        *,
        required: bool = False,
        secret: bool = False,
    ) -> T | None:
        """A text field turned into a value by a function.

        Args:
            key: the key.
            parse: raises ValueError (or UsageError) whose text says what is expected; an
                error with attributes ``what``, ``expected`` and ``fix`` gives more.
            required: report its absence.
            secret: never show the value.

        Returns:
            The value, or None when absent or wrong (reported).
        """
        if key not in self._values and not required:  # most of what could be written
            self._asked.add(key)
            return None
        node = self.node(key, required=required)
        if node is None:
            return None
        return parse_text(node, f"{key!r} of the {self.what}", parse, self.faults, secret=secret)

    def text(self, key: str, *, required: bool = False, pattern: str = "", form: str = "") -> str:
        """A line of text; empty when absent or wrong.

        Args:
            key: the key.
            required: report its absence.
            pattern: regular expression that the whole value must match.
            form: what the pattern means, in words.
        """

        def check(value: str) -> str:
            if pattern and not re.fullmatch(pattern, value):
                raise ValueError(form)
            return value

        return self.parsed(key, check, required=required) or ""

    def integer(self, key: str, default: int, *, low: int, high: int) -> int:
        """A whole number within limits; the default when absent or wrong.

        Args:
            key: the key.
            default: used when absent.
            low: smallest.
            high: largest.
        """

        def check(value: str) -> int:
            if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
                raise ValueError(f"a whole number from {low} to {high}")
            return int(value)

        found = self.parsed(key, check)
        return default if found is None else found

    def number(self, key: str, default: float, *, low: float, high: float) -> float:
        """A decimal number within limits; the default when absent or wrong.

        Args:
            key: the key.
            default: used when absent.
            low: smallest.
            high: largest.
        """
        form = f"a number from {low:g} to {high:g}"

        def check(value: str) -> float:
            if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value):
                raise ValueError(form)
            if not low <= float(value) <= high:
                raise ValueError(form)
            return float(value)

        found = self.parsed(key, check)
        return default if found is None else found

    def flag(self, key: str, *, default: bool) -> bool:
        """A yes or no; the default when absent or wrong.

        Args:
            key: the key.
            default: used when absent.
        """
        found = self.switch(key)
        return default if found is None else found

    def switch(self, key: str) -> bool | None:
        """A yes or no; None when absent or wrong.

        Args:
            key: the key.
        """
        return self.parsed(key, _parse_switch)

    def choice(self, key: str, kinds: type[Choice], *, required: bool = False) -> Choice | None:
        """One of a set of words; None when absent or wrong.

        Args:
            key: the key.
            kinds: the words.
            required: report its absence.
        """

        def check(value: str) -> Choice:
            try:
                return kinds(value.lower())
            except ValueError:
                raise ValueError(" or ".join(kind.value for kind in kinds)) from None

        return self.parsed(key, check, required=required)

    def is_word(self, key: str, word: str) -> bool:
        """Whether a key has just this word as its value.

        Args:
            key: the key.
            word: in lower case.
        """
        self._asked.add(key)
        value = self._values.get(key)
        return isinstance(value, YamlText) and value.value.strip().lower() == word

    def items(self, key: str) -> tuple[YamlNode, ...]:
        """The elements of a list; none when absent or wrong.

        Args:
            key: the key.
        """
        node = self.node(key)
        if node is None:
            return ()
        if isinstance(node, YamlList):
            return tuple(item for item in node.items if not isinstance(item, YamlBroken))
        expect_kind(node, f"{key!r} of the {self.what}", "a list (- item)", self.faults)
        return ()

    def part(self, key: str, what: str) -> FieldReader | None:
        """A mapping inside this one; None when absent or wrong.

        Args:
            key: the key.
            what: its name in errors.
        """
        node = self.node(key)
        if node is None:
            return None
        reader = FieldReader(node, what, self.faults)
        return reader if reader.usable else None

    def finish(self) -> None:
        """Report every key that nobody asked for, with the nearest known one."""
        if self._values.keys() <= self._asked:
            return
        known = sorted(self._asked)
        for key in self._keys:
            if key.value in known:
                continue
            near = difflib.get_close_matches(key.value.lower()[:64], known, n=1, cutoff=0.6)
            self.faults.add(
                key.position,
                f"unknown {show_key(key.value)} in the {self.what}",
                expected=f"one of {', '.join(known)}",
                fix=f"Did you mean {near[0]!r}?" if near else "Remove it.",
            )


def _parse_switch(value: str) -> bool:
    if value.lower() not in _TRUE:
        raise ValueError("true or false")
    return _TRUE[value.lower()]


def parse_text(
    node: YamlNode,
    what: str,
    parse: Callable[[str], T],
    faults: FaultList,
    *,
    secret: bool = False,
) -> T | None:
    """Turn one scalar node into a value, reporting what goes wrong.

    Args:
        node: the node.
        what: its name in errors.
        parse: as in :meth:`FieldReader.parsed`.
        faults: where faults go.
        secret: never show the value.
    """
    if not isinstance(node, YamlText):
        expect_kind(node, what, "one value", faults)
        return None
    value = node.value.strip()
    if len(value) > MAX_TEXT_CHARS and not secret:
        faults.add(
            node.position,
            f"{what} is too long",
            got=f"{len(value)} characters",
            expected=f"at most {MAX_TEXT_CHARS}",
            fix="Shorten it.",
        )
        return None
    if not value or (not value.isprintable() and _LINE_BREAKERS.search(value)):
        # A line break in a value would add a line to a rendered file.
        faults.add(
            node.position,
            f"{what} is empty" if not value else f"{what} holds a line break or control character",
            got="" if secret else show_value(value),
            expected="one line of text",
            fix="Write it as one line.",
        )
        return None
    try:
        return parse(value)
    except (ValueError, UsageError) as error:
        expected = getattr(error, "expected", str(error))
        reason = getattr(error, "what", "")
        faults.add(
            node.position,
            f"{what}: {reason}" if reason else f"{what} is wrong",
            got="" if secret else show_value(value),
            expected=str(expected),
            fix=str(getattr(error, "fix", "")) or "Correct the value.",
        )
        return None


def expect_kind(node: YamlNode, what: str, expected: str, faults: FaultList) -> None:
    """Report a node of the wrong kind; the value is not shown.

    Args:
        node: the node.
        what: its name in errors.
        expected: the kind wanted.
        faults: where the fault goes.
    """
    if isinstance(node, YamlBroken):
        return
    kind = "nothing" if isinstance(node, YamlText) and node.is_empty else "one value"
    if isinstance(node, YamlMap):
        kind = "a mapping"
    elif isinstance(node, YamlList):
        kind = "a list"
    faults.add(
        node.position,
        f"{what} has the wrong type",
        got=kind,
        expected=expected,
        fix="Check the indentation and the dashes.",
    )


def show_value(value: str) -> str:
    """Write a value into an error: quoted, escaped, cut.

    Args:
        value: as written in the file; no secret.
    """
    cut = value if len(value) <= _SHOWN_CHARS else value[:_SHOWN_CHARS] + "..."
    return ascii(cut) if not cut.isprintable() else repr(cut)
