"""Wakes every sending stream each 20 ms, by one timer for all of them, without drift."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary

from rig.media.rtp import PACKET_S

Tick = Callable[[int], bool]
"""Called with the number of the interval; False when there is nothing more to send."""

_MOST_CATCH_UP = 25


class Pacer:
    """One event loop's beat of 20 ms.

    Beats are counted from one instant, so a late wake-up is followed by an early one and
    the rate is right in the long run. After a stall of more than half a second the missed
    beats are left out instead of being sent in one burst.

    Args:
        loop: whose timers to use.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoch = loop.time()
        self._beat = 0
        self._ticks: dict[Tick, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def shared(cls) -> Pacer:
        """The pacer of the running event loop."""
        loop = asyncio.get_running_loop()
        pacer = _PACERS.get(loop)
        if pacer is None:
            pacer = _PACERS[loop] = cls(loop)
        return pacer

    def add(self, tick: Tick) -> None:
        """Wake ``tick`` at every beat until it returns False; adding twice is adding once."""
        self._ticks[tick] = None
        if self._timer is None:
            self._beat = max(self._beat, self._current())
            self._schedule()

    def remove(self, tick: Tick) -> None:
        """Stop waking ``tick``; not an error when it was not added."""
        self._ticks.pop(tick, None)
        if not self._ticks and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def beats(self) -> float:
        """Beats from the first instant until now, with the part of the one under way."""
        return (self._loop.time() - self._epoch) / PACKET_S

    def _current(self) -> int:
        return int(self.beats())

    def _schedule(self) -> None:
        self._timer = self._loop.call_at(self._epoch + (self._beat + 1) * PACKET_S, self._wake)

    def _wake(self) -> None:
        due = max(self._current(), self._beat + 1)
        first = self._beat + 1 if due - self._beat <= _MOST_CATCH_UP else due
        self._timer = None
        for beat in range(first, due + 1):
            for tick in tuple(self._ticks):
                if tick in self._ticks and not tick(beat):
                    self._ticks.pop(tick, None)
        self._beat = due
        if self._ticks:
            self._schedule()


_PACERS: WeakKeyDictionary[asyncio.AbstractEventLoop, Pacer] = WeakKeyDictionary()
