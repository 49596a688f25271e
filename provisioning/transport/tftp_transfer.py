"""One transfer of the TFTP server on its own socket: a session, a hook, a record at the end."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

from provisioning.clock import Clock
from provisioning.transport.content import Address
from provisioning.transport.datagram_socket import plain, send_all, send_burst
from provisioning.transport.fetch_log import FINISHED, UNFINISHED, FetchRecord
from provisioning.transport.hook import ServerHook
from provisioning.transport.tftp_core import ServerSession
from provisioning.transport.tftp_packet import Request
from provisioning.transport.tftp_session import Outgoing, SessionState, TransferEnded
from provisioning.transport.tftp_write import TakeSession
from provisioning.transport.upload_area import Upload, UploadRefusedError

_SHORT_DATAGRAM_BYTES = 1024
_DATAGRAM_BYTES = 65_536
_ENDED = SessionState.ENDED


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all transfers of a server share.

    Attributes:
        clock: for records and timers.
        hook: asked before a datagram is sent; None changes nothing.
        on_record: given the record of a transfer, once, as soon as its outcome is known.
        on_linger: told when a transfer has done its work and only stays to repeat its last word.
        on_over: told when a transfer needs its socket no more.
    """

    clock: Clock
    hook: ServerHook | None
    on_record: Callable[[FetchRecord], None]
    on_linger: Callable[[Transfer], None]
    on_over: Callable[[Transfer], None]


class Transfer:
    """Runs one session on one socket.

    The socket is bound and not connected: a connected one would never see the packet of a
    stranger, who must be told that the transfer is not his.

    Args:
        around: what it shares with the others.
        sock: its socket; closed by :meth:`close`.
        session: what it says.
        client: who asked.
        handset: whose the file is; empty for a file that all share.
        at: instant of the request, seconds.
        upload: where the octets go that a client puts.

    Attributes:
        client: who asked.
        socket: its socket.
        request_bytes: the request as it came, to know its repetition.
    """

    __slots__ = (
        "_around",
        "_at",
        "_bursts",
        "_clock",
        "_handset",
        "_octets",
        "_recorded",
        "_session",
        "_upload",
        "client",
        "request_bytes",
        "socket",
    )

    def __init__(
        self,
        around: Surroundings,
        sock: socket.SocketType,
        session: ServerSession | TakeSession,
        client: Address,
        request_bytes: bytes,
        *,
        handset: str,
        at: float,
        upload: Upload | None = None,
    ) -> None:
        self._around = around
        self._clock = around.clock
        self._bursts = True
        self._session = session
        self._handset = handset
        self._at = at
        self._upload = upload
        self._octets = _DATAGRAM_BYTES if upload else _SHORT_DATAGRAM_BYTES
        self._recorded = False
        self.socket = sock
        self.client = client
        self.request_bytes = request_bytes

    @property
    def settled(self) -> bool:
        """Whether its outcome is known; it may linger on."""
        return self._recorded

    def step(self) -> None:
        """Send what the session has to say; see whether it is over."""
        session = self._session
        outgoing = session.data_to_send()
        if self._around.hook is not None:
            outgoing = altered(outgoing, self._around.hook, session.request)
        if len(outgoing) > 1 and self._bursts:
            self._bursts = send_burst(self.socket, outgoing)
        elif outgoing:
            send_all(self.socket, outgoing)
        if session.event is not None or session.state is _ENDED:
            self._look_at_the_end()

    def _look_at_the_end(self) -> None:
        session = self._session
        ended = session.next_event()
        if ended is not None and not self._recorded:
            self._record(ended)
            if not session.over:
                self._around.on_linger(self)
        if session.over:
            self._around.on_over(self)

    def readable(self) -> None:
        """Take one datagram: more would be a wasted system call in lock-step, the usual case."""
        if self._receive():
            self.step()

    def tick(self, now: float) -> None:
        """Look at the clock."""
        deadline = self._session.next_timer()
        if deadline is not None and deadline <= now:
            self._session.handle_timer(now)
            self.step()

    def catch_up(self) -> None:
        """Take everything that has arrived until now."""
        while not self._session.over and self._receive():
            self.step()

    def abandon(self, reason: str) -> None:
        """End without a word to the client."""
        if not self._recorded:
            self._record(TransferEnded(finished=False, octets=0, reason=reason))
        self._around.on_over(self)

    def close(self) -> None:
        """Give the socket back."""
        self.socket.close()

    def _receive(self) -> bool:
        try:
            data, source = self.socket.recvfrom(self._octets)
        except OSError:
            return False
        now = self._clock()
        session = self._session
        session.receive(data, source if len(source) == 2 else plain(source), now)
        upload = self._upload
        if upload is not None and isinstance(session, TakeSession) and session.waits_for_disk:
            _store(session, upload, now)
        return True

    def _record(self, ended: TransferEnded) -> None:
        self._recorded = True
        if self._upload is not None:
            self._upload.discard()
        status = UNFINISHED if ended.code is None else -ended.code
        self._around.on_record(
            FetchRecord(
                at=self._at,
                transport="tftp",
                client=self.client,
                path=self._session.request.filename,
                handset=self._handset,
                status=FINISHED if ended.finished else status,
                octets=ended.octets,
                duration_s=self._around.clock() - self._at,
            )
        )


def altered(outgoing: list[Outgoing], hook: ServerHook, request: Request) -> list[Outgoing]:
    """Datagrams as a hook wants them sent."""
    asked = ((hook.datagram(request, data), destination) for data, destination in outgoing)
    return [(data, destination) for data, destination in asked if data is not None]


def _store(session: TakeSession, upload: Upload, now: float) -> None:
    """Put what came on the disk before the last block is acknowledged."""
    try:
        upload.write(session.content)
        upload.commit()
    except UploadRefusedError as error:
        session.not_stored(str(error))
    else:
        session.stored(now)
        session.forget()
