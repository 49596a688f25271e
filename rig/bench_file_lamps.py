"""Reads what sees the lamps of a bench: its wiring file, its cameras, agents elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from provisioning.errors import InputErrors
from provisioning.inventory_fields import FieldReader
from provisioning.known_names import known_names
from rig.agent.config import WatchConfig, load_watch
from rig.bench_agents import AgentPlace
from rig.bench_cameras import CameraPlace, CameraSource
from rig.bench_parts import TakeOnce
from rig.lamp.camera import CameraLamp
from rig.lamp.camera_rule import LampColour, Region
from rig.lamp.wiring import LampWiring, named_wiring


def read_wiring(bench: FieldReader, folder: Path, handsets: Iterable[str]) -> LampWiring:
    """Read the wiring file that a bench names; what is wrong with it is reported.

    Args:
        bench: the whole file.
        folder: that the name is relative to.
        handsets: names in the inventory.
    """
    wiring, known = named_wiring(bench, folder), list(handsets)
    for name in sorted(wiring.handsets - set(known)):
        bench.faults.add(
            bench.position_of("lamps"),
            f"{bench.text('lamps')} wires a handset {name!r}", got=name,
            expected=f"a handset of the inventory; {known_names(name, known)}",
            fix="Correct the name in the wiring file.",
        )  # fmt: skip
    return wiring


def read_agents(bench: FieldReader, folder: Path) -> WatchConfig | None:
    """Read the file of agents that a bench names; what is wrong with it is reported.

    Args:
        bench: the whole file.
        folder: that the name is relative to.
    """
    written = bench.text("agents")
    if not written:
        return None
    try:
        return load_watch(folder / written)
    except InputErrors as error:
        bench.faults.extend(error.faults)
        return None


def read_agent_lamp(
    part: FieldReader, name: str, watch: WatchConfig | None, take: TakeOnce
) -> AgentPlace | None:
    """Read which agent sees a lamp; None when something is wrong, which is reported.

    Args:
        part: the ``lamp`` of a handset.
        name: of the handset.
        watch: the agents of the file.
        take: told what it takes.
    """
    agents = () if watch is None else watch.agents

    def known(text: str) -> str:
        if text not in agents:
            raise ValueError(f"an agent of the file of agents; {known_names(text, agents)}")
        return text

    agent = part.parsed("agent", known, required=True)
    handset = part.text("handset") or name
    part.finish()
    if agent is None:
        return None
    take(f"agent {agent}", f"handset {handset}")
    return AgentPlace(agent, handset)


def read_cameras(parts: Iterable[tuple[str, FieldReader]]) -> dict[str, CameraSource]:
    """Read every camera.

    Args:
        parts: name and mapping of each.
    """
    found: dict[str, CameraSource] = {}
    for name, part in parts:
        source = part.text("source", required=True)
        stamps = part.flag("stamps", default=True)
        part.finish()
        if source:
            device = int(source) if source.isdecimal() else source
            found[name] = CameraSource(name, device, stamps)
    return found


def read_lamp(
    part: FieldReader, cameras: Mapping[str, CameraSource], take: TakeOnce
) -> CameraPlace | None:
    """Read in which picture a lamp is; None when something is wrong, which is reported.

    Args:
        part: the ``lamp`` of a handset.
        cameras: of the file.
        take: told which region it takes.
    """

    def known(text: str) -> CameraSource:
        if text not in cameras:
            raise ValueError(f"a camera of this file; {known_names(text, cameras)}")
        return cameras[text]

    source = part.parsed("camera", known, required=True)
    region = part.parsed("region", Region.parse, required=True)
    room = part.parsed("room", Region.parse)
    colour = part.choice("colour", LampColour) or LampColour.ANY
    part.finish()
    if source is None or region is None:
        return None
    take(f"camera {source.name}", f"region {region}")
    return CameraPlace(source, CameraLamp(region, colour, room))
