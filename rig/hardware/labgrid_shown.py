"""What labgrid-client prints of a place, read: who has it, what it is made of, where its port is.

Source: labgrid 26.0.1, remote/client.py (``show``), resource/serialport.py
(``NetworkSerialPort``).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rig.errors import RigError

SERIAL = "NetworkSerialPort"
_SHOWN = re.compile(r"^Place '(?P<name>[^'\n]*)':$", re.MULTILINE)
_HOLDER = re.compile(r"^  acquired: (?P<holder>.+)$", re.MULTILINE)
_RESOURCE = re.compile(
    r"^(?:Acquired|Matching) resource '(?P<name>[^'\n]*)' \((?P<path>[^)\n]*)\):\n"
    r"(?P<facts>(?:^[ ].*\n?)+)",
    re.MULTILINE,
)
_ORPHAN = re.compile(r"^Orphaned resource '(?P<name>[^'\n]*)' \((?P<path>[^)\n]*)\)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PlaceResource:
    """One thing of a place.

    Attributes:
        name: as the exporter calls it.
        path: exporter, group, class and name.
        kind: labgrid's class.
        available: the exporter is there and offers it.
        params: what the class says of it.
    """

    name: str
    path: str
    kind: str
    available: bool
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlaceShown:
    """What the coordinator says of a place.

    Attributes:
        name: of the place.
        holder: ``host/user`` who has it; empty for nobody.
        resources: of it.
        orphans: paths of what was taken with it and is gone.
    """

    name: str
    holder: str
    resources: tuple[PlaceResource, ...]
    orphans: tuple[str, ...] = ()


def parse_shown(text: str) -> PlaceShown:
    """Read what ``labgrid-client show`` prints.

    Raises:
        RigError: it is not what labgrid 26 prints.
    """
    shown, holder = _SHOWN.search(text), _HOLDER.search(text)
    if shown is None or holder is None:
        raise RigError(
            f"labgrid-client show says {text[:120]!r}, expected \"Place 'NAME':\" and "
            "'acquired:'; is it labgrid 26?"
        )
    held = holder["holder"].strip()
    return PlaceShown(
        name=shown["name"],
        holder="" if held == "None" else held,
        resources=tuple(_resource(found) for found in _RESOURCE.finditer(text)),
        orphans=tuple(found["path"] for found in _ORPHAN.finditer(text)),
    )


def _resource(found: re.Match[str]) -> PlaceResource:
    try:
        facts = ast.literal_eval(found["facts"].strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        facts = None
    facts = facts if isinstance(facts, dict) else {}
    kind, params = facts.get("cls"), facts.get("params")
    if not (isinstance(kind, str) and isinstance(params, dict)):
        raise RigError(
            f"labgrid-client show says {found['facts'][:120]!r} of {found['path']}, expected its "
            "'cls', 'avail' and 'params'; is it labgrid 26?"
        )
    return PlaceResource(found["name"], found["path"], kind, facts.get("avail") is True, params)


def serial_url(shown: PlaceShown, wanted: str = "") -> str:
    """Where a serial port of a place is on the network, as pyserial wants it.

    Args:
        shown: the place, while it is held: before that its port is not open.
        wanted: name of the resource; empty if there is one only.

    Raises:
        RigError: there is none or more than one, or it cannot be reached directly.
    """
    ports = [each for each in shown.resources if each.kind == SERIAL]
    chosen = [each for each in ports if wanted in {"", each.name, each.path}]
    what = f"serial port {wanted!r}" if wanted else "serial port"
    if len(chosen) != 1:
        there = ", ".join(each.path for each in ports) or "none"
        raise RigError(
            f"place {shown.name} has {len(chosen)} times {what}, expected one; serial ports are: "
            f"{there}. Name one under `serial` of the place, or match it to the place"
        )
    (found,) = chosen
    host, port = found.params.get("host"), found.params.get("port")
    extra = found.params.get("extra")
    if isinstance(extra, dict) and extra.get("proxy_required"):
        raise RigError(
            f"{found.path} is reached through an SSH proxy only (its exporter is isolated), "
            "which a lamp board cannot use; run on that host, or export it without --isolated"
        )
    if not found.available or not isinstance(host, str) or not isinstance(port, int):
        raise RigError(
            f"{found.path} is not open: host {host!r}, port {port!r}; look at the exporter's log "
            "(is ser2net installed there, and is the device plugged in?)"
        )
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if found.params.get("protocol", "rfc2217") == "raw":
        return f"socket://{authority}"
    # Modem lines of a line behind a network server are not ours to wait for, as labgrid itself.
    return f"rfc2217://{authority}?ign_set_control"
