"""A UDP socket on the event loop that drains itself: many datagrams per wake-up.

asyncio's own datagram transport wakes once per datagram; with hundreds of handsets in one
process the drain loop is several times faster.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from rig.errors import RigError
from rig.sip.event import Address

DATAGRAMS_A_WAKE_UP = 64
DATAGRAMS_AT_ONCE = 1024
ARRIVED_LIMIT = 16384
"""So many datagrams may wait for us; more are lost, as in a full buffer."""
MAX_DATAGRAM_BYTES = 65535
QUEUE_LIMIT = 4096
RECEIVE_BUFFER_BYTES = 1 << 20


class UdpSocket:
    """Sends and receives datagrams.

    Args:
        sock: bound, non-blocking.
        on_datagram: called with every datagram and its source.
        on_wake_up: called once after each drained batch.

    Attributes:
        dropped: datagrams thrown away because the kernel would not take them for too long.
        repetitions: datagrams thrown away because the same one was still waiting.
        behind_since: since when, by the loop's clock, there has been more to take in than one
            batch at every wake-up; None when everything has been taken in.
    """

    __slots__ = (
        "_arrived",
        "_loop",
        "_on_datagram",
        "_on_wake_up",
        "_queue",
        "_sock",
        "_turn",
        "_waiting",
        "behind_since",
        "dropped",
        "repetitions",
    )

    def __init__(
        self,
        sock: socket.socket,
        on_datagram: Callable[[bytes, Address], None],
        on_wake_up: Callable[[], None],
    ) -> None:
        self._sock = sock
        self._on_datagram = on_datagram
        self._on_wake_up = on_wake_up
        self._queue: deque[tuple[bytes, Address]] = deque()
        self._arrived: deque[tuple[bytes, Any]] = deque()
        self._waiting: set[tuple[bytes, Any]] = set()
        self._turn: asyncio.Handle | None = None
        self.repetitions = 0
        self.dropped = 0
        self.behind_since: float | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._readable)

    @staticmethod
    def bind(host: str, port: int) -> socket.socket:
        """Make a bound socket.

        Args:
            host: numeric address of this machine.
            port: 0 for any.

        Raises:
            RigError: the address cannot be bound.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            sock.bind((host, port))
            if family == socket.AF_INET:
                # What is sent to a group leaves where we are, whatever the routes say.
                own = socket.inet_aton(sock.getsockname()[0])
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
        except OSError as error:
            sock.close()
            raise RigError(
                f"SIP over UDP cannot listen at {host}:{port}: {error.strerror}; "
                "choose another port or end the program that holds it"
            ) from error
        return sock

    def send(self, data: bytes, remote: Address) -> bool:
        """Send a datagram now, or as soon as the kernel takes it.

        Returns:
            False when it can never be sent (no route, too long).
        """
        if self._queue:
            return self._enqueue(data, remote)
        try:
            self._sock.sendto(data, remote)
        except (BlockingIOError, InterruptedError):
            return self._enqueue(data, remote)
        except OSError:
            return False
        return True

    def drain(self) -> None:
        """Take in what has arrived already instead of waiting for the loop's next turn."""
        if self._sock.fileno() >= 0 and self._take_in():
            self._work(len(self._arrived))

    def close(self) -> None:
        """Stop and free the port."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._loop.remove_writer(self._sock.fileno())
            self._sock.close()
        self._queue.clear()
        self._arrived.clear()
        self._waiting.clear()
        if self._turn is not None:
            self._turn.cancel()

    def _enqueue(self, data: bytes, remote: Address) -> bool:
        if len(self._queue) >= QUEUE_LIMIT:
            self.dropped += 1
            return True
        if not self._queue:
            self._loop.add_writer(self._sock.fileno(), self._writable)
        self._queue.append((data, remote))
        return True

    def _writable(self) -> None:
        while self._queue:
            data, remote = self._queue[0]
            try:
                self._sock.sendto(data, remote)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self.dropped += 1
            self._queue.popleft()
        self._loop.remove_writer(self._sock.fileno())

    def _readable(self) -> None:
        if not self._take_in() or self._work(DATAGRAMS_A_WAKE_UP):
            return
        if self._arrived and self._turn is None:
            self._turn = self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._turn = None
        if self._sock.fileno() >= 0:
            self._readable()

    def _take_in(self) -> bool:
        """Empty the kernel's buffer, so that nothing is lost there while we are behind.

        What is sent once more while the first copy still waits here is the same octets from
        the same place: one of them is enough. Otherwise being slow would make for more work.
        """
        receive = self._sock.recvfrom
        arrived, waiting = self._arrived, self._waiting
        for _ in range(DATAGRAMS_AT_ONCE):
            try:
                item = receive(MAX_DATAGRAM_BYTES)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                continue  # an ICMP error about something sent earlier
            if item in waiting:
                self.repetitions += 1
            elif len(arrived) < ARRIVED_LIMIT:
                waiting.add(item)
                arrived.append(item)
        return bool(arrived)

    def _work(self, most: int) -> bool:
        """Deal with what has arrived; True when the owner closed us meanwhile."""
        arrived, waiting = self._arrived, self._waiting
        for _ in range(min(most, len(arrived))):
            item = arrived.popleft()
            waiting.discard(item)
            data, source = item
            self._on_datagram(data, (source[0], source[1]))
            if self._sock.fileno() < 0:
                return True
        if not arrived:
            self.behind_since = None
        elif self.behind_since is None:
            self.behind_since = self._loop.time()
        self._on_wake_up()
        return False
