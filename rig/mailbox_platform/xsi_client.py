"""Speaks the Xsi interface of a platform as a client: one account at a time, over HTTPS.

Certificates are checked unless told otherwise; credentials go over plain HTTP only to this
machine. Nothing of a header or a body is ever logged.

Source: RFC 7617 (Basic), RFC 9110 (status codes).
"""

from __future__ import annotations

import base64
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from provisioning.secret import Secret
from rig.errors import RigError, UsageError
from rig.loopback import is_loopback
from rig.mailbox_platform.xsi_document import DocumentError, Element, from_json, from_xml, to_xml

logger = logging.getLogger(__name__)

ACTIONS = "/com.broadsoft.xsi-actions"
EVENTS = "/com.broadsoft.xsi-events/v2.0"
ASYNC_EVENTS = "/com.broadsoft.async/com.broadsoft.xsi-events/v2.0"
_MOST_OCTETS = 32 * 1024 * 1024
_ADVICE = {
    400: "the platform does not take the value",
    401: "user id or password is wrong; check the account's web password",
    403: "the account may not do this; ask the platform's administrator for the right to use Xsi",
    404: "there is no such path or the service is not assigned to the account",
    429: "too many requests or wrong passwords; wait before the next run",
}


@dataclass(frozen=True, slots=True)
class XsiAccount:
    """A user of the interface.

    Attributes:
        user_id: as the platform names the user, mostly ``name@domain``.
        password: web password, or SIP password where the platform takes that.
    """

    user_id: str
    password: Secret


class XsiRefused(RigError):
    """The platform answered with an error.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class XsiClient:
    """A client of one platform.

    Args:
        base_url: scheme, host and port, such as ``https://xsp.example.net``.
        timeout_s: for a whole request.
        verify_tls: check the certificate; False is for laboratories.
        ca_file: certificates to trust instead of the system's.

    Raises:
        UsageError: no such URL, or plain HTTP to another machine.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float = 10.0,
        verify_tls: bool = True,
        ca_file: Path | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise UsageError(
                "Xsi: the base URL is not scheme, host and port; expected something like "
                "https://xsp.example.net, without user and password in it."
            )
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise UsageError(
                f"Xsi: {parts.hostname} would get passwords over plain HTTP; expected https. "
                "Use an https URL."
            )
        self._base = base_url.rstrip("/")
        self._host = parts.hostname
        self._timeout_s = timeout_s
        self._verify = verify_tls
        self._ca_file = ca_file
        # One session each: a cookie that binds an account to one of several servers is its own.
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        while self._sessions:
            await self._sessions.popitem()[1].close()

    async def get(self, account: XsiAccount, path: str) -> Element:
        """Fetch a document.

        Args:
            account: who asks.
            path: below the base URL.

        Raises:
            XsiRefused: an error status.
            RigError: no answer, or one that cannot be read.
        """
        body = await self._call("GET", account, path, None)
        try:
            if body.lstrip()[:1] == b"{":
                return from_json(body, max_octets=_MOST_OCTETS)
            return from_xml(body, max_octets=_MOST_OCTETS)
        except DocumentError as error:
            raise RigError(f"Xsi: GET {path}: {error}") from error

    async def send(
        self, method: str, account: XsiAccount, path: str, document: Element | None = None
    ) -> bytes:
        """Send a PUT, POST or DELETE.

        Args:
            method: of HTTP.
            account: who asks.
            path: below the base URL.
            document: the body; None for none.

        Returns:
            Body of the answer.

        Raises:
            XsiRefused: an error status.
            RigError: no answer.
        """
        return await self._call(method, account, path, document)

    async def _call(
        self, method: str, account: XsiAccount, path: str, document: Element | None
    ) -> bytes:
        limit = aiohttp.ClientTimeout(total=self._timeout_s)
        async with self.stream(method, account, path, document, limit) as response:
            with _clear_errors(self._host, method, path):
                body = await response.content.read(_MOST_OCTETS + 1)
                while len(body) <= _MOST_OCTETS and not response.content.at_eof():
                    body += await response.content.read(_MOST_OCTETS + 1 - len(body))
        if len(body) > _MOST_OCTETS:
            raise RigError(f"Xsi: {method} {path}: more than {_MOST_OCTETS} octets; given up")
        return body

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        account: XsiAccount,
        path: str,
        document: Element | None,
        limit: aiohttp.ClientTimeout,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer whose body the caller reads.

        Raises:
            XsiRefused: an error status.
            RigError: no answer.
        """
        credentials = f"{account.user_id}:{account.password.reveal()}".encode()
        headers = {
            "Authorization": "Basic " + base64.b64encode(credentials).decode("ascii"),
            "Accept": "application/xml",
        }
        if document is not None:
            headers["Content-Type"] = "application/xml; charset=UTF-8"
        with _clear_errors(self._host, method, path):
            response = await self._open(account).request(
                method,
                URL(self._base + path, encoded=True),
                data=None if document is None else to_xml(document),
                headers=headers,
                timeout=limit,
                allow_redirects=False,
            )
        try:
            logger.debug("Xsi: %s %s: %d", method, path, response.status)
            if response.status >= 300:
                with _clear_errors(self._host, method, path):
                    raise await _refused(method, path, response)
            yield response
        finally:
            response.close()

    def _open(self, account: XsiAccount) -> aiohttp.ClientSession:
        session = self._sessions.get(account.user_id)
        if session is None:
            context: ssl.SSLContext | bool = self._verify
            if self._verify and self._ca_file is not None:
                try:
                    context = ssl.create_default_context(cafile=self._ca_file)
                except OSError as error:
                    raise RigError(f"Xsi: certificates {self._ca_file}: {error}") from error
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context),
                cookie_jar=aiohttp.CookieJar(unsafe=True),
            )
            self._sessions[account.user_id] = session
        return session


def user_path(account: XsiAccount, *parts: str) -> str:
    """Path of a user's resource in Xsi-Actions."""
    escaped = "/".join((quote(account.user_id, safe="@"), *parts))
    return f"{ACTIONS}/v2.0/user/{escaped}"


async def _refused(method: str, path: str, response: aiohttp.ClientResponse) -> XsiRefused:
    status = response.status
    said = _summary(await response.content.read(8192))
    advice = _ADVICE.get(status, "")
    if status >= 500:
        advice = "the platform failed; try again later"
    elif status < 400:
        advice = "redirects are not followed with a password; correct the base URL"
    quoted = f" ({said})" if said else ""
    return XsiRefused(f"Xsi: {method} {path}: {status}{quoted}; {advice or 'refused'}", status)


def _summary(body: bytes) -> str:
    try:
        return from_xml(body).value("summaryEnglish")[:200]
    except DocumentError:
        return ""


class _clear_errors:  # noqa: N801 - reads as a function, like contextlib.suppress
    """Turns what the network does into a RigError that says where."""

    def __init__(self, host: str, method: str, path: str) -> None:
        self._where = f"Xsi: {method} {path} at {host}"

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            raise RigError(
                f"{self._where}: the certificate does not hold ({error.certificate_error}); "
                "give the right ca_file or host name"
            ) from error
        if isinstance(error, TimeoutError):
            raise RigError(f"{self._where}: no answer in time; is the platform up?") from error
        if isinstance(error, aiohttp.ClientError | OSError):
            raise RigError(f"{self._where}: {error}; check address and network") from error
