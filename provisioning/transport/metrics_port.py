"""A listener of its own for whoever watches a provisioning server: ``/metrics`` and ``/healthz``.

On loopback unless asked otherwise, and never on a port that phones reach.
"""

from __future__ import annotations

import json

from aiohttp import hdrs, web

from provisioning.clock import Clock, now
from provisioning.transport.content import Address
from provisioning.transport.http_port import HttpPort, PortLimits, plain, with_server
from provisioning.transport.metrics import ServeMetrics

_DEADLINE_S = 10.0
_READ = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})


class MetricsPort:
    """Answers a monitoring system.

    Args:
        metrics: what is told.
        host: address to listen on.
        port: TCP port; 0 for any free one.
        clock: for what has expired.
    """

    def __init__(
        self, metrics: ServeMetrics, host: str = "127.0.0.1", port: int = 0, clock: Clock = now
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self._port = HttpPort(self._handle, host, port, limits=PortLimits.small(_DEADLINE_S))

    @property
    def address(self) -> Address:
        """Where it listens; the real port after :meth:`start`."""
        return self._port.address

    async def start(self) -> None:
        """Listen.

        Raises:
            RigError: the port is in use, needs privilege, or the address is not ours.
        """
        await self._port.start()

    async def close(self) -> None:
        """Stop listening; safe to call twice."""
        await self._port.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        response = self._answer(request)
        await response.prepare(request)
        await response.write_eof()
        return response

    def _answer(self, request: web.BaseRequest) -> web.Response:
        if request.method not in _READ:
            response = plain(405, "method not allowed\n")
            response.headers[hdrs.ALLOW] = "GET, HEAD"
            return response
        if request.path == "/metrics":
            body, media_type = self._metrics.written(request.headers.get(hdrs.ACCEPT, ""))
            return with_server(web.Response(body=body, headers={hdrs.CONTENT_TYPE: media_type}))
        if request.path == "/healthz":
            serving, problems = self._metrics.health(self._clock())
            state = "ok" if not problems else "degraded" if serving else "stopping"
            text = json.dumps({"status": state, "problems": problems}) + "\n"
            response = with_server(web.Response(text=text, content_type="application/json"))
            response.set_status(200 if serving else 503)
            return response
        return plain(404, "not found\n")
