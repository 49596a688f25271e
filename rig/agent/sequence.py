"""Puts the events of one agent back in order: each once, none left out without a word.

Pure: events go in, events that are due come out. A broker may deliver twice, and may lose what it
had when it was restarted; the numbers show both.
"""

from __future__ import annotations

from rig.agent.protocol import Event

MOST_WAITING = 10_000


class Sequencer:
    """Follows the numbers of one agent.

    The first event that comes begins the count; from then on none is left out.

    Attributes:
        epoch: of the numbers; empty before the first.
        next_seq: the number that is due; 0 before the first.
        repeated: events that came more than once.
        lost: events that the agent itself had no more.
    """

    def __init__(self) -> None:
        self.epoch = ""
        self.next_seq = 0
        self.repeated = 0
        self.lost = 0
        self._waiting: dict[int, Event] = {}

    @property
    def gap(self) -> bool:
        """Whether events are missing before some that have come."""
        return bool(self._waiting)

    def take(self, event: Event) -> list[Event]:
        """Take an event.

        Args:
            event: as it came.

        Returns:
            What is due now, in order.
        """
        if event.epoch != self.epoch:
            self.epoch, self.next_seq = event.epoch, event.seq
            self._waiting.clear()
        if event.seq < self.next_seq or event.seq in self._waiting:
            self.repeated += 1
            return []
        if len(self._waiting) >= MOST_WAITING:
            return []  # it is asked for again
        self._waiting[event.seq] = event
        return self._due()

    def behind(self, epoch: str, last_seq: int) -> bool:
        """Whether events are missing, by the last number that the agent itself names.

        Args:
            epoch: of the agent's numbers.
            last_seq: its last one.
        """
        return bool(self.epoch) and (
            (epoch == self.epoch and last_seq >= self.next_seq) or self.gap
        )

    def missing_until(self, last_seq: int) -> int:
        """Number of the last event that is missing before one that has come.

        Args:
            last_seq: the agent's last one, where none has come after those that are missing.
        """
        return min(self._waiting) - 1 if self._waiting else last_seq

    def skip(self, epoch: str, until_seq: int) -> list[Event]:
        """Take that events up to a number are gone for good.

        Returns:
            What is due now, in order.
        """
        if epoch != self.epoch or until_seq < self.next_seq:
            return []
        have = sum(1 for seq in self._waiting if seq <= until_seq)
        self.lost += until_seq + 1 - self.next_seq - have
        # What did come of those is told in its order before the rest.
        early = [self._waiting.pop(seq) for seq in sorted(self._waiting) if seq <= until_seq]
        self.next_seq = until_seq + 1
        return early + self._due()

    def _due(self) -> list[Event]:
        due = []
        while (event := self._waiting.pop(self.next_seq, None)) is not None:
            due.append(event)
            self.next_seq += 1
        return due
