"""Reads a bench file: YAML in, plan out, every fault at once with file and line.

Source of the form: docs/howto/describe_a_bench.md.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import TypeVar

from provisioning.device_profile import shipped_profiles
from provisioning.errors import InputErrors
from provisioning.inventory import load_site
from provisioning.inventory_fields import FaultList, FieldReader, expect_kind
from provisioning.inventory_reading import Reading
from provisioning.inventory_site import Site
from provisioning.known_names import known_names
from provisioning.profile_limits import LimitsOfModels
from provisioning.resources import demo_site_dir
from provisioning.secret import SecretResolver
from provisioning.ssh import SshHost
from provisioning.yaml_source import YamlMap, YamlText, load_yaml, show_key
from rig.agent.config import WatchConfig
from rig.bench_cameras import CameraSource
from rig.bench_config import TAP
from rig.bench_file_lamps import (
    read_agent_lamp,
    read_agents,
    read_cameras,
    read_lamp,
    read_wiring,
)
from rig.bench_file_places import as_sources, read_places
from rig.bench_file_power import read_relays, read_switches
from rig.bench_parts import NAME, NAME_FORM, PowerSource
from rig.bench_plan import IN_SOFTWARE, ROLES, BenchPlan, HandsetPlan, TapPlan
from rig.capture.remote import RemoteOptions
from rig.handset.vendor.place import GROUP
from rig.hardware.power import PowerPort
from rig.lamp.boards import PLACE_SCHEME
from rig.lamp.wiring import LampWiring

DEMO = "demo"

T = TypeVar("T")


def load_bench(path: Path) -> BenchPlan:
    """Read a bench file and everything that it names.

    Args:
        path: the YAML file.

    Raises:
        InputErrors: all faults of the file and of its inventory at once; no secret is shown.
        UsageError: an optional package is missing for what the file names.
    """
    return _BenchFile(path).read()


class _BenchFile:
    """One reading of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._faults = FaultList()
        self._root = FieldReader(load_yaml(path), "bench", self._faults)
        self._site = self._load_site()
        demo = self._site is None or self._site.demo
        resolver = SecretResolver(path.parent, allow_demo=demo)
        self._reading = Reading(self._faults, FaultList(), resolver)
        self._wiring = LampWiring()
        self._watch: WatchConfig | None = None
        self._taken: dict[tuple[str, str], str] = {}

    def read(self) -> BenchPlan:
        root = self._root
        taps = {
            name: tap for name, part in self.named(root, "taps", "tap")
            if (tap := self._tap(name, part)) is not None
        }  # fmt: skip
        places = read_places(self.named(root, "places", "place"), self._path.parent)
        sources: dict[str, PowerSource] = {
            **as_sources(places),
            **read_switches(self.named(root, "switches", "switch"), self._reading),
            **read_relays(self.named(root, "relays", "relay"), self._reading),
        }
        cameras = read_cameras(self.named(root, "cameras", "camera"))
        inventory = [] if self._site is None else [h.name for h in self._site.handsets]
        self._wiring = read_wiring(root, self._path.parent, inventory)
        self._boards_are_there(places)
        self._watch = read_agents(root, self._path.parent)
        handsets = {
            name: self._handset(name, part, sources, cameras)
            for name, part in self.named(root, "handsets", "handset", pattern=".+")
        }
        if not handsets and root.usable:
            root.node("handsets", required=True)
        roles = self._roles(handsets)
        host, sip_port, outside = self._platform()
        calls = root.part("call_backs", "call-backs")
        call_backs_port = None
        if calls is not None:
            call_backs_port = calls.integer("port", 0, low=0, high=65535)
            calls.finish()
        limits = root.part("limits", "limits")
        numbers = {}
        if limits is not None:
            numbers = {
                "lamp_limit_s": limits.number("lamp_s", 2.0, low=0.1, high=600),
                "boot_limit_s": limits.number("boot_s", 120.0, low=1, high=3600),
                "power_off_s": limits.number("power_off_s", 10.0, low=0, high=600),
            }
            limits.finish()
        capture = self._capture(taps)
        root.finish()
        if len(self._faults) or self._site is None:
            raise InputErrors(self._faults.as_list())
        source = str(limits.position_of("lamp_s")) if limits is not None else "bench default"
        return BenchPlan(
            file=self._path, site=self._site, handsets=handsets, roles=roles, taps=taps,
            capture=capture, host=host, sip_port=sip_port, outside=outside,
            limit_source=source, wiring=self._wiring, watch=self._watch, places=places,
            call_backs_port=call_backs_port, **numbers,
        )  # fmt: skip

    # -- small things -----------------------------------------------------------------------

    def named(
        self, reader: FieldReader, key: str, what: str, *, pattern: str = NAME
    ) -> Iterator[tuple[str, FieldReader]]:
        """The named parts of a mapping; what is none is reported."""
        node = reader.node(key)
        if node is None:
            return
        if not isinstance(node, YamlMap):
            expect_kind(node, f"{key!r} of the bench", "a mapping (name: ...)", self._faults)
            return
        for name, value in node.entries:
            if pattern == NAME and not NAME_FORM.fullmatch(name.value):
                self._faults.add(
                    name.position, f"a {what} is named by {show_key(name.value)}",
                    expected="up to 32 small letters, digits, _ and -", fix="Rename it.",
                )  # fmt: skip
                continue
            # `anna:` with nothing behind it is a handset with the usual values.
            empty = isinstance(value, YamlText) and value.is_empty
            part = YamlMap((), name.position) if empty else value
            read = FieldReader(part, f"{what} {name.value!r}", self._faults)
            if read.usable:
                yield name.value, read

    def _load_site(self) -> Site | None:
        written = self._root.text("site", required=True)
        if not written:
            return None
        models = LimitsOfModels(shipped_profiles())
        path = demo_site_dir() if written == DEMO else self._path.parent / written
        try:
            return load_site(path, models=models)
        except InputErrors as error:
            self._faults.extend(error.faults)
            return None

    def _platform(self) -> tuple[str, int, bool]:
        part = self._root.part("platform", "platform")
        if part is None:
            return "", 5060, False
        kind = part.text("kind")
        if kind not in {"", "embedded"}:
            self._faults.add(
                part.position_of("kind"), "a run cannot use this kind of platform", got=kind,
                expected="embedded", fix="Leave it out.",
            )  # fmt: skip
        host = part.parsed("host", _numeric_address) or ""
        port = part.integer("port", 5060, low=1, high=65535)
        outside = part.flag("outside_line", default=False)
        part.finish()
        return host, port, outside

    def _tap(self, name: str, part: FieldReader) -> TapPlan | None:
        interface = part.text(
            "interface", required=True, pattern=r"[A-Za-z0-9_.:-]{1,15}", form="an interface"
        )
        ssh = part.parsed("ssh", lambda text: (SshHost.parse(text, "ssh"), text)[1]) or ""
        folder = self._path.parent
        identity, known = part.text("identity"), part.text("known_hosts")
        part.finish()
        if not ssh and (identity or known):
            self._faults.add(
                part.position, f"tap {name!r} is an interface here and needs no key",
                expected="ssh beside identity and known_hosts", fix="Add ssh or remove them.",
            )  # fmt: skip
        remote = RemoteOptions(
            interface=interface,
            identity=folder / Path(identity).expanduser() if identity else None,
            known_hosts=folder / Path(known or "~/.ssh/known_hosts").expanduser(),
        )
        return TapPlan(name, interface, ssh, remote) if interface else None

    def _capture(self, taps: Mapping[str, TapPlan]) -> str:
        wanted = self._root.text("capture") or TAP
        if wanted == TAP:
            return TAP
        here = [name for name, tap in taps.items() if not tap.ssh]
        if wanted not in here:
            far = wanted in taps
            self._faults.add(
                self._root.position_of("capture"),
                "a run cannot take its packets on another host" if far else "there is no such tap",
                got=wanted,
                expected=f"tap, or a tap with an interface here ({', '.join(here) or 'none'})",
                fix="Use `phonerig capture analyze --ssh` for another host." if far else "",
            )
        return wanted

    # -- handsets ---------------------------------------------------------------------------

    def _handset(
        self,
        name: str,
        part: FieldReader,
        sources: Mapping[str, PowerSource],
        cameras: Mapping[str, CameraSource],
    ) -> HandsetPlan:
        entry = None
        if self._site is not None:
            names = [handset.name for handset in self._site.handsets]
            entry = next((h for h in self._site.handsets if h.name == name), None)
            if entry is None:
                self._faults.add(
                    part.position, f"the inventory has no handset {name!r}",
                    expected=known_names(name, names), fix="Correct the name.",
                )  # fmt: skip
        control = None if entry is None else entry.control
        usual = "emulated" if control is None else control.driver
        driver = part.parsed("driver", _driver) or usual
        if entry is not None and driver not in IN_SOFTWARE and control is None:
            self._faults.add(
                part.position_of("driver"), f"{name!r} has no 'control' in the inventory",
                got=driver, expected="where the phone's own interface is, and its login",
                fix="Add `control` to the handset in the inventory.",
            )  # fmt: skip
        address = part.parsed("address", _numeric_address) or ""
        lamp, agent = None, None
        if not part.is_word("lamp", "virtual"):
            lamp_part = part.part("lamp", f"lamp of {name!r}")
            if lamp_part is not None:
                take = self._take_once(name, lamp_part)
                if lamp_part.node("agent") is None:
                    lamp = read_lamp(lamp_part, cameras, take)
                else:
                    agent = read_agent_lamp(lamp_part, name, self._watch, take)
                if name in self._wiring.handsets:
                    self._faults.add(
                        lamp_part.position, f"the lamp of {name!r} is wired to a lamp board too",
                        expected="one sensor for each handset", fix="Remove one of the two.",
                    )  # fmt: skip
                if driver in IN_SOFTWARE:
                    self._faults.add(
                        lamp_part.position, f"{name!r} is a handset in software", got=driver,
                        expected="lamp: virtual, or a driver of a real phone",
                        fix="Remove it; there is no lamp to see.",
                    )  # fmt: skip
        elif driver not in IN_SOFTWARE:
            self._faults.add(
                part.position_of("lamp"), f"the lamp of {name!r} is a real one", got="virtual",
                expected="a camera, or nothing", fix="Name the camera or wire a lamp board.",
            )  # fmt: skip
        port = None
        if not part.is_word("power", "virtual"):
            port = self._port(name, part, sources)
        part.finish()
        return HandsetPlan(name, driver, address, lamp, port, agent)

    def _port(
        self, name: str, part: FieldReader, sources: Mapping[str, PowerSource]
    ) -> PowerPort | None:
        power = part.part("power", f"power of {name!r}")
        if power is None:
            return None
        kinds = [kind for kind in ("switch", "relay", "place") if power.node(kind) is not None]
        if len(kinds) != 1:
            self._faults.add(
                power.position, f"the power of {name!r} names {len(kinds)} devices",
                expected="one of switch, relay and place", fix="Name the device that feeds it.",
            )  # fmt: skip
            return None
        (kind,) = kinds
        source = power.parsed(kind, lambda text: _one_of(text, sources, kind))
        if source is None:
            return None
        found = source.port(power)
        if found is not None:
            self._take_once(name, power)(source.name, found[0])
        power.finish()
        return None if found is None else found[1]

    def _boards_are_there(self, places: Mapping[str, object]) -> None:
        """A lamp board at a place needs that place in this file."""
        for url in (board.url for board in self._wiring.boards):
            name = url.removeprefix(PLACE_SCHEME)
            if url.startswith(PLACE_SCHEME) and name not in places:
                self._faults.add(
                    self._root.position_of("lamps"), "a lamp board is at a place that is not here",
                    got=url, expected=known_names(name, places),
                    fix="Describe the place under `places`, or correct the wiring file.",
                )  # fmt: skip

    def _take_once(self, handset: str, part: FieldReader) -> Callable[[str, str], None]:
        """Report what two handsets cannot share."""

        def take(device: str, place: str) -> None:
            other = self._taken.setdefault((device, place), handset)
            if other != handset:
                self._faults.add(
                    part.position, f"{device} {place} belongs to {other!r} already", got=handset,
                    expected="one handset for each port and each input",
                    fix="Look at the cables and correct one of the two.",
                )  # fmt: skip

        return take

    def _roles(self, handsets: Mapping[str, HandsetPlan]) -> dict[str, str]:
        part = self._root.part("roles", "roles")
        if part is None:
            self._root.node("roles", required=True)
            return {}

        def on_bench(text: str) -> str:
            if text not in handsets:
                raise ValueError(f"a handset of this file; {known_names(text, handsets)}")
            return text

        found = {role: part.parsed(role, on_bench, required=role in ROLES[:2]) for role in ROLES}
        part.finish()
        return {role: name for role, name in found.items() if name is not None}


def _one_of(text: str, sources: Mapping[str, T], kind: str) -> T:
    known = {name: source for name, source in sources.items() if name.startswith(f"{kind} ")}
    if f"{kind} {text}" not in known:
        names = [name.partition(" ")[2] for name in known]
        raise ValueError(f"a {kind} of this file; {known_names(text, names)}")
    return known[f"{kind} {text}"]


def _numeric_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("a numeric address such as 192.0.2.10") from None


def _driver(text: str) -> str:
    known = sorted(entry.name for entry in entry_points(group=GROUP))
    if text not in known:
        raise ValueError(f"a handset driver that is installed; {known_names(text, known)}")
    return text
