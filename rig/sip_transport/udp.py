"""A UDP socket on the event loop that drains itself: many datagrams per wake-up.

asyncio's own datagram transport wakes once per datagram; with hundreds of handsets in one
process the drain loop is several times faster.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable

from rig.errors import RigError
from rig.sip.event import Address

DATAGRAMS_A_WAKE_UP = 64
MAX_DATAGRAM_BYTES = 65535
QUEUE_LIMIT = 4096
RECEIVE_BUFFER_BYTES = 4 << 20


class UdpSocket:
    """Sends and receives datagrams.

    Args:
        sock: bound, non-blocking.
        on_datagram: called with every datagram and its source.
        on_wake_up: called once after each drained batch.

    Attributes:
        dropped: datagrams thrown away because the kernel would not take them for too long.
        behind_since: since when, by the loop's clock, there has been more to take in than one
            batch at every wake-up; None when everything has been taken in.
    """

    __slots__ = (
        "_loop",
        "_on_datagram",
        "_on_wake_up",
        "_queue",
        "_sock",
        "behind_since",
        "dropped",
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
        if self._sock.fileno() >= 0:
            self._readable()

    def close(self) -> None:
        """Stop and free the port."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._loop.remove_writer(self._sock.fileno())
            self._sock.close()
        self._queue.clear()

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
        receive = self._sock.recvfrom
        for _ in range(DATAGRAMS_A_WAKE_UP):
            try:
                data, source = receive(MAX_DATAGRAM_BYTES)
            except (BlockingIOError, InterruptedError):
                self.behind_since = None
                break
            except OSError:
                continue  # an ICMP error about something sent earlier
            self._on_datagram(data, (source[0], source[1]))
            if self._sock.fileno() < 0:  # the owner closed it meanwhile
                return
        else:
            if self.behind_since is None:
                self.behind_since = self._loop.time()
        self._on_wake_up()
