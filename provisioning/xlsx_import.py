"""Reads users and handsets from an Excel workbook, with file, row and column at every cell.

The same columns and the same rules as for CSV. A sheet named ``users`` or ``handsets`` is
taken, else the first one. Spreadsheets turn digits into numbers and lose zeros and plus
signs without a word, so numbers and addresses must be written as text.
"""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.csv_import import (
    HANDSET_COLUMNS,
    USER_COLUMNS,
    Cell,
    Row,
    nodes_of_table,
)
from provisioning.errors import InputErrors, InputFault, Position
from provisioning.text_source import read_input_file
from provisioning.yaml_source import YamlNode

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell as WorkbookCell
    from openpyxl.cell.cell import MergedCell

MAX_UNPACKED_BYTES = 128 * 1024 * 1024
"""A workbook is a zip archive; one that unpacks to more is refused before it is opened."""
_MAX_ROWS = 50_002
_MAX_COLUMNS = 256
_TEXT_COLUMNS = frozenset(
    {
        "number",
        "mac",
        "sip.password",
        "mailbox.pin",
        "mailbox.aliases",
        "mailbox.transfer_on_zero",
        "forwarding.always.target",
        "forwarding.busy.target",
        "forwarding.no_answer.target",
    }
)


def load_users_xlsx(path: Path) -> list[YamlNode]:
    """Read a workbook of users into one node per row.

    Args:
        path: the file.

    Raises:
        InputErrors: all faults of its form at once.
    """
    return nodes_of_table(_rows(path, "users"), str(path), USER_COLUMNS)


def load_handsets_xlsx(path: Path) -> list[YamlNode]:
    """Read a workbook of handsets into one node per row.

    Args:
        path: the file.

    Raises:
        InputErrors: all faults of its form at once.
    """
    return nodes_of_table(_rows(path, "handsets"), str(path), HANDSET_COLUMNS)


def _rows(path: Path, sheet_name: str) -> list[Row]:
    import openpyxl  # noqa: PLC0415 - heavy, and most sites have no workbook

    data = read_input_file(path)
    _check_size(data, path)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheet = book[sheet_name] if sheet_name in book.sheetnames else book.worksheets[0]
        rows = [list(row) for row in sheet.iter_rows(max_row=_MAX_ROWS, max_col=_MAX_COLUMNS)]
        book.close()
    except Exception as error:  # the library raises whatever its parsers raise
        raise _fault(path, f"the workbook cannot be read: {type(error).__name__}") from error
    faults: list[InputFault] = []
    header = [str(cell.value or "").strip().lower() for cell in rows[0]] if rows else []
    while header and not header[-1]:
        header.pop()
    table = [
        (
            Position(str(path), number, 1),
            list(_cells(row[: len(header)], header, path, number, faults)),
        )
        for number, row in enumerate(rows, 1)
    ]
    if not header:
        faults.append(
            InputFault(Position(str(path)), "the sheet is empty", expected="a header and rows")
        )
    if faults:
        raise InputErrors(faults)
    return table


def _check_size(data: bytes, path: Path) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
            if unpacked > MAX_UNPACKED_BYTES:
                raise _fault(path, f"the workbook unpacks to more than {MAX_UNPACKED_BYTES} bytes")
            if any(b"<!ENTITY" in archive.read(info) for info in archive.infolist()):
                raise _fault(path, "the workbook declares entities, as no spreadsheet does")
    except zipfile.BadZipFile as error:
        what = "this is no whole workbook" if data.startswith(b"PK") else "this is no workbook"
        raise _fault(path, what) from error


def _cells(
    row: list[WorkbookCell | MergedCell],
    header: list[str],
    path: Path,
    number: int,
    faults: list[InputFault],
) -> Iterator[Cell]:
    for column, name in enumerate(header, 1):
        position = Position(str(path), number, column)
        value = row[column - 1].value if column <= len(row) else None
        yield Cell(_text(value, name if number > 1 else "", position, faults), position)


def _text(value: object, column: str, position: Position, faults: list[InputFault]) -> str:
    """A cell as text; what the spreadsheet may have changed is a fault."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and column not in _TEXT_COLUMNS:
        return str(value)
    if isinstance(value, float) and value.is_integer() and column not in _TEXT_COLUMNS:
        return str(int(value))
    kind = "a date" if isinstance(value, dt.date | dt.time) else "a number"
    faults.append(
        InputFault(
            position,
            f"the cell of {column or 'the header'} is {kind}",
            expected="text",
            fix="Format the column as text and write the value again: zeros and signs are lost.",
        )
    )
    return ""


def _fault(path: Path, what: str) -> InputErrors:
    return InputErrors(
        [
            InputFault(
                Position(str(path)),
                what,
                expected="an Excel workbook (.xlsx)",
                fix="Save it as .xlsx again; a CSV has another ending.",
            )
        ]
    )
