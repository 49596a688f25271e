"""The end of a TFTP transfer that sends blocks: windows, acknowledgements, repetition.

Sans-IO. Whoever answers an RRQ and whoever sent a WRQ send alike; how they come to terms with
the other end is in ``tftp_core`` and ``tftp_write``.

Source: RFC 1350 section 2; RFC 1123 section 4.2.3.1 (Sorcerer's Apprentice); RFC 7440
section 4 (an ACK inside the window).
"""

from __future__ import annotations

from provisioning.transport.tftp_packet import DATA_HEADER, Error, Opcode, PacketError, decode
from provisioning.transport.tftp_retry import RetryPolicy
from provisioning.transport.tftp_session import Address, Session, SessionState, TransferEnded

ACK = Opcode.ACK.to_bytes(2)
_DATA = int(Opcode.DATA)


class Sender(Session):
    """Sends the blocks of one file.

    Args:
        content: octets as they go over the wire.
        peer: transfer ID of the receiver, or None while it is unknown.
        policy: retransmission limits.
    """

    def __init__(self, content: bytes, peer: Address | None, policy: RetryPolicy) -> None:
        super().__init__(peer, policy)
        self._content = content
        self._last_block = 0
        self._acked = 0
        self._sent = 0

    def handle_timer(self, now: float) -> None:
        """Send again, or give up, when the interval is over."""
        deadline = self._timer.deadline
        if deadline is None or now < deadline:
            return
        if self._timer.exhausted:
            unheard = f"ACK for block {self._acked + 1}" if self._peer else "answer to the request"
            self._lose(f"no {unheard}; gave up")
        elif self.state is SessionState.SENDING:
            self._send_window(now)
        else:
            self._offer(now)

    def _offer(self, now: float) -> None:
        """Send, for the first time or again, what comes before the first block."""
        raise NotImplementedError

    def _begin(self, now: float) -> None:
        """Start with the first window; the terms are known."""
        self.state = SessionState.SENDING
        self._last_block = len(self._content) // self.terms.blksize + 1
        self._send_window(now)

    def _receive_other(self, data: bytes) -> None:
        """Take a datagram of the peer that is no ACK: an ERROR ends, the rest is ignored."""
        try:
            packet = decode(data)
        except PacketError:
            return
        if isinstance(packet, Error):
            self._lose(f"client sent {packet}", packet.code)

    def _receive_ack(self, block: int, now: float) -> None:
        """Only an ACK that moves the transfer on causes DATA; a repeated one causes nothing.

        Otherwise every delayed packet would double the traffic from there on.
        """
        acked = self._acked
        progress = (block - acked) & 0xFFFF
        if not 1 <= progress <= self._sent - acked:
            return
        self._acked = acked + progress
        if self._acked == self._last_block:
            self._timer.answered(now)
            self._end(TransferEnded(finished=True, octets=len(self._content)))
        else:
            self._put_window()
            self._timer.turned(now)

    def _send_window(self, now: float) -> None:
        self._put_window()
        self._timer.sent(now)

    def _put_window(self) -> None:
        """Every packet of a transfer is made here, so this is written for speed."""
        peer = self._peer
        if peer is None:
            return
        acked, size, content = self._acked, self.terms.blksize, self._content
        sent = acked + self.terms.windowsize
        sent = min(sent, self._last_block)
        self._sent = sent
        output, header = self._output, DATA_HEADER
        end = acked * size
        for block in range(acked + 1, sent + 1):
            begin, end = end, end + size
            output.append((header(_DATA, block & 0xFFFF) + content[begin:end], peer))

    def _lose(self, reason: str, code: int | None = None) -> None:
        octets = min(self._acked * self.terms.blksize, len(self._content))
        self._end(TransferEnded(finished=False, octets=octets, code=code, reason=reason))
