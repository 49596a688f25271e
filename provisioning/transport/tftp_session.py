"""What every end of every TFTP transfer shares; see ``tftp_send`` and ``tftp_receive``.

Sans-IO. Source: RFC 1350 section 4 (transfer IDs).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from provisioning.transport.tftp_options import NO_TERMS
from provisioning.transport.tftp_packet import (
    Error,
    ErrorCode,
    Opcode,
    Packet,
    PacketError,
    decode,
)
from provisioning.transport.tftp_retry import RetryPolicy, RetryTimer

Address = tuple[str, int]
"""Host and port; the port is the transfer ID."""

Outgoing = tuple[bytes, Address]
"""A datagram and its destination."""


@dataclass(frozen=True, slots=True)
class TransferEnded:
    """A transfer is over.

    Attributes:
        finished: whether all octets arrived.
        octets: content octets that the receiver confirmed or took.
        code: ERROR code that ended it, sent or received; None without one.
        reason: for people; empty when finished.
    """

    finished: bool
    octets: int
    code: int | None = None
    reason: str = ""


class SessionState(StrEnum):
    """Where a transfer is."""

    REQUESTING = "requesting"  # client: RRQ or WRQ is out
    OFFERING = "offering"  # sending server: OACK is out, ACK 0 not yet in
    SENDING = "sending"  # DATA is out, an ACK is awaited
    RECEIVING = "receiving"  # DATA is awaited
    STORING = "storing"  # receiving server: has everything, the last ACK waits for the disk
    LINGERING = "lingering"  # receiver: has everything, stays to repeat the last ACK
    ENDED = "ended"


class Session:
    """What both ends share: peer, output, timer, end.

    Args:
        peer: transfer ID of the other end, or None while it is unknown.
        policy: retransmission limits.

    Attributes:
        state: where the transfer is.
        terms: what both ends agreed on.
        event: its end, until :meth:`next_event` takes it.
    """

    def __init__(self, peer: Address | None, policy: RetryPolicy) -> None:
        self._peer = peer
        self._policy = policy
        self._timer = RetryTimer(policy)
        self._output: list[Outgoing] = []
        self.event: TransferEnded | None = None
        self.state = SessionState.ENDED
        self.terms = NO_TERMS

    def data_to_send(self) -> list[Outgoing]:
        """Take the datagrams that are due, with their destinations."""
        output, self._output = self._output, []
        return output

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` is due, or None."""
        return self._timer.deadline

    def next_event(self) -> TransferEnded | None:
        """Take the end of the transfer, once."""
        event, self.event = self.event, None
        return event

    @property
    def over(self) -> bool:
        """Whether the session needs its port no more."""
        return self.state is SessionState.ENDED

    def _send(self, packet: Packet) -> None:
        if self._peer is not None:
            self._output.append((packet.to_bytes(), self._peer))

    def _from_peer(self, data: bytes, source: Address) -> Packet | None:
        """Read a datagram; None where it is a stranger's, or no packet."""
        if source != self._peer:
            self._refuse_stranger(data, source)
            return None
        try:
            return decode(data)
        except PacketError:
            return None

    def _from_server(
        self,
        data: bytes,
        source: Address,
        server: Address,
        is_answer: Callable[[Packet], bool],
    ) -> Packet | None:
        """Read a datagram as the end that has asked for the transfer.

        The first answer from the server's host fixes the server's transfer ID; a datagram from
        anywhere else gets ERROR 5 and changes nothing.

        Args:
            data: the datagram.
            source: where it came from.
            server: host and listening port.
            is_answer: whether a packet can be the first one.

        Returns:
            The packet; None where it is a stranger's, no packet, or no answer.

        Source: RFC 1350 section 4.
        """
        if self._peer is not None or source[0] != server[0]:
            return self._from_peer(data, source)
        try:
            packet = decode(data)
        except PacketError:
            return None
        if not is_answer(packet):
            return None
        self._peer = source
        return packet

    def _refuse_stranger(self, data: bytes, source: Address) -> None:
        """Source: RFC 1350 section 4: ERROR to the stranger, the transfer goes on."""
        if data[:2] != Opcode.ERROR.to_bytes(2):
            error = Error(ErrorCode.UNKNOWN_TRANSFER_ID, "unknown transfer ID")
            self._output.append((error.to_bytes(), source))

    def _abort(self, code: ErrorCode, reason: str, octets: int) -> None:
        """Tell the peer by an ERROR that it is over, and end."""
        self._send(Error(code, reason))
        self._end(TransferEnded(finished=False, octets=octets, code=code, reason=reason))

    def _end(self, event: TransferEnded) -> None:
        self.state = SessionState.ENDED
        self._timer.stop()
        self.event = event
