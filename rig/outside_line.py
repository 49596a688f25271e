"""The far side of a bench's trunk: takes calls to outside numbers and places calls from outside.

Signalling only, except for an audio port that is named and never listened to.

Source: RFC 3261; RFC 3325 (a trunk vouches for its callers by P-Asserted-Identity).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from rig.errors import RigError
from rig.sip.errors import MessageError
from rig.sip.message import Request
from rig.sip.sdp import make_offer
from rig.sip_transport.call import Call, place_call
from rig.sip_transport.stack import IncomingRequest, SipStack
from rig.timeline import Address

ANSWER_AFTER_S = 0.1
_AUDIO_PORT = 40000
_CODECS = ("PCMA",)


class OutsideLine:
    """A carrier's end of a trunk.

    Attributes:
        demands_diversion: refuse calls (403) in which no ``Diversion`` names one of the
            carrier's customers, as carriers do with callers they do not know.
        taken: INVITEs that came, in order.
    """

    def __init__(self) -> None:
        self.demands_diversion = False
        self.taken: list[Request] = []
        self._stack = SipStack(product="carrier")
        self._platform: Address | None = None
        self._calls: list[Call] = []
        self._answers: set[asyncio.Task[None]] = set()

    async def open(self, host: str, port: int = 0) -> Address:
        """Begin to listen.

        Returns:
            Where.

        Raises:
            RigError: the port is taken.
        """
        await self._stack.listen(host, port, tcp=False)
        self._stack.on_request = self._received
        return self._stack.address

    @property
    def address(self) -> Address:
        """Where it speaks SIP."""
        return self._stack.address

    def connect(self, platform: Address) -> None:
        """Say where the site's end of the trunk is."""
        self._platform = platform

    async def close(self) -> None:
        """Hang up and close. Safe to call twice."""
        for task in tuple(self._answers):
            task.cancel()
        await asyncio.gather(*self._answers, return_exceptions=True)
        await self._stack.abort()

    async def call(
        self, number: str, *, caller: str, headers: Iterable[tuple[str, str]] = ()
    ) -> Call:
        """Call the site from outside.

        Args:
            number: who is called, as the carrier delivers it.
            caller: number of the caller.
            headers: more headers: Diversion, History-Info.

        Raises:
            RigError: the trunk is not connected.
        """
        if self._platform is None:
            raise RigError("the outside line is not connected to a platform")
        host, port = self._platform
        own = self.address[0]
        call = await place_call(
            self._stack,
            self._stack.flow_to(self._platform),
            request_uri=f"sip:{number}@{host}:{port}",
            from_=f"<sip:{caller}@{own}>",
            sdp=self._description(),
            headers=[("P-Asserted-Identity", f"<sip:{caller}@{own}>"), *headers],
        )
        self._calls.append(call)
        return call

    def _description(self) -> bytes:
        host = self.address[0]
        session = len(self._calls) + len(self.taken) + 1
        return make_offer(host, _AUDIO_PORT, session_id=session, codecs=_CODECS).to_bytes()

    def _received(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        if request.method != "INVITE":
            incoming.respond(200 if request.method == "OPTIONS" else 405)
            return
        self.taken.append(request)
        try:
            call = Call.incoming(incoming)
        except MessageError:
            incoming.respond(400)
            return
        if self.demands_diversion and "Diversion" not in request.headers:
            call.reject(403, "No Diverting Party")
            return
        self._calls.append(call)
        task = asyncio.get_running_loop().create_task(self._answer(call))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _answer(self, call: Call) -> None:
        call.ring()
        await asyncio.sleep(ANSWER_AFTER_S)
        call.accept(self._description())
