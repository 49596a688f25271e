"""A folder on this computer that a server already serves from."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from provisioning.errors import UsageError
from provisioning.push.target import LARGEST_BYTES, PushError, parts_of, wanted_mode


class FolderTarget:
    """A folder that exists; its server finds every file whole at any moment.

    A new file belongs to the folder's group. A file that is replaced keeps mode and group.

    Args:
        folder: served from.
        public: the server reads as a stranger, so files with secrets are readable by all too.
    """

    in_clear = False
    can_rename = True
    caveat = ""

    def __init__(self, folder: Path, *, public: bool = False) -> None:
        self._folder = folder
        self._public = public

    @property
    def where(self) -> str:
        """The folder's whole path."""
        return str(self._folder.absolute())

    async def __aenter__(self) -> Self:
        """See that it is a folder.

        Raises:
            UsageError: it is none.
        """
        if not self._folder.is_dir():
            raise UsageError(
                f"{self._folder} is no folder; expected one that a server serves from. Make it, "
                "or correct --to"
            )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is open."""

    def _path(self, name: str) -> Path:
        return self._folder.joinpath(*parts_of(name, self._folder))

    async def get(self, name: str) -> bytes | None:
        """The content of a file; None when there is none."""
        path = self._path(name)
        try:
            with path.open("rb") as stream:
                return stream.read(LARGEST_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _refused(path, "cannot be read", error) from error

    async def put(self, name: str, content: bytes, *, secret: bool, like: str) -> None:
        """Write a whole file and wait until it is on the disk."""
        path, place = self._path(name), self._path(like)
        present: int | None = None
        group = -1
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                found = place.stat()
                present, group = found.st_mode, found.st_gid
            if present is None:
                group = path.parent.stat().st_gid
            descriptor = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600
            )
            with os.fdopen(descriptor, "wb") as stream:
                with contextlib.suppress(PermissionError):
                    os.fchown(descriptor, -1, group)
                os.fchmod(descriptor, wanted_mode(present, secret=secret, public=self._public))
                stream.write(content)
                stream.flush()
                os.fsync(descriptor)
        except OSError as error:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            raise _refused(path, "cannot be written", error) from error

    async def rename(self, old: str, new: str) -> None:
        """Let a file take the place of another, for every reader at once."""
        path = self._path(new)
        try:
            self._path(old).replace(path)
        except OSError as error:
            raise _refused(path, "cannot be replaced", error) from error

    async def remove(self, name: str) -> None:
        """Remove a file."""
        path = self._path(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _refused(path, "cannot be removed", error) from error


def _refused(path: Path, what: str, error: OSError) -> PushError:
    return PushError(f"{path}: {what}: {error.strerror}; check its rights and the disk")
