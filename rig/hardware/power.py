"""Power of one phone, switched and read back: a command that was taken is no proof.

Whoever cuts the power of a phone asks the device that feeds it whether it really did. A port that
does not confirm is a fault of the rig, never of the phone. Must not know what feeds the phone.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from rig.clock import Clock, now
from rig.errors import RigError

Sleep = Callable[[float], Awaitable[None]]

OFF_S = 3.0
"""How long a power cycle leaves a phone without power; longer than its capacitors last."""


class PowerError(RigError):
    """A port could not be switched or read, or did not do what it was told."""


class PowerState(StrEnum):
    """What a port does."""

    ON = "on"
    """Power flows: a phone draws it, or the contact of a relay is closed."""
    OFF = "off"
    IDLE = "idle"
    """The port offers power and nobody takes it."""
    FAULT = "fault"
    """The feeding device says that something is wrong with the port or the phone's cable."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PowerReading:
    """What was read from a port.

    Attributes:
        state: what it means.
        detail: what the device said, in its own words.
    """

    state: PowerState
    detail: str


@dataclass(frozen=True, slots=True)
class PowerLimits:
    """How long a port may take.

    Attributes:
        off_s: until it confirms that power is off.
        on_s: until it confirms that power flows; detection and classification take seconds.
        poll_s: between two readings.
    """

    off_s: float = 5.0
    on_s: float = 20.0
    poll_s: float = 0.2


USUAL_LIMITS = PowerLimits()


class PowerPort(Protocol):
    """What feeds one phone."""

    @property
    def name(self) -> str:
        """Which port this is, for reports: ``sw1 port 5``."""
        ...

    async def on(self) -> None:
        """Switch on and wait until power flows.

        Raises:
            PowerError: it could not be switched, or power does not flow.
        """
        ...

    async def off(self) -> None:
        """Switch off and wait until the port confirms it.

        Raises:
            PowerError: it could not be switched, or power flows still.
        """
        ...

    async def cycle(self, off_s: float = OFF_S) -> None:
        """Switch off, wait, and switch on, also when it is broken off on the way.

        Args:
            off_s: how long it stays off.

        Raises:
            PowerError: as :meth:`on` and :meth:`off`.
        """
        ...

    async def state(self) -> PowerReading:
        """Read what the port does now.

        Raises:
            PowerError: it cannot be read.
        """
        ...

    async def close(self) -> None:
        """Let go of sockets; the port stays as it is. Safe to call twice."""
        ...


class VerifiedPort(abc.ABC):
    """A port that believes its readings only; what is left to do is to switch and to read."""

    def __init__(
        self,
        name: str,
        limits: PowerLimits = USUAL_LIMITS,
        *,
        clock: Clock = now,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Describe it; nothing is contacted yet.

        Args:
            name: for reports.
            limits: how long it may take.
            clock: gives instants.
            sleep: waits.
        """
        self._name = name
        self._limits = limits
        self._clock = clock
        self._sleep = sleep

    @property
    def name(self) -> str:
        """Which port this is."""
        return self._name

    @abc.abstractmethod
    async def _switch(self, *, on: bool) -> None:
        """Tell the device; what comes of it is read afterwards."""

    @abc.abstractmethod
    async def state(self) -> PowerReading:
        """Read what the port does now.

        Raises:
            PowerError: it cannot be read.
        """

    async def on(self) -> None:
        """Switch on and wait until power flows.

        Raises:
            PowerError: it could not be switched, or power does not flow.
        """
        await self._switch(on=True)
        reading = await self._settle(PowerState.ON, self._limits.on_s)
        if reading is None:
            return
        hint = "look at the port's fault on the device itself"
        if reading.state is PowerState.IDLE:
            hint = "does a phone hang on this port, and does it take power over Ethernet?"
        raise PowerError(
            f"{self._name}: no power within {self._limits.on_s:g} s after it was switched on: "
            f"read {reading.detail}; {hint}"
        )

    async def off(self) -> None:
        """Switch off and wait until the port confirms it.

        Raises:
            PowerError: it could not be switched, or power flows still.
        """
        await self._switch(on=False)
        reading = await self._settle(PowerState.OFF, self._limits.off_s)
        if reading is not None:
            raise PowerError(
                f"{self._name}: power is not off {self._limits.off_s:g} s after it was switched "
                f"off: read {reading.detail}, expected off; is this the right port, and does the "
                "device obey?"
            )

    async def cycle(self, off_s: float = OFF_S) -> None:
        """Switch off, wait, and switch on, also when it is broken off on the way.

        Args:
            off_s: how long it stays off.

        Raises:
            PowerError: as :meth:`on` and :meth:`off`; after an unconfirmed off it was told to
                switch on again.
        """
        try:
            await self.off()
        except BaseException:
            # Not confirmed, or broken off: it may be off all the same.
            with contextlib.suppress(PowerError):
                await self._switch(on=True)
            raise
        try:
            await self._sleep(off_s)
        finally:
            await self.on()

    async def close(self) -> None:  # noqa: B027 - most ports hold nothing open
        """Let go of sockets; nothing to do where there are none."""

    async def _settle(self, wanted: PowerState, limit_s: float) -> PowerReading | None:
        """Read until a state is reached; the last reading if it is not."""
        deadline = self._clock() + limit_s
        while True:
            reading = await self.state()
            if reading.state is wanted:
                return None
            if self._clock() >= deadline:
                return reading
            await self._sleep(self._limits.poll_s)


class VirtualPort(VerifiedPort):
    """Feeds an emulated handset: a switch of an emulated bench, without a device behind it."""

    def __init__(self, name: str) -> None:
        """Make one that is on.

        Args:
            name: for reports.
        """
        super().__init__(name, PowerLimits(off_s=0, on_s=0))
        self._on = True

    async def _switch(self, *, on: bool) -> None:
        self._on = on

    async def state(self) -> PowerReading:
        """Say what it was told last."""
        if self._on:
            return PowerReading(PowerState.ON, "virtual port on")
        return PowerReading(PowerState.OFF, "virtual port off")
