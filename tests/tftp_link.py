"""Two TFTP cores on a simulated wire: delay, loss and duplication, no socket, no waiting.

A read or a write, as the request says.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from provisioning.transport.tftp_core import ClientSession, Refusal, ServerSession, read_request
from provisioning.transport.tftp_packet import Opcode, Packet, Request, decode
from provisioning.transport.tftp_retry import RetryPolicy
from provisioning.transport.tftp_session import Address, Session, TransferEnded
from provisioning.transport.tftp_write import PutSession, TakeSession

CLIENT: Address = ("192.0.2.7", 40_000)
LISTEN: Address = ("192.0.2.1", 69)
SERVER: Address = ("192.0.2.1", 50_000)
STRANGER: Address = ("203.0.113.9", 1)

Fate = Callable[[str, Packet, int], list[float]]
"""(direction, packet, number of this datagram from 0) -> delays of the copies that arrive."""


def rrq(filename: str = "a.cfg", mode: str = "octet", **options: object) -> Request:
    """A read request with options."""
    pairs = tuple((name, str(value)) for name, value in options.items())
    return Request(Opcode.RRQ, filename, mode, pairs)


def wrq(filename: str = "a.log", mode: str = "octet", **options: object) -> Request:
    """A write request with options."""
    pairs = tuple((name, str(value)) for name, value in options.items())
    return Request(Opcode.WRQ, filename, mode, pairs)


def packets(session: Session) -> list[Packet]:
    """What a session wants to send to its peer now."""
    return [decode(data) for data, _ in session.data_to_send()]


@dataclass
class Link:
    """Runs one transfer to its end in simulated time."""

    content: bytes
    request: Request
    fate: Fate = lambda _direction, _packet, _number: [0.01]
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    now: float = 0.0
    seen: list[tuple[float, str, Packet]] = field(default_factory=list)
    server_ended: TransferEnded | None = None
    client_ended: TransferEnded | None = None
    ended_at: float | None = None
    max_octets: int = 10_000_000

    def run(self, limit_s: float = 600.0) -> ClientSession:
        """Play a read until both ends are over or the limit has come; gives the reader."""
        client = ClientSession(self.request, LISTEN, self.now, policy=self.policy)

        def serve(request: Request) -> ServerSession:
            return ServerSession(request, self.content, CLIENT, self.now, policy=self.policy)

        self._play(client, serve, limit_s)
        return client

    def write(self, limit_s: float = 600.0) -> TakeSession | None:
        """Play a write likewise; gives the server's end, if the request ever arrived."""
        client = PutSession(self.request, self.content, LISTEN, self.now, policy=self.policy)

        def serve(request: Request) -> TakeSession:
            return TakeSession(
                request, CLIENT, self.now, max_octets=self.max_octets, policy=self.policy
            )

        server = self._play(client, serve, limit_s)
        assert server is None or isinstance(server, TakeSession)
        return server

    def _play(
        self,
        client: ClientSession | PutSession,
        serve: Callable[[Request], ServerSession | TakeSession],
        limit_s: float,
    ) -> ServerSession | TakeSession | None:
        counter = itertools.count()
        numbers = {"up": itertools.count(), "down": itertools.count()}
        wire: list[tuple[float, int, str, bytes, Address]] = []
        server: ServerSession | TakeSession | None = None

        def flush(direction: str, session: Session, source: Address) -> None:
            for data, destination in session.data_to_send():
                packet = decode(data)
                self.seen.append((self.now, direction, packet))
                for delay_s in self.fate(direction, packet, next(numbers[direction])):
                    arrives = (self.now + delay_s, next(counter), direction, data, destination)
                    heapq.heappush(wire, arrives)
            assert source

        flush("up", client, CLIENT)
        while self.now < limit_s:
            due = [wire[0][0]] if wire else []
            for session in (client, server):
                timer = session.next_timer() if session else None
                if timer is not None:
                    due.append(timer)
            if not due:
                break
            self.now = max(self.now, min(due))
            while wire and wire[0][0] <= self.now:
                _, _, direction, data, destination = heapq.heappop(wire)
                if direction == "down":
                    client.receive(data, SERVER, self.now)
                elif destination == LISTEN:
                    request = read_request(data)
                    assert request is not None
                    assert not isinstance(request, Refusal)
                    if server is None:
                        server = serve(request)
                elif server is not None:
                    server.receive(data, CLIENT, self.now)
                    if isinstance(server, TakeSession) and server.waits_for_disk:
                        server.stored(self.now)
            client.handle_timer(self.now)
            flush("up", client, CLIENT)
            self.client_ended = client.next_event() or self.client_ended
            if server is not None:
                server.handle_timer(self.now)
                flush("down", server, SERVER)
                self.server_ended = server.next_event() or self.server_ended
            if self.ended_at is None and self.client_ended and self.server_ended:
                self.ended_at = self.now  # one of them may linger on
        return server

    def sent(self, direction: str, kind: type[Packet]) -> list[Packet]:
        """Every packet of a kind that one side sent, lost ones too."""
        return [
            packet for _, way, packet in self.seen if way == direction and isinstance(packet, kind)
        ]
