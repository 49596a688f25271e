"""Serves files over HTTP and HTTPS from a content source; records every request, refused too.

An unknown name, a name that is somebody else's and a path trick all get the same answer, so
that nobody can learn from it which handsets exist. Who gets what is for the access rule, see
:mod:`provisioning.transport.http_access`; without one, who knows a name gets its file.

Source: RFC 9110 (methods, conditions, ranges), RFC 9112 (messages).
"""

from __future__ import annotations

import asyncio
import logging
import re

from aiohttp import hdrs, web

from provisioning.access_model import mask_tokens
from provisioning.certificate_names import ClientCertificate
from provisioning.clock import Clock, now
from provisioning.transport.content import Address, Answer, ContentSource
from provisioning.transport.fetch_log import UNFINISHED, FetchLog, FetchRecord
from provisioning.transport.hook import ServerHook
from provisioning.transport.http_access import AccessRule, Admission, Visit
from provisioning.transport.http_plain_connection import Exchange, PlainConnection
from provisioning.transport.http_plain_request import PlainRequest
from provisioning.transport.http_port import (
    CLOSE_S,
    Connection,
    HttpPort,
    PortLimits,
    client_of,
)
from provisioning.transport.http_reply import (
    NOT_FOUND,
    Asked,
    Reply,
    file_reply,
    text_reply,
)
from provisioning.transport.http_tls import Tls
from provisioning.transport.http_upload import take
from provisioning.transport.upload_area import UploadArea

logger = logging.getLogger(__name__)

_READ = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
_PUT = frozenset({hdrs.METH_PUT, hdrs.METH_POST})
_ALLOWED = "GET, HEAD"
_ALLOWED_WITH_PUT = "GET, HEAD, POST, PUT"
_CREATED = 201
_SEND_S = 60.0
_BUFFERED_BYTES = 32 * 1024
_ABSOLUTE_FORM = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_REQUEST_LINE = re.compile(rb"[^\r\n]{0,400}")
_ANYBODY = Admission("", open_to_all=True)


class HttpServer:
    """Answers GET and HEAD from a content source, takes uploads, and records every request.

    Args:
        source: decides what a request is answered with.
        log: where fetches are recorded.
        host: address to listen on.
        port: TCP port; 0 for any free one.
        access: who gets what; None for everybody everything.
        uploads: takes what handsets put; None refuses it.
        limits: what the port bears.
        hook: asked before an answer; None changes nothing.
        tls: for HTTPS; when it asks for client certificates, their names go to the log.
        clock: for records.

    Attributes:
        answering: how many requests are being answered.
    """

    def __init__(  # noqa: PLR0913 - one place with all its sides
        self,
        source: ContentSource,
        log: FetchLog,
        host: str = "127.0.0.1",
        port: int = 8080,
        *,
        access: AccessRule | None = None,
        uploads: UploadArea | None = None,
        limits: PortLimits | None = None,
        hook: ServerHook | None = None,
        tls: Tls | None = None,
        clock: Clock = now,
    ) -> None:
        self._source = source
        self._hook = hook or ServerHook()
        self._log = log
        self._access = access
        self._uploads = uploads
        self._tls = tls
        self._transport = "https" if tls else "http"
        self.answering = 0
        self._clock = clock
        self._port = HttpPort(
            self._handle,
            host,
            port,
            limits=limits,
            tls=tls.context if tls else None,
            unreadable=self._record_unreadable,
            desk=self,
            handshake_failed=self._record_handshake,
        )

    @property
    def address(self) -> Address:
        """Where it listens; the real port after :meth:`start`."""
        return self._port.address

    @property
    def open_connections(self) -> int:
        """How many there are now."""
        return self._port.open_connections

    async def start(self) -> None:
        """Listen.

        Raises:
            RigError: the port is in use, needs privilege, or the address is not ours.
        """
        await self._port.start()

    def publish(
        self, source: ContentSource, access: AccessRule | None, tls: Tls | None = None
    ) -> None:
        """Answer from another state of the inventory from now on, all at once.

        Args:
            source: decides what a request is answered with.
            access: who gets what; None for everybody everything.
            tls: for HTTPS: new handshakes use it; None goes on with what there is.
        """
        self._source, self._access = source, access
        if tls is not None and self._tls is not None:
            self._tls, self._port.tls = tls, tls.context

    async def close(self, patience_s: float = CLOSE_S) -> None:
        """Stop listening and close the connections; safe to call twice.

        Args:
            patience_s: seconds that what is being answered has to come to its end.
        """
        await self._port.close(patience_s)

    def plain_request(self, request: PlainRequest, connection: PlainConnection) -> Exchange:
        """Decide about a plain request; see :class:`~.http_plain_connection.Desk`."""
        asked, client = request.asked, connection.client
        certificate = self._certificate(connection, connection.transport)
        visit = self._visit(asked, client, certificate)
        reply = self._decide(asked, visit, client)
        self.answering += 1
        return _Exchange(self, asked, visit, client, reply)

    def ended(self, exchange: _Exchange, *, whole: bool) -> None:
        """Record a plain request whose answer has left, or was broken off."""
        self.answering -= 1
        asked, reply = exchange.asked, exchange.reply
        sent = whole and reply.sends and asked.method == hdrs.METH_GET
        octets = len(reply.body) if sent else reply.octets
        self._note(asked, exchange.visit, exchange.client, reply, octets)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.answering += 1
        try:
            return await self._answer(request)
        finally:
            self.answering -= 1

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        client = client_of(request)
        asked = _asked(request)
        certificate = self._certificate(request.protocol, request.transport)
        visit = self._visit(asked, client, certificate)
        if asked.method in _PUT and self._uploads is not None:
            reply = await self._take(request, visit, self._uploads)
        else:
            reply = self._decide(asked, visit, client)
        octets = reply.octets
        response = web.Response(status=reply.status, headers=reply.headers, body=reply.body)
        if reply.closes:
            response.force_close()
        try:
            await _send(response, request)
            if reply.sends and asked.method == hdrs.METH_GET:
                octets = len(reply.body)
        finally:
            self._note(asked, visit, client, reply, octets)
        return response

    def _visit(
        self, asked: Asked, client: Address, certificate: ClientCertificate | None
    ) -> Visit:
        target = asked.target
        if not target.startswith("/"):
            target = _ABSOLUTE_FORM.sub("", target, count=1)
        return Visit(
            asked.method, target, client[0], self._clock(), asked.authorization, certificate
        )

    def _decide(self, asked: Asked, visit: Visit, client: Address) -> Reply:
        """What a request gets that brings nothing: the one place where this is decided."""
        refusal = self._hook.refusal(visit.target)
        if refusal is not None:
            return text_reply(refusal, "refused\n")
        if asked.method not in _READ:
            allowed = _ALLOWED if self._uploads is None else _ALLOWED_WITH_PUT
            return text_reply(405, "method not allowed\n", (hdrs.ALLOW, allowed))
        try:
            admission = self._access.admit(visit) if self._access else _ANYBODY
            answer = self._look_up(asked, visit, admission, client)
            if answer is None:
                return self._refuse(admission, visit.at)
            return file_reply(answer, asked)
        except ConnectionError:
            raise
        except Exception:
            logger.exception("content source failed on an HTTP request")
            return text_reply(500, "internal error\n")

    async def _take(self, request: web.BaseRequest, visit: Visit, uploads: UploadArea) -> Reply:
        refusal = self._hook.refusal(visit.target)
        if refusal is not None:
            return text_reply(refusal, "refused\n")
        try:
            return await self._put(request, visit, uploads)
        except ConnectionError:
            raise
        except Exception:
            logger.exception("content source failed on an HTTP request")
            return text_reply(500, "internal error\n")

    async def _put(self, request: web.BaseRequest, visit: Visit, uploads: UploadArea) -> Reply:
        admission = self._access.admit(visit) if self._access else _ANYBODY
        target = admission.target or visit.target
        owner = uploads.owner(target)
        may = self._access.may_put(visit, admission, owner) if self._access else bool(owner)
        if not may:
            return self._refuse(admission, visit.at, closes=True)  # its body is not read
        status, octets = await take(request, uploads, target, visit.host)
        taken = status == _CREATED
        reply = text_reply(status, "taken\n" if taken else "not taken\n", closes=not taken)
        reply.handset, reply.octets = owner, octets
        return reply

    def _look_up(
        self, asked: Asked, visit: Visit, admission: Admission, client: Address
    ) -> Answer | None:
        """The file, if there is one for whoever asks; always looked for, to take the same time."""
        answer = self._hook.answer(
            admission.target or visit.target,
            lambda name: self._source.find(name, client, asked.user_agent),
        )
        return self._access.permitted(visit, admission, answer) if self._access else answer

    def _refuse(self, admission: Admission, at: float, *, closes: bool = False) -> Reply:
        """The one answer for everything that there is not, for whoever asks."""
        challenges = self._access.challenges(admission, at) if self._access else ()
        if not challenges:
            return NOT_FOUND if not closes else text_reply(404, "not found\n", closes=True)
        offered = [(hdrs.WWW_AUTHENTICATE, challenge) for challenge in challenges]
        return text_reply(401, "not authorised\n", *offered, closes=closes)

    def _certificate(
        self, connection: object, transport: asyncio.BaseTransport | None
    ) -> ClientCertificate | None:
        """The client's certificate, looked at once for all requests of a connection."""
        if self._tls is None or not isinstance(connection, Connection | PlainConnection):
            return None
        if connection.facts is None:
            found = transport.get_extra_info("ssl_object") if transport else None
            connection.facts = (self._tls.certificate_of(found),)
        (certificate,) = connection.facts if isinstance(connection.facts, tuple) else (None,)
        return certificate if isinstance(certificate, ClientCertificate) else None

    def _note(
        self, asked: Asked, visit: Visit, client: Address, reply: Reply, octets: int
    ) -> None:
        self._log.add(
            FetchRecord(
                at=visit.at,
                transport=self._transport,
                client=client,
                path=asked.target,
                handset=reply.handset,
                status=reply.status,
                octets=octets,
                duration_s=self._clock() - visit.at,
                user_agent=mask_tokens(asked.user_agent),
                certificate_name=visit.certificate.text if visit.certificate else "",
            )
        )

    def _record_unreadable(self, client: Address, first: bytes, status: int) -> None:
        line = _REQUEST_LINE.match(first)
        text = line.group().decode("latin-1") if line else ""
        self._record(client, text, status)

    def _record_handshake(self, client: Address, why: str) -> None:
        logger.warning("a TLS handshake with %s came to nothing: %s", client[0], why)
        self._record(client, f"(TLS handshake: {why})", UNFINISHED)

    def _record(self, client: Address, path: str, status: int) -> None:
        self._log.add(
            FetchRecord(
                at=self._clock(),
                transport=self._transport,
                client=client,
                path=path,
                handset="",
                status=status,
                octets=0,
                duration_s=0.0,
            )
        )


async def _send(response: web.Response, request: web.BaseRequest) -> None:
    """Send an answer; a client that takes no octets is not waited for for ever.

    What fits into the buffer of the connection waits for nobody.

    Raises:
        ConnectionError: it took too long.
    """
    body = response.body
    if not isinstance(body, bytes) or len(body) <= _BUFFERED_BYTES:
        await response.prepare(request)
        await response.write_eof()
        return
    try:
        async with asyncio.timeout(_SEND_S):
            await response.prepare(request)
            await response.write_eof()
    except TimeoutError:
        raise ConnectionError("the client takes no octets") from None


class _Exchange:
    """A plain request and its answer, until it has left."""

    __slots__ = ("_server", "asked", "client", "reply", "visit")

    def __init__(
        self, server: HttpServer, asked: Asked, visit: Visit, client: Address, reply: Reply
    ) -> None:
        self._server = server
        self.asked = asked
        self.visit = visit
        self.client = client
        self.reply = reply

    def ended(self, *, whole: bool) -> None:
        """Have it recorded."""
        self._server.ended(self, whole=whole)


def _asked(request: web.BaseRequest) -> Asked:
    """What a request that the library has read asks for."""
    get = request.headers.get
    return Asked(
        request.method,
        request.raw_path,
        get(hdrs.USER_AGENT, ""),
        get(hdrs.AUTHORIZATION, ""),
        (
            get(hdrs.IF_NONE_MATCH),
            get(hdrs.IF_MODIFIED_SINCE),
            get(hdrs.RANGE),
            get(hdrs.IF_RANGE),
        ),
    )
