"""One SIP endpoint on the event loop: sockets around a :class:`rig.sip.user_agent.UserAgentCore`.

A stack owns one address over UDP and TCP. It knows transactions and who wants which dialog's
requests; what requests mean is the owner's business. A broken peer or a broken callback never
stops it: exceptions of callbacks are logged (logger ``phonerig.sip``) and counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rig.clock import Clock
from rig.clock import now as clock_now
from rig.errors import RigError
from rig.sip import event as ev
from rig.sip.event import Address, ClientKey, Flow, ServerKey
from rig.sip.message import Request, Response
from rig.sip.timers import DEFAULT_TIMERS, TimerValues
from rig.sip.tokens import TokenSource
from rig.sip.transaction_layer import Gate, Turned
from rig.sip.user_agent import IncomingFilter, OutgoingFilter, UserAgentCore
from rig.sip_transport.dispatch import EventDispatcher, RequestHandler
from rig.sip_transport.exchange import (
    IncomingRequest,
    OutgoingRequest,
    RequestTimedOut,
    TransportFailed,
)
from rig.sip_transport.multicast import group_socket
from rig.sip_transport.tcp import TcpPool
from rig.sip_transport.tokens import RandomTokens
from rig.sip_transport.udp import UdpSocket

__all__ = [
    "Flow",
    "Gate",
    "IncomingRequest",
    "OutgoingRequest",
    "PacketTap",
    "RequestHandler",
    "RequestTimedOut",
    "SipStack",
    "TransportFailed",
    "Turned",
]

PacketTap = Callable[[str, Address, Address, bytes, bool, float], None]
"""Called with transport, source, destination, payload, whether it leaves, and the instant."""

FLOW_CACHE_SIZE = 4096
BIND_ATTEMPTS = 20


class SipStack(EventDispatcher):
    """One SIP endpoint.

    Args:
        product: User-Agent of our requests; empty for none.
        tap: sees every packet in and out.
        tokens: source of branches, tags and Call-IDs; random by default.
        timers: base timer values; shorter ones make tests quick.
        clock: tells the time.

    Attributes:
        on_request: called for every request that begins a transaction and belongs to no
            registered dialog.
        on_bad_message: called with octets that are not a usable message, the error and the
            flow; 400 has been sent where that was possible.
        on_connection_lost: called with the remote address of a TCP connection that ended.
        methods: methods we serve; others get 405 or 501.
        extensions: option tags we support; another one in Require gets 420.
        content_types: media types of bodies we understand, others get 415; None lets the owner
            judge.
        internal_errors: exceptions that callbacks raised.
        bad_messages: messages that could not be used.
        stray_responses: responses that matched no request.
    """

    __slots__ = (
        "_address",
        "_clock",
        "_flows",
        "_groups",
        "_loop",
        "_pumping",
        "_tap",
        "_tcp",
        "_timer",
        "_timer_at",
        "_udp",
        "timers",
        "tokens",
    )

    def __init__(
        self,
        *,
        product: str = "phonerig",
        tap: PacketTap | None = None,
        tokens: TokenSource | None = None,
        timers: TimerValues = DEFAULT_TIMERS,
        clock: Clock = clock_now,
    ) -> None:
        self.tokens: TokenSource = RandomTokens() if tokens is None else tokens
        self.timers = timers
        super().__init__(UserAgentCore(self.tokens, product=product, timers=timers))
        self._tap = tap
        self._clock = clock
        self._address: Address | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._udp: UdpSocket | None = None
        self._tcp: TcpPool | None = None
        self._flows: dict[Address, Flow] = {}
        self._groups: list[UdpSocket] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._pumping = False

    # ---- life ---------------------------------------------------------------------------

    async def listen(self, host: str, port: int = 0, *, tcp: bool = True) -> None:
        """Open the sockets.

        Args:
            host: numeric address of this machine; it stands in our Vias.
            port: 0 for any; UDP and TCP get the same.
            tcp: also listen on TCP.

        Raises:
            RigError: the port is taken.
        """
        self._loop = asyncio.get_running_loop()
        attempts = BIND_ATTEMPTS if port == 0 and tcp else 1
        for attempt in range(1, attempts + 1):
            sock = UdpSocket.bind(host, port)
            address: Address = (host, sock.getsockname()[1])
            pool: TcpPool | None = None
            if tcp:
                pool = TcpPool(self)
                try:
                    await pool.listen(*address)
                except RigError:
                    sock.close()
                    if attempt == attempts:
                        raise
                    continue
                except BaseException:
                    sock.close()
                    await pool.close()
                    raise
            self._udp = UdpSocket(sock, self._datagram_received, self._arm)
            self._tcp = pool
            self._address = address
            self._closed = False
            return

    def join(
        self, group: Address, interface: str, admit: Callable[[bytes, Address], bool]
    ) -> None:
        """Also take what arrives for a multicast group; answers leave from our own address.

        Args:
            group: its IPv4 address, and port.
            interface: numeric address of ours at the one interface that is listened at.
            admit: says of a datagram and its source whether it is looked at; others are as if
                they had not come, so that nobody else is answered.

        Raises:
            RigError: the group cannot be heard there, or we do not listen yet.
        """
        _ = self.address  # a stack that does not listen has nowhere to answer from

        def heard(data: bytes, source: Address) -> None:
            if admit(data, source):
                self._datagram_received(data, source)

        self._groups.append(UdpSocket(group_socket(group, interface), heard, self._arm))

    @property
    def address(self) -> Address:
        """Where we listen.

        Raises:
            RigError: before :meth:`listen`.
        """
        if self._address is None:
            raise RigError("the SIP stack does not listen yet; await listen() first")
        return self._address

    @property
    def now(self) -> float:
        """The instant by this stack's clock, seconds."""
        return self._clock()

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closed

    async def close(self) -> None:
        """Close the sockets; requests under way fail. Safe to call twice."""
        self._shut()
        if self._tcp is not None:
            pool, self._tcp = self._tcp, None
            await pool.close()

    async def abort(self) -> None:
        """Vanish as a power failure does: nothing is sent, connections are cut."""
        if self._tcp is not None:
            self._tcp.abort_all()
        await self.close()

    def _shut(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._udp is not None:
            self._udp.close()
            self._udp = None
        for group in self._groups:
            group.close()
        self._groups.clear()
        outgoing, self._outgoing = self._outgoing, {}
        for request in outgoing.values():
            self.guarded(request.on_failure, request.fail(timed_out=False))
        self._incoming.clear()
        self._dialogs.clear()

    # ---- sending ------------------------------------------------------------------------

    @property
    def outgoing_filter(self) -> OutgoingFilter | None:
        """Sees a copy of every message just before it is sent, retransmissions included.

        Returns what to send instead (a message, or octets), or None to drop it.
        """
        return self._core.outgoing_filter

    @outgoing_filter.setter
    def outgoing_filter(self, value: OutgoingFilter | None) -> None:
        self._core.outgoing_filter = value

    @property
    def incoming_filter(self) -> IncomingFilter | None:
        """Sees every message that could be read, before it is taken, and after the tap.

        Returns what to take instead, or None to take nothing.
        """
        return self._core.incoming_filter

    @incoming_filter.setter
    def incoming_filter(self, value: IncomingFilter | None) -> None:
        self._core.incoming_filter = value

    def send_octets(self, data: bytes, flow: Flow) -> None:
        """Send octets as they are, beside every transaction; a closed stack sends nothing.

        Args:
            data: one message, or what shall look like one.
            flow: where to.
        """
        if not self._closed and self._address is not None:
            self._put_out(data, flow)

    @property
    def behind_s(self) -> float:
        """For how long datagrams have been coming faster than they are dealt with, seconds."""
        since = None if self._udp is None else self._udp.behind_since
        return 0.0 if since is None or self._loop is None else self._loop.time() - since

    def filter_only(self, methods: frozenset[str] | None) -> None:
        """Have the outgoing filter see requests of some methods alone, which costs less.

        Args:
            methods: their names; None for every message.
        """
        self._core.filtered_methods = methods

    @property
    def gate(self) -> Gate | None:
        """Turns requests away before anything is remembered of them; None lets all in.

        It sees every request that begins a transaction, ahead of every other check, and must
        be quick. What it turns away is answered without a transaction.
        """
        return self._core.gate

    @gate.setter
    def gate(self, value: Gate | None) -> None:
        self._core.gate = value

    def flow_to(self, remote: Address, transport: str = "UDP") -> Flow:
        """The flow from us to an address.

        Args:
            remote: numeric host, and port.
            transport: ``UDP`` or ``TCP``.
        """
        return Flow(transport.upper(), self.address, remote)

    def drain(self) -> None:
        """Take in the datagrams that have arrived already.

        For two stacks in one process: what one has just sent, the other need not wait for
        until the loop has served everybody else.
        """
        if self._udp is not None:
            self._udp.drain()

    def has_connection(self, flow: Flow) -> bool:
        """Whether a message on this flow would find an open connection; True for UDP."""
        if not flow.reliable:
            return True
        return self._tcp is not None and self._tcp.has_connection(flow.remote)

    def request(self, request: Request, flow: Flow) -> OutgoingRequest:
        """Send a request in a new transaction.

        Args:
            request: Via, Max-Forwards, From tag, Call-ID, CSeq and User-Agent are added to a
                copy of it where missing.
            flow: where to.

        Raises:
            TransportFailed: the stack is closed.
        """
        if self._closed or self._address is None:
            raise TransportFailed(f"{request.method}: the SIP stack is not open")
        prepared = self._core.prepare(request, flow)
        key = self._core.send_request(prepared, flow, self._clock())
        outgoing = self._outgoing[key] = OutgoingRequest(self, prepared, flow, key)
        self._after_command()
        return outgoing

    def send_ack(self, ack: Request, flow: Flow) -> Request:
        """Send the ACK of a 2xx; it has no transaction.

        Args:
            ack: from the dialog; or what this method returned, to repeat it unchanged.
            flow: where to.

        Returns:
            The ACK as sent.
        """
        if "Via" not in ack.headers:
            ack = self._core.prepare(ack, flow)
        if not self._closed:
            self._core.send_request(ack, flow, self._clock())
            self._after_command()
        return ack

    def cancel(self, key: ClientKey) -> None:
        """Cancel the INVITE of this key, as soon as that is allowed."""
        if not self._closed:
            self._core.cancel(key, self._clock())
            self._after_command()

    def abandon(self, outgoing: OutgoingRequest) -> None:
        """Repeat a request no more, since a newer one takes its place; no callback is called.

        Args:
            outgoing: other than INVITE; one that has ended is fine.
        """
        self._core.abandon(outgoing.key)
        self._outgoing.pop(outgoing.key, None)

    def _make_incoming(self, event: ev.RequestReceived) -> IncomingRequest:
        return IncomingRequest(self, event.request, event.flow, event.key)

    def _send_response(self, key: ServerKey, response: Response) -> bool:
        sent = self._core.send_response(key, response, self._clock())
        self._after_command()
        return sent

    # ---- the core's surroundings --------------------------------------------------------

    def _datagram_received(self, data: bytes, source: Address) -> None:
        flow = self._flows.get(source)
        if flow is None:
            if len(self._flows) >= FLOW_CACHE_SIZE:
                self._flows.clear()
            flow = self._flows[source] = Flow("UDP", self.address, source)
        self._received(data, flow)

    def stream_received(self, data: bytes, remote: Address) -> None:
        """Octets arrived on a TCP connection; for the pool."""
        if not self._closed:
            self._received(data, Flow("TCP", self.address, remote))
            self._arm()

    def stream_lost(self, remote: Address) -> None:
        """A TCP connection ended or could not be made; for the pool."""
        if self._closed:
            return
        self._core.flow_failed(Flow("TCP", self.address, remote), self._clock())
        self._pump()
        self._arm()
        self.guarded(self.on_connection_lost, remote)

    def _received(self, data: bytes, flow: Flow) -> None:
        at = self._clock()
        if self._tap is not None:
            self.guarded(self._tap, flow.transport, flow.remote, flow.local, data, False, at)
        self.guarded(self._core.receive, data, flow, at)
        self._pump()

    def _after_command(self) -> None:
        """Send at once; events that came up wait for the loop, so that callbacks can be set."""
        self._flush()
        if not self._pumping and self._loop is not None:
            if self._core.has_events:
                self._loop.call_soon(self._pump)
            self._arm()

    def _flush(self) -> None:
        for data, flow in self._core.data_to_send():
            self._put_out(data, flow)

    def _put_out(self, data: bytes, flow: Flow) -> None:
        if self._tap is not None:
            self.guarded(
                self._tap, flow.transport, flow.local, flow.remote, data, True, self._clock()
            )
        if not flow.reliable:
            if self._udp is not None and not self._udp.send(data, flow.remote):
                self._core.flow_failed(flow, self._clock())
        elif self._tcp is not None:
            self._tcp.send(data, flow.remote)
        else:
            self._core.flow_failed(flow, self._clock())

    def _pump(self) -> None:
        if self._pumping:
            return
        self._pumping = True
        try:
            self._flush()
            while (event := self._core.next_event()) is not None:
                self.guarded(self.dispatch, event)
                self._flush()
        finally:
            self._pumping = False

    def _arm(self) -> None:
        if self._closed or self._loop is None:
            return
        at = self._core.next_timer()
        if at is None:
            return
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_later(max(0.0, at - self._clock()), self._timer_due)

    def _timer_due(self) -> None:
        self._timer = None
        self.guarded(self._core.handle_timer, self._clock())
        self._pump()
        self._arm()

    def _flow_broken(self, event: ev.FlowBroken) -> None:
        if self._tcp is not None:
            self._tcp.close_connection(event.flow.remote)
