"""Fetching over TFTP as state machines: bytes in, bytes out, ``now`` is an argument.

:class:`ServerSession` sends one file, :class:`ClientSession` receives one. Both know no
socket and no clock: whoever runs them passes datagrams with their source and instant,
sends what :meth:`data_to_send` gives, and calls :meth:`handle_timer` when
:meth:`next_timer` has come. The other direction is in ``tftp_write``.

Source: RFC 1350; RFC 1123 section 4.2.3 (Sorcerer's Apprentice, adaptive timeout);
RFC 2347, 2348, 2349 (options); RFC 7440 (windowsize).
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioning.errors import RemoteProtocolError
from provisioning.transport.tftp_options import BLKSIZE_RANGE, accept, grant
from provisioning.transport.tftp_packet import (
    Data,
    Error,
    ErrorCode,
    OptionAck,
    Packet,
    PacketError,
    Request,
    decode,
    option_ack,
    to_netascii,
)
from provisioning.transport.tftp_receive import Receiver
from provisioning.transport.tftp_retry import RetryPolicy
from provisioning.transport.tftp_send import ACK, Sender
from provisioning.transport.tftp_session import Address, SessionState

_MODES = frozenset({"octet", "netascii"})
_SENDING, _ENDED = SessionState.SENDING, SessionState.ENDED


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
        A request to serve, RRQ or WRQ, a refusal to answer with, or None for silence. An ERROR
        is never answered (RFC 1350 section 2), nor are runts and packets of a transfer that
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
    if packet.mode not in _MODES:
        reason = "mode must be octet or netascii"
        return Refusal(Error(ErrorCode.ILLEGAL_OPERATION, reason), packet.filename)
    return packet


class ServerSession(Sender):
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
        netascii = request.mode == "netascii"
        super().__init__(to_netascii(content) if netascii else content, client, policy)
        self.request = request
        self.terms = grant(
            request.options,
            octets=None if netascii else len(content),
            max_blksize=max_blksize,
            max_windowsize=max_windowsize,
        )
        self._timer.use_fixed(self.terms.timeout_s)
        if self.terms.acknowledged:
            self.state = SessionState.OFFERING
            self._offer(now)
        else:
            self._begin(now)

    def receive(self, data: bytes, source: Address, now: float) -> None:
        """Take one datagram that came to this transfer's port.

        Args:
            data: the datagram.
            source: where it came from.
            now: instant, seconds.
        """
        state = self.state
        if state is _ENDED:
            return
        if source != self._peer:
            self._refuse_stranger(data, source)
        elif data[:2] != ACK or len(data) < 4:
            self._receive_other(data)
        elif state is _SENDING:
            self._receive_ack(data[2] << 8 | data[3], now)
        elif data[2:4] == b"\0\0":
            self._timer.answered(now)
            self._begin(now)

    def _offer(self, now: float) -> None:
        if self._peer is not None:
            self._output.append((option_ack(self.terms.acknowledged), self._peer))
        self._timer.sent(now)


class ClientSession(Receiver):
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
        netascii = request.mode == "netascii"
        super().__init__(None, now, policy, netascii=netascii, max_octets=max_octets)
        self.request = request
        self._server = server
        self.state = SessionState.REQUESTING
        self._request(now)

    def receive(self, data: bytes, source: Address, now: float) -> None:
        """Take one datagram.

        Args:
            data: the datagram.
            source: where it came from.
            now: instant, seconds.
        """
        if self.over:
            return
        packet = self._from_server(data, source, self._server, _answers_read)
        if isinstance(packet, Error):
            if self.state is not SessionState.LINGERING:
                self._fail(f"server sent {packet}", packet.code)
        elif isinstance(packet, OptionAck):
            self._receive_option_ack(packet, now)
        elif isinstance(packet, Data):
            if self.state is SessionState.REQUESTING:
                self.state = SessionState.RECEIVING
            self._receive_data(packet, now)

    def _request(self, now: float) -> None:
        self._output.append((self.request.to_bytes(), self._server))
        self._timer.sent(now)

    def _repeat(self, now: float) -> None:
        if self.state is SessionState.REQUESTING:
            self._request(now)
        else:
            super()._repeat(now)

    def _receive_option_ack(self, packet: OptionAck, now: float) -> None:
        if self.state is SessionState.REQUESTING:
            try:
                self.terms = accept(self.request.options, packet.options)
            except RemoteProtocolError as error:
                self._refuse(ErrorCode.OPTION_REFUSED, str(error))
                return
            self.state = SessionState.RECEIVING
            self._timer.answered(now)
            self._timer.use_fixed(self.terms.timeout_s)
            self._acknowledge(now)
        elif self.state is SessionState.RECEIVING and self._received == 0:
            self._repeat(now)

    def _complete(self, now: float) -> None:
        octets = len(self._content)
        self._acknowledge(now)
        if not self._netascii and self.terms.tsize not in {None, octets}:
            self._fail(f"server announced {self.terms.tsize} octets and sent {octets}")
            return
        # Dallying costs time; it is spent where packets get lost.
        patience_s = min(2 * self._timer.interval_s, self._policy.max_s)
        self._finish(now, patience_s if self._loss_seen else 0.0)


def _answers_read(packet: Packet) -> bool:
    first_block = isinstance(packet, Data) and packet.block == 1
    return first_block or isinstance(packet, OptionAck | Error)
