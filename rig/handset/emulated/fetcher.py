"""Fetches files as a handset does, from its own address: HTTP, HTTPS or TFTP by the URL."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urljoin, urlsplit

from provisioning.transport.client_error import plain_client_error
from provisioning.transport.tftp_client import DatagramTap, TftpFetchError
from provisioning.transport.tftp_client import fetch as tftp_fetch
from rig.errors import RigError, UsageError

if TYPE_CHECKING:
    import aiohttp

_TFTP_PORT = 69
_TFTP_NOT_THERE = frozenset({1, 2})
_HTTP_NOT_THERE = frozenset({400, 403, 404, 410})
"""Refusals by which a phone goes on with the next name, as it does when a file is not there."""

_HTTP_OK = 200
_TIMEOUT_S = 10.0
_MAX_BYTES = 4 << 20
_BLKSIZE = 1428


class Fetcher:
    """Fetches the files of one boot; use it as an asynchronous context manager.

    Like a handset it keeps one HTTP connection for the whole boot.
    """

    def __init__(
        self,
        url: str,
        host: str,
        *,
        timeout_s: float = _TIMEOUT_S,
        tftp_options: bool = True,
        tap: DatagramTap | None = None,
    ) -> None:
        """Prepare.

        Args:
            url: provisioning URL, ``http``, ``https`` or ``tftp``.
            host: numeric local address to fetch from.
            timeout_s: for one file.
            tftp_options: ask for larger blocks; old phones know no options.
            tap: told of every TFTP datagram.

        Raises:
            UsageError: the URL has another scheme or no host.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https", "tftp"} or not parts.hostname:
            raise UsageError(f"provisioning URL {url!r}: expected http, https or tftp and a host")
        self._base = url.rstrip("/") + "/"
        self._host = host
        self._timeout_s = timeout_s
        self._blksize = _BLKSIZE if tftp_options else None
        self._tap = tap
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Ready to fetch; nothing is sent yet."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()

    async def fetch(self, path: str, user_agent: str) -> bytes | None:
        """Fetch one file.

        Args:
            path: relative to the provisioning URL, or a URL of its own.
            user_agent: header to send over HTTP; empty for none.

        Returns:
            The file, or None if the server does not have it.

        Raises:
            RigError: the server does not answer, or with neither the file nor a plain refusal.
        """
        url = path if "://" in path else self._base + path.lstrip("/")
        url = urljoin(self._base, url)
        try:
            if urlsplit(url).scheme == "tftp":
                return await self._fetch_tftp(url)
            return await self._fetch_http(url, user_agent)
        except TimeoutError:
            raise RigError(f"boot: {url} did not come within {self._timeout_s:g} s") from None

    async def _fetch_tftp(self, url: str) -> bytes | None:
        parts = urlsplit(url)
        try:
            return await tftp_fetch(
                parts.hostname or "",
                parts.port or _TFTP_PORT,
                parts.path.lstrip("/"),
                blksize=self._blksize,
                timeout_s=self._timeout_s,
                local_host=self._host,
                tap=self._tap,
            )
        except TftpFetchError as error:
            if error.code in _TFTP_NOT_THERE:
                return None
            raise RigError(f"boot: {error}") from None

    async def _fetch_http(self, url: str, user_agent: str) -> bytes | None:
        import aiohttp  # noqa: PLC0415 - heavy; a handset that boots by TFTP never needs it

        from rig.handset.sent_once import sent_once  # noqa: PLC0415 - needs aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=1, local_addr=(self._host, 0)),
                skip_auto_headers=("User-Agent",),
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                trace_configs=[sent_once()],
            )
        headers = {"User-Agent": user_agent} if user_agent else {}
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self._session.get(url, headers=headers) as response:
                    if response.status in _HTTP_NOT_THERE:
                        return None
                    if response.status != _HTTP_OK:
                        raise RigError(f"boot: {url} answered {response.status}")
                    content = await response.content.read(_MAX_BYTES + 1)
                    while len(content) <= _MAX_BYTES and not response.content.at_eof():
                        content += await response.content.read(_MAX_BYTES)
        except aiohttp.ClientError as error:
            raise RigError(f"boot: {url}: {plain_client_error(error)}") from None
        if len(content) > _MAX_BYTES:
            raise RigError(f"boot: {url} is longer than {_MAX_BYTES} octets")
        return content
