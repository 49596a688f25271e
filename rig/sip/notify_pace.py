"""When one subscriber may be told next: one NOTIFY at a time, not too often, the last state last.

Sans-IO: pure state of one destination; ``now`` is an argument. A change that may not be told yet
is remembered, not queued: what is sent in the end is the state of that instant. So bursts merge,
nothing is lost and an older state never arrives after a newer one. A NOTIFY that has waited for
its answer longer than a round trip takes may be lost: a newer state then takes its place, and
its owner stops sending the old one.

Source: RFC 3842 3.10 (notifications may be held back and merged), RFC 3261 17.1.1.1 (T1).
"""

from __future__ import annotations

from math import inf


class NotifyPace:
    """Decides for one subscriber whether a body may be sent now.

    Args:
        min_interval_s: least time from one NOTIFY to the next, seconds; 0 for none.
        patience_s: how long news waits for the answer to the NOTIFY before, seconds.

    Attributes:
        in_flight: a NOTIFY waits for its answer.
        told: the body that was sent last; None before the first or after a failure.
    """

    __slots__ = (
        "_held_until",
        "_must",
        "_not_before",
        "_sent_at",
        "_wanted",
        "in_flight",
        "min_interval_s",
        "patience_s",
        "told",
    )

    def __init__(self, min_interval_s: float = 0.0, patience_s: float = 0.5) -> None:
        self.min_interval_s = min_interval_s
        self.patience_s = patience_s
        self._sent_at = -inf
        self.in_flight = False
        self.told: bytes | None = None
        self._wanted = False
        self._must = False
        self._not_before = -inf
        self._held_until = -inf

    @property
    def wanted(self) -> bool:
        """Whether something is still to be told."""
        return self._wanted

    def ask(self, *, must: bool = False) -> None:
        """Note that the state may have changed.

        Args:
            must: a NOTIFY is due whatever was told before: the peer has just asked for it.
        """
        self._wanted = True
        if must:
            self._must = True
            self._held_until = -inf

    def take(self, body: bytes, now: float, *, pressing: bool = False) -> bool:
        """Say whether this state is sent now; if so, count it as sent.

        Args:
            body: the state of this instant.
            now: instant, seconds.
            pressing: it may not be held back for the sake of the interval: the lamp changes.
        """
        if not self.ready(now):
            return False
        if not self._must:
            if body == self.told:
                self._wanted = False
                return False
            if now < self._not_before and not pressing:
                return False
        self._wanted = self._must = False
        self.in_flight = True
        self.told = body
        self._sent_at = now
        self._not_before = now + self.min_interval_s
        return True

    def ready(self, now: float) -> bool:
        """Whether asking :meth:`take` can be worth while.

        Args:
            now: instant, seconds.
        """
        if not self._wanted or now < self._held_until:
            return False
        return not self.in_flight or now >= self._sent_at + self.patience_s

    def next_at(self) -> float | None:
        """When :meth:`take` is worth another try without an answer or a change; None for never."""
        if not self._wanted:
            return None
        at = self._held_until if self._must else max(self._not_before, self._held_until)
        return max(at, self._sent_at + self.patience_s) if self.in_flight else at

    def answered(self) -> None:
        """The NOTIFY has its answer; what changed meanwhile may be told."""
        self.in_flight = False

    def refused(self) -> None:
        """The NOTIFY was not taken: the same state counts as news again."""
        self.in_flight = False
        self.told = None

    def postponed(self, until: float) -> None:
        """The peer wants to be told again later.

        Args:
            until: instant before which nothing is sent unless the peer asks, seconds.
        """
        self.refused()
        self._wanted = self._must = True
        self._held_until = until
