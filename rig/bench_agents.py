"""Which lamps of a bench are seen at other places, and the connection to the agents there.

The handset of a bench may stand far away; an agent there sees its lamp, see :mod:`rig.agent`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rig.agent.config import WatchConfig
from rig.agent.remote import RemoteSites
from rig.agent.remote_lamp import RemoteLampSensor

KNOWN_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class AgentPlace:
    """A lamp that an agent sees.

    Attributes:
        agent: its name.
        handset: as it is called there.
    """

    agent: str
    handset: str


@dataclass(frozen=True, slots=True)
class AgentLamps:
    """The lamps of a bench that agents see.

    Attributes:
        watch: broker and agents.
        places: by name of the handset.
    """

    watch: WatchConfig
    places: Mapping[str, AgentPlace]


class OpenAgents:
    """The agents of one run."""

    def __init__(self, lamps: AgentLamps | None, handsets: Iterable[str]) -> None:
        """Describe them; nothing is connected yet.

        Args:
            lamps: what agents see; None for nothing.
            handsets: names of those on the bench; what is seen of others is left alone.
        """
        wanted = frozenset(handsets)
        places = {} if lamps is None else lamps.places
        self._places = {name: place for name, place in places.items() if name in wanted}
        self._lamps = lamps
        self._sites: RemoteSites | None = None
        self._sensors: dict[str, RemoteLampSensor] = {}

    async def open(self) -> None:
        """Connect, and wait until the agents are here and their clocks are known.

        Raises:
            RigError: they are not in time; says why not.
            UsageError: a certificate file is not as it must be.
        """
        if self._lamps is None or not self._places:
            return
        agents = sorted({place.agent for place in self._places.values()})
        self._sites = RemoteSites(self._lamps.watch.broker, agents)
        for name, place in self._places.items():
            self._sensors[name] = self._sites.lamp(place.agent, place.handset, called=name)
        await self._sites.start()
        await self._sites.wait_known(KNOWN_WITHIN_S)

    def sensor(self, handset: str) -> RemoteLampSensor | None:
        """What sees the lamp of a handset; None if no agent does."""
        return self._sensors.get(handset)

    async def close(self) -> None:
        """Disconnect; safe to call twice."""
        sites, self._sites = self._sites, None
        if sites is not None:
            await sites.stop()
