"""Serves files over HTTP from a content source and records every request, refused ones too.

An unknown name, a name that is somebody else's and a path trick all get the same 404, so
that nobody can learn from an answer which handsets exist.

Source: RFC 9110 (methods, conditions, ranges), RFC 9112 (messages).
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Callable

from aiohttp import hdrs, web

from provisioning.clock import Clock, now
from provisioning.errors import RigError
from provisioning.transport.content import Address, Answer, ContentSource
from provisioning.transport.fetch_log import FetchLog, FetchRecord
from provisioning.transport.hook import ServerHook
from provisioning.transport.http_rules import (
    RangeNotSatisfiableError,
    entity_tag,
    http_date,
    is_unmodified,
    select_range,
)
from provisioning.transport.listen_error import listen_error

logger = logging.getLogger(__name__)

_ALLOWED = "GET, HEAD"
_KEEPALIVE_S = 30.0
_SHUTDOWN_S = 2.0
_ABSOLUTE_FORM = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


class HttpServer:
    """Answers GET and HEAD from a content source and records every request.

    Args:
        source: decides what a request is answered with.
        log: where fetches are recorded.
        host: address to listen on.
        port: TCP port; 0 for any free one.
        header_deadline_s: seconds that a new connection has to bring its first request.
        hook: asked before an answer; None changes nothing.
        tls: for HTTPS; when it asks for client certificates, their names go to the log.
        clock: for records.
    """

    def __init__(
        self,
        source: ContentSource,
        log: FetchLog,
        host: str = "127.0.0.1",
        port: int = 8080,
        *,
        header_deadline_s: float = 10.0,
        hook: ServerHook | None = None,
        tls: ssl.SSLContext | None = None,
        clock: Clock = now,
    ) -> None:
        self._source = source
        self._hook = hook or ServerHook()
        self._log = log
        self._host = host
        self._port = port
        self._header_deadline_s = header_deadline_s
        self._tls = tls
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._connections: web.Server | None = None

    @property
    def address(self) -> Address:
        """Where it listens; the real port after :meth:`start`."""
        if self._server is None:
            return (self._host, self._port)
        host, port = self._server.sockets[0].getsockname()[:2]
        return (host, port)

    async def start(self) -> None:
        """Listen.

        Raises:
            RigError: the port is in use, needs privilege, or the address is not ours.
        """
        if self._server is not None:
            raise RigError("this HTTP server is already running; close it first")
        loop = asyncio.get_running_loop()
        connections = web.Server(self._handle)

        def connect() -> _Connection:
            return _Connection(
                connections,
                self._record_unreadable,
                self._header_deadline_s,
                loop,
            )

        try:
            self._server = await loop.create_server(connect, self._host, self._port, ssl=self._tls)
        except OSError as error:
            raise listen_error("HTTP", self._host, self._port, error) from error
        self._connections = connections

    async def close(self) -> None:
        """Stop listening and close the connections; safe to call twice."""
        server, connections = self._server, self._connections
        self._server = self._connections = None
        if server is None or connections is None:
            return
        server.close()
        connections.pre_shutdown()
        await connections.shutdown(_SHUTDOWN_S)
        await server.wait_closed()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        at = self._clock()
        certificate_name = _certificate_name(request)  # now: the transport may be gone later
        if isinstance(request.protocol, _Connection):
            request.protocol.has_request()
        answer: Answer | None = None
        octets = 0
        if request.method in {hdrs.METH_GET, hdrs.METH_HEAD}:
            answer, response = self._answer(request)
        else:
            response = _plain(405, "method not allowed\n")
            response.headers[hdrs.ALLOW] = _ALLOWED
        try:
            await response.prepare(request)
            await response.write_eof()
            if request.method == hdrs.METH_GET and isinstance(response.body, bytes):
                octets = len(response.body)
        finally:
            self._log.add(
                FetchRecord(
                    at=at,
                    transport="http",
                    client=_client(request),
                    path=request.raw_path,
                    handset=answer.handset if answer else "",
                    status=response.status,
                    octets=octets if answer else 0,
                    duration_s=self._clock() - at,
                    user_agent=request.headers.get(hdrs.USER_AGENT, ""),
                    certificate_name=certificate_name,
                )
            )
        return response

    def _answer(self, request: web.BaseRequest) -> tuple[Answer | None, web.Response]:
        path = _ABSOLUTE_FORM.sub("", request.raw_path, count=1)
        user_agent = request.headers.get(hdrs.USER_AGENT, "")
        refusal = self._hook.refusal(path)
        if refusal is not None:
            return None, _plain(refusal, "refused\n")
        try:
            answer = self._hook.answer(
                path, lambda name: self._source.find(name, _client(request), user_agent)
            )
        except Exception:
            logger.exception("content source failed on an HTTP request")
            return None, _plain(500, "internal error\n")
        if answer is None:
            return None, _plain(404, "not found\n")
        return answer, _serve(answer, request)

    def _record_unreadable(self, request: web.BaseRequest, status: int) -> None:
        self._log.add(
            FetchRecord(
                at=self._clock(),
                transport="http",
                client=_client(request),
                path="",
                handset="",
                status=status,
                octets=0,
                duration_s=0.0,
            )
        )


class _Connection(web.RequestHandler):
    """A connection that must bring its first request soon and leaks nothing when refused."""

    __slots__ = ("_deadline", "_header_deadline_s", "_record_unreadable")

    def __init__(
        self,
        manager: web.Server,
        record_unreadable: Callable[[web.BaseRequest, int], None],
        header_deadline_s: float,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(
            manager,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # None switches it off
            keepalive_timeout=_KEEPALIVE_S,
        )
        self._header_deadline_s = header_deadline_s
        self._record_unreadable = record_unreadable
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._header_deadline_s, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.has_request()
        super().connection_lost(exc)

    def has_request(self) -> None:
        """The first request is there: the deadline is met."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request; the answer does not
    ) -> web.StreamResponse:
        """Answer what the parser refused, without quoting it, and record it."""
        self.has_request()
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is already under way") from exc
        self._record_unreadable(request, status)
        response = _plain(status, "bad request\n" if status < 500 else "internal error\n")
        response.force_close()
        return response


def _serve(answer: Answer, request: web.BaseRequest) -> web.Response:
    content = answer.content
    tag = entity_tag(content)
    modified = http_date(answer.modified_at)
    get = request.headers.get
    headers = {hdrs.ETAG: tag, hdrs.LAST_MODIFIED: modified, hdrs.CACHE_CONTROL: "no-cache"}
    if is_unmodified(
        get(hdrs.IF_NONE_MATCH), get(hdrs.IF_MODIFIED_SINCE), tag, answer.modified_at
    ):
        return _with_server(web.Response(status=304, headers=headers))
    headers |= {hdrs.CONTENT_TYPE: answer.media_type, hdrs.ACCEPT_RANGES: "bytes"}
    wanted = get(hdrs.RANGE) if request.method == hdrs.METH_GET else None
    try:
        part = select_range(wanted, get(hdrs.IF_RANGE), len(content), tag, modified)
    except RangeNotSatisfiableError:
        refused = _plain(416, "range not satisfiable\n")
        refused.headers[hdrs.CONTENT_RANGE] = f"bytes */{len(content)}"
        return refused
    if part is None:
        return _with_server(web.Response(body=content, headers=headers))
    headers[hdrs.CONTENT_RANGE] = f"bytes {part.start}-{part.stop - 1}/{len(content)}"
    body = content[part.start : part.stop]
    return _with_server(web.Response(status=206, body=body, headers=headers))


def _plain(status: int, text: str) -> web.Response:
    return _with_server(web.Response(status=status, text=text))


def _with_server(response: web.Response) -> web.Response:
    """Name the product and no version: aiohttp would tell its own and Python's."""
    response.headers[hdrs.SERVER] = "phonerig"
    return response


def _client(request: web.BaseRequest) -> Address:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return (peer[0], peer[1]) if peer else (request.remote or "", 0)


def _certificate_name(request: web.BaseRequest) -> str:
    """The common names of a client certificate; TLS has verified its chain."""
    found = request.transport.get_extra_info("peercert") if request.transport else None
    parts = ((key, value) for part in (found or {}).get("subject", ()) for key, value in part)
    return " ".join(value for key, value in parts if key == "commonName")
