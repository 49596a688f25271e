"""Fetches a file over TFTP as a handset does: runs the sans-IO core on asyncio."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from provisioning.clock import now
from provisioning.errors import RigError
from provisioning.transport.fetch_log import FINISHED, UNFINISHED, FetchLog, FetchRecord
from provisioning.transport.tftp_core import ClientSession
from provisioning.transport.tftp_packet import Opcode, Request
from provisioning.transport.tftp_server import send_all
from provisioning.transport.tftp_session import Address, TransferEnded

DatagramTap = Callable[[float, Address, Address, bytes], None]
"""Called with instant, source, destination and octets of a datagram."""

_DATAGRAM_BYTES = 65_536
_DRAIN = 64
_RECEIVE_BUFFER_BYTES = 1024 * 1024


class TftpFetchError(RigError):
    """A file could not be fetched over TFTP.

    Attributes:
        code: ERROR code that ended it (1 is "file not found"), or None for a timeout.
    """

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


async def fetch(  # noqa: PLR0913 - a request has this many sides
    host: str,
    port: int,
    path: str,
    *,
    blksize: int | None = 1428,
    windowsize: int | None = None,
    timeout_s: float = 10.0,
    netascii: bool = False,
    local_host: str = "",
    log: FetchLog | None = None,
    tap: DatagramTap | None = None,
) -> bytes:
    """Fetch one file.

    With neither ``blksize`` nor ``windowsize`` the request carries no options at all, as
    that of an old handset; otherwise it also asks for ``tsize``.

    Args:
        host: IPv4 address or name of the server.
        port: its UDP port.
        path: file name, sent as it is.
        blksize: block size to ask for, 8 to 65464 octets, or None.
        windowsize: blocks per ACK to ask for, 1 to 65535, or None.
        timeout_s: seconds until the whole file must be there.
        netascii: ask for text and convert line ends back.
        local_host: numeric address to ask from; empty for the one that faces the server.
        log: where this fetch is recorded as the client saw it; None for nowhere.
        tap: told of every datagram that is sent or comes, as a capture at the client would be.

    Returns:
        The file.

    Raises:
        TftpFetchError: the server refused, fell silent, or broke the protocol; the message
            says which, and ``code`` holds the ERROR code.
    """
    at = now()
    options: list[tuple[str, str]] = []
    if blksize is not None:
        options.append(("blksize", str(blksize)))
    if windowsize is not None:
        options.append(("windowsize", str(windowsize)))
    if options and not netascii:
        options.append(("tsize", "0"))
    request = Request(Opcode.RRQ, path, "netascii" if netascii else "octet", tuple(options))
    url = f"tftp://{host}:{port}/{path.lstrip('/')}"
    server = await _resolve(host, port, url)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        try:
            sock.bind((local_host or _local_host(server), 0))
        except OSError as error:
            raise TftpFetchError(f"{url}: {error.strerror}; check the route to it") from error
        local: Address = sock.getsockname()
        transfer = _Transfer(sock, ClientSession(request, server, at), tap)
        try:
            async with asyncio.timeout(timeout_s):
                await transfer.run()
        except TimeoutError:
            pass  # what came until now decides, also when it only lingered
    octets = len(transfer.session.content)
    ended = transfer.ended or TransferEnded(
        finished=False,
        octets=octets,
        reason=f"not there after {timeout_s:g} s, {octets} octets came",
    )
    if log is not None:
        log.add(_record(at, local, path, ended))
    if not ended.finished:
        raise TftpFetchError(
            f"{url}: {ended.reason}; check that the server runs and serves this name",
            code=ended.code,
        )
    return transfer.session.content


class _Transfer:
    """One transfer: its socket, its session, its timer."""

    def __init__(
        self, sock: socket.socket, session: ClientSession, tap: DatagramTap | None
    ) -> None:
        self._socket = sock
        self._tap = tap
        self._local: Address = sock.getsockname()
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self.ended: TransferEnded | None = None
        self.session = session

    async def run(self) -> None:
        """Go on until the session needs its port no more."""
        self._loop.add_reader(self._socket.fileno(), self._readable)
        try:
            self._step()
            await self._over
        finally:
            self._loop.remove_reader(self._socket.fileno())
            if self._timer is not None:
                self._timer.cancel()

    def _readable(self) -> None:
        for _ in range(_DRAIN):
            try:
                data, source = self._socket.recvfrom(_DATAGRAM_BYTES)
            except OSError:
                break
            if self._tap is not None:
                self._tap(now(), source, self._local, data)
            self.session.receive(data, source, now())
        self._step()

    def _timer_due(self) -> None:
        self._timer = None
        self.session.handle_timer(now())
        self._step()

    def _step(self) -> None:
        outgoing = self.session.data_to_send()
        if self._tap is not None:
            for data, destination in outgoing:
                self._tap(now(), self._local, destination, data)
        send_all(self._socket, outgoing)
        self.ended = self.session.next_event() or self.ended
        if self.session.over:
            if not self._over.done():
                self._over.set_result(None)
            return
        deadline = self.session.next_timer()
        if deadline is not None:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(max(0.0, deadline - now()), self._timer_due)


def _local_host(server: Address) -> str:
    """Which of our addresses faces the server; connecting UDP sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(server)
        host: str = probe.getsockname()[0]
        return host


async def _resolve(host: str, port: int, url: str) -> Address:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise TftpFetchError(
            f"{url}: no IPv4 address for {host!r} ({error.strerror}); check the name"
        ) from error
    address = found[0][4]
    return (str(address[0]), int(address[1]))


def _record(at: float, local: Address, path: str, ended: TransferEnded) -> FetchRecord:
    status = UNFINISHED if ended.code is None else -ended.code
    return FetchRecord(
        at=at,
        transport="tftp",
        client=local,
        path=path,
        handset="",
        status=FINISHED if ended.finished else status,
        octets=ended.octets,
        duration_s=now() - at,
    )
