"""Reads a user's text file the same careful way for every format: size, encoding, controls.

Must not know YAML or CSV; :mod:`provisioning.yaml_source` and
:mod:`provisioning.csv_import` build on it.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from provisioning.errors import InputErrors, InputFault, Position
from provisioning.input_notes import note_file

MAX_FILE_BYTES = 8 * 1024 * 1024
"""Largest input file: some forty times a site of 1,000 handsets."""

Stamp = tuple[int, int, int] | None
"""By what a file is known to have changed; None where there is none."""

_reads: ContextVar[dict[Path, Stamp] | None] = ContextVar("reads", default=None)
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]"
)
_WORKBOOKS = {
    b"\xd0\xcf\x11\xe0": "a workbook of an old Excel (.xls)",
    b"PK\x03\x04": "a workbook or another archive",
}
_OTHER_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"\x00\x00\xfe\xff")


def stamp_of(path: Path) -> Stamp:
    """By what a change of a file can be seen without reading it.

    Args:
        path: the file.
    """
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@contextmanager
def noting_reads() -> Iterator[dict[Path, Stamp]]:
    """Note which input files are read until the block ends, each with its stamp."""
    noted: dict[Path, Stamp] = {}
    token = _reads.set(noted)
    try:
        yield noted
    finally:
        _reads.reset(token)


def note_read(path: Path) -> None:
    """Note that a file is about to be read: what changes meanwhile is seen afterwards.

    Args:
        path: the file; :func:`read_input_file` notes it by itself.
    """
    noted = _reads.get()
    if noted is not None:
        noted[path] = stamp_of(path)


def read_input_file(path: Path, *, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Read a user's file whole, refusing devices, pipes and oversized files.

    Args:
        path: the file.
        max_bytes: the largest size accepted, bytes.

    Raises:
        InputErrors: it is missing, unreadable, no regular file, or too large.
    """
    position = Position(str(path))
    note_read(path)
    try:
        data = _read_regular(path, max_bytes + 1)
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else ""
        raise _fault(
            position,
            "the file cannot be read",
            got=reason or "an impossible file name",
            expected="a readable file",
            fix="Check the path and the permissions.",
        ) from error
    if data is None:
        raise _fault(
            position,
            "this is not a file",
            expected="a regular file",
            fix="Name the file itself, not a folder or a device.",
        )
    if len(data) > max_bytes:
        raise _fault(
            position,
            "the file is too large",
            got=f"more than {max_bytes} bytes",
            expected=f"at most {max_bytes} bytes",
            fix="Check that this is the right file, or split it.",
        )
    note_file(path, data)
    return data


def decode_text(data: bytes, file: str) -> str:
    """Turn a file's bytes into text, or say where and why they are none.

    Args:
        data: the bytes; UTF-8 with or without a byte order mark.
        file: name for error positions.

    Raises:
        InputErrors: another encoding, binary content, or control characters.
    """
    if data.startswith(_OTHER_BOMS):
        raise _fault(
            Position(file, 1, 1),
            "the file is UTF-16 or UTF-32",
            expected="UTF-8",
            fix="Save it as UTF-8.",
        )
    for start, what in _WORKBOOKS.items():
        if data.startswith(start):
            raise _fault(
                Position(file, 1, 1),
                f"the file is {what}",
                expected="text in UTF-8, or a workbook whose name ends in .xlsx",
                fix="Save it as .xlsx, or as 'CSV UTF-8'.",
            )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec counts from behind a byte order mark when there was one.
        skipped = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
        before = data[skipped : skipped + error.start]
        raise _fault(
            position_after(before.decode("utf-8", "replace"), file),
            "the file is not UTF-8",
            got=f"byte 0x{error.object[error.start]:02x}",
            expected="UTF-8",
            fix="It looks like Latin-1 or Windows-1252: save it as UTF-8 (in Excel: 'CSV UTF-8').",
        ) from None
    found = _CONTROL.search(text)
    if found:
        code = ord(found.group())
        raise _fault(
            position_after(text[: found.start()], file),
            "the file holds a character that no text file has",
            got="NUL" if code == 0 else f"U+{code:04X}",
            expected="text",
            fix="Remove it; if the file is binary, name another one.",
        )
    return text


def position_after(before: str, file: str) -> Position:
    """Say where in a file the character stands that follows ``before``.

    Args:
        before: everything up to that character.
        file: name of the file.
    """
    line_start = before.rfind("\n") + 1
    return Position(file, before.count("\n") + 1, len(before) - line_start + 1)


def _read_regular(path: Path, size: int) -> bytes | None:
    # Non-blocking, so that a named pipe does not hold us up before it is recognised.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(size)
    finally:
        os.close(descriptor)


def _fault(
    position: Position, what: str, *, got: str = "", expected: str = "", fix: str = ""
) -> InputErrors:
    return InputErrors([InputFault(position, what, got, expected, fix)])
