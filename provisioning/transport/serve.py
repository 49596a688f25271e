"""Serves the files of a site over TFTP, HTTP and HTTPS at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

from provisioning.clock import Clock, now
from provisioning.transport.content import Address, ContentSource
from provisioning.transport.edition import Edition
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.hook import ServerHook
from provisioning.transport.http_access import AccessRule
from provisioning.transport.http_port import CLOSE_S
from provisioning.transport.http_server import HttpServer
from provisioning.transport.http_tls import Tls
from provisioning.transport.tftp_server import TftpServer
from provisioning.transport.unproven_source import UnprovenSource, UnprovenUploads
from provisioning.transport.upload_area import TakesUploads, UploadArea


class HttpsPort(NamedTuple):
    """An HTTPS listener.

    Attributes:
        port: TCP port; 0 for any free one.
        tls: what it works with.
    """

    port: int
    tls: Tls


class ProvisioningServer:
    """What handsets of a site fetch from: TFTP, HTTP and HTTPS with the same names.

    Args:
        source: decides what a request is answered with.
        log: where fetches are recorded.
        host: address to listen on; loopback unless asked otherwise.
        tftp_port: UDP port; 69 is what real handsets expect, 0 means any free one.
        http_port: TCP port; 0 means any free one.
        clear: what is served where others can read along, over TFTP and HTTP; None for the
            same as over HTTPS.
        access: who gets what; None for everybody everything.
        https: listeners for HTTPS.
        uploads: takes what handsets put; None refuses it.
        hook: asked before an answer; None changes nothing.
        clock: for records.
    """

    def __init__(  # noqa: PLR0913 - one place with all its sides
        self,
        source: ContentSource,
        log: FetchLog,
        host: str = "127.0.0.1",
        tftp_port: int = 69,
        http_port: int = 8080,
        *,
        clear: ContentSource | None = None,
        access: AccessRule | None = None,
        https: Sequence[HttpsPort] = (),
        uploads: UploadArea | None = None,
        hook: ServerHook | None = None,
        clock: Clock = now,
    ) -> None:
        self._log = log
        self._clock = clock
        self._uploads = uploads
        readable = clear or source
        unproven, puts = self._by_tftp(readable, access)
        self._tftp = TftpServer(
            unproven, log, host, tftp_port, uploads=puts, hook=hook, clock=clock
        )
        self._http = HttpServer(
            readable,
            log,
            host,
            http_port,
            access=access,
            uploads=uploads,
            hook=hook,
            clock=clock,
        )
        self._https = [
            HttpServer(
                source,
                log,
                host,
                place.port,
                access=access,
                uploads=uploads,
                hook=hook,
                tls=place.tls,
                clock=clock,
            )
            for place in https
        ]

    def _by_tftp(
        self, readable: ContentSource, access: AccessRule | None
    ) -> tuple[ContentSource, TakesUploads | None]:
        """What TFTP, where nobody proves anything, answers from and puts into."""
        if access is None:
            return readable, self._uploads
        area, clock = self._uploads, self._clock
        puts = UnprovenUploads(area, access, clock) if area else None
        return UnprovenSource(readable, access, clock), puts

    def publish(self, edition: Edition) -> None:
        """Serve another state of the site from now on.

        Between two requests, in one step: no answer is of both. Transfers that are under way
        come to their end with what they began with.

        Args:
            edition: has as many ``tls`` as there are HTTPS listeners, or none.
        """
        access, readable = edition.access, edition.readable
        self._tftp.publish(*self._by_tftp(readable, access))
        self._http.publish(readable, access)
        for server, tls in zip(self._https, edition.tls or repeat(None), strict=False):
            server.publish(edition.source, access, tls)
        if self._uploads is not None:
            self._uploads.accept(edition.upload_names)
        self._log.identify = edition.identify

    @property
    def tftp_address(self) -> Address:
        """Where TFTP listens; the real port after :meth:`start`."""
        return self._tftp.address

    @property
    def http_address(self) -> Address:
        """Where HTTP listens; the real port after :meth:`start`."""
        return self._http.address

    @property
    def https_addresses(self) -> tuple[Address, ...]:
        """Where HTTPS listens, in the order given; the real ports after :meth:`start`."""
        return tuple(server.address for server in self._https)

    @property
    def transfers(self) -> dict[str, int]:
        """How many requests are being answered, by protocol."""
        return {
            "tftp": self._tftp.transfers,
            "http": self._http.answering,
            "https": sum(server.answering for server in self._https),
        }

    @property
    def connections(self) -> dict[str, int]:
        """How many connections are open, by protocol."""
        return {
            "http": self._http.open_connections,
            "https": sum(server.open_connections for server in self._https),
        }

    @property
    def requests_dropped(self) -> int:
        """How many TFTP requests met a limit."""
        return self._tftp.requests_dropped

    @property
    def upload_bytes(self) -> tuple[int, int]:
        """Octets that handsets have put since the start, and that the upload area holds."""
        area = self._uploads
        return (area.taken_bytes, area.used_bytes) if area else (0, 0)

    async def start(self) -> None:
        """Listen on all, or on none.

        Raises:
            RigError: a port is in use or needs privilege; one line that says what to do.
        """
        try:
            await self._tftp.start()
            for server in (self._http, *self._https):
                await server.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self, patience_s: float = 0.0) -> None:
        """Take nothing new, let what is under way come to its end, stop; safe to call twice.

        Args:
            patience_s: seconds to wait for that at most; what is left is broken off, and the
                log says so. Without any, TFTP waits for nobody.
        """
        waits_s = max(patience_s, CLOSE_S)
        await asyncio.gather(
            self._tftp.drain(patience_s),
            *(server.close(waits_s) for server in (self._http, *self._https)),
        )
        await self._tftp.close()
