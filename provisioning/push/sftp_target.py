"""A folder on another host, over SFTP; the host key must be known.

Source: draft-ietf-secsh-filexfer-02; OpenSSH PROTOCOL section 4.3 (``posix-rename``).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import posixpath
import stat
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from provisioning.errors import RigError, UsageError
from provisioning.push.target import LARGEST_BYTES, PushError, PushLost, parts_of, wanted_mode
from provisioning.ssh import SSH_PORT, SshHost, SshLogin, connect

if TYPE_CHECKING:
    import paramiko

SILENCE_S = 30.0
"""A server that says nothing for so long is taken for lost."""

T = TypeVar("T")


class SftpTarget:
    """A folder of an SSH server.

    Args:
        host: where.
        folder: absolute, or relative to the account's own folder.
        login: how.
        public: the server reads as a stranger, so files with secrets are readable by all too.
        silence_s: without a word for so long the link is taken for broken.
    """

    in_clear = False
    can_rename = True

    def __init__(
        self,
        host: SshHost,
        folder: str,
        login: SshLogin,
        *,
        public: bool = False,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._host = host
        self._folder = folder
        self._login = login
        self._public = public
        self._silence_s = silence_s
        self._atomic = True
        self._client: paramiko.SSHClient
        self._sftp: paramiko.SFTPClient

    @property
    def where(self) -> str:
        """As a URL."""
        user = f"{self._host.user}@" if self._host.user else ""
        host = f"[{self._host.host}]" if ":" in self._host.host else self._host.host
        port = "" if self._host.port == SSH_PORT else f":{self._host.port}"
        folder = self._folder if self._folder.startswith("/") else f"/~/{self._folder}"
        return f"sftp://{user}{host}{port}{folder}"

    @property
    def caveat(self) -> str:
        """What servers without ``posix-rename`` make a reader meet."""
        if self._atomic:
            return ""
        return "the server cannot rename over a file: for an instant a phone may find none"

    async def __aenter__(self) -> Self:
        """Log in and find the folder.

        Raises:
            RigError: as in :func:`provisioning.ssh.connect`.
            UsageError: there is no such folder.
        """
        self._client = await asyncio.to_thread(connect, self._host, self._login)
        try:
            await self._do("opens no SFTP session", self._open)
        except BaseException:
            self._client.close()
            raise
        return self

    def _open(self) -> None:
        transport = self._client.get_transport()
        if transport is None:
            raise EOFError
        transport.set_keepalive(5)
        self._sftp = self._client.open_sftp()
        channel = self._sftp.get_channel()
        if channel is not None:
            channel.settimeout(self._silence_s)
        found = self._stat(self._folder)
        if found is None or not stat.S_ISDIR(found.st_mode or 0):
            raise UsageError(
                f"{self.where} is no folder; expected one that a server serves from. Make it "
                "there, or correct --to"
            )
        self._folder = self._sftp.normalize(self._folder) or self._folder

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Log out."""
        await asyncio.to_thread(self._client.close)

    def _path(self, name: str) -> str:
        return posixpath.join(self._folder, *parts_of(name, self._folder))

    async def get(self, name: str) -> bytes | None:
        """The content of a file; None when there is none."""
        path = self._path(name)

        def read() -> bytes | None:
            try:
                with self._sftp.open(path, "rb") as stream:
                    stream.prefetch(min(stream.stat().st_size or 0, LARGEST_BYTES))
                    return bytes(stream.read(LARGEST_BYTES))
            except FileNotFoundError:
                return None

        return await self._do(f"cannot read {path}", read)

    async def put(self, name: str, content: bytes, *, secret: bool, like: str) -> None:
        """Write a whole file and see that it has its length."""
        path, place = self._path(name), self._path(like)

        def write() -> None:
            self._make_folders(posixpath.dirname(path))
            found = self._stat(place)
            beside = found or self._sftp.stat(posixpath.dirname(path))
            mode = wanted_mode(
                None if found is None else found.st_mode, secret=secret, public=self._public
            )
            try:
                with self._sftp.open(path, "wb") as stream:
                    stream.chmod(0o600)
                    own = stream.stat()
                    with contextlib.suppress(PermissionError):
                        if beside.st_gid not in {None, own.st_gid}:
                            stream.chown(own.st_uid or 0, beside.st_gid or 0)
                    stream.chmod(mode)
                    stream.set_pipelined(pipelined=True)
                    stream.write(content)
            except OSError:
                with contextlib.suppress(OSError, EOFError):
                    self._sftp.remove(path)
                raise

        await self._do(f"cannot write {path}", write)

    def _make_folders(self, folder: str) -> None:
        missing: list[str] = []
        while self._stat(folder) is None:
            missing.append(folder)
            folder = posixpath.dirname(folder)
        for each in reversed(missing):
            self._sftp.mkdir(each)

    def _stat(self, path: str) -> paramiko.SFTPAttributes | None:
        try:
            return self._sftp.stat(path)
        except FileNotFoundError:
            return None

    async def rename(self, old: str, new: str) -> None:
        """Let a file take the place of another, at once where the server can."""
        source, path = self._path(old), self._path(new)

        def replace() -> None:
            if self._atomic:
                try:
                    self._sftp.posix_rename(source, path)
                except OSError as error:
                    if "unsupported" not in str(error).lower():
                        raise
                    self._atomic = False
            if not self._atomic:
                with contextlib.suppress(FileNotFoundError):
                    self._sftp.remove(path)
                self._sftp.rename(source, path)

        await self._do(f"cannot replace {path}", replace)

    async def remove(self, name: str) -> None:
        """Remove a file."""
        path = self._path(name)

        def unlink() -> None:
            with contextlib.suppress(FileNotFoundError):
                self._sftp.remove(path)

        await self._do(f"cannot remove {path}", unlink)

    async def _do(self, what: str, work: Callable[[], T]) -> T:
        """Do something on the server, and say in words what it answers instead."""
        import paramiko  # noqa: PLC0415 - takes a third of a second; loaded by connect() already

        try:
            return await asyncio.to_thread(work)
        except RigError:
            raise
        except TimeoutError as error:
            raise PushLost(
                f"{self.where}: {what}: no answer for {self._silence_s:g} s; the link is broken"
            ) from error
        except (EOFError, paramiko.SSHException, ConnectionError) as error:
            raise PushLost(
                f"{self.where}: {what}: the connection broke; push again when it is up"
            ) from error
        except OSError as error:
            if not self._is_up() or error.errno in {errno.EPIPE, errno.EBADF}:
                raise PushLost(
                    f"{self.where}: {what}: the connection broke; push again when it is up"
                ) from error
            said = str(error.strerror or error) or "refused"
            raise PushError(
                f"{self.where}: {what}: {said}; check rights and free space there"
            ) from error

    def _is_up(self) -> bool:
        transport = self._client.get_transport()
        return transport is not None and transport.is_active()
