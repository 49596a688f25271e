"""Putting a file over TFTP as state machines: the WRQ side of ``tftp_core``.

:class:`PutSession` sends one file to a server, :class:`TakeSession` is the server that takes
it. The last block is acknowledged only after whoever runs the session has stored the file
(:meth:`TakeSession.stored`): an ACK that comes too early is a promise that a full disk breaks.

Sans-IO. Source: RFC 1350 sections 2 and 4; RFC 2347; RFC 2349 (``tsize`` in a WRQ is the size
of what will be sent, echoed by the server).
"""

from __future__ import annotations

from provisioning.errors import RemoteProtocolError
from provisioning.transport.tftp_options import BLKSIZE_RANGE, accept, announced, grant
from provisioning.transport.tftp_packet import (
    Ack,
    Data,
    Error,
    ErrorCode,
    OptionAck,
    Packet,
    Request,
    to_netascii,
)
from provisioning.transport.tftp_receive import Receiver
from provisioning.transport.tftp_retry import RetryPolicy
from provisioning.transport.tftp_send import Sender
from provisioning.transport.tftp_session import Address, SessionState


class PutSession(Sender):
    """Sends one file to one server.

    Args:
        request: the write request to send.
        content: the file; converted here when the mode is netascii.
        server: host and listening port.
        now: instant, seconds.
        policy: retransmission limits.
    """

    def __init__(
        self,
        request: Request,
        content: bytes,
        server: Address,
        now: float,
        *,
        policy: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
    ) -> None:
        netascii = request.mode == "netascii"
        super().__init__(to_netascii(content) if netascii else content, None, policy)
        self.request = request
        self._server = server
        self.state = SessionState.REQUESTING
        self._offer(now)

    def receive(self, data: bytes, source: Address, now: float) -> None:
        """Take one datagram.

        Args:
            data: the datagram.
            source: where it came from.
            now: instant, seconds.
        """
        if self.over:
            return
        packet = self._from_server(data, source, self._server, _answers_write)
        if packet is None:
            return
        if isinstance(packet, Error):
            self._lose(f"server sent {packet}", packet.code)
        elif self.state is SessionState.REQUESTING:
            self._agree(packet.options if isinstance(packet, OptionAck) else (), now)
        elif isinstance(packet, Ack):
            self._receive_ack(packet.block, now)

    def _agree(self, acknowledged: tuple[tuple[str, str], ...], now: float) -> None:
        try:
            self.terms = accept(self.request.options, acknowledged)
        except RemoteProtocolError as error:
            self._abort(ErrorCode.OPTION_REFUSED, str(error), 0)
            return
        self._timer.answered(now)
        self._timer.use_fixed(self.terms.timeout_s)
        self._begin(now)

    def _offer(self, now: float) -> None:
        self._output.append((self.request.to_bytes(), self._server))
        self._timer.sent(now)


class TakeSession(Receiver):
    """Takes one file from one client.

    Args:
        request: the write request.
        client: transfer ID of the client.
        now: instant, seconds.
        policy: retransmission limits.
        max_octets: a larger file is refused with ERROR 3, at once when it is announced.
        max_blksize: largest block to grant, octets.
        max_windowsize: largest window to grant, blocks.
    """

    def __init__(
        self,
        request: Request,
        client: Address,
        now: float,
        *,
        max_octets: int,
        policy: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
        max_blksize: int = BLKSIZE_RANGE.stop - 1,
        max_windowsize: int = 64,
    ) -> None:
        netascii = request.mode == "netascii"
        super().__init__(client, now, policy, netascii=netascii, max_octets=max_octets)
        self.request = request
        octets = announced(request.options)
        self.terms = grant(
            request.options,
            octets=octets,
            max_blksize=max_blksize,
            max_windowsize=max_windowsize,
        )
        self._timer.use_fixed(self.terms.timeout_s)
        self.state = SessionState.RECEIVING
        if octets is not None and octets > max_octets:
            self._refuse(ErrorCode.DISK_FULL, f"{octets} octets announced, {max_octets} allowed")
        else:
            self._acknowledge(now)

    @property
    def waits_for_disk(self) -> bool:
        """Whether every block is there, and :meth:`stored` or :meth:`not_stored` is awaited."""
        return self.state is SessionState.STORING

    def receive(self, data: bytes, source: Address, now: float) -> None:
        """Take one datagram that came to this transfer's port.

        Args:
            data: the datagram.
            source: where it came from.
            now: instant, seconds.
        """
        if self.over:
            return
        packet = self._from_peer(data, source)
        if isinstance(packet, Error):
            if self.state is not SessionState.LINGERING:
                self._fail(f"client sent {packet}", packet.code)
        elif isinstance(packet, Data) and not self.waits_for_disk:
            self._receive_data(packet, now)

    def stored(self, now: float) -> None:
        """The file is on disk: acknowledge the last block, and linger to do so again.

        Args:
            now: instant, seconds.
        """
        # A writer that does not hear this ACK would take a file that is here for one that is not.
        self._acknowledge(now)
        self._finish(now, self._policy.whole_s)

    def not_stored(self, reason: str) -> None:
        """The file could not be kept: the client is told so instead of the last ACK.

        Args:
            reason: for people.
        """
        self._refuse(ErrorCode.DISK_FULL, reason)

    def _acknowledge(self, now: float) -> None:
        if self._received == 0 and self.terms.acknowledged:
            self._send(OptionAck(self.terms.acknowledged))
            self._timer.sent(now)
        else:
            super()._acknowledge(now)

    def _complete(self, now: float) -> None:  # noqa: ARG002 - acknowledged later, by stored()
        octets = len(self._content)
        if not self._netascii and self.terms.tsize not in {None, octets}:
            reason = f"{self.terms.tsize} octets were announced and {octets} came"
            self._refuse(ErrorCode.NOT_DEFINED, reason)
        else:
            self.state = SessionState.STORING


def _answers_write(packet: Packet) -> bool:
    return packet == Ack(0) or isinstance(packet, OptionAck | Error)
