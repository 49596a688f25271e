"""Serves the API over HTTP: who asks, what for, whose data; every fault becomes an answer.

Plain HTTP, meant for loopback or a lab network: put a TLS proxy before it elsewhere.

Source: RFC 9110 (status codes), RFC 9112 (messages).
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import hdrs, web

from provisioning.errors import UsageError
from provisioning.transport.http_port import HttpPort, PortLimits
from rig.loopback import is_loopback
from rig.mailbox_platform.embedded.store.store import StoreFailure
from rig.mailbox_platform.embedded.xsi.backend import Backend
from rig.mailbox_platform.embedded.xsi.comet import Comet
from rig.mailbox_platform.embedded.xsi.events import EventHub, EventTimes
from rig.mailbox_platform.embedded.xsi.faults import ApiFault, error_document
from rig.mailbox_platform.embedded.xsi.management import json_response, management_routes
from rig.mailbox_platform.embedded.xsi.messages import message_routes
from rig.mailbox_platform.embedded.xsi.route import (
    Call,
    Route,
    document_response,
    find_route,
    split_path,
)
from rig.mailbox_platform.embedded.xsi.services import service_routes
from rig.mailbox_platform.embedded.xsi.sign_in import SignIn
from rig.timeline import Address

logger = logging.getLogger(__name__)


class ApiServer:
    """The API of a running platform.

    Args:
        backend: the platform.
        host: address to listen at.
        port: TCP port; 0 for any free one.
        times: how long channels and subscriptions live.
        request_deadline_s: seconds that a new connection, and the body of a request, may take.
    """

    def __init__(
        self,
        backend: Backend,
        host: str,
        port: int,
        *,
        times: EventTimes | None = None,
        request_deadline_s: float = 10.0,
    ) -> None:
        self._backend = backend
        self._host = host
        self._deadline_s = request_deadline_s
        self._sign_in = SignIn(backend)
        self._hub = EventHub(backend, times or EventTimes())
        self.routes: tuple[Route, ...] = (
            *service_routes(),
            *message_routes(),
            *Comet(self._hub).routes(),
            *management_routes(),
        )
        self.internal_errors = 0
        self._listener = HttpPort(
            self._handle, host, port, limits=PortLimits.small(request_deadline_s)
        )

    @property
    def address(self) -> Address:
        """Where it listens; the real port after :meth:`start`."""
        return self._listener.address

    async def start(self) -> None:
        """Listen.

        Raises:
            RigError: the port is in use, needs privilege, or the address is not ours.
        """
        await self._listener.start()
        if not is_loopback(self._host):
            logger.warning(
                "the API at %s:%d is plain HTTP: SIP passwords can be read on the way. Use it in "
                "a closed laboratory network only, or put a TLS proxy before it.",
                *self.address,
            )

    async def close(self) -> None:
        """End streams, stop listening, close the connections; safe to call twice."""
        self._hub.close()
        await self._listener.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = split_path(request.raw_path)
        try:
            return await self._answer(request, path)
        except ApiFault as fault:
            return _refusal(request, path, fault)
        except UsageError as error:
            return _refusal(request, path, ApiFault(400, str(error)))
        except StoreFailure as error:
            logger.error("API: %s %s: %s", request.method, request.path, error)  # noqa: TRY400 - no fault of the code
            return _refusal(request, path, ApiFault(503, "It could not be kept; try again later."))
        except ConnectionError:
            raise
        except Exception:
            self.internal_errors += 1
            logger.exception("API: %s %s failed", request.method, request.path)
            return _refusal(request, path, ApiFault(500, "The platform failed; see its log."))

    async def _answer(self, request: web.BaseRequest, path: tuple[str, ...]) -> web.StreamResponse:
        user = self._sign_in.user(
            request.headers.get(hdrs.AUTHORIZATION, ""), str(request.remote or "")
        )
        route, params = find_route(self.routes, request.method, path)
        if route.owner:
            owner = self._backend.find_user(params[route.owner])
            if owner is None or owner.number != user.number:
                raise ApiFault(403, "You may see and change your own data only.")
        try:
            async with asyncio.timeout(self._deadline_s):
                await request.read()
        except TimeoutError:
            raise ApiFault(408, "The body did not come in time.") from None
        except web.HTTPRequestEntityTooLarge:
            raise ApiFault(413, "The body is too large.") from None
        return await route.handler(Call(request, user, params, self._backend))


def _refusal(
    request: web.BaseRequest, path: tuple[str, ...], fault: ApiFault
) -> web.StreamResponse:
    if path[:1] == ("phonerig",):
        data = {"status": fault.status, "summary": fault.text}
        return json_response(data, fault.status, **fault.headers)
    as_json = request.query.get("format", "").lower() == "json"
    return document_response(
        error_document(fault), fault.status, as_json=as_json, headers=fault.headers
    )
