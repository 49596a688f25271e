"""What a bench knows of lamps: who sees them, and when a late sensor has made up its mind.

A sensor for light needs some seconds to tell steady from blinking, so its state is late while
the instants on the timeline are right. Nothing is judged before it has decided.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from provisioning.known_names import known_names
from rig.bench_agents import OpenAgents
from rig.bench_cameras import OpenCameras
from rig.bench_config import BenchConfig
from rig.bench_phones import asked_of_waiting
from rig.errors import RigError
from rig.handset.base import Handset, HandsetCapability
from rig.lamp.base import LampSensor, LateLampSensor
from rig.lamp.boards import LampBoards
from rig.timeline import ActionDone, LampState, TimelineEvent

LAMP_MARGIN_S = 0.6
SETTLE_S = 0.25
_LOOK_S = 0.01


class BenchLamps:
    """The part of a bench that is about handsets and their lamps.

    Attributes:
        config: what the bench is made of.
        roles: handset name by role.
        events: everything but packets, as it happens.
        clock: tells the time.
        lamp_boards: boards that see or press handsets of this bench.
        cameras: those in whose pictures they are.
        agents: those that see them at other places.
    """

    config: BenchConfig
    roles: dict[str, str]
    events: list[TimelineEvent]
    clock: Callable[[], float]
    lamp_boards: LampBoards
    cameras: OpenCameras
    agents: OpenAgents
    _handsets: dict[str, Handset]

    def note(self, actor: str, what: str, *, key: str = "") -> float:
        """Put an action of the rig on the timeline.

        Returns:
            Its instant.
        """
        at = self.clock()
        self.events.append(ActionDone(at=at, actor=actor, what=what, key=key))
        return at

    def name_of(self, role: str) -> str:
        """Name of the handset that plays a role; the name of a handset means itself.

        Raises:
            RigError: nobody does.
        """
        name = self.roles.get(role, role)
        if name not in self._handsets:
            raise RigError(
                f"no handset plays {role}; roles: {', '.join(self.roles)}; "
                f"handsets: {known_names(role, self._handsets)}"
            )
        return name

    def role(self, role: str) -> Handset:
        """The handset that plays a role.

        Raises:
            RigError: nobody does.
        """
        return self._handsets[self.name_of(role)]

    def lamp_of(self, role: str) -> LampSensor:
        """What tells a role's lamps: board, camera or agent that sees it, else its driver.

        Where somebody looks the driver's word does not count, not even for lamps that are not
        looked at.
        """
        name = self.name_of(role)
        return self._watcher(name) or self._handsets[name].lamp

    def _watcher(self, name: str) -> LampSensor | None:
        return (
            self.lamp_boards.sensor(name) or self.cameras.sensor(name) or self.agents.sensor(name)
        )

    def late_s(self, role: str) -> float:
        """How long after a change a role's sensor may still say what was before."""
        sensor = self.lamp_of(role)
        return sensor.settle_s if isinstance(sensor, LateLampSensor) else 0.0

    def capabilities_of(self, role: str) -> frozenset[HandsetCapability]:
        """What a role can do on this bench: its driver's word, and a lamp that is looked at."""
        watched = self._watcher(self.name_of(role)) is not None
        seen = {HandsetCapability.LAMP} if watched else set()
        return self.role(role).capabilities | seen

    async def wait_lamp(
        self, role: str, *, lit: bool, lamp: str = "message", within_s: float | None = None
    ) -> bool:
        """Wait until a lamp is as it must be, at most a little over the limit.

        A sensor that decides late is given the time that it needs for that besides. A lamp that
        cannot be seen is neither lit nor dark. A real phone that can be asked is then asked
        whether messages wait, and its word put beside its lamp.

        Args:
            role: whose lamp.
            lit: what it must be.
            lamp: ``message`` or ``account:N``.
            within_s: limit; None for that of the bench.

        Returns:
            Whether it got there. Judging is the verdict's business.
        """
        sensor = self.lamp_of(role)
        limit_s = self.config.lamp_limit_s if within_s is None else within_s
        deadline = self.clock() + limit_s + LAMP_MARGIN_S + self.late_s(role)
        there = False
        while not there and self.clock() < deadline:
            state = sensor.state(lamp)
            there = state is not LampState.UNKNOWN and state.lit == lit
            await asyncio.sleep(SETTLE_S if there else _LOOK_S)
        word = await asked_of_waiting(self.role(role), clock=self.clock)
        if word is not None:
            self.events.append(word)
        return there

    async def lamps_decided(self) -> float:
        """Wait until every sensor has decided what its lamps did up to now.

        Returns:
            The instant that was now.
        """
        at = self.clock()
        for name in self._handsets:
            sensor = self.lamp_of(name)
            if not isinstance(sensor, LateLampSensor):
                continue
            while not all(sensor.decided(lamp, at) for lamp in sensor.lamps):
                if self.clock() > at + sensor.settle_s:
                    break
                await asyncio.sleep(_LOOK_S)
        return at

    async def press_key(self, role: str) -> float:
        """Press a role's message key with the solenoid that is wired to it.

        Returns:
            How long it was pressed, in seconds.

        Raises:
            rig.errors.UsageError: none is wired.
            rig.errors.RigError: the board is gone, or the relay does not follow.
        """
        name = self.name_of(role)
        self.note(name, "the solenoid presses the message key", key="message_key")
        return await self.lamp_boards.press(name)
