"""The lamp sensor interface: says what a lamp really does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

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
