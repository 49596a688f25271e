"""Serves files over TFTP: runs the sans-IO core on asyncio, one socket per transfer.

Every transfer has a port of its own (RFC 1350 section 4) on the address that was asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import socket
from collections import Counter, deque
from dataclasses import dataclass

from provisioning.clock import Clock, now
from provisioning.errors import RigError
from provisioning.transport.content import Address, Answer, ContentSource
from provisioning.transport.datagram_socket import (
    ANCILLARY_OCTETS,
    asked_address,
    can_be_answered,
    light_socket,
    listening_sockets,
    plain,
)
from provisioning.transport.fetch_log import FetchLog, FetchRecord
from provisioning.transport.hook import ServerHook
from provisioning.transport.listen_error import listen_error
from provisioning.transport.port_watch import PortWatch
from provisioning.transport.tftp_core import Refusal, ServerSession, read_request
from provisioning.transport.tftp_packet import Error, ErrorCode, Opcode, Request
from provisioning.transport.tftp_transfer import Surroundings, Transfer
from provisioning.transport.tftp_write import TakeSession
from provisioning.transport.upload_area import Refused, TakesUploads, Upload, UploadRefusedError

logger = logging.getLogger(__name__)

_RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
_MOST_REQUESTS_IN_A_TURN = 1024
_ANSWERS_BETWEEN = 16
_REQUEST_BYTES = 1024
_EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to
_TICK_S = 0.05
_MOST_LINGERING = 256
_UPLOAD_ERRORS = {
    Refused.NAME: ErrorCode.ACCESS_VIOLATION,
    Refused.QUOTA: ErrorCode.DISK_FULL,
    Refused.DISK: ErrorCode.DISK_FULL,
}


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
    """Answers requests from a content source and records every one.

    Args:
        source: decides what a read request is answered with.
        log: where fetches are recorded.
        host: address or name to listen on; ``0.0.0.0`` for every IPv4 address, ``::`` for
            every address of both families.
        port: UDP port; 0 for any free one.
        limits: how much it lets itself be asked for.
        uploads: takes what write requests bring; None refuses them all.
        hook: asked before an answer; None changes nothing.
        clock: for records and timers.

    Attributes:
        limits: how much it lets itself be asked for.
        requests_dropped: how many requests were met with silence because of a limit.
    """

    def __init__(
        self,
        source: ContentSource,
        log: FetchLog,
        host: str = "127.0.0.1",
        port: int = 69,
        *,
        limits: TftpLimits = TftpLimits(),
        uploads: TakesUploads | None = None,
        hook: ServerHook | None = None,
        clock: Clock = now,
    ) -> None:
        self._source = source
        self._uploads = uploads
        self._hook = hook
        self._log = log
        self._host = host
        self._port = port
        self._clock = clock
        self._sockets: list[socket.socket] = []
        self._ports = PortWatch()
        self._around = Surroundings(clock, hook, log.add, self._linger, self._over)
        self._transfers: dict[int, Transfer] = {}  # by the number of their socket
        self._lingering: dict[int, Transfer] = {}  # of these, the oldest first
        self._latest: dict[Address, Transfer] = {}  # of each client
        self._per_address: Counter[str] = Counter()
        self._ticking: asyncio.TimerHandle | None = None
        self._drained: asyncio.Event | None = None
        self.limits = limits
        self.requests_dropped = 0

    @property
    def address(self) -> Address:
        """Where it listens; the real port after :meth:`start`."""
        if not self._sockets:
            return (self._host, self._port)
        return plain(self._sockets[0].getsockname())

    @property
    def transfers(self) -> int:
        """How many transfers are under way; those that only linger are not counted."""
        return len(self._transfers) - len(self._lingering)

    async def start(self) -> None:
        """Listen.

        Raises:
            RigError: the port is in use, needs privilege, or the address is not ours.
        """
        if self._sockets:
            raise RigError("this TFTP server is already running; close it first")
        try:
            self._sockets = listening_sockets(self._host, self._port, _RECEIVE_BUFFER_BYTES)
        except OSError as error:
            raise listen_error("TFTP", self._host, self._port, error) from error
        self._ports.open()
        for sock in self._sockets:
            host, _ = plain(sock.getsockname())
            own = None if host in _EVERY_ADDRESS else host
            self._ports.add(sock.fileno(), functools.partial(self._readable, sock, own))

    def publish(self, source: ContentSource, uploads: TakesUploads | None) -> None:
        """Answer from another source from now on; what is under way keeps what it began with.

        Args:
            source: decides what a read request is answered with.
            uploads: takes what write requests bring; None refuses them all.
        """
        self._source, self._uploads = source, uploads

    async def drain(self, patience_s: float) -> None:
        """Take no request any more, and let the transfers under way come to their end.

        Args:
            patience_s: seconds to wait for them at most; :meth:`close` drops the rest.
        """
        self._stop_listening()
        if self.transfers and patience_s > 0:
            self._drained = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await self._drained.wait()

    async def close(self) -> None:
        """Stop listening and drop the transfers under way; safe to call twice."""
        self._stop_listening()
        for transfer in tuple(self._transfers.values()):
            transfer.catch_up()  # an ACK that has arrived and was not read yet counts
            if transfer.socket.fileno() in self._transfers:
                transfer.abandon("the server was closed")
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None
        self._ports.close()

    def _stop_listening(self) -> None:
        for sock in self._sockets:
            self._ports.remove(sock.fileno())
            sock.close()
        self._sockets = []

    def _readable(self, sock: socket.socket, own: str | None = None) -> None:
        """Take what has come to a listening socket; ``own`` is its address if it has but one."""
        # What does not fit into the kernel's buffer is lost, and an answer takes ten times as long
        # as reading a request: so all that has come is read again and again amid the answers.
        asked: deque[tuple[bytes, Address, str]] = deque()
        left = _MOST_REQUESTS_IN_A_TURN
        while left > 0:
            left -= self._read(sock, own, asked, left)
            if not asked:
                return
            for _ in range(min(len(asked), _ANSWERS_BETWEEN)):
                self._receive(*asked.popleft())
        for request in asked:
            self._receive(*request)

    @staticmethod
    def _read(
        sock: socket.socket, own: str | None, asked: deque[tuple[bytes, Address, str]], most: int
    ) -> int:
        """Read what has come, and sort out what nobody may be answered for; how many they were."""
        for count in range(most):
            try:
                if own is None:
                    data, ancillary, _, client = sock.recvmsg(_REQUEST_BYTES, ANCILLARY_OCTETS)
                    local = asked_address(ancillary)
                else:  # no broadcast comes to a socket that is bound to one address
                    data, client = sock.recvfrom(_REQUEST_BYTES)
                    local = own
            except OSError:  # nothing left to read, or an ICMP error of an earlier answer
                return count
            source = plain(client)
            if local is not None and can_be_answered(source):
                asked.append((data, source, local))
        return most

    def _receive(self, data: bytes, client: Address, local: str) -> None:
        at = self._clock()
        running = self._latest.get(client)
        if running is not None:
            if running.request_bytes == data:
                # A repeated request is the same transfer, whose own timer repeats the answer;
                # unless its last packet is there unread and the client has begun anew.
                running.catch_up()
                if not running.settled:
                    return
            if running.settled:
                running = None  # it may linger, in case the client has not heard the last ACK
        request = read_request(data)
        if request is None:
            return
        if isinstance(request, Refusal):
            self._refuse(request.error, request.filename, client, local, at)
            return
        if running is not None:
            running.abandon("the client asked for something else from the same port")
        if (
            self.transfers >= self.limits.transfers
            or self._per_address[client[0]] >= self.limits.transfers_per_address
        ):
            self.requests_dropped += 1
            return
        answer = self._answer(request, client)
        if isinstance(answer, Error):
            self._refuse(answer, request.filename, client, local, at)
            return
        try:
            sock = self._open_socket(local)
        except OSError:
            self.requests_dropped += 1  # no descriptor or port is left: the client asks again
            if isinstance(answer, Upload):
                answer.discard()
            return
        self._begin(request, answer, sock, client, data, at)

    def _answer(self, request: Request, client: Address) -> Answer | Upload | Error:
        """What a request gets: a file, a place for a file, or a refusal."""
        if request.opcode == Opcode.WRQ:
            return self._place(request.filename, client)
        try:
            return self._find(request.filename, client)
        except Exception:
            logger.exception("content source failed on a TFTP request")
            return Error(ErrorCode.NOT_DEFINED, "internal error")

    def _find(self, path: str, client: Address) -> Answer | Error:
        answer: Answer | None
        if self._hook is None:
            answer = self._source.find(path, client, "")
        elif self._hook.refusal(path) is not None:
            return Error(ErrorCode.ACCESS_VIOLATION, "refused")
        else:
            answer = self._hook.answer(path, lambda name: self._source.find(name, client, ""))
        return answer or Error(ErrorCode.FILE_NOT_FOUND, "file not found")

    def _place(self, path: str, client: Address) -> Upload | Error:
        if self._uploads is None:
            return Error(ErrorCode.ACCESS_VIOLATION, "this server does not take this file")
        try:
            return self._uploads.open(path, client[0])
        except UploadRefusedError as error:
            if error.why is Refused.NAME:
                return Error(ErrorCode.ACCESS_VIOLATION, "this server does not take this file")
            return Error(_UPLOAD_ERRORS[error.why], str(error))

    def _begin(
        self,
        request: Request,
        answer: Answer | Upload,
        sock: socket.SocketType,
        client: Address,
        data: bytes,
        at: float,
    ) -> None:
        limits = self.limits
        session: ServerSession | TakeSession
        if isinstance(answer, Upload):
            session = TakeSession(
                request,
                client,
                at,
                max_octets=answer.room,
                max_blksize=limits.max_blksize,
                max_windowsize=limits.max_windowsize,
            )
        else:
            session = ServerSession(
                request,
                answer.content,
                client,
                at,
                max_blksize=limits.max_blksize,
                max_windowsize=limits.max_windowsize,
            )
        transfer = Transfer(
            self._around,
            sock,
            session,
            client,
            data,
            handset=answer.handset,
            at=at,
            upload=answer if isinstance(answer, Upload) else None,
        )
        self._transfers[sock.fileno()] = self._latest[client] = transfer
        self._per_address[client[0]] += 1
        self._ports.add(sock.fileno(), transfer.readable)
        if self._ticking is None:
            self._tick_later()
        transfer.step()

    def _open_socket(self, local: str) -> socket.SocketType:
        """The socket of one transfer, at the address that was asked."""
        return light_socket(local)

    def _tick_later(self) -> None:
        self._ticking = asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def _tick(self) -> None:
        """One look at every transfer's clock costs less than a timer for each of them."""
        at = self._clock()
        for transfer in tuple(self._transfers.values()):
            transfer.tick(at)
        if self._transfers:
            self._tick_later()
        else:
            self._ticking = None

    def _linger(self, transfer: Transfer) -> None:
        """It has done its work: it takes nobody's place, and leaves if there are many such."""
        self._lingering[transfer.socket.fileno()] = transfer
        self._leave_place(transfer.client[0])
        if len(self._lingering) > _MOST_LINGERING:
            next(iter(self._lingering.values())).abandon("many others linger")

    def _leave_place(self, host: str) -> None:
        self._per_address[host] -= 1
        if not self._per_address[host]:
            del self._per_address[host]
        if self._drained is not None and not self.transfers:
            self._drained.set()

    def _over(self, transfer: Transfer) -> None:
        descriptor = transfer.socket.fileno()
        self._ports.remove(descriptor)
        transfer.close()
        del self._transfers[descriptor]
        if self._latest.get(transfer.client) is transfer:
            del self._latest[transfer.client]
        if self._lingering.pop(descriptor, None) is None:
            self._leave_place(transfer.client[0])

    def _refuse(self, error: Error, path: str, client: Address, local: str, at: float) -> None:
        with contextlib.suppress(OSError), contextlib.closing(self._open_socket(local)) as sock:
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
