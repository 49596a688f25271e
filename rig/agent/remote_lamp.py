"""A lamp at another place, as a sensor like any other."""

from __future__ import annotations

import logging

from rig.agent.protocol import LampData
from rig.clock import Clock, now
from rig.lamp.base import LampListener
from rig.timeline import LampSeen, LampState

logger = logging.getLogger("phonerig.agent")

ON_ITS_WAY_S = 1.0
"""An event needs no longer to come here; after so long it counts as missing."""

NOT_TOLD = "the agent has told nothing of this lamp"


class RemoteLampSensor:
    """The lamps of one handset at another place.

    Unknown, with a reason, while anything is in doubt; :mod:`rig.agent.remote` feeds it.

    Args:
        agent: name of the place's agent.
        handset: name that events carry.
        clock: tells the time.

    Attributes:
        handset: name that events carry.
    """

    def __init__(self, agent: str, handset: str, clock: Clock = now) -> None:
        self._agent = agent
        self.handset = handset
        self._clock = clock
        self._told: dict[str, LampData] = {}
        self._shown: dict[str, LampState] = {}
        self._why = ""
        self._sensor = ""
        self._listeners: list[LampListener] = []

    @property
    def name(self) -> str:
        """Which sensor this is: the agent, and the sensor there."""
        return f"agent:{self._agent}" + (f":{self._sensor}" if self._sensor else "")

    def state(self, lamp: str = "message") -> LampState:
        """What a lamp does now."""
        told = self._told.get(lamp)
        return LampState.UNKNOWN if self._why or told is None else told.state

    def reason(self, lamp: str = "message") -> str:
        """Why the state of a lamp is unknown; empty if it is known."""
        if self._why:
            return f"{self._agent}: {self._why}"
        told = self._told.get(lamp)
        if told is None:
            return f"{self._agent}: {NOT_TOLD}"
        return f"{self._agent}: {told.why}" if told.why else ""

    @property
    def lamps(self) -> tuple[str, ...]:
        """Which lamps the agent has told of."""
        return tuple(self._told)

    @property
    def settle_s(self) -> float:
        """How long after a change :meth:`state` may still say what was before: sensor and way."""
        return ON_ITS_WAY_S + max((told.settle_s for told in self._told.values()), default=0.0)

    def decided(self, lamp: str, at: float) -> bool:
        """Whether what a lamp did at an instant is known by now, or that it cannot be known."""
        return bool(self.reason(lamp)) or self._clock() >= at + self.settle_s

    def subscribe(self, listener: LampListener) -> None:
        """Call ``listener`` at every change from now on."""
        self._listeners.append(listener)

    def seen(self, at: float, data: LampData, uncertainty_s: float) -> None:
        """Take what the agent told of a lamp.

        Args:
            at: instant by our clock.
            data: what.
            uncertainty_s: of the instant, beside the sensor's own.
        """
        before = self._told.get(data.lamp)
        self._sensor = data.sensor
        self._told[data.lamp] = data
        latency_s = data.latency_s + uncertainty_s
        if not self._why:
            self._show(data.lamp, at, latency_s)
        elif before is None or before.state is not data.state:
            # It comes late, and is true all the same: what was missed is not left out.
            self._tell(data.lamp, data.state, at, latency_s)

    def doubt(self, why: str) -> None:
        """Say that nothing is known, or that it is again.

        Args:
            why: the reason; empty when there is no doubt.
        """
        if bool(why) == bool(self._why):
            self._why = why
            return
        self._why = why
        at = self._clock()
        for lamp in tuple(self._told):
            self._show(lamp, at, 0.0)

    def _show(self, lamp: str, at: float, latency_s: float) -> None:
        state = self.state(lamp)
        if state is self._shown.get(lamp, LampState.UNKNOWN):
            return
        self._shown[lamp] = state
        self._tell(lamp, state, at, latency_s)

    def _tell(self, lamp: str, state: LampState, at: float, latency_s: float) -> None:
        event = LampSeen(
            at=at,
            handset=self.handset,
            lamp=lamp,
            state=state,
            sensor=self.name,
            latency_s=round(latency_s, 4),
            reason=self.reason(lamp) if state is LampState.UNKNOWN else "",
        )
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                logger.exception("a listener of %s failed", self.name)
