"""Files and folders that are for their owner alone, and last when they are said to.

Source: fsync(2), "Calling fsync() does not necessarily ensure that the entry in the directory
containing the file has also reached disk".
"""

from __future__ import annotations

import os
from pathlib import Path


def make_folder(path: Path) -> list[Path]:
    """Make a folder that is for the owner alone, and those above it; gives all that were made.

    One that is there keeps its mode.
    """
    missing = [one for one in (path, *path.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700 if one == path else 0o777, exist_ok=True)
    if not path.is_dir():
        raise NotADirectoryError(f"{path} is no folder")
    return missing


def open_private(path: Path) -> int:
    """Open a file for writing that is for the owner alone; made if missing."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if os.fstat(file).st_mode & 0o077:
        os.fchmod(file, 0o600)
    return file


def create_file(path: Path) -> int:
    """Make a file; one of an attempt whose end nobody knew gives way."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o600)
    except FileExistsError:
        path.unlink()
        return os.open(path, flags, 0o600)


def write_all(file: int, content: bytes) -> None:
    """Write everything, however the kernel cuts it up."""
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def sync_folder(path: Path) -> None:
    """Have the names in a folder last."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
