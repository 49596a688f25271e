"""The virtual lamp: the LEDs of an emulated handset, seen without light.

It knows the state of each LED at once and exactly. :func:`blink_edges` gives the edges that a
photodiode would see, for trying sensors and classifiers without hardware.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rig.clock import Clock, now
from rig.lamp.base import LampListener
from rig.lamp.pattern import LampEdge
from rig.timeline import LampSeen, LampState

BLINK_S: dict[LampState, tuple[float, ...]] = {
    LampState.SLOW: (1.0, 1.0),
    LampState.FAST: (0.25, 0.25),
    LampState.PATTERN: (0.2, 0.2, 0.2, 1.0),
}
"""Lit and dark phases of one period, in seconds, beginning lit."""


class VirtualLamp:
    """Lamp sensor and LED in one: what is shown is what is seen."""

    def __init__(
        self,
        handset: str,
        lamps: Iterable[str] = ("message",),
        *,
        name: str = "virtual",
        clock: Clock = now,
    ) -> None:
        """Make dark lamps.

        Args:
            handset: name that events carry.
            lamps: which lamps exist from the start.
            name: name of the sensor, for reports.
            clock: gives the instants of events.
        """
        self._handset = handset
        self._name = name
        self._clock = clock
        self._states = dict.fromkeys(lamps, LampState.OFF)
        self._listeners: list[LampListener] = []

    @property
    def name(self) -> str:
        """Which sensor this is."""
        return self._name

    @property
    def lamps(self) -> tuple[str, ...]:
        """Which lamps exist."""
        return tuple(self._states)

    def state(self, lamp: str = "message") -> LampState:
        """What a lamp does now; ``unknown`` for a lamp that does not exist."""
        return self._states.get(lamp, LampState.UNKNOWN)

    def subscribe(self, listener: LampListener) -> None:
        """Call ``listener`` at every change from now on."""
        self._listeners.append(listener)

    def show(self, lamp: str, state: LampState) -> None:
        """Drive one LED; a lamp that is new begins dark.

        Args:
            lamp: ``message`` or ``account:N``.
            state: what it does from now on; the same state again is no change.
        """
        before = self._states.get(lamp, LampState.OFF)
        self._states[lamp] = state
        if state is before:
            return
        event = LampSeen(
            at=self._clock(), handset=self._handset, lamp=lamp, state=state, sensor=self._name
        )
        for listener in tuple(self._listeners):
            listener(event)

    def go_dark(self) -> None:
        """The power is off: every LED goes dark."""
        for lamp in tuple(self._states):
            self.show(lamp, LampState.OFF)


def blink_edges(state: LampState, start: float, end: float) -> Iterator[LampEdge]:
    """What a photodiode sees of a lamp in one state.

    Args:
        state: not ``unknown``.
        start: instant of the first edge.
        end: no edge at or after this instant.

    Raises:
        ValueError: nothing can be seen of an unknown state.
    """
    if state is LampState.UNKNOWN:
        raise ValueError("an unknown lamp state has no edges")
    if state not in BLINK_S:
        yield LampEdge(start, state is LampState.STEADY)
        return
    at, on = start, True
    while True:
        for phase_s in BLINK_S[state]:
            if at >= end:
                return
            yield LampEdge(at, on)
            at, on = at + phase_s, not on
