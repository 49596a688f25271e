"""A TFTP server that takes uploads: WRQ.

TFTP has no renaming, no removing and no passwords: whoever reaches the server can do the same,
and a phone that asks while a file is on its way may get the first part of it. Many servers only
take files that exist already.

Source: RFC 1350 section 4; RFC 2347 to 2349.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from provisioning.push.target import PushError, PushLost, PushUnreadable, parts_of
from provisioning.transport.tftp_client import TftpFetchError, fetch, put

GIVE_UP_S = 60.0
_NOT_FOUND = 1


class TftpTarget:
    """A folder of a TFTP server.

    Args:
        host: name or address.
        port: UDP port.
        folder: prefix of every name; empty for none.
        give_up_s: seconds that one file may take.
    """

    in_clear = True
    can_rename = False
    caveat = (
        "TFTP knows no renaming: a phone that asks in the wrong moment may get half a file, and a "
        "push that breaks may leave one torn"
    )

    def __init__(
        self, host: str, port: int, folder: str = "", *, give_up_s: float = GIVE_UP_S
    ) -> None:
        self._give_up_s = give_up_s
        self._host = host
        self._port = port
        self._folder = folder.strip("/")

    @property
    def where(self) -> str:
        """As a URL."""
        folder = f"/{self._folder}" if self._folder else ""
        return f"tftp://{self._host}:{self._port}{folder}"

    async def __aenter__(self) -> Self:
        """Nothing to open: every transfer stands for itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is open."""

    def _name(self, name: str) -> str:
        below = "/".join(parts_of(name, self.where))
        return f"{self._folder}/{below}" if self._folder else below

    async def get(self, name: str) -> bytes | None:
        """The content of a file; None when the server says that there is none."""
        try:
            return await fetch(self._host, self._port, self._name(name), timeout_s=self._give_up_s)
        except TftpFetchError as error:
            if error.code == _NOT_FOUND:
                return None
            if error.code is not None:
                raise PushUnreadable(str(error)) from error
            raise PushLost(str(error)) from error

    async def put(self, name: str, content: bytes, *, secret: bool, like: str) -> None:
        """Upload a whole file."""
        del secret, like  # TFTP has neither owners nor modes
        try:
            await put(self._host, self._port, self._name(name), content, timeout_s=self._give_up_s)
        except TftpFetchError as error:
            kind = PushLost if error.code is None else PushError
            raise kind(str(error)) from error

    async def rename(self, old: str, new: str) -> None:
        """TFTP cannot."""
        raise PushError(f"{self.where}: TFTP cannot rename {old} to {new}")

    async def remove(self, name: str) -> None:
        """TFTP cannot."""
        raise PushError(f"{self.where}: TFTP cannot remove {name}; remove it on the server itself")
