"""One phone's web interface: sends a request, logs in where asked, and reads a bounded answer.

Digest is answered before Basic, and Basic never where Digest is offered. Redirects are not
followed: they could carry a password to somebody else. Neither queries nor bodies are ever
logged or shown: some vendors want the password there.

Source: RFC 7616 (Digest), RFC 7617 (Basic), RFC 9110.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from provisioning.digest_credentials import Challenge, choose_challenge, make_credentials
from rig.handset.sent_once import sent_once
from rig.handset.vendor.address import PhoneAddress, PhoneLogin, TlsPolicy
from rig.handset.vendor.control import (
    BadPhoneReply,
    PhoneHungUp,
    PhoneRefused,
    PhoneUnreachable,
)

logger = logging.getLogger(__name__)

TIMEOUT_S = 10.0
_KNOCK_S = 2.0
MOST_OCTETS = 1024 * 1024
MOST_SCREEN_OCTETS = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PhoneRequest:
    """One request to a phone.

    Attributes:
        method: of HTTP.
        target: path, and query as it must stand on the wire.
        body: octets; None for none.
        headers: besides the usual ones.
        most_octets: more than so many in the answer are refused.
    """

    method: str
    target: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    most_octets: int = MOST_OCTETS

    @property
    def shown(self) -> str:
        """For messages: without the query, which may hold a password."""
        return f"{self.method} {self.target.partition('?')[0]}"


@dataclass(frozen=True, slots=True)
class PhoneReply:
    """What a phone answered.

    Attributes:
        status: of HTTP.
        body: octets.
        media_type: as it named it.
    """

    status: int
    body: bytes
    media_type: str = ""

    @property
    def text(self) -> str:
        """The body as text; octets that are none become marks."""
        return self.body.decode("utf-8-sig", "replace")


class PhoneLink:
    """A connection to one phone.

    Args:
        address: where.
        login: who we are.
        schemes: ways to log in that the vendor knows, best first: ``digest``, ``basic``.
        tls: which certificate is believed.
        timeout_s: for a whole request.

    Attributes:
        warnings: what works but is unwise.
    """

    def __init__(
        self,
        address: PhoneAddress,
        login: PhoneLogin,
        *,
        schemes: tuple[str, ...] = ("digest", "basic"),
        tls: TlsPolicy | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.address = address
        self.warnings: list[str] = []
        self._login = login
        self._schemes = schemes
        self._tls = tls or TlsPolicy()
        self._timeout_s = timeout_s
        self._challenge: Challenge | None = None
        self._count = 0
        self._basic = False
        self._context: ssl.SSLContext | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def login(self) -> PhoneLogin:
        """Who we are; for vendors that want it in the request itself."""
        return self._login

    async def close(self) -> None:
        """Close the connection; safe to call twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def answers(self) -> bool:
        """Whether somebody takes a TCP connection there."""
        try:
            async with asyncio.timeout(_KNOCK_S):
                _, writer = await asyncio.open_connection(self.address.host, self.address.port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return True

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            pin = self._tls.fingerprint()
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                # One request at a time, and a connection for each: small web servers in phones
                # take no second one, and forget those that are kept open.
                connector=aiohttp.TCPConnector(limit=1, force_close=True, ssl=pin or True),
                headers={"User-Agent": "phonerig", "Accept": "*/*"},
                skip_auto_headers=("Accept-Encoding", "Content-Type"),
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[sent_once()],
            )
        return self._session

    async def send(self, request: PhoneRequest) -> PhoneReply:
        """Send a request, and log in if the phone asks.

        Raises:
            PhoneUnreachable: nobody answers, or not in time.
            PhoneRefused: certificate, user or password are not right; or it redirects.
            BadPhoneReply: the answer is none, or too large.
        """
        reply, challenges = await self._once(request)
        if reply.status == 401 and self._takes_up(challenges):
            reply, _ = await self._once(request)
        if reply.status == 401:
            self._challenge, self._basic = None, False
            raise PhoneRefused(self._why_not_let_in(request, challenges), 401)
        if 300 <= reply.status < 400:
            raise PhoneRefused(
                f"{self.address.base}: {request.shown} is redirected, which is not followed; if "
                "the phone wants https, give its address so",
                reply.status,
            )
        return reply

    def _takes_up(self, challenges: list[str]) -> bool:
        """Whether there is an answer to a challenge that has not been given yet."""
        if not self._login.password:
            return False
        offered = choose_challenge(challenges)
        if offered is not None and "digest" in self._schemes:
            known, self._challenge = self._challenge, offered
            self._count = 0
            return known is None or offered.stale or known.nonce != offered.nonce
        basic = any(value.strip().lower().startswith("basic") for value in challenges)
        if not basic or "basic" not in self._schemes or self._basic or offered is not None:
            return False
        self._basic = True
        if self.address.in_clear:
            self.warn(f"the password goes unencrypted to {self.address.base}; use https")
        return True

    def warn_of_clear_password(self) -> None:
        """Note that the vendor wants the password in the request, which is not encrypted."""
        if self.address.in_clear and self._login.password:
            self.warn(f"the password goes unencrypted to {self.address.base}; use https")

    def warn(self, text: str) -> None:
        """Note something that works but is unwise, once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def _why_not_let_in(self, request: PhoneRequest, challenges: list[str]) -> str:
        where = f"{self.address.base}: {request.shown} is answered by 401"
        if not self._login.password:
            return f"{where}: the phone wants a user and a password; name them"
        offered = (
            ", ".join(sorted({value.split(" ")[0][:20] for value in challenges})) or "nothing"
        )
        known = choose_challenge(challenges) is not None or "basic" in offered.lower()
        if not known:
            return f"{where}: it offers {offered}; expected {' or '.join(self._schemes)}"
        return f"{where}: user {self._login.user!r} or its password is wrong"

    def _authorization(self, request: PhoneRequest) -> str | None:
        if self._challenge is not None:
            self._count += 1
            return str(
                make_credentials(
                    self._challenge,
                    self._login.user,
                    self._login.password,
                    request.method,
                    request.target,
                    request.body or b"",
                    cnonce=secrets.token_hex(8),
                    nc=self._count,
                )
            )
        if self._basic:
            words = f"{self._login.user}:{self._login.password.reveal()}".encode()
            return "Basic " + base64.b64encode(words).decode("ascii")
        return None

    async def _once(self, request: PhoneRequest) -> tuple[PhoneReply, list[str]]:
        headers = dict(request.headers)
        authorization = self._authorization(request)
        if authorization is not None:
            headers["Authorization"] = authorization
        secure = self.address.scheme == "https"
        if secure and self._context is None:
            self._context = self._tls.context()
        with self._clear_errors(request):
            async with self._open().request(
                request.method,
                URL(self.address.base + request.target, encoded=True),
                data=request.body,
                headers=headers,
                allow_redirects=False,
                ssl=self._context or True,
                server_hostname=(self._tls.name or None) if secure else None,
            ) as response:
                body = await self._bounded(response, request)
                logger.debug("%s: %s: %d", self.address.base, request.shown, response.status)
                reply = PhoneReply(response.status, body, response.content_type)
                return reply, response.headers.getall("WWW-Authenticate", [])

    async def _bounded(self, response: aiohttp.ClientResponse, request: PhoneRequest) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > request.most_octets:
                response.close()
                raise BadPhoneReply(
                    f"{self.address.base}: the answer to {request.shown} is larger than "
                    f"{request.most_octets} octets; given up. Is that a phone?"
                )
            parts.append(part)
        return b"".join(parts)

    @contextmanager
    def _clear_errors(self, request: PhoneRequest) -> Iterator[None]:
        where = f"{self.address.base}: {request.shown}"
        try:
            yield
        except TimeoutError:
            raise PhoneUnreachable(
                f"{where}: no answer within {self._timeout_s:g} s; is the phone up, and does its "
                "web interface listen there?"
            ) from None
        except aiohttp.ServerFingerprintMismatch as error:
            raise PhoneRefused(
                f"{where}: the phone's certificate is another one: got SHA-256 "
                f"{error.got.hex(':').upper()}, expected {error.expected.hex(':').upper()}. If "
                "the phone has a new one, compare it at the phone and change the pin"
            ) from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise PhoneRefused(
                f"{where}: the phone's certificate is not believed: {error.certificate_error}. "
                "Name its authority by a CA file, the name that stands in it, or pin it"
            ) from None
        except aiohttp.ClientConnectorError as error:
            cause = error.os_error
            if isinstance(cause, ssl.SSLError | ConnectionResetError):
                raise PhoneUnreachable(
                    f"{where}: no TLS with the phone: {_brief(cause)}. Phones of old firmware "
                    "speak TLS 1.0 or 1.1 only, which must be allowed by name"
                ) from None
            raise PhoneUnreachable(
                f"{where}: nobody answers: {_brief(cause)}; check the address and the port"
            ) from None
        except aiohttp.ServerDisconnectedError:
            raise PhoneHungUp(
                f"{where}: the phone hung up without an answer; a small web server may be busy: "
                "try again"
            ) from None
        except aiohttp.ClientPayloadError as error:
            raise BadPhoneReply(f"{where}: the answer breaks off: {_brief(error)}") from None
        except aiohttp.ClientResponseError as error:
            raise BadPhoneReply(f"{where}: the answer is no HTTP: {_brief(error)}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise PhoneUnreachable(
                f"{where}: nobody answers, or the connection broke: {_brief(error)}"
            ) from None


def _brief(error: Exception) -> str:
    """One line about an error, without what may hold a URL."""
    said = str(getattr(error, "strerror", "") or getattr(error, "message", "") or "")
    return (said or type(error).__name__).splitlines()[0][:120]
