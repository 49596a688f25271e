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
from dataclasses import dataclass

from aiohttp import hdrs, web

from provisioning.access_model import mask_tokens
from provisioning.certificate_names import ClientCertificate
from provisioning.clock import Clock, now
from provisioning.transport.content import Address, Answer, ContentSource
from provisioning.transport.fetch_log import UNFINISHED, FetchLog, FetchRecord
from provisioning.transport.hook import ServerHook
from provisioning.transport.http_access import AccessRule, Admission, Visit
from provisioning.transport.http_port import (
    CLOSE_S,
    Connection,
    HttpPort,
    PortLimits,
    client_of,
    plain,
    with_server,
)
from provisioning.transport.http_rules import (
    RangeNotSatisfiableError,
    entity_tag,
    http_date,
    is_unmodified,
    select_range,
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


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a request is answered, and what the log says of it.

    Attributes:
        response: the answer.
        handset: whose file it was about; empty when refused or shared.
        octets: of content that were taken.
        sends: its body is content that is sent.
    """

    response: web.Response
    handset: str = ""
    octets: int = 0
    sends: bool = False


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

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        client = client_of(request)
        visit = Visit(
            request.method,
            _ABSOLUTE_FORM.sub("", request.raw_path, count=1),
            client[0],
            self._clock(),
            request.headers.get(hdrs.AUTHORIZATION, ""),
            self._certificate(request),
        )
        self.answering += 1
        try:
            return await self._answer(request, visit, client)
        finally:
            self.answering -= 1

    async def _answer(
        self, request: web.BaseRequest, visit: Visit, client: Address
    ) -> web.StreamResponse:
        outcome = await self._outcome(request, visit, client)
        response, octets = outcome.response, outcome.octets
        try:
            await _send(response, request)
            if outcome.sends and isinstance(response.body, bytes):
                octets = len(response.body)
        finally:
            name = visit.certificate.text if visit.certificate else ""
            self._log.add(
                FetchRecord(
                    at=visit.at,
                    transport=self._transport,
                    client=client,
                    path=request.raw_path,
                    handset=outcome.handset,
                    status=response.status,
                    octets=octets,
                    duration_s=self._clock() - visit.at,
                    user_agent=mask_tokens(request.headers.get(hdrs.USER_AGENT, "")),
                    certificate_name=name,
                )
            )
        return response

    async def _outcome(self, request: web.BaseRequest, visit: Visit, client: Address) -> _Outcome:
        refusal = self._hook.refusal(visit.target)
        if refusal is not None:
            return _Outcome(plain(refusal, "refused\n"))
        try:
            if visit.method in _READ:
                return self._read(request, visit, client)
            if visit.method in _PUT and self._uploads is not None:
                return await self._put(request, visit, self._uploads)
        except ConnectionError:
            raise
        except Exception:
            logger.exception("content source failed on an HTTP request")
            return _Outcome(plain(500, "internal error\n"))
        response = plain(405, "method not allowed\n")
        response.headers[hdrs.ALLOW] = _ALLOWED if self._uploads is None else _ALLOWED_WITH_PUT
        return _Outcome(response)

    def _read(self, request: web.BaseRequest, visit: Visit, client: Address) -> _Outcome:
        admission = self._access.admit(visit) if self._access else _ANYBODY
        answer = self._look_up(visit, admission, client, request)
        if answer is None:
            return _Outcome(self._refuse(admission, visit.at))
        response = _serve(answer, request)
        return _Outcome(response, answer.handset, sends=visit.method == hdrs.METH_GET)

    async def _put(self, request: web.BaseRequest, visit: Visit, uploads: UploadArea) -> _Outcome:
        admission = self._access.admit(visit) if self._access else _ANYBODY
        target = admission.target or visit.target
        owner = uploads.owner(target)
        may = self._access.may_put(admission, owner, visit.at) if self._access else bool(owner)
        if not may:
            response = self._refuse(admission, visit.at)
            response.force_close()  # its body is not read
            return _Outcome(response)
        status, octets = await take(request, uploads, target, visit.host)
        response = plain(status, "taken\n" if status == _CREATED else "not taken\n")
        if status != _CREATED:
            response.force_close()
        return _Outcome(response, owner, octets)

    def _look_up(
        self, visit: Visit, admission: Admission, client: Address, request: web.BaseRequest
    ) -> Answer | None:
        """The file, if there is one for whoever asks; always looked for, to take the same time."""
        user_agent = request.headers.get(hdrs.USER_AGENT, "")
        answer = self._hook.answer(
            admission.target or visit.target,
            lambda name: self._source.find(name, client, user_agent),
        )
        return self._access.permitted(visit, admission, answer) if self._access else answer

    def _refuse(self, admission: Admission, at: float) -> web.Response:
        """The one answer for everything that there is not, for whoever asks."""
        challenges = self._access.challenges(admission, at) if self._access else ()
        if not challenges:
            return plain(404, "not found\n")
        response = plain(401, "not authorised\n")
        for challenge in challenges:
            response.headers.add(hdrs.WWW_AUTHENTICATE, challenge)
        return response

    def _certificate(self, request: web.BaseRequest) -> ClientCertificate | None:
        """The client's certificate, looked at once for all requests of a connection."""
        connection = request.protocol
        if self._tls is None or not isinstance(connection, Connection):
            return None
        if connection.facts is None:
            found = request.transport.get_extra_info("ssl_object") if request.transport else None
            connection.facts = (self._tls.certificate_of(found),)
        (certificate,) = connection.facts if isinstance(connection.facts, tuple) else (None,)
        return certificate if isinstance(certificate, ClientCertificate) else None

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


def _serve(answer: Answer, request: web.BaseRequest) -> web.Response:
    content = answer.content
    tag = entity_tag(content)
    modified = http_date(answer.modified_at)
    get = request.headers.get
    headers = {hdrs.ETAG: tag, hdrs.LAST_MODIFIED: modified, hdrs.CACHE_CONTROL: "no-cache"}
    if is_unmodified(
        get(hdrs.IF_NONE_MATCH), get(hdrs.IF_MODIFIED_SINCE), tag, answer.modified_at
    ):
        return with_server(web.Response(status=304, headers=headers))
    headers |= {hdrs.CONTENT_TYPE: answer.media_type, hdrs.ACCEPT_RANGES: "bytes"}
    wanted = get(hdrs.RANGE) if request.method == hdrs.METH_GET else None
    try:
        part = select_range(wanted, get(hdrs.IF_RANGE), len(content), tag, modified)
    except RangeNotSatisfiableError:
        refused = plain(416, "range not satisfiable\n")
        refused.headers[hdrs.CONTENT_RANGE] = f"bytes */{len(content)}"
        return refused
    if part is None:
        return with_server(web.Response(body=content, headers=headers))
    headers[hdrs.CONTENT_RANGE] = f"bytes {part.start}-{part.stop - 1}/{len(content)}"
    body = content[part.start : part.stop]
    return with_server(web.Response(status=206, body=body, headers=headers))
