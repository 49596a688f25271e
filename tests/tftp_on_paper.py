"""The TFTP server on sockets and a clock of paper: every decision of the real one, no system call.

What a kernel would do is done here and nothing else: sockets have a number, an inbox and a list
of what was sent. Requests, tables, limits, transfers and records are those of the product.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Self

from provisioning.transport.content import Address, ContentSource
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.tftp_server import TftpLimits, TftpServer
from provisioning.transport.tftp_transfer import Transfer
from provisioning.transport.upload_area import TakesUploads

HOST: Address = ("192.0.2.1", 69)
FIRST_PORT = 20_000
_IP_PKTINFO = 8


@dataclass
class PaperNetwork:
    """All sockets that are open, and what was sent.

    Attributes:
        open: by file number.
        sent: datagram and destination, in order, since it was last looked at.
        ports: from which port each of them was sent.
        taken_from: the same of those that were looked at last.
        full: whether the system has no socket left.
        cuts_bursts: whether it can send several datagrams in one call.
        bursts: how often it did.
    """

    open: dict[int, PaperSocket] = field(default_factory=dict)
    sent: list[tuple[bytes, Address]] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    taken_from: list[int] = field(default_factory=list)
    full: bool = False
    cuts_bursts: bool = True
    bursts: int = 0
    _made: int = 0

    def socket(self, host: str) -> Any:
        """Open one; typed as the product wants it."""
        if self.full:
            raise OSError(24, "Too many open files")
        self._made += 1
        return PaperSocket(self, host, self._made)

    def take(self) -> list[tuple[bytes, Address]]:
        """What was sent since the last time; :attr:`taken_from` says from which ports."""
        sent, self.sent = self.sent, []
        self.taken_from, self.ports = self.ports, []
        return sent

    def take_with_sources(self) -> list[tuple[bytes, Address, Address]]:
        """Likewise, each with the address that it comes from."""
        sent = zip(self.take(), self.taken_from, strict=True)
        return [(data, (HOST[0], port), to) for (data, to), port in sent]


class PaperSocket:
    """One UDP socket."""

    def __init__(self, network: PaperNetwork, host: str, number: int) -> None:
        self._network = network
        self._number = number
        self.host = host
        self.inbox: deque[tuple[bytes, Address]] = deque()
        network.open[number] = self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def fileno(self) -> int:
        return self._number

    def close(self) -> None:
        del self._network.open[self._number]

    def sendto(self, data: bytes, destination: Address) -> int:
        self._network.sent.append((bytes(data), destination))
        self._network.ports.append(FIRST_PORT + self._number)
        return len(data)

    def sendmsg(
        self,
        parts: list[bytes],
        ancillary: list[tuple[int, int, bytes]],
        _flags: int,
        destination: Address,
    ) -> int:
        """Cut a burst apart, as the kernel does for UDP_SEGMENT."""
        ((_, _, value),) = ancillary
        if not self._network.cuts_bursts:
            raise OSError(22, "Invalid argument")
        size, whole = int.from_bytes(value, sys.byteorder), b"".join(parts)
        self._network.bursts += 1
        for at in range(0, len(whole), size):
            self.sendto(whole[at : at + size], destination)
        return len(whole)

    def recvfrom(self, octets: int) -> tuple[bytes, Address]:
        if not self.inbox:
            raise BlockingIOError
        data, source = self.inbox.popleft()
        return data[:octets], source


class _ListeningPaper:
    """Gives one datagram, with the address that it was aimed at."""

    def __init__(self, data: bytes, source: Address, aimed_at: str) -> None:
        local = socket.inet_aton(HOST[0])
        aimed = struct.pack("=i4s4s", 1, local, socket.inet_aton(aimed_at))
        self._waiting = [(data, [(socket.IPPROTO_IP, _IP_PKTINFO, aimed)], 0, source)]

    def recvmsg(self, octets: int, _ancillary: int) -> tuple[bytes, list[Any], int, Address]:
        if not self._waiting:
            raise BlockingIOError
        data, ancillary, flags, source = self._waiting.pop()
        return data[:octets], ancillary, flags, source


class _PaperServer(TftpServer):
    """Has its sockets from a paper network, and is told when to look at the clock."""

    network: PaperNetwork

    def _open_socket(self, local: str) -> socket.socket:
        return self.network.socket(local)

    def _tick_later(self) -> None:
        return


class OnPaper:
    """A server, its network and its clock.

    Args:
        source: decides what a read request is answered with.
        limits: how much the server lets itself be asked for.
        uploads: takes what write requests bring.
    """

    def __init__(
        self,
        source: ContentSource,
        limits: TftpLimits | None = None,
        uploads: TakesUploads | None = None,
    ) -> None:
        self.now = 1000.0
        self.log = FetchLog()
        self.network = PaperNetwork()
        self.server = _PaperServer(
            source,
            self.log,
            *HOST,
            limits=limits or TftpLimits(),
            uploads=uploads,
            clock=lambda: self.now,
        )
        self.server.network = self.network

    @property
    def transfers(self) -> list[Transfer]:
        """All that have a socket."""
        return list(self.server._transfers.values())

    @property
    def latest(self) -> dict[Address, Transfer]:
        """The latest of each client."""
        return self.server._latest

    def ask(
        self, data: bytes, source: Address, aimed_at: str = HOST[0]
    ) -> list[tuple[bytes, Address]]:
        """Let a datagram come to the listening port; what is sent at once."""
        self.server._readable(_ListeningPaper(data, source, aimed_at))  # type: ignore[arg-type]  # paper
        return self.network.take()

    def at_port(self, port: int) -> Transfer | None:
        """The transfer that has a port."""
        return self.server._transfers.get(port - FIRST_PORT)

    def arrive(self, data: bytes, source: Address, port: int) -> None:
        """Let a datagram come to any port; nobody is there if none has it open."""
        if port == HOST[1]:
            self.server._readable(_ListeningPaper(data, source, HOST[0]))  # type: ignore[arg-type]  # paper
        elif (transfer := self.at_port(port)) is not None:
            self.network.open[port - FIRST_PORT].inbox.append((data, source))
            transfer.readable()

    def tell(
        self, transfer: Transfer, data: bytes, source: Address
    ) -> list[tuple[bytes, Address]]:
        """Let a datagram come to the port of a transfer; what is sent at once."""
        self.network.open[transfer.socket.fileno()].inbox.append((data, source))
        transfer.readable()
        return self.network.take()

    def wait(self, seconds: float) -> list[tuple[bytes, Address]]:
        """Let time go by; what is sent then."""
        self.look_at_the_clock(self.now + seconds)
        return self.network.take()

    def look_at_the_clock(self, now: float) -> None:
        """It is as late as that."""
        self.now = now
        self.server._tick()

    def rest(self, limit_s: float = 600.0) -> None:
        """Wait until no transfer is under way, and look whether anything is left of them."""
        until = self.now + limit_s
        while self.transfers and self.now < until:
            self.wait(1.0)
        assert not self.transfers, "transfers that never end"
        assert not self.network.open, "sockets that nobody has"
        assert not self.latest, "clients without a transfer"
        assert not self.server._per_address, "addresses that nobody uses"
