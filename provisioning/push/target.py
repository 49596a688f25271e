"""What a place that files are pushed to must be able to do, and how it says that it cannot.

A target knows names and octets. What is to be delivered, in which order, and what is remembered of
it is the business of :mod:`provisioning.push.deliver`.
"""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from provisioning.errors import RigError, UsageError

LARGEST_BYTES = 16 * 1024 * 1024
"""No file of a handset is larger; a target that sends more when it is asked for one is stopped."""

PLAIN_MODE = 0o644
SECRET_MODE = 0o640
"""The server's own group may read a file with secrets, the rest of its host may not."""


class PushError(RigError):
    """The target did not take a file, or did not give one: it is there and said no."""


class PushLost(PushError):
    """The target fell silent or the connection broke: what it has done is not known."""


class PushUnreadable(PushError):
    """The target takes files, but does not show them to us."""


class PushTarget(Protocol):
    """A place to deliver to; an asynchronous context manager, usable inside only.

    Names are relative, with ``/`` between folders. Methods raise :class:`PushError` or
    :class:`PushLost`, whose messages hold no secret.
    """

    @property
    def where(self) -> str:
        """How people write it; without a password."""
        ...

    @property
    def in_clear(self) -> bool:
        """Everybody on the way can read what is sent."""
        ...

    @property
    def can_rename(self) -> bool:
        """A file can be put under another name and then take its place at once; known inside."""
        ...

    @property
    def caveat(self) -> str:
        """What a reader may meet while files change; empty where each changes at once."""
        ...

    async def __aenter__(self) -> Self:
        """Log in, and find out what the target can do."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave."""
        ...

    async def get(self, name: str) -> bytes | None:
        """The content of a file; None when there is no such file.

        Raises:
            PushUnreadable: the target shows no files.
        """
        ...

    async def put(self, name: str, content: bytes, *, secret: bool, like: str) -> None:
        """Write a whole file, and its folders where they are missing.

        Args:
            name: to write.
            content: octets.
            secret: it holds passwords.
            like: the name that it will have; a file of that name lends its owner and mode.
        """
        ...

    async def rename(self, old: str, new: str) -> None:
        """Let a file take the place of another at once."""
        ...

    async def remove(self, name: str) -> None:
        """Remove a file; one that is not there is no error.

        Raises:
            PushError: it cannot be removed.
        """
        ...


def parts_of(name: str, where: object) -> tuple[str, ...]:
    """The folders of a name and its last part, none of which leads out.

    Args:
        name: relative, with ``/`` between folders.
        where: what it must not lead out of, for the error.

    Raises:
        UsageError: it is absolute, goes up, or holds what no file name holds.
    """
    parts = tuple(part for part in name.split("/") if part not in {"", "."})
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name:
        raise UsageError(f"file name {name!r} leads out of {where}")
    return parts


def wanted_mode(present: int | None, *, secret: bool, public: bool) -> int:
    """Mode of a file that is written.

    Args:
        present: mode of the file that it replaces; None for a new one.
        secret: it holds passwords.
        public: the server reads its files as a stranger, as tftpd-hpa does.
    """
    if present is not None:
        return present & 0o777
    return PLAIN_MODE if public or not secret else SECRET_MODE
