"""Two TFTP cores on a simulated wire: delay, loss and duplication, no socket, no waiting."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from provisioning.transport.tftp_core import ClientSession, Refusal, ServerSession, read_request
from provisioning.transport.tftp_packet import Opcode, Packet, Request, decode
from provisioning.transport.tftp_retry import RetryPolicy
from provisioning.transport.tftp_session import Address, TransferEnded

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


def packets(session: ServerSession | ClientSession) -> list[Packet]:
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

    def run(self, limit_s: float = 600.0) -> ClientSession:
        """Play until both ends are over or the limit has come."""
        counter = itertools.count()
        numbers = {"up": itertools.count(), "down": itertools.count()}
        wire: list[tuple[float, int, str, bytes, Address]] = []
        client = ClientSession(self.request, LISTEN, self.now, policy=self.policy)
        server: ServerSession | None = None

        def flush(direction: str, session: ServerSession | ClientSession, source: Address) -> None:
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
                        server = ServerSession(
                            request, self.content, CLIENT, self.now, policy=self.policy
                        )
                elif server is not None:
                    server.receive(data, CLIENT, self.now)
            client.handle_timer(self.now)
            flush("up", client, CLIENT)
            self.client_ended = client.next_event() or self.client_ended
            if server is not None:
                server.handle_timer(self.now)
                flush("down", server, SERVER)
                self.server_ended = server.next_event() or self.server_ended
        return client

    def sent(self, direction: str, kind: type[Packet]) -> list[Packet]:
        """Every packet of a kind that one side sent, lost ones too."""
        return [
            packet for _, way, packet in self.seen if way == direction and isinstance(packet, kind)
        ]
