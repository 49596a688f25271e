"""The end of a TFTP transfer that takes blocks: order, gaps, acknowledgement, patience.

Sans-IO. Whoever sent an RRQ and whoever answers a WRQ receive alike; how they come to terms
with the other end is in ``tftp_core`` and ``tftp_write``.

Source: RFC 1350 sections 2 and 6 (dallying); RFC 7440 section 4 (gaps, one ACK per window).
"""

from __future__ import annotations

from provisioning.transport.tftp_packet import Ack, Data, ErrorCode, from_netascii
from provisioning.transport.tftp_retry import RetryPolicy
from provisioning.transport.tftp_session import Address, Session, SessionState, TransferEnded

_SAME_ACK_PAUSE_S = 0.1


class Receiver(Session):
    """Takes the blocks of one file.

    Args:
        peer: transfer ID of the sender, or None while it is unknown.
        now: instant, seconds.
        policy: retransmission limits.
        netascii: whether the octets on the wire are text in that form.
        max_octets: a larger file is refused with ERROR 3.
    """

    def __init__(
        self,
        peer: Address | None,
        now: float,
        policy: RetryPolicy,
        *,
        netascii: bool,
        max_octets: int,
    ) -> None:
        super().__init__(peer, policy)
        self._netascii = netascii
        self._max_octets = max_octets
        self._content = bytearray()
        self._received = 0
        self._unacked = 0
        self._acked_at = now
        self._gap_reported = False
        self._loss_seen = False
        self._linger_until = now

    @property
    def content(self) -> bytes:
        """What was received so far, as local text when the mode is netascii."""
        content = bytes(self._content)
        return from_netascii(content) if self._netascii else content

    def forget(self) -> None:
        """Give back the memory of the octets, when somebody else keeps them; it may linger on."""
        self._content = bytearray()

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` is due, or None."""
        if self.state is SessionState.LINGERING:
            return self._linger_until
        return super().next_timer()

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
        else:
            self._repeat(now)

    def _repeat(self, now: float) -> None:
        self._loss_seen = True
        self._acknowledge(now)

    def _receive_data(self, data: Data, now: float) -> None:
        if data.block != (self._received + 1) & 0xFFFF or self.state is SessionState.LINGERING:
            self._receive_out_of_order(data, now)
            return
        if len(data.payload) > self.terms.blksize:
            self._refuse(
                ErrorCode.ILLEGAL_OPERATION,
                f"block of {len(data.payload)} octets, agreed were {self.terms.blksize}",
            )
            return
        self._content += data.payload
        if len(self._content) > self._max_octets:
            self._refuse(ErrorCode.DISK_FULL, f"file exceeds {self._max_octets} octets")
            return
        self._received += 1
        self._unacked += 1
        self._gap_reported = False
        self._timer.answered(now)
        if len(data.payload) < self.terms.blksize:
            self._complete(now)
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

    def _complete(self, now: float) -> None:
        """Every block is there; the last one is not acknowledged yet."""
        raise NotImplementedError

    def _finish(self, now: float, linger_s: float) -> None:
        """End well, and stay a while where the last ACK may get lost (RFC 1350 section 6)."""
        self._end(TransferEnded(finished=True, octets=len(self._content)))
        if linger_s:
            self.state = SessionState.LINGERING
            self._linger_until = now + linger_s

    def _refuse(self, code: ErrorCode, reason: str) -> None:
        self._abort(code, reason, len(self._content))

    def _fail(self, reason: str, code: int | None = None) -> None:
        octets = len(self._content)
        self._end(TransferEnded(finished=False, octets=octets, code=code, reason=reason))
