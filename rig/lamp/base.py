"""The lamp sensor interface: says what a lamp really does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from rig.timeline import LampSeen, LampState

LampListener = Callable[[LampSeen], None]


class LampSensor(Protocol):
    """Watches the lamps of one handset.

    A sensor that cannot see says :attr:`LampState.UNKNOWN`, never ``off``.
    """

    @property
    def name(self) -> str:
        """Which sensor this is, for reports: ``virtual``, ``serial:/dev/ttyUSB0#2``."""
        ...

    def state(self, lamp: str = "message") -> LampState:
        """What a lamp does now.

        Args:
            lamp: ``message`` or ``account:N``.
        """
        ...

    def subscribe(self, listener: LampListener) -> None:
        """Call ``listener`` at every change from now on."""
        ...


@runtime_checkable
class LateLampSensor(LampSensor, Protocol):
    """A sensor that sees light, and needs a while to tell what a lamp does from its edges.

    Its state is late; the instants of its events are not.
    """

    @property
    def lamps(self) -> tuple[str, ...]:
        """Which lamps it sees."""
        ...

    @property
    def settle_s(self) -> float:
        """How long after a change :meth:`state` may still say what was before."""
        ...

    def reason(self, lamp: str = "message") -> str:
        """Why a lamp cannot be seen, in the sensor's words; empty if it can."""
        ...

    def decided(self, lamp: str, at: float) -> bool:
        """Whether what a lamp did at an instant is known by now, or that it cannot be known."""
        ...
