"""Holds some room on a disk, so that on a full one something can still be deleted.

A database needs room to note that something is gone. Without a reserve nobody could make
room on a full disk by deleting messages.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

SIZE_BYTES = 128 * 1024


class DiskReserve:
    """A file that is there to be given away.

    Args:
        path: where it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held = False
        self.fill()

    def fill(self) -> None:
        """Take the room, if it is not held and there is some."""
        if self._held:
            return
        with contextlib.suppress(OSError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            file = os.open(self._path, flags, 0o600)
            try:
                os.posix_fallocate(file, 0, SIZE_BYTES)
                self._held = True
            except OSError:
                os.ftruncate(file, 0)
            finally:
                os.close(file)

    def give(self) -> bool:
        """Give the room away.

        Returns:
            False when there was none to give.
        """
        held, self._held = self._held, False
        try:
            os.truncate(self._path, 0)
        except OSError:
            return False
        return held
