"""Fetches and puts files over TFTP as a handset does: runs the sans-IO core on asyncio."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass

from provisioning.clock import now
from provisioning.errors import RigError
from provisioning.transport.datagram_socket import bound_socket, family_of, plain, send_all
from provisioning.transport.fetch_log import FINISHED, UNFINISHED, FetchLog, FetchRecord
from provisioning.transport.tftp_core import ClientSession
from provisioning.transport.tftp_packet import Opcode, Request
from provisioning.transport.tftp_session import Address, TransferEnded
from provisioning.transport.tftp_write import PutSession

DatagramTap = Callable[[float, Address, Address, bytes], None]
"""Called with instant, source, destination and octets of a datagram."""

_DATAGRAM_BYTES = 65_536
_DRAIN = 64
_RECEIVE_BUFFER_BYTES = 1024 * 1024


class TftpFetchError(RigError):
    """A file could not be fetched or put over TFTP.

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
        host: address or name of the server; a name that has both is taken as IPv4.
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
    options = _options(blksize, windowsize, None if netascii else 0)
    request = Request(Opcode.RRQ, path, "netascii" if netascii else "octet", options)
    route = _Route(host, port, path, local_host)
    session: ClientSession | None = None

    def begin(server: Address) -> ClientSession:
        nonlocal session
        session = ClientSession(request, server, at)
        return session

    local, ended = await _run(route, begin, timeout_s, tap)
    content = session.content if session else b""
    if ended is None:
        reason = f"not there after {timeout_s:g} s, {len(content)} octets came"
        ended = TransferEnded(finished=False, octets=len(content), reason=reason)
    if log is not None:
        log.add(_record(at, local, path, ended))
    if not ended.finished:
        raise TftpFetchError(
            f"{route}: {ended.reason}; check that the server runs and serves this name",
            code=ended.code,
        )
    return content


async def put(  # noqa: PLR0913 - a request has this many sides
    host: str,
    port: int,
    path: str,
    content: bytes,
    *,
    blksize: int | None = 1428,
    windowsize: int | None = None,
    timeout_s: float = 30.0,
    netascii: bool = False,
    local_host: str = "",
    tap: DatagramTap | None = None,
) -> None:
    """Put one file on a server that takes writes (WRQ).

    With neither ``blksize`` nor ``windowsize`` the request carries no options at all; otherwise
    it also announces the size by ``tsize``, so that a server without room can refuse at once.

    Args:
        host: address or name of the server; a name that has both is taken as IPv4.
        port: its UDP port.
        path: file name, sent as it is. Many servers take a name only if the file is there
            already and anybody may write it.
        content: the file.
        blksize: block size to ask for, 8 to 65464 octets, or None.
        windowsize: blocks per ACK to ask for, 1 to 65535, or None.
        timeout_s: seconds until the server must have acknowledged the last block.
        netascii: send it as text, with line ends converted.
        local_host: numeric address to send from; empty for the one that faces the server.
        tap: told of every datagram that is sent or comes, as a capture at the client would be.

    Raises:
        TftpFetchError: the server refused, fell silent, or broke the protocol; the message
            says which, and ``code`` holds the ERROR code. What the server then has under
            this name is not known.
    """
    options = _options(blksize, windowsize, None if netascii else len(content))
    request = Request(Opcode.WRQ, path, "netascii" if netascii else "octet", options)
    route = _Route(host, port, path, local_host)

    def begin(server: Address) -> PutSession:
        return PutSession(request, content, server, now())

    _, ended = await _run(route, begin, timeout_s, tap)
    if ended is None:
        reason = f"not acknowledged after {timeout_s:g} s"
        ended = TransferEnded(finished=False, octets=0, reason=reason)
    if not ended.finished:
        raise TftpFetchError(
            f"{route}: {ended.reason}; check that the server runs and takes this name",
            code=ended.code,
        )


@dataclass(frozen=True, slots=True)
class _Route:
    """From where to where a file goes; as text the URL."""

    host: str
    port: int
    path: str
    local_host: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tftp://{host}:{self.port}/{self.path.lstrip('/')}"

    async def server(self) -> Address:
        """The numeric address of the server."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise TftpFetchError(
                f"{self}: no address for {self.host!r} ({reason}); check the name"
            ) from error
        found.sort(key=lambda one: one[0] != socket.AF_INET)
        family, *_, address = found[0]
        if family == socket.AF_INET6 and len(address) == 4:
            return plain((str(address[0]), int(address[1]), 0, int(address[3])))
        return (str(address[0]), int(address[1]))

    def local_socket(self, server: Address) -> socket.socket:
        """A socket at the address that faces the server, or at the one asked for."""
        try:
            sock = bound_socket(self.local_host or _local_host(server))
        except OSError as error:
            raise TftpFetchError(f"{self}: {error.strerror}; check the route to it") from error
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        return sock


async def _run(
    route: _Route,
    begin: Callable[[Address], ClientSession | PutSession],
    timeout_s: float,
    tap: DatagramTap | None,
) -> tuple[Address, TransferEnded | None]:
    """Run a transfer; gives our address, and its end unless time was up before."""
    server = await route.server()
    with route.local_socket(server) as sock:
        transfer = _Transfer(sock, begin(server), tap)
        try:
            async with asyncio.timeout(timeout_s):
                await transfer.run()
        except TimeoutError:
            pass  # what came until now decides, also when it only lingered
        return plain(sock.getsockname()), transfer.ended


class _Transfer:
    """One transfer: its socket, its session, its timer."""

    def __init__(
        self, sock: socket.socket, session: ClientSession | PutSession, tap: DatagramTap | None
    ) -> None:
        self._socket = sock
        self._session = session
        self._tap = tap
        self._local = plain(sock.getsockname())
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self.ended: TransferEnded | None = None

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
                data, address = self._socket.recvfrom(_DATAGRAM_BYTES)
            except OSError:
                break
            source = plain(address)
            if self._tap is not None:
                self._tap(now(), source, self._local, data)
            self._session.receive(data, source, now())
        self._step()

    def _timer_due(self) -> None:
        self._timer = None
        self._session.handle_timer(now())
        self._step()

    def _step(self) -> None:
        outgoing = self._session.data_to_send()
        if self._tap is not None:
            for data, destination in outgoing:
                self._tap(now(), self._local, destination, data)
        send_all(self._socket, outgoing)
        self.ended = self._session.next_event() or self.ended
        if self._session.over:
            if not self._over.done():
                self._over.set_result(None)
            return
        deadline = self._session.next_timer()
        if deadline is not None:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(max(0.0, deadline - now()), self._timer_due)


def _options(
    blksize: int | None, windowsize: int | None, tsize: int | None
) -> tuple[tuple[str, str], ...]:
    options = [
        (name, str(value))
        for name, value in (("blksize", blksize), ("windowsize", windowsize))
        if value is not None
    ]
    if options and tsize is not None:
        options.append(("tsize", str(tsize)))
    return tuple(options)


def _local_host(server: Address) -> str:
    """Which of our addresses faces the server; connecting UDP sends nothing."""
    with socket.socket(family_of(server[0]), socket.SOCK_DGRAM) as probe:
        probe.connect(server)
        return plain(probe.getsockname())[0]


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
