"""Serves one content source over TFTP and HTTP at the same time."""

from __future__ import annotations

from provisioning.clock import Clock, now
from provisioning.transport.content import Address, ContentSource
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.hook import ServerHook
from provisioning.transport.http_server import HttpServer
from provisioning.transport.tftp_server import TftpServer
from provisioning.transport.upload_area import UploadArea


class ProvisioningServer:
    """What handsets of a site fetch from: TFTP and HTTP with the same names.

    Args:
        source: decides what a request is answered with.
        log: where fetches are recorded.
        host: address to listen on; loopback unless asked otherwise.
        tftp_port: UDP port; 69 is what real handsets expect, 0 means any free one.
        http_port: TCP port; 0 means any free one.
        hook: asked before an answer; None changes nothing.
        uploads: takes what handsets put; None refuses it.
        clock: for records.
    """

    def __init__(
        self,
        source: ContentSource,
        log: FetchLog,
        host: str = "127.0.0.1",
        tftp_port: int = 69,
        http_port: int = 8080,
        *,
        hook: ServerHook | None = None,
        uploads: UploadArea | None = None,
        clock: Clock = now,
    ) -> None:
        self._tftp = TftpServer(
            source, log, host, tftp_port, uploads=uploads, hook=hook, clock=clock
        )
        self._http = HttpServer(source, log, host, http_port, hook=hook, clock=clock)

    @property
    def tftp_address(self) -> Address:
        """Where TFTP listens; the real port after :meth:`start`."""
        return self._tftp.address

    @property
    def http_address(self) -> Address:
        """Where HTTP listens; the real port after :meth:`start`."""
        return self._http.address

    async def start(self) -> None:
        """Listen on both, or on none.

        Raises:
            RigError: a port is in use or needs privilege; one line that says what to do.
        """
        await self._tftp.start()
        try:
            await self._http.start()
        except BaseException:
            await self._tftp.close()
            raise

    async def stop(self) -> None:
        """Stop both; safe to call twice."""
        await self._tftp.close()
        await self._http.close()
