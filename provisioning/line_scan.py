"""Scans files that hardly differ from one that was scanned before, by their differences.

The files of a model's handsets are alike but for some values: names, numbers, passwords. The first
is scanned whole, and so is the second. Then it is found out which value of the scan each place
where the two differ stands for, not from what is known of the syntax but by a trial: the
places get words that stand nowhere else, the file is scanned whole once more, and where a word
comes out is what its place means. Of any further file every octet is compared with the first.
Where it differs in such places only, and by plain words, its scan is that of the first with
these words; anything else, and a sign that could have a meaning to the syntax, is scanned whole.

What comes out is therefore what the scan of the whole file gives, or the scan itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import compress, count
from operator import ne
from typing import NamedTuple

from provisioning.formats.format import Format
from provisioning.formats.settings import QuickKey

_MOST_LESSONS = 4
_LONGEST_BYTES = 1024 * 1024
_IN_XML = re.compile(rb"(=[\"']\"?|>)([^\"'<>&\r]*)(?=[\"'<])")
_IN_TEXT = re.compile(rb'(^[^=:"]*[=:"][ \t]*"?|"[^"\r]*")([^"\r]*)')
"""Where a value may stand in a line: what comes before it, and it."""
_STEP = 3
"""A line is cut into text, what comes before a value, value, text, and so on."""
_WORD = rb"0-9A-Za-z\x80-\xff@+_"
_PLAIN = re.compile(rb"[%s](?:[%s .:%%\-]*[%s.%%])?" % (_WORD, _WORD, _WORD))
"""Words that no syntax takes for more than themselves: no sign that could end a value, begin a
comment or name a setting, and no blank at either end."""


class _Slot(NamedTuple):
    """What a place in a file stands for.

    Attributes:
        key: the setting that holds its word.
        before: what else stands in the value, before the word.
        after: and after it.
    """

    key: QuickKey
    before: str
    after: str


_NOTHING = _Slot("", "", "")
"""A place that the scan passes over, such as the address that Grandstream's files repeat."""


class LineScan:
    """Scans the files of one template for the handsets of one model."""

    def __init__(self, form: Format) -> None:
        """Begin with nothing.

        Args:
            form: of the files.
        """
        self._form = form
        self._split = (_IN_XML if form.xml else _IN_TEXT).split
        self._lines: list[bytes] = []
        self._values: dict[QuickKey, str] = {}
        self._parts: dict[int, list[bytes]] = {}
        self._slots: dict[tuple[int, int], _Slot] = {}
        self._alone: dict[int, tuple[bytes, bytes, _Slot]] = {}
        self._lessons = 0

    def scan(self, content: bytes) -> Mapping[QuickKey, str] | None:
        """What the scan of the format gives for a file.

        Args:
            content: the file.
        """
        lines = content.split(b"\n")
        alike = len(lines) == len(self._lines) and len(content) <= _LONGEST_BYTES
        if alike:
            found = self._by_difference(lines)
            if found is not None:
                return found
        values = self._form.scan(content)
        if values is not None:
            if alike:
                self._learn(lines, values)
            elif not self._lines:
                self._lines, self._values = lines, values
        return values

    def _by_difference(self, lines: list[bytes]) -> dict[QuickKey, str] | None:
        """The values, if all that differs from the first file is known; else None."""
        other: dict[QuickKey, str] = {}
        for slot, word in self._known_words(lines):
            text = self._text(word)
            if slot is None or text is None or slot.key in other:
                return None
            if slot is not _NOTHING:
                other[slot.key] = slot.before + text + slot.after
        return {**self._values, **other}

    def _known_words(self, lines: list[bytes]) -> Iterator[tuple[_Slot | None, bytes]]:
        """Every word that is another one than in the first file, and what its place means."""
        for number in compress(count(), map(ne, lines, self._lines)):
            line, alone = lines[number], self._alone.get(number)
            if alone is not None and line.startswith(alone[0]) and line.endswith(alone[1]):
                yield alone[2], line[len(alone[0]) : len(line) - len(alone[1])]
                continue
            for place, word in self._differences(number, line):
                yield self._slots.get((number, place)), word

    def _differences(self, number: int, line: bytes) -> Iterator[tuple[int, bytes]]:
        """Place and word of each value of a line that is another one; -1 for what is no value."""
        ours, theirs = self._cut(number), self._split(line)
        if len(ours) != len(theirs):
            yield -1, b""
            return
        for place in compress(count(), map(ne, ours, theirs)):
            yield place if place % _STEP == 2 else -1, theirs[place]

    def _cut(self, number: int) -> list[bytes]:
        """A line of the first file, cut."""
        found = self._parts.get(number)
        if found is None:
            found = self._parts[number] = self._split(self._lines[number])
        return found

    def _text(self, word: bytes) -> str | None:
        """A word as text, if it is plain."""
        if _PLAIN.fullmatch(word) is None:
            return None
        try:
            text = word.decode(self._form.encoding)
        except UnicodeDecodeError:
            return None
        return text if word.isascii() or text.isprintable() else None

    def _learn(self, lines: list[bytes], values: Mapping[QuickKey, str]) -> None:
        """Find out what the places stand for in which a file differs from the first one."""
        if self._lessons >= _MOST_LESSONS:
            return
        self._lessons += 1
        marks: dict[str, tuple[int, int]] = {}
        tried = dict[int, list[bytes]]()
        for number in compress(count(), map(ne, lines, self._lines)):
            for place, _ in self._differences(number, lines[number]):
                if place >= 0:
                    mark = f"qzXtrial{len(marks)}Xzq"
                    marks[mark] = number, place
                    tried.setdefault(number, list(self._cut(number)))[place] = mark.encode()
        trial = list(self._lines)
        for number, parts in tried.items():
            trial[number] = b"".join(parts)
        found = self._form.scan(b"\n".join(trial))
        if found is None or found.keys() != self._values.keys():
            return
        known = dict(self._slots)
        changed = {key: value for key, value in found.items() if value != self._values[key]}
        for mark, where in marks.items():
            holders = [key for key, value in changed.items() if mark in value]
            if not holders:
                self._slots[where] = _NOTHING
            elif len(holders) == 1:
                self._understand(holders[0], changed[holders[0]], mark, where)
        for number, parts in tried.items():
            self._note_alone(number, parts)
        learnt = self._by_difference(lines)
        if learnt is not None and learnt != values:  # a place means other than it seems
            self._slots, self._alone = known, {}
            self._lessons = _MOST_LESSONS

    def _understand(self, key: QuickKey, value: str, mark: str, place: tuple[int, int]) -> None:
        """Note that a place stands for a value, if nothing else of the value was on trial."""
        before, _, after = value.partition(mark)
        was = self._parts[place[0]][place[1]].decode(self._form.encoding, "replace")
        if self._values[key] == before + was + after:
            self._slots[place] = _Slot(key, before, after)

    def _note_alone(self, number: int, parts: list[bytes]) -> None:
        """Note a line in which one place alone differs: then nothing need be cut."""
        ours = self._cut(number)
        places = list(compress(count(), map(ne, ours, parts)))
        slot = self._slots.get((number, places[0])) if len(places) == 1 else None
        if slot is not None:
            before, after = b"".join(ours[: places[0]]), b"".join(ours[places[0] + 1 :])
            self._alone[number] = before, after, slot
