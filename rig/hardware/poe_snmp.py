"""Power over Ethernet of a switch's port, by POWER-ETHERNET-MIB.

Off is off when the switch's own detection status says that the port delivers nothing; that it
was told so is no proof. Only ports on the switch's list are switched, and never its uplinks.

Source: RFC 3621 section 4 (pethPsePortAdminEnable, pethPsePortDetectionStatus).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from rig.errors import UsageError
from rig.hardware.power import (
    USUAL_LIMITS,
    PowerLimits,
    PowerReading,
    PowerState,
    VerifiedPort,
)
from rig.hardware.snmp_agent import Oid, SnmpAgent

PSE_PORT: Oid = (1, 3, 6, 1, 2, 1, 105, 1, 1, 1)
ADMIN_ENABLE, DETECTION_STATUS = 3, 6
TRUE, FALSE = 1, 2
"""TruthValue. Source: RFC 2579."""

_INDEX = re.compile(r"(?:([0-9]{1,9})/)?([0-9]{1,9})")
_RANGE = re.compile(r"(?:([0-9]{1,9})/)?([0-9]{1,9})-([0-9]{1,9})")
_MOST_PORTS = 1024


class Detection(IntEnum):
    """pethPsePortDetectionStatus."""

    DISABLED = 1
    SEARCHING = 2
    DELIVERING_POWER = 3
    FAULT = 4
    TEST = 5
    OTHER_FAULT = 6


@dataclass(frozen=True, slots=True, order=True)
class PortIndex:
    """Which port of which group: a group is a stacked box or a module.

    Attributes:
        group: pethPsePortGroupIndex.
        port: pethPsePortIndex.
    """

    group: int
    port: int

    @classmethod
    def parse(cls, text: str) -> PortIndex:
        """Read ``5`` (of group 1) or ``2/5``.

        Raises:
            ValueError: it is none.
        """
        found = _INDEX.fullmatch(text)
        if found is None or not int(found[2]) or found[1] == "0":
            raise ValueError("a port such as 5, or GROUP/PORT such as 2/5")
        return cls(int(found[1] or 1), int(found[2]))

    def __str__(self) -> str:
        """As it is written."""
        return str(self.port) if self.group == 1 else f"{self.group}/{self.port}"


def parse_ports(text: str) -> frozenset[PortIndex]:
    """Read ``5``, ``1-24``, ``2/5`` or ``2/1-24``.

    Raises:
        ValueError: it is none.
    """
    found = _RANGE.fullmatch(text)
    if found is None:
        return frozenset({PortIndex.parse(text)})
    first, last = int(found[2]), int(found[3])
    if not 1 <= first <= last or last - first >= _MOST_PORTS:
        raise ValueError(f"a range such as 1-24, of at most {_MOST_PORTS} ports")
    return frozenset(PortIndex(int(found[1] or 1), number) for number in range(first, last + 1))


@dataclass(frozen=True, slots=True)
class PoeSwitch:
    """A switch and which of its ports may be switched.

    Attributes:
        agent: speaks with it.
        ports: may be switched.
        uplinks: must never be, whatever ``ports`` says.
        limits: how long a port may take.
    """

    agent: SnmpAgent
    ports: frozenset[PortIndex]
    uplinks: frozenset[PortIndex] = frozenset()
    limits: PowerLimits = USUAL_LIMITS

    def why_not(self, index: PortIndex) -> str:
        """Why a port must not be switched; empty if it may be."""
        if index in self.uplinks:
            return f"port {index} of {self.agent.name} is an uplink and is never switched"
        if index not in self.ports:
            return f"port {index} of {self.agent.name} is not on the list of ports to switch"
        return ""


class PoePort(VerifiedPort):
    """One port of a switch."""

    def __init__(self, switch: PoeSwitch, index: PortIndex) -> None:
        """Describe it; nothing is contacted yet.

        Args:
            switch: whose port.
            index: which.

        Raises:
            UsageError: it must not be switched.
        """
        if reason := switch.why_not(index):
            raise UsageError(f"{reason}; add it to the switch's ports if a phone hangs on it")
        super().__init__(f"{switch.agent.name} port {index}", switch.limits)
        self._switch_of = switch
        self._index = index

    def _oid(self, column: int) -> Oid:
        return (*PSE_PORT, column, self._index.group, self._index.port)

    async def _switch(self, *, on: bool) -> None:
        await self._switch_of.agent.set(self._oid(ADMIN_ENABLE), TRUE if on else FALSE)

    async def state(self) -> PowerReading:
        """Read admin state and detection status together.

        Raises:
            rig.hardware.power.PowerError: they cannot be read.
        """
        admin, detection = await self._switch_of.agent.get(
            [self._oid(ADMIN_ENABLE), self._oid(DETECTION_STATUS)]
        )
        return reading_of(admin, detection)

    async def close(self) -> None:
        """Close the agent's socket, which other ports open again when they need it."""
        await self._switch_of.agent.close()


def reading_of(admin: int, detection: int) -> PowerReading:
    """What admin state and detection status mean together.

    A port that delivers power is on, whatever it was told; one that was told to be off is off
    when it neither delivers power nor reports a fault.

    Args:
        admin: pethPsePortAdminEnable.
        detection: pethPsePortDetectionStatus.
    """
    try:
        word = Detection(detection).name.lower().replace("_", " ")
    except ValueError:
        word = "unknown"
    switched = {TRUE: "enabled", FALSE: "disabled"}.get(admin, f"unknown ({admin})")
    detail = f"admin {switched}, detection {word} ({detection})"
    if detection == Detection.DELIVERING_POWER:
        state = PowerState.ON
    elif detection in {Detection.FAULT, Detection.OTHER_FAULT}:
        state = PowerState.FAULT
    elif detection not in {Detection.DISABLED, Detection.SEARCHING}:
        state = PowerState.UNKNOWN
    elif admin == FALSE:
        state = PowerState.OFF
    else:
        state = PowerState.IDLE if admin == TRUE else PowerState.UNKNOWN
    return PowerReading(state, detail)
