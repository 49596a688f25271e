"""What scenarios do with a handset's power: cut it at its port, and give it back.

The port confirms what it does, and the lamp is looked at besides: a port that is off while the
lamp shines is not this handset's port. Both are faults of the rig, never of the phone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import dataclass

from rig.bench_config import BenchConfig
from rig.bench_lamps import SETTLE_S
from rig.bench_steps import BenchSteps
from rig.errors import RigError
from rig.handset.base import Handset, HandsetCapability, HandsetWithoutCable
from rig.hardware.power import PowerError, PowerPort, PowerState, VirtualPort

DARK_S = 3.0
"""A phone without power must be dark by then: its capacitors are empty."""
_LOOK_S = 0.02
_ASK_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class PowerCut:
    """When a handset lost its power: at some instant while its port obeyed.

    Attributes:
        at: when the port was told.
        took_s: until it said that it is off; a program that is started for it takes seconds.
    """

    at: float
    took_s: float


class PowerSteps(BenchSteps):
    """The part of a bench that is about power."""

    def __init__(self, config: BenchConfig) -> None:
        super().__init__(config)
        self._ports: dict[str, PowerPort] = {}
        self._dark: set[str] = set()
        self._boots_begun: set[asyncio.Task[None]] = set()

    def capabilities_of(self, role: str) -> frozenset[HandsetCapability]:
        """What a role can do on this bench; whoever hangs on a port can be booted by it."""
        fed = self.name_of(role) in self.config.power
        more = {HandsetCapability.REBOOT} if fed else set()
        return super().capabilities_of(role) | more

    def power_of(self, role: str) -> PowerPort | None:
        """What feeds a role's handset; None if the rig cannot switch it."""
        handset = self.role(role)
        if handset.name not in self._ports:
            port = self.config.power.get(handset.name)
            if port is None and isinstance(handset, HandsetWithoutCable):
                port = VirtualPort(f"virtual port of {handset.name}")
            if port is None:
                return None
            self._ports[handset.name] = port
        return self._ports[handset.name]

    def is_dark(self, role: str) -> bool:
        """Whether a role's power was cut by the rig and not given back."""
        return self.name_of(role) in self._dark

    async def cut_power(self, role: str) -> PowerCut:
        """Cut a role's power and see that it is gone.

        Returns:
            When that was.

        Raises:
            RigError: no port feeds it, the port does not confirm, or the lamp shines on.
        """
        handset, port = self._fed(role)
        at = self.note(handset.name, f"loses its power: {port.name} off", key="power_cycle")
        self._dark.add(handset.name)
        try:
            await port.off()
            took_s = self.clock() - at
            self.note(
                handset.name, f"is without power: {port.name} is off after {took_s:.1f} s",
                key="power_off",
            )  # fmt: skip
            await self._follow(handset, port)
            await self._goes_dark(handset, port)
        except RigError:
            with contextlib.suppress(RigError):
                await self._feed(handset, port)
            raise
        return PowerCut(at, took_s)

    async def restore_power(self, role: str) -> float:
        """Give a role its power back and wait until it is up.

        Returns:
            The instant just before.

        Raises:
            RigError: no port feeds it, or no power flows. That the handset does not come up
                is judged, not raised.
        """
        at = await self.give_power(role)
        with self.product_may_fail(role):
            await self.come_up(role)
        await asyncio.sleep(SETTLE_S)
        return at

    async def give_power(self, role: str) -> float:
        """Give a role its power back, and wait for nothing but the port.

        Returns:
            The instant just before.

        Raises:
            RigError: no port feeds it, or no power flows.
        """
        handset, port = self._fed(role)
        at = self.note(handset.name, f"gets its power back: {port.name} on", key="power_cycle")
        await port.on()
        self._dark.discard(handset.name)
        return at

    async def come_up(self, role: str) -> None:
        """Wait until a role that has power is up; one in software boots by this.

        Raises:
            RigError: it does not come up in the time that the bench allows.
        """
        handset = self.role(role)
        await self._comes_up(handset, self._boots(handset))

    def begin_boot(self, role: str) -> asyncio.Task[None]:
        """Let a role that has power come up, without waiting; ended with the bench at the latest.

        Returns:
            The work, whose exception is why it did not come up.
        """
        task = asyncio.get_running_loop().create_task(self.come_up(role))
        self._boots_begun.add(task)
        task.add_done_callback(self._boot_ended)
        return task

    def _boot_ended(self, task: asyncio.Task[None]) -> None:
        self._boots_begun.discard(task)
        if not task.cancelled():
            task.exception()  # whoever wants it asks the task

    async def power_cycle(self, role: str) -> float:
        """Cut a role's power and give it back, by its port where the rig has one.

        Returns:
            The instant just before.

        Raises:
            RigError: as :meth:`cut_power` and :meth:`restore_power`, or it does not come up.
        """
        handset = self.role(role)
        if handset.name in self.config.power:
            cut = await self.cut_power(role)
            await self.sleep(self.config.power_off_s)
            await self.restore_power(role)
            return cut.at
        at = self.note(handset.name, "loses its power and boots again", key="power_cycle")
        await handset.power_cycle()
        await handset.wait_ready(self.config.boot_limit_s)
        return at

    async def reset(self) -> None:
        """Bring everything back to the inventory; whoever has no power gets it first.

        Raises:
            RigError: power does not come back, or a handset does not.
        """
        await self.restore_all()
        await super().reset()

    async def restore_all(self) -> None:
        """Give power back to every handset that was left without.

        Raises:
            RigError: it does not come back, or a handset does not; says whose.
        """
        for name in sorted(self._dark):
            await self._feed(self._handsets[name], self._ports[name])

    async def close_ports(self) -> None:
        """At the end: leave no phone dark, and no socket open."""
        for task in tuple(self._boots_begun):
            task.cancel()
        if self._boots_begun:
            await asyncio.wait(self._boots_begun)
        for name in sorted(self._dark):
            self.note(name, "gets its power back at the end", key="power_cycle")
            with contextlib.suppress(RigError):
                await self._ports[name].on()
        self._dark.clear()
        for port in {id(port): port for port in self._ports.values()}.values():
            await port.close()

    def _fed(self, role: str) -> tuple[Handset, PowerPort]:
        handset, port = self.role(role), self.power_of(role)
        if port is None:
            raise RigError(
                f"no port feeds {handset.name}; name one under its `power` in the bench file"
            )
        return handset, port

    async def _feed(self, handset: Handset, port: PowerPort) -> None:
        await port.on()
        await self._comes_up(handset, self._boots(handset))
        self._dark.discard(handset.name)

    async def _follow(self, handset: Handset, port: PowerPort) -> None:
        """A handset in software has no cable: it does what its port is read to do."""
        if isinstance(handset, HandsetWithoutCable):
            reading = await port.state()
            if reading.state is PowerState.OFF:
                await handset.lose_power()

    def lamp_patience_s(self, role: str) -> float:
        """How long to wait for a lamp after power came back, in seconds.

        A real phone that cannot be asked whether it is up may be booting still.
        """
        handset, limit_s = self.role(role), self.config.lamp_limit_s
        in_software = isinstance(handset, HandsetWithoutCable)
        return limit_s if in_software else limit_s + self.config.boot_limit_s

    async def _boots(self, handset: Handset) -> None:
        limit_s = self.config.boot_limit_s
        if isinstance(handset, HandsetWithoutCable):
            await handset.power_cycle()  # also right if it has not lost its power
            await handset.wait_ready(limit_s)
            return
        deadline = self.clock() + limit_s
        while True:  # a phone that boots cannot be asked, and then not everything is up
            try:
                await handset.wait_ready(max(0.0, deadline - self.clock()))
            except RigError:
                if self.clock() >= deadline:
                    raise
                await asyncio.sleep(_ASK_AGAIN_S)
            else:
                return

    async def _comes_up(self, handset: Handset, work: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(self.config.boot_limit_s):
                await work
        except TimeoutError:
            limit_s = self.config.boot_limit_s
            raise RigError(f"{handset.name}: not up within {limit_s:g} s") from None

    async def _goes_dark(self, handset: Handset, port: PowerPort) -> None:
        lamp = self.lamp_of(handset.name)
        deadline = self.clock() + DARK_S + self.late_s(handset.name)
        while lamp.state("message").lit:
            if self.clock() >= deadline:
                raise PowerError(
                    f"{port.name} is off, and the lamp of {handset.name} is lit still: another "
                    "phone hangs on this port, or this one has a power supply of its own, or "
                    "the sensor looks at another lamp"
                )
            await asyncio.sleep(_LOOK_S)
