"""A request on its way, from either side: what owners of a stack hold in their hands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from rig.errors import RigError
from rig.sip.event import ClientKey, Flow, ServerKey
from rig.sip.message import Request, Response

if TYPE_CHECKING:
    from rig.sip_transport.stack import SipStack


class RequestTimedOut(RigError):
    """Nobody gave a final answer in time."""


class TransportFailed(RigError):
    """The transport could not carry the request."""


class OutgoingRequest:
    """A request we sent.

    Attributes:
        request: as sent.
        flow: where it went.
        key: its transaction.
        response: the final response once there is one.
        on_provisional: called with every 1xx.
        on_final: called with the final response.
        on_failure: called instead when there is none (:class:`RequestTimedOut` or
            :class:`TransportFailed`).
        on_repeated_success: called with every further 2xx of an INVITE; each wants an ACK.
    """

    __slots__ = (
        "_error",
        "_future",
        "_stack",
        "flow",
        "key",
        "on_failure",
        "on_final",
        "on_provisional",
        "on_repeated_success",
        "request",
        "response",
    )

    def __init__(self, stack: SipStack, request: Request, flow: Flow, key: ClientKey) -> None:
        self._stack = stack
        self._future: asyncio.Future[Response] | None = None
        self._error: RigError | None = None
        self.request = request
        self.flow = flow
        self.key = key
        self.response: Response | None = None
        self.on_provisional: Callable[[Response], None] | None = None
        self.on_final: Callable[[Response], None] | None = None
        self.on_failure: Callable[[RigError], None] | None = None
        self.on_repeated_success: Callable[[Response], None] | None = None

    async def final(self, timeout_s: float | None = None) -> Response:
        """Wait for the final response.

        Args:
            timeout_s: seconds; None leaves it to the transaction (64*T1, or no limit for an
                INVITE that rings).

        Raises:
            RequestTimedOut: no final response in time.
            TransportFailed: the request could not be carried.
        """
        if self.response is not None:
            return self.response
        if self._error is not None:
            raise self._error
        if self._future is None:
            self._future = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(self._future)
        except TimeoutError:
            raise RequestTimedOut(
                f"{self._what()}: no final response within {timeout_s} s; "
                "is the peer running and reachable?"
            ) from None

    def cancel(self) -> None:
        """Cancel an INVITE that has no final response yet."""
        self._stack.cancel(self.key)

    def resolve(self, response: Response) -> None:
        """Take the final response; for the stack."""
        self.response = response
        if self._future is not None and not self._future.done():
            self._future.set_result(response)

    def fail(self, *, timed_out: bool) -> RigError:
        """Take the bad end; for the stack."""
        error: RigError
        if timed_out:
            error = RequestTimedOut(
                f"{self._what()}: no final response; is the peer running and reachable?"
            )
        else:
            error = TransportFailed(f"{self._what()}: the transport failed or was closed")
        self._error = error
        if self._future is not None and not self._future.done():
            self._future.set_exception(error)
            self._future.exception()  # seen: whoever waits gets it, nobody waiting is fine
        return error

    def _what(self) -> str:
        host, port = self.flow.remote
        return f"{self.request.method} to {self.flow.transport} {host}:{port}"


class IncomingRequest:
    """A request we received.

    Attributes:
        request: as received.
        flow: where it came from.
        key: its transaction.
        responded: status of the last response, or None.
        cancelled: a CANCEL ended it; 487 has been sent.
        acked: the ACK of our 2xx, once it is there.
        on_cancel: called when a CANCEL ended it.
        on_ack: called with the ACK of our 2xx.
        on_ack_missed: called when our final response was never acknowledged.
    """

    __slots__ = (
        "_ack_future",
        "_stack",
        "acked",
        "cancelled",
        "flow",
        "key",
        "on_ack",
        "on_ack_missed",
        "on_cancel",
        "request",
        "responded",
    )

    def __init__(self, stack: SipStack, request: Request, flow: Flow, key: ServerKey) -> None:
        self._stack = stack
        self._ack_future: asyncio.Future[Request] | None = None
        self.request = request
        self.flow = flow
        self.key = key
        self.responded: int | None = None
        self.cancelled = False
        self.acked: Request | None = None
        self.on_cancel: Callable[[], None] | None = None
        self.on_ack: Callable[[Request], None] | None = None
        self.on_ack_missed: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"<IncomingRequest {self.request!r} responded={self.responded}>"

    @property
    def stack(self) -> SipStack:
        """The stack it came in by."""
        return self._stack

    @property
    def to_tag(self) -> str:
        """The To tag that our responses carry."""
        return self._stack.own_tag(self.key)

    def respond(
        self,
        status: int,
        reason: str = "",
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str = "",
        to_tag: str | None = None,
    ) -> Response:
        """Answer; 1xx any number of times, then one final response.

        A final response after a final response (say, of a CANCEL that was faster) is made but
        not sent.

        Args:
            status: 100 to 699.
            reason: phrase; the usual one if empty.
            headers: more headers.
            body: body.
            content_type: media type of the body.
            to_tag: this To tag instead of a made-up one.

        Returns:
            The response.
        """
        return self._stack.respond(
            self,
            status,
            reason,
            headers=headers,
            body=body,
            content_type=content_type,
            to_tag=to_tag,
        )

    async def wait_ack(self, timeout_s: float = 32.0) -> Request:
        """Wait for the ACK of our 2xx.

        Args:
            timeout_s: seconds; 64*T1 is when the peer has had its chance.

        Raises:
            RequestTimedOut: no ACK in time.
        """
        if self.acked is not None:
            return self.acked
        if self._ack_future is None:
            self._ack_future = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(self._ack_future)
        except TimeoutError:
            raise RequestTimedOut(
                f"no ACK from {self.flow.remote[0]}:{self.flow.remote[1]} within {timeout_s} s"
            ) from None

    def take_ack(self, ack: Request) -> bool:
        """Note an ACK; for the stack.

        Returns:
            Whether it is the first.
        """
        if self.acked is not None:
            return False
        self.acked = ack
        if self._ack_future is not None and not self._ack_future.done():
            self._ack_future.set_result(ack)
        return True
