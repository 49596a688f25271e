"""A web server that takes uploads: HTTP PUT, and WebDAV where it can rename.

A redirect is not followed: it could carry passwords to somebody else.

Source: RFC 9110 section 9.3.4 (PUT), RFC 4918 sections 9.3 (MKCOL) and 9.9 (MOVE),
RFC 7616 (Digest), RFC 7617 (Basic).
"""

from __future__ import annotations

import base64
import secrets
import ssl
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

import aiohttp

from provisioning.errors import UsageError
from provisioning.push.target import (
    LARGEST_BYTES,
    PushError,
    PushLost,
    PushUnreadable,
    parts_of,
)
from provisioning.secret import Secret
from provisioning.transport.client_error import plain_client_error

CONNECT_LIMIT_S = 15.0
SILENCE_S = 30.0

NO_PASSWORD = Secret("")

_FIX = {
    401: "name the account by --user and --password",
    403: "the account may not do that there",
    404: "there is no such folder",
    405: "the server takes no uploads there (nginx: dav_methods PUT DELETE MOVE)",
    409: "a folder above it is missing",
    413: "the file is larger than the server takes",
    423: "somebody has locked it",
    501: "the server takes no uploads",
    507: "the server's disk is full",
}
_OK = frozenset({200, 201, 202, 204, 207})
_UNREADABLE = frozenset({401, 403, 405, 501})
_NO_SUCH = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class WebLogin:
    """How to be let in.

    Attributes:
        user: name; empty for nobody's.
        password: of that name.
        ca: file of certificates that the server's must descend from; None for the system's.
    """

    user: str = ""
    password: Secret = NO_PASSWORD
    ca: Path | None = None


class WebTarget:
    """A folder of a web server.

    Args:
        url: of the folder, without user and password.
        login: how to be let in.
        silence_s: without a word for so long the link is taken for broken.
    """

    def __init__(self, url: str, login: WebLogin, *, silence_s: float = SILENCE_S) -> None:
        self._url = url.rstrip("/")
        self._login = login
        self._silence_s = silence_s
        self._can_rename = False
        self._basic: dict[str, str] = {}
        self._session: aiohttp.ClientSession

    @property
    def where(self) -> str:
        """The URL."""
        return self._url

    @property
    def in_clear(self) -> bool:
        """Whether it is plain HTTP."""
        return urlsplit(self._url).scheme == "http"

    @property
    def can_rename(self) -> bool:
        """Whether the server knows MOVE."""
        return self._can_rename

    @property
    def caveat(self) -> str:
        """What a server without MOVE makes a reader meet."""
        if self._can_rename:
            return ""
        return (
            "the server does not know MOVE (WebDAV): files change one after the other, and "
            "whether each one changes at once is up to the server"
        )

    async def __aenter__(self) -> Self:
        """Find out by a file of no meaning whether the server takes uploads and can rename.

        Raises:
            PushError: it takes none.
            PushLost: nobody answers.
            UsageError: the file of certificates cannot be used.
        """
        middlewares = ()
        if self._login.user:
            middlewares = (  # type: ignore[assignment]  # of one element, or none
                aiohttp.DigestAuthMiddleware(
                    self._login.user, self._login.password.reveal(), preemptive=False
                ),
            )
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_LIMIT_S, sock_read=self._silence_s
            ),
            connector=aiohttp.TCPConnector(ssl=self._tls()),
            headers={"Cache-Control": "no-cache", "User-Agent": "phonerig-push"},
            middlewares=middlewares,
        )
        try:
            await self._probe()
        except BaseException:
            await self._session.close()
            raise
        return self

    def _tls(self) -> ssl.SSLContext | bool:
        if self._login.ca is None:
            return True
        try:
            return ssl.create_default_context(cafile=str(self._login.ca))
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                f"--ca {self._login.ca}: cannot be used as certificates: {error}"
            ) from error

    async def _probe(self) -> None:
        mark = secrets.token_hex(8)
        first, second = f"phonerig-{mark}.part", f"phonerig-{mark}-moved.part"
        await self.put(first, b"phonerig\n", secret=False, like=first)
        status = await self._send("MOVE", first, destination=second)
        self._can_rename = status in _OK
        for name in (first, second):
            await self._send("DELETE", name)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._session.close()

    def _target(self, name: str) -> str:
        return f"{self._url}/" + "/".join(
            quote(part, safe="$!'()*,;=:@&+~") for part in parts_of(name, self._url)
        )

    async def get(self, name: str) -> bytes | None:
        """The content of a file; None when there is none."""
        url = self._target(name)
        try:
            async with self._session.get(
                url, headers=self._basic, allow_redirects=False
            ) as response:
                if response.status in _NO_SUCH:
                    return None
                if response.status in _UNREADABLE:
                    raise PushUnreadable(f"{url}: GET is answered by {response.status}")
                if response.status != 200:
                    raise _refused("GET", url, response.status, self._login.user)
                return await _all(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._lost("GET", url, error) from error

    async def put(self, name: str, content: bytes, *, secret: bool, like: str) -> None:
        """Upload a whole file, and make its folders where the server wants that."""
        del secret, like  # a web server has its own rights
        status = await self._send("PUT", name, content)
        if status in {403, 404, 409} and "/" in name:
            folders = parts_of(name, self._url)[:-1]
            for depth in range(1, len(folders) + 1):
                await self._send("MKCOL", "/".join(folders[:depth]), folder=True)
            status = await self._send("PUT", name, content)
        if status not in _OK:
            raise _refused("PUT", self._target(name), status, self._login.user)

    async def rename(self, old: str, new: str) -> None:
        """Let a file take the place of another by MOVE."""
        status = await self._send("MOVE", old, destination=new)
        if status not in _OK:
            raise _refused("MOVE", self._target(new), status, self._login.user)

    async def remove(self, name: str) -> None:
        """Remove a file by DELETE."""
        status = await self._send("DELETE", name)
        if status not in _OK | _NO_SUCH:
            raise _refused("DELETE", self._target(name), status, self._login.user)

    async def _send(
        self,
        method: str,
        name: str,
        content: bytes | None = None,
        *,
        destination: str = "",
        folder: bool = False,
    ) -> int:
        """Send one request; a 401 that asks for Basic is answered once.

        Returns:
            The status.
        """
        url = self._target(name) + ("/" if folder else "")
        headers = {}
        if destination:
            headers = {"Destination": self._target(destination), "Overwrite": "T"}
        try:
            for _ in range(2):
                async with self._session.request(
                    method,
                    url,
                    data=content,
                    headers=headers | self._basic,
                    allow_redirects=False,
                ) as response:
                    await response.content.read(LARGEST_BYTES)
                    if 300 <= response.status < 400:
                        raise PushError(
                            f"{url}: {method} is redirected, which is not followed; give the "
                            "place itself by --to"
                        )
                    if not self._answers_basic(response):
                        return response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._lost(method, url, error) from error
        return 401

    def _answers_basic(self, response: aiohttp.ClientResponse) -> bool:
        """Whether the server wants a password in the way that has none of its own."""
        if response.status != 401 or not self._login.user or self._basic:
            return False
        schemes = " ".join(response.headers.getall("WWW-Authenticate", [])).lower()
        if "basic" not in schemes:
            return False
        words = f"{self._login.user}:{self._login.password.reveal()}".encode()
        self._basic = {"Authorization": f"Basic {base64.b64encode(words).decode()}"}
        return True

    def _lost(self, method: str, url: str, error: Exception) -> PushLost:
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return PushLost(
                f"{url}: the server's certificate is not trusted: {error.certificate_error}; name "
                "the authority's certificate by --ca"
            )
        said = plain_client_error(error)
        return PushLost(f"{url}: {method}: the connection broke or nobody answers: {said}")


async def _all(response: aiohttp.ClientResponse) -> bytes:
    """The whole content; what is longer than any file of a handset is cut."""
    content = b""
    async for piece in response.content.iter_any():
        content += piece
        if len(content) > LARGEST_BYTES:
            break
    return content


def _refused(method: str, url: str, status: int, user: str) -> PushError:
    fix = _FIX.get(status, "look at the server's log")
    if status == 401 and user:
        fix = f"the server does not take the user {user!r} with this password"
    return PushError(f"{url}: {method} is answered by {status}; {fix}")
