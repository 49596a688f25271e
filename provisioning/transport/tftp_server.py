"""Serves files over TFTP: runs the sans-IO core on asyncio, one socket per transfer.

Every transfer has a port of its own (RFC 1350 section 4) on the address that was asked.
The socket is bound and not connected: a connected one would never see the packet of a
stranger, who must be told that the transfer is not his.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from provisioning.clock import Clock, now
from provisioning.errors import RigError
from provisioning.transport.content import Answer, ContentSource
from provisioning.transport.fetch_log import FINISHED, UNFINISHED, FetchLog, FetchRecord
from provisioning.transport.hook import ServerHook
from provisioning.transport.listen_error import listen_error
from provisioning.transport.port_watch import PortWatch
from provisioning.transport.tftp_core import Refusal, ServerSession, read_request
from provisioning.transport.tftp_packet import Error, ErrorCode, Request
from provisioning.transport.tftp_session import Address, Outgoing, TransferEnded

logger = logging.getLogger(__name__)

_IP_PKTINFO = 8  # linux/in.h; the socket module names it only from Python 3.14 on
_IN_PKTINFO_OCTETS = 12  # int ifindex, in_addr spec_dst, in_addr addr
_RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
_LISTEN_DRAIN = 64
_DATAGRAM_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class TftpLimits:
    """How much a server lets itself be asked for.

    A request beyond a limit is met with silence: the client asks again by itself, later.

    Attributes:
        transfers: transfers at the same time.
        transfers_per_address: of these, to one address.
        max_blksize: largest block to grant, octets.
        max_windowsize: largest window to grant, blocks.
    """

    transfers: int = 2048
    transfers_per_address: int = 1024
    max_blksize: int = 65_464
    max_windowsize: int = 64


class TftpServer:
    """Answers read requests from a content source and records every one.

    Args:
        source: decides what a request is answered with.
        log: where fetches are recorded.
        host: IPv4 address or name to listen on; ``0.0.0.0`` for every address.
        port: UDP port; 0 for any free one.
        limits: how much it lets itself be asked for.
        hook: asked before an answer; None changes nothing.
        clock: for records and timers.
    """

    def __init__(
        self,
        source: ContentSource,
        log: FetchLog,
        host: str = "127.0.0.1",
        port: int = 69,
        *,
        limits: TftpLimits = TftpLimits(),
        hook: ServerHook | None = None,
        clock: Clock = now,
    ) -> None:
        self._source = source
        self._hook = hook
        self._log = log
        self._host = host
        self._port = port
        self._clock = clock
        self._socket: socket.socket | None = None
        self._ports = PortWatch()
        self._transfers: dict[Address, _Transfer] = {}
        self._per_address: Counter[str] = Counter()
        self.limits = limits
        self.requests_dropped = 0

    @property
    def address(self) -> Address:
        """Where it listens; the real port after :meth:`start`."""
        if self._socket is None:
            return (self._host, self._port)
        host, port = self._socket.getsockname()
        return (host, port)

    @property
    def transfers(self) -> int:
        """How many transfers are under way."""
        return len(self._transfers)

    async def start(self) -> None:
        """Listen.

        Raises:
            RigError: the port is in use, needs privilege, or the address is not ours.
        """
        if self._socket is not None:
            raise RigError("this TFTP server is already running; close it first")
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
            sock.bind((self._host, self._port))
        except OSError as error:
            sock.close()
            raise listen_error("TFTP", self._host, self._port, error) from error
        self._socket = sock
        self._ports.open()
        asyncio.get_running_loop().add_reader(sock.fileno(), self._readable, sock)

    async def close(self) -> None:
        """Stop listening and drop the transfers under way; safe to call twice."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        for transfer in tuple(self._transfers.values()):
            transfer.finish()
        self._ports.close()

    def _readable(self, sock: socket.socket) -> None:
        for _ in range(_LISTEN_DRAIN):
            try:
                data, ancillary, _flags, client = sock.recvmsg(
                    _DATAGRAM_BYTES, socket.CMSG_SPACE(_IN_PKTINFO_OCTETS)
                )
            except OSError:  # nothing left to read, or an ICMP error of an earlier answer
                return
            local = _asked_address(ancillary)
            if local is not None:
                self._receive(data, client, local)

    def _receive(self, data: bytes, client: Address, local: str) -> None:
        at = self._clock()
        running = self._transfers.get(client)
        if running is not None and running.request_bytes == data:
            # A repeated RRQ is the same transfer, whose own timer repeats the answer; unless
            # its last ACK is there unread and the client has begun anew from the same port.
            running.catch_up()
            if client in self._transfers:
                return
            running = None
        request = read_request(data)
        if request is None:
            return
        if isinstance(request, Refusal):
            self._refuse(request.error, request.filename, client, local, at)
            return
        if running is not None:
            running.abandon("the client asked for something else from the same port")
        if (
            len(self._transfers) >= self.limits.transfers
            or self._per_address[client[0]] >= self.limits.transfers_per_address
        ):
            self.requests_dropped += 1
            return
        try:
            answer = self._find(request.filename, client)
        except Exception:
            logger.exception("content source failed on a TFTP request")
            error = Error(ErrorCode.NOT_DEFINED, "internal error")
            self._refuse(error, request.filename, client, local, at)
            return
        if isinstance(answer, Error):
            self._refuse(answer, request.filename, client, local, at)
            return
        try:
            sock = _transfer_socket(local)
        except OSError:
            self.requests_dropped += 1  # no descriptor or port is left: the client asks again
            return
        session = ServerSession(
            request,
            answer.content,
            client,
            at,
            max_blksize=self.limits.max_blksize,
            max_windowsize=self.limits.max_windowsize,
        )
        transfer = _Transfer(
            self._ports, sock, session, data, answer.handset, self._clock, self._ended, self._hook
        )
        self._transfers[client] = transfer
        self._per_address[client[0]] += 1
        transfer.run(client, at)

    def _find(self, path: str, client: Address) -> Answer | Error:
        answer: Answer | None
        if self._hook is None:
            answer = self._source.find(path, client, "")
        elif self._hook.refusal(path) is not None:
            return Error(ErrorCode.ACCESS_VIOLATION, "refused")
        else:
            answer = self._hook.answer(path, lambda name: self._source.find(name, client, ""))
        return answer or Error(ErrorCode.FILE_NOT_FOUND, "file not found")

    def _ended(self, record: FetchRecord) -> None:
        del self._transfers[record.client]
        host = record.client[0]
        self._per_address[host] -= 1
        if not self._per_address[host]:
            del self._per_address[host]
        self._log.add(record)

    def _refuse(self, error: Error, path: str, client: Address, local: str, at: float) -> None:
        with contextlib.suppress(OSError), _transfer_socket(local) as sock:
            sock.sendto(error.to_bytes(), client)
        self._log.add(
            FetchRecord(
                at=at,
                transport="tftp",
                client=client,
                path=path,
                handset="",
                status=-error.code,
                octets=0,
                duration_s=self._clock() - at,
            )
        )


class _Transfer:
    """One transfer: its socket, its session, its timer, its record."""

    def __init__(
        self,
        ports: PortWatch,
        sock: socket.socket,
        session: ServerSession,
        request_bytes: bytes,
        handset: str,
        clock: Clock,
        on_end: Callable[[FetchRecord], None],
        hook: ServerHook | None,
    ) -> None:
        self._ports = ports
        self._hook = hook
        self._socket = sock
        self._session = session
        self._handset = handset
        self._clock = clock
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._client: Address = ("", 0)
        self._at = 0.0
        self.request_bytes = request_bytes

    def run(self, client: Address, at: float) -> None:
        self._client, self._at = client, at
        self._ports.add(self._socket.fileno(), self._readable)
        self._step()

    def abandon(self, reason: str) -> None:
        self._close(TransferEnded(finished=False, octets=0, reason=reason))

    def finish(self) -> None:
        """End now, but count an ACK that has arrived and was not read yet."""
        self.catch_up()
        if not self._session.over:
            self.abandon("the server was closed")

    def catch_up(self) -> None:
        """Take everything that has arrived until now."""
        while not self._session.over and self._receive():
            self._step()

    def _readable(self) -> None:
        # One datagram: more would be a wasted system call in lock-step, the usual case.
        if self._receive():
            self._step()

    def _receive(self) -> bool:
        try:
            data, source = self._socket.recvfrom(_DATAGRAM_BYTES)
        except OSError:
            return False
        self._session.receive(data, source, self._clock())
        return True

    def _timer_due(self) -> None:
        self._timer = None
        self._session.handle_timer(self._clock())
        self._step()

    def _step(self) -> None:
        session = self._session
        outgoing = session.data_to_send()
        if self._hook is not None:
            outgoing = altered(outgoing, self._hook, session.request)
        send_all(self._socket, outgoing)
        if session.over:
            ended = session.next_event()
            if ended is not None:
                self._close(ended)
            return
        deadline = session.next_timer()
        if deadline is None or (self._timer is not None and self._timer_at <= deadline):
            return  # a timer that fires early looks again: most ACKs cost no timer
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self._loop.call_later(max(0.0, deadline - self._clock()), self._timer_due)

    def _close(self, ended: TransferEnded) -> None:
        self._ports.remove(self._socket.fileno())
        self._socket.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        status = UNFINISHED if ended.code is None else -ended.code
        self._on_end(
            FetchRecord(
                at=self._at,
                transport="tftp",
                client=self._client,
                path=self._session.request.filename,
                handset=self._handset,
                status=FINISHED if ended.finished else status,
                octets=ended.octets,
                duration_s=self._clock() - self._at,
            )
        )


def altered(outgoing: list[Outgoing], hook: ServerHook, request: Request) -> list[Outgoing]:
    """Datagrams as a hook wants them sent."""
    asked = ((hook.datagram(request, data), destination) for data, destination in outgoing)
    return [(data, destination) for data, destination in asked if data is not None]


def send_all(sock: socket.socket, outgoing: list[Outgoing]) -> None:
    """Send datagrams; one that the system does not take is lost, as on a wire."""
    try:
        for data, destination in outgoing:
            sock.sendto(data, destination)
    except OSError:
        return  # once the system takes no more, it takes none of the rest


def _transfer_socket(local: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.bind((local, 0))
    except OSError:
        sock.close()
        raise
    return sock


def _asked_address(ancillary: list[tuple[int, int, bytes]]) -> str | None:
    """Which of our addresses was asked; None for a broadcast or multicast address.

    The kernel tells the address in the packet and the local address it stands for; they
    differ exactly when the packet was not for us alone.
    """
    for level, kind, value in ancillary:
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO and len(value) >= _IN_PKTINFO_OCTETS:
            local, asked = value[4:8], value[8:12]
            return socket.inet_ntoa(local) if local == asked else None
    return None
