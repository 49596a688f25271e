"""TFTP transfers as state machines: bytes in, bytes out, ``now`` is an argument.

:class:`ServerSession` sends one file, :class:`ClientSession` receives one. Both know no
socket and no clock: whoever runs them passes datagrams with their source and instant,
sends what :meth:`data_to_send` gives, and calls :meth:`handle_timer` when
:meth:`next_timer` has come.

Source: RFC 1350; RFC 1123 section 4.2.3 (Sorcerer's Apprentice, adaptive timeout);
RFC 2347, 2348, 2349 (options); RFC 7440 (windowsize).
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioning.errors import RemoteProtocolError
from provisioning.transport.tftp_options import BLKSIZE_RANGE, accept, grant
from provisioning.transport.tftp_packet import (
    Ack,
    Data,
    Error,
    ErrorCode,
    Opcode,
    OptionAck,
    PacketError,
    Request,
    data_packet,
    decode,
    from_netascii,
    to_netascii,
)
from provisioning.transport.tftp_retry import RetryPolicy
from provisioning.transport.tftp_session import (
    Address,
    Session,
    SessionState,
    TransferEnded,
)

_ACK = Opcode.ACK.to_bytes(2)
_MODES = frozenset({"octet", "netascii"})
_SAME_ACK_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class Refusal:
    """A datagram at the listening port that gets an ERROR.

    Attributes:
        error: what to answer.
        filename: what was asked for, as far as it could be read.
    """

    error: Error
    filename: str = ""


def read_request(data: bytes) -> Request | Refusal | None:
    """Judge a datagram that came to the listening port.

    Args:
        data: the datagram.

    Returns:
        A read request to serve, a refusal to answer with, or None for silence. An ERROR is
        never answered (RFC 1350 section 2), nor are runts and packets of a transfer that
        this port does not have.
    """
    try:
        packet = decode(data)
    except PacketError as error:
        if error.status_hint is None:
            return None
        return Refusal(Error(error.status_hint, str(error)))
    if not isinstance(packet, Request):
        return None
    if packet.opcode == Opcode.WRQ:
        reason = "this server does not take files"
        return Refusal(Error(ErrorCode.ACCESS_VIOLATION, reason), packet.filename)
    if packet.mode not in _MODES:
        reason = "mode must be octet or netascii"
        return Refusal(Error(ErrorCode.ILLEGAL_OPERATION, reason), packet.filename)
    return packet


class ServerSession(Session):
    """Sends one file to one client.

    Args:
        request: the read request.
        content: the file; converted here when the mode is netascii.
        client: transfer ID of the client.
        now: instant, seconds.
        policy: retransmission limits.
        max_blksize: largest block to grant, octets.
        max_windowsize: largest window to grant, blocks.
    """

    def __init__(
        self,
        request: Request,
        content: bytes,
        client: Address,
        now: float,
        *,
        policy: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
        max_blksize: int = BLKSIZE_RANGE.stop - 1,
        max_windowsize: int = 64,
    ) -> None:
        super().__init__(client, policy)
        self._client = client
        self.request = request
        netascii = request.mode == "netascii"
        self._content = to_netascii(content) if netascii else content
        self.terms = grant(
            request.options,
            octets=None if netascii else len(content),
            max_blksize=max_blksize,
            max_windowsize=max_windowsize,
        )
        self._timer.use_fixed(self.terms.timeout_s)
        self._last_block = len(self._content) // self.terms.blksize + 1
        self._acked = 0
        self._sent = 0
        if self.terms.acknowledged:
            self.state = SessionState.OFFERING
            self._send(OptionAck(self.terms.acknowledged))
            self._timer.sent(now)
        else:
            self.state = SessionState.SENDING
            self._send_window(now)

    def receive(self, data: bytes, source: Address, now: float) -> None:
        """Take one datagram that came to this transfer's port.

        Only an ACK that moves the transfer on causes DATA; a repeated one causes nothing,
        or every delayed packet would double the traffic from there on.

        Source: RFC 1123 section 4.2.3.1; RFC 7440 section 4 (an ACK inside the window).

        Args:
            data: the datagram.
            source: where it came from.
            now: instant, seconds.
        """
        if self.over:
            return
        if source != self._peer:
            self._refuse_stranger(data, source)
            return
        if data[:2] == _ACK and len(data) >= 4:  # the usual packet, without the detour
            self._receive_ack(int.from_bytes(data[2:4]), now)
            return
        try:
            packet = decode(data)
        except PacketError:
            return
        if isinstance(packet, Error):
            self._end(
                TransferEnded(
                    finished=False,
                    octets=self._acked_octets(),
                    code=packet.code,
                    reason=f"client sent ERROR {packet.code} {packet.message}",
                )
            )

    def handle_timer(self, now: float) -> None:
        """Send again, or give up, when the interval is over."""
        deadline = self._timer.deadline
        if deadline is None or now < deadline:
            return
        if self._timer.exhausted:
            self._end(
                TransferEnded(
                    finished=False,
                    octets=self._acked_octets(),
                    reason=f"no ACK for block {self._acked + 1}; gave up",
                )
            )
        elif self.state is SessionState.OFFERING:
            self._send(OptionAck(self.terms.acknowledged))
            self._timer.sent(now)
        else:
            self._send_window(now)

    def _receive_ack(self, block: int, now: float) -> None:
        if self.state is SessionState.OFFERING:
            if block == 0:
                self.state = SessionState.SENDING
                self._timer.answered(now)
                self._send_window(now)
            return
        progress = (block - self._acked) & 0xFFFF
        if not 1 <= progress <= self._sent - self._acked:
            return
        self._acked += progress
        self._timer.answered(now)
        if self._acked == self._last_block:
            self._end(TransferEnded(finished=True, octets=len(self._content)))
        else:
            self._send_window(now)

    def _send_window(self, now: float) -> None:
        size = self.terms.blksize
        self._sent = min(self._acked + self.terms.windowsize, self._last_block)
        for block in range(self._acked + 1, self._sent + 1):
            payload = self._content[(block - 1) * size : block * size]
            self._output.append((data_packet(block & 0xFFFF, payload), self._client))
        self._timer.sent(now)

    def _acked_octets(self) -> int:
        return min(self._acked * self.terms.blksize, len(self._content))


class ClientSession(Session):
    """Fetches one file from one server.

    Args:
        request: the read request to send.
        server: host and listening port.
        now: instant, seconds.
        policy: retransmission limits.
        max_octets: a larger file is refused with ERROR 3.
    """

    def __init__(
        self,
        request: Request,
        server: Address,
        now: float,
        *,
        policy: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
        max_octets: int = 64 * 1024 * 1024,
    ) -> None:
        super().__init__(None, policy)
        self.request = request
        self._server = server
        self._max_octets = max_octets
        self._content = bytearray()
        self._received = 0
        self._unacked = 0
        self._acked_at = now
        self._gap_reported = False
        self._loss_seen = False
        self._linger_until = now
        self.state = SessionState.REQUESTING
        self._request(now)

    @property
    def content(self) -> bytes:
        """What was received so far, as local text when the mode is netascii."""
        netascii = self.request.mode == "netascii"
        return from_netascii(bytes(self._content)) if netascii else bytes(self._content)

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` is due, or None."""
        if self.state is SessionState.LINGERING:
            return self._linger_until
        return super().next_timer()

    def receive(self, data: bytes, source: Address, now: float) -> None:
        """Take one datagram.

        The first answer from the server's host fixes the server's transfer ID; a datagram
        from anywhere else gets ERROR 5 and changes nothing.

        Args:
            data: the datagram.
            source: where it came from.
            now: instant, seconds.
        """
        if self.over:
            return
        if source != self._peer and (self._peer is not None or source[0] != self._server[0]):
            self._refuse_stranger(data, source)
            return
        try:
            packet = decode(data)
        except PacketError:
            return
        if self._peer is None:
            first_block = isinstance(packet, Data) and packet.block == 1
            if not first_block and not isinstance(packet, OptionAck | Error):
                return
            self._peer = source
        if isinstance(packet, Error):
            self._receive_error(packet)
        elif isinstance(packet, OptionAck):
            self._receive_option_ack(packet, now)
        elif isinstance(packet, Data):
            self._receive_data(packet, now)

    def handle_timer(self, now: float) -> None:
        """Repeat the latest packet, or give up, when the interval is over."""
        deadline = self.next_timer()
        if deadline is None or now < deadline:
            return
        if self.state is SessionState.LINGERING:
            self.state = SessionState.ENDED
        elif self._timer.exhausted:
            waiting = "an answer" if self._peer is None else f"block {self._received + 1}"
            self._fail(f"{waiting} did not come; gave up")
        elif self.state is SessionState.REQUESTING:
            self._request(now)
        else:
            self._loss_seen = True
            self._acknowledge(now)

    def _request(self, now: float) -> None:
        self._output.append((self.request.to_bytes(), self._server))
        self._timer.sent(now)

    def _receive_error(self, error: Error) -> None:
        if self.state is not SessionState.LINGERING:
            self._fail(f"server sent ERROR {error.code} {error.message}".rstrip(), error.code)

    def _receive_option_ack(self, packet: OptionAck, now: float) -> None:
        if self.state is SessionState.REQUESTING:
            try:
                self.terms = accept(self.request.options, packet.options)
            except RemoteProtocolError as error:
                self._abort(ErrorCode.OPTION_REFUSED, str(error))
                return
            self.state = SessionState.RECEIVING
            self._timer.answered(now)
            self._timer.use_fixed(self.terms.timeout_s)
            self._acknowledge(now)
        elif self.state is SessionState.RECEIVING and self._received == 0:
            self._loss_seen = True
            self._acknowledge(now)

    def _receive_data(self, data: Data, now: float) -> None:
        if self.state is SessionState.REQUESTING:
            self.state = SessionState.RECEIVING
        if data.block != (self._received + 1) & 0xFFFF or self.state is SessionState.LINGERING:
            self._receive_out_of_order(data, now)
            return
        if len(data.payload) > self.terms.blksize:
            self._abort(
                ErrorCode.ILLEGAL_OPERATION,
                f"block of {len(data.payload)} octets, agreed were {self.terms.blksize}",
            )
            return
        self._content += data.payload
        if len(self._content) > self._max_octets:
            self._abort(ErrorCode.DISK_FULL, f"file exceeds {self._max_octets} octets")
            return
        self._received += 1
        self._unacked += 1
        self._gap_reported = False
        self._timer.answered(now)
        if len(data.payload) < self.terms.blksize:
            self._finish(now)
        elif self._unacked >= self.terms.windowsize:
            self._acknowledge(now)
        else:
            self._timer.touched(now)

    def _receive_out_of_order(self, data: Data, now: float) -> None:
        """A duplicate repeats the last ACK; a gap is reported once (RFC 7440 section 4)."""
        self._loss_seen = True
        behind = (self._received - data.block) & 0xFFFF
        patient = self.terms.windowsize > 1 and now - self._acked_at < _SAME_ACK_PAUSE_S
        if behind == 0 and not patient:
            self._acknowledge(now)
        elif behind >= 0x8000 and not self._gap_reported:
            self._gap_reported = True
            self._acknowledge(now)

    def _acknowledge(self, now: float) -> None:
        self._unacked = 0
        self._acked_at = now
        self._send(Ack(self._received & 0xFFFF))
        if self.state is SessionState.RECEIVING:
            self._timer.sent(now)

    def _finish(self, now: float) -> None:
        octets = len(self._content)
        self._acknowledge(now)
        if self.request.mode == "octet" and self.terms.tsize not in {None, octets}:
            self._fail(f"server announced {self.terms.tsize} octets and sent {octets}")
            return
        self._end(TransferEnded(finished=True, octets=octets))
        if self._loss_seen:
            # Dallying (RFC 1350 section 6) costs time; it is spent where packets get lost.
            self.state = SessionState.LINGERING
            self._linger_until = now + min(2 * self._timer.interval_s, self._policy.max_s)

    def _abort(self, code: ErrorCode, reason: str) -> None:
        self._send(Error(code, reason))
        self._fail(reason, code)

    def _fail(self, reason: str, code: int | None = None) -> None:
        self._end(
            TransferEnded(finished=False, octets=len(self._content), code=code, reason=reason)
        )
