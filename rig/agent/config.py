"""Reads the file of an agent, and the file of a run that looks at several."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from provisioning.errors import InputErrors
from provisioning.inventory_fields import FaultList, FieldReader, parse_text
from provisioning.text_source import read_input_file
from provisioning.yaml_source import YamlNode, parse_yaml_collecting
from rig.agent.link import Broker
from rig.agent.protocol import NAME
from rig.errors import UsageError
from rig.lamp.wiring import LampWiring, named_wiring
from rig.loopback import read_address
from rig.timeline import Address

_NAME_FORM = "small letters, digits and dashes, up to 32"
_HOST = r"[0-9A-Za-z:._-]{1,253}"
_FILE = r"[^\x00-\x1f\x7f]{1,255}"
_TLS_PORT, _PLAIN_PORT = 8883, 1883


class Verb(StrEnum):
    """What an agent can be allowed to do."""

    PRESS = "press"
    POWER = "power"


@dataclass(frozen=True, slots=True)
class AgentHandset:
    """A handset at the place.

    Attributes:
        name: as the inventory names it.
        driver: that it is run or driven by; empty for a phone that is looked at alone.
        host: its own address, for drivers that run one.
        registrar: where SIP goes instead of what its files say; None for what they say.
    """

    name: str
    driver: str = ""
    host: str = "127.0.0.1"
    registrar: Address | None = None


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """What an agent is.

    Attributes:
        name: its name, as the common name of its certificate.
        broker: where it tells.
        buffer: file in which events wait.
        site: inventory of its handsets; None where no driver is used.
        handsets: whose lamps it sees.
        wiring: which of their lamps are seen, and keys pressed, by lamp boards; where a board
            looks, what a driver shows does not count.
        allow: what it does when asked; nothing by default.
        fetches: JSON lines that ``phonerig serve --json`` writes; None for none.
        capture: network interface that is counted; empty for none.
    """

    name: str
    broker: Broker
    buffer: Path
    site: Path | None = None
    handsets: tuple[AgentHandset, ...] = ()
    wiring: LampWiring = field(default_factory=LampWiring)
    allow: tuple[Verb, ...] = ()
    fetches: Path | None = None
    capture: str = ""


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """What a run looks at.

    Attributes:
        broker: where agents tell.
        agents: their names.
    """

    broker: Broker
    agents: tuple[str, ...]


def load_agent(path: Path) -> AgentConfig:
    """Read the file of an agent.

    Raises:
        InputErrors: all faults at once.
    """
    faults = FaultList()
    reader = _root(path, "agent file", faults)
    folder = path.parent
    site = reader.text("site", pattern=_FILE, form="a file's name")
    wiring = named_wiring(reader, folder)
    fetches = reader.text("fetches", pattern=_FILE, form="a file's name")
    config = AgentConfig(
        name=reader.text("agent", required=True, pattern=NAME, form=_NAME_FORM),
        broker=_broker(reader, folder),
        buffer=folder / reader.text("buffer", required=True, pattern=_FILE, form="a file's name"),
        site=folder / site if site else None,
        handsets=tuple(
            _handset(node, faults, wiring.handsets, has_site=bool(site))
            for node in reader.items("handsets")
        ),
        wiring=wiring,
        allow=_verbs(reader, faults),
        fetches=folder / fetches if fetches else None,
        capture=reader.text("capture", pattern=r"[0-9A-Za-z._-]{1,15}", form="an interface"),
    )
    _finish(reader, faults)
    return config


def load_watch(path: Path) -> WatchConfig:
    """Read the file of a run that looks at several places.

    Raises:
        InputErrors: all faults at once.
    """
    faults = FaultList()
    reader = _root(path, "file of agents", faults)
    reader.node("agents", required=True)
    agents = [_listed(node, "agents", NAME, _NAME_FORM, faults) for node in reader.items("agents")]
    config = WatchConfig(_broker(reader, path.parent), tuple(dict.fromkeys(agents)))
    _finish(reader, faults)
    return config


def _root(path: Path, what: str, faults: FaultList) -> FieldReader:
    root, found = parse_yaml_collecting(read_input_file(path), str(path))
    faults.extend(found)
    if root is None:
        raise InputErrors(faults.as_list())
    return FieldReader(root, what, faults)


def _finish(reader: FieldReader, faults: FaultList) -> None:
    reader.finish()
    if len(faults):
        raise InputErrors(faults.as_list())


def _broker(reader: FieldReader, folder: Path) -> Broker:
    reader.node("broker", required=True)
    part = reader.part("broker", "broker part")
    if part is None:
        return Broker("", 0)
    names = {
        key: part.text(key, pattern=_FILE, form="a file's name")
        for key in ("roots", "certificate", "key")
    }
    ours = [key for key in ("certificate", "key") if names[key]]
    if ours and not all(names.values()):
        part.faults.add(
            part.position_of(ours[0]),
            f"a {ours[0]} without what belongs to it",
            expected="roots, certificate and key",
            fix="Name the PEM files of all three.",
        )
    files = {key: folder / name if name else None for key, name in names.items()}
    usual = _TLS_PORT if names["roots"] else _PLAIN_PORT
    broker = Broker(
        part.text("host", required=True, pattern=_HOST, form="a host's name or address"),
        part.integer("port", usual, low=1, high=65535),
        files["roots"],
        files["certificate"],
        files["key"],
    )
    part.finish()
    return broker


def _handset(
    node: YamlNode, faults: FaultList, wired: frozenset[str], *, has_site: bool
) -> AgentHandset:
    reader = FieldReader(node, "handset", faults)
    if not reader.usable:
        return AgentHandset("")
    found = AgentHandset(
        name=reader.text("name", required=True),
        driver=reader.text("driver", pattern=r"[a-z][a-z0-9_-]{0,30}", form="a driver's name"),
        host=reader.text("host", pattern=_HOST, form="a numeric address") or "127.0.0.1",
        registrar=reader.parsed("registrar", _registrar),
    )
    if found.name and not found.driver and found.name not in wired:
        faults.add(
            reader.position,
            f"handset {found.name!r} has neither a driver nor a lamp that a board sees",
            expected="'driver', or its name in the wiring file that 'lamps' names",
            fix="Say how it is seen.",
        )
    if found.driver and not has_site:
        faults.add(
            reader.position_of("driver"),
            "a driver needs to know the handset",
            expected="'site' in the agent file",
            fix="Name the inventory that has it.",
        )
    reader.finish()
    return found


def _registrar(text: str) -> Address:
    try:
        return read_address(text, "registrar")
    except UsageError:
        raise ValueError("HOST or HOST:PORT, with a port from 1 to 65535") from None


def _verbs(reader: FieldReader, faults: FaultList) -> tuple[Verb, ...]:
    words = "|".join(Verb)
    found = [
        _listed(node, "allow", words, " or ".join(Verb), faults) for node in reader.items("allow")
    ]
    return tuple(Verb(word) for word in dict.fromkeys(found) if word in set(Verb))


def _listed(node: YamlNode, key: str, pattern: str, form: str, faults: FaultList) -> str:

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(form)
        return text

    return parse_text(node, f"an entry of {key!r}", check, faults) or ""
