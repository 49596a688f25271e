"""When to send again over TFTP: adaptive intervals, back-off and an end to patience.

Sans-IO. Source: RFC 1123 section 4.2.3.2 (adaptive timeout), RFC 6298 (estimator),
RFC 2349 (interval asked for by the ``timeout`` option).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient one end of a transfer is.

    Attributes:
        initial_s: interval before a round trip was measured.
        min_s: shortest interval; a handset that writes flash answers late.
        max_s: longest interval after back-off.
        sends_before_contact: how often the first packet is sent to an address that has
            not answered yet, which bounds what a forged request can make us send.
        sends: how often a packet is sent to a peer that has answered.
    """

    initial_s: float = 1.0
    min_s: float = 0.2
    max_s: float = 4.0
    sends_before_contact: int = 6
    sends: int = 10

    @property
    def whole_s(self) -> float:
        """For how long at most a peer that is as patient repeats one packet, seconds."""
        return self.sends * self.max_s


class RetryTimer:
    """The retransmission timer of one transfer.

    Args:
        policy: intervals and limits.
    """

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._fixed_s: float | None = None
        self._base_s = min(policy.initial_s, policy.max_s)
        self._smoothed_s: float | None = None
        self._variation_s = 0.0
        self._sends = 0
        self._sent_at = 0.0
        self._contact = False
        self.deadline: float | None = None

    @property
    def interval_s(self) -> float:
        """Seconds from the latest send to the next one."""
        if self._fixed_s is not None and self._contact:
            return self._fixed_s
        if self._sends < 2:
            return self._base_s
        return min(self._policy.max_s, self._base_s * 2.0 ** (self._sends - 1))

    @property
    def exhausted(self) -> bool:
        """Whether the packet was sent as often as it may be."""
        limit = self._policy.sends if self._contact else self._policy.sends_before_contact
        return self._sends >= limit

    def use_fixed(self, fixed_s: float | None) -> None:
        """Take the interval agreed by the ``timeout`` option; None keeps the adaptive one.

        It applies once the peer has answered: a forged request must not make us wait long.
        """
        self._fixed_s = fixed_s

    def sent(self, now: float) -> None:
        """A packet that wants an answer went out, for the first time or again."""
        self._sends += 1
        self._sent_at = now
        self.deadline = now + self.interval_s

    def turned(self, now: float) -> None:
        """The peer made progress and the next packet went out: ``answered`` and ``sent``."""
        if self._sends == 1:
            self._measure(now - self._sent_at)
        self._contact = True
        self._sends = 1
        self._sent_at = now
        fixed_s = self._fixed_s
        self.deadline = now + (self._base_s if fixed_s is None else fixed_s)

    def touched(self, now: float) -> None:
        """The peer is in the middle of its turn: be patient again from now."""
        self.deadline = now + self.interval_s

    def answered(self, now: float) -> None:
        """The peer made progress; measures the round trip unless it is ambiguous.

        Source: RFC 6298 section 2 and 3 (Karn's rule: no sample from a packet sent twice).
        """
        if self._sends == 1:
            self._measure(now - self._sent_at)
        self._contact = True
        self._sends = 0
        self.deadline = None

    def _measure(self, sample_s: float) -> None:
        sample_s = max(sample_s, 0.0)
        smoothed_s = self._smoothed_s
        if smoothed_s is None:
            self._smoothed_s, self._variation_s = sample_s, sample_s / 2
        else:
            error_s = sample_s - smoothed_s
            self._variation_s += (abs(error_s) - self._variation_s) / 4
            self._smoothed_s = smoothed_s + error_s / 8
        base_s = self._smoothed_s + 4 * self._variation_s
        policy = self._policy
        base_s = max(base_s, policy.min_s)
        self._base_s = min(policy.max_s, base_s)

    def stop(self) -> None:
        """Nothing more is waited for."""
        self.deadline = None
