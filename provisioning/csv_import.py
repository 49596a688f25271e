"""Reads users and handsets from CSV, with file:line:column at every cell.

A header cell is the path of the YAML key it stands for, ``mailbox.pin`` or
``forwarding.busy.target``; ``aliases`` and ``accounts`` hold several values separated by
``|``. A row becomes the same node tree that YAML gives, so that one set of rules checks
both. Comma or semicolon separates; UTF-8 with or without byte order mark.

Source: RFC 4180 for quoting; a line break inside a cell is refused here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from provisioning.errors import InputErrors, InputFault, Position
from provisioning.inventory_fields import show_value
from provisioning.text_source import decode_text, read_input_file
from provisioning.yaml_source import YamlList, YamlMap, YamlNode, YamlText

USER_COLUMNS = (
    "name",
    "number",
    "extension",
    "sip.user",
    "sip.auth_user",
    "sip.password",
    "dnd",
    "mailbox.pin",
    "mailbox.aliases",
    "mailbox.active",
    "mailbox.all_calls",
    "mailbox.busy",
    "mailbox.no_answer",
    "mailbox.rings",
    "mailbox.mwi",
    "mailbox.auto_login",
    "mailbox.transfer_on_zero",
    "mailbox.email.notify",
    "mailbox.email.copy",
    "forwarding.always.target",
    "forwarding.always.at",
    "forwarding.busy.target",
    "forwarding.busy.at",
    "forwarding.no_answer.target",
    "forwarding.no_answer.at",
    "forwarding.no_answer.rings",
    "forwarding.no_answer.seconds",
)
HANDSET_COLUMNS = (
    "name",
    "mac",
    "model",
    "vendor",
    "accounts",
    "locale.language",
    "locale.tone_country",
    "locale.time_zone",
    "locale.ntp_server",
    "lamp.on_message",
    "lamp.on_missed_call",
    "lamp.icon",
    "lamp.stutter_tone",
    "expansion_modules",
    "vlan.id",
    "vlan.priority",
    "provisioning.user",
    "provisioning.password",
    "provisioning.revoked",
)
_LIST_COLUMNS = {"mailbox.aliases", "accounts"}
_MAX_ROWS = 50_000

_SEPARATOR_LINE = re.compile("sep=([,;])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table.

    Attributes:
        value: without blanks around it.
        position: where it stands.
    """

    value: str
    position: Position


Row = tuple[Position, list[Cell]]
"""Where a row begins, and its cells."""


def load_users_csv(path: Path) -> list[YamlNode]:
    """Read a CSV table of users into one node per row.

    Args:
        path: the file; columns as in :data:`USER_COLUMNS`, in any order.

    Raises:
        InputErrors: all faults of its form at once.
    """
    return parse_csv(read_input_file(path), str(path), USER_COLUMNS)


def load_handsets_csv(path: Path) -> list[YamlNode]:
    """Read a CSV table of handsets into one node per row.

    Args:
        path: the file; columns as in :data:`HANDSET_COLUMNS`, in any order.

    Raises:
        InputErrors: all faults of its form at once.
    """
    return parse_csv(read_input_file(path), str(path), HANDSET_COLUMNS)


def parse_csv(
    data: bytes, file: str, columns: tuple[str, ...], *, others: bool = False
) -> list[YamlNode]:
    """Parse a table into one node per row.

    Args:
        data: the file's bytes.
        file: its name, for positions.
        columns: the known column names.
        others: whether there may be columns besides, which are left out.

    Raises:
        InputErrors: all faults of its form at once.
    """
    reader = _TableReader(file, others=others)
    rows = reader.read(decode_text(data, file), columns)
    if reader.faults:
        raise InputErrors(reader.faults)
    return rows


def nodes_of_table(rows: Iterable[Row], file: str, columns: tuple[str, ...]) -> list[YamlNode]:
    """One node per row of a table that is already in cells; the first row is the header.

    Args:
        rows: as read.
        file: its name, for positions.
        columns: the known column names.

    Raises:
        InputErrors: all faults of its form at once.
    """
    reader = _TableReader(file)
    nodes = reader.table(rows, columns)
    if reader.faults:
        raise InputErrors(reader.faults)
    return nodes


class _TableReader:
    def __init__(self, file: str, *, others: bool = False) -> None:
        self._file = file
        self._others = others
        self._delimiter = ","
        self.faults: list[InputFault] = []

    def read(self, text: str, columns: tuple[str, ...]) -> list[YamlNode]:
        lines = [
            (number, line.removesuffix("\r"))
            for number, line in enumerate(text.split("\n"), start=1)
            if line.strip()
        ]
        separator = _SEPARATOR_LINE.fullmatch(lines[0][1].strip()) if lines else None
        if separator:  # Excel's own first line
            self._delimiter = separator.group(1)
            lines = lines[1:]
        if not lines:
            self._fault(Position(self._file), "the file is empty", "a header and rows")
            return []
        first = lines[0][1]
        if not separator and first.count(";") > first.count(","):
            self._delimiter = ";"
        return self.table(
            (
                (Position(self._file, number, 1), self._cells(line, number))
                for number, line in lines
            ),
            columns,
        )

    def table(self, rows: Iterable[Row], columns: tuple[str, ...]) -> list[YamlNode]:
        """One node per row; the first row is the header."""
        nodes: list[YamlNode] = []
        header: list[str] | None = None
        for position, cells in rows:
            if header is None:
                header = self._header(cells, columns)
                if self.faults:
                    return []
                continue
            node = self._row(cells, header, position)
            if node is not None:
                nodes.append(node)
            if len(nodes) > _MAX_ROWS:
                self._fault(Position(self._file), "too many rows", f"at most {_MAX_ROWS}")
                return []
        return nodes

    def _header(self, cells: list[Cell], columns: tuple[str, ...]) -> list[str]:
        header: list[str] = []
        for number, cell in enumerate(cells, start=1):
            name = cell.value.lower()
            if self._others and name not in columns:
                header.append("")
                continue
            if name not in columns:
                # A file without a header has its first row here, so an unlikely name is not
                # shown: it may be a password.
                near = difflib.get_close_matches(name[:64], columns, n=1, cutoff=0.6)
                self._fault(
                    cell.position,
                    f"column {number} has no known name",
                    f"one of {', '.join(columns)}",
                    got=show_value(cell.value) if near else "",
                    fix=f"Did you mean {near[0]!r}?" if near else "Is the header line missing?",
                )
            elif name in header:
                self._fault(
                    cell.position,
                    f"column {name!r} is there twice",
                    "each column once",
                    got=f"the first is column {header.index(name) + 1}",
                    fix="Remove one of the two.",
                )
            header.append(name)
        return header

    def _row(self, cells: list[Cell], header: list[str], position: Position) -> YamlNode | None:
        if not any(cell.value for cell in cells):
            return None
        if len(cells) != len(header):
            self._fault(
                position,
                "the row does not fit the header",
                f"{len(header)} cells",
                got=f"{len(cells)} cells",
                fix="Add or remove separators; put a value that holds one in quotes.",
            )
            return None
        tree: dict[str, _Tree] = {}
        for name, cell in zip(header, cells, strict=True):
            if cell.value and name:
                *outer, last = name.split(".")
                branch = tree
                for key in outer:
                    inner = branch.setdefault(key, {})
                    assert isinstance(inner, dict)  # noqa: S101 - no column is another's prefix
                    branch = inner
                branch[last] = _leaf(name, cell)
        return _to_map(tree, position)

    def _cells(self, line: str, number: int) -> list[Cell]:
        cells: list[Cell] = []
        start = 0
        while True:
            position = Position(self._file, number, start + 1)
            value, end = self._cell(line, start, position)
            if "\r" in value:
                self._fault(position, "a carriage return stands in a cell", "one line of text")
                value = ""
            cells.append(Cell(value.strip(), position))
            if end >= len(line):
                return cells
            start = end + 1

    def _cell(self, line: str, start: int, position: Position) -> tuple[str, int]:
        """The value that begins at ``start``, and the index of the separator behind it."""
        quoted = re.compile(r'[ \t]*"((?:[^"]|"")*+)"[ \t]*').match(line, start)
        if quoted and (quoted.end() == len(line) or line[quoted.end()] == self._delimiter):
            return quoted.group(1).replace('""', '"'), quoted.end()
        end = line.find(self._delimiter, start)
        end = len(line) if end < 0 else end
        value = line[start:end]
        if '"' not in value:
            return value, end
        self._fault(
            position,
            "a quoted cell does not end where it should",
            'a quote at both ends of the cell, and "" for a quote inside',
            fix="Correct the quotes; a line break inside a cell is not accepted.",
        )
        return "", len(line)

    def _fault(
        self,
        position: Position,
        what: str,
        expected: str,
        *,
        got: str = "",
        fix: str = "Correct the table.",
    ) -> None:
        self.faults.append(InputFault(position, what, got, expected, fix))


_Tree = YamlNode | dict[str, "_Tree"]


def _leaf(name: str, cell: Cell) -> YamlNode:
    if name not in _LIST_COLUMNS:
        return YamlText(cell.value, cell.position, plain=False)
    items = [item.strip() for item in cell.value.split("|")]
    return YamlList(
        tuple(YamlText(item, cell.position, plain=False) for item in items if item), cell.position
    )


def _to_map(tree: dict[str, _Tree], position: Position) -> YamlMap:
    return YamlMap(
        tuple(
            (
                YamlText(key, position),
                _to_map(value, position) if isinstance(value, dict) else value,
            )
            for key, value in tree.items()
        ),
        position,
    )
