r"""Which SSH command does what at a phone: read from a file of the user's.

::

    press: {run: "key {key}"}
    keys: {ok: OK, message: MSG}
    state:
      run: status
      registered: 'account (?P<index>\d+) (?P<user>\S+) (?P<registered>yes|no)'
      dnd: 'dnd (?P<on>on|off)'
      forward: 'forward (?P<service>\w+) (?P<target>\S+)'

A value is put into a command as one word of a shell, whatever it holds.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from provisioning.errors import InputErrors
from provisioning.inventory_fields import FaultList, FieldReader
from provisioning.yaml_source import YamlText, load_yaml
from rig.handset.vendor.control import SERVICES, PhoneCapability

_GROUPS = {
    "registered": {"user", "registered"},
    "dnd": {"on"},
    "forward": {"service", "target"},
    "waiting": {"waiting"},
}
_CAPABILITIES = {
    "press": PhoneCapability.PRESS,
    "dial": PhoneCapability.DIAL,
    "reboot": PhoneCapability.REBOOT,
    "resync": PhoneCapability.RESYNC,
    "config": PhoneCapability.READ_CONFIG,
}
_READS = {
    "registered": PhoneCapability.READ_REGISTRATION,
    "dnd": PhoneCapability.READ_DND,
    "forward": PhoneCapability.READ_FORWARD,
    "waiting": PhoneCapability.READ_WAITING,
}
_PLACES = {"press": "key", "dial": "number", "config": "name"}


@dataclass(frozen=True, slots=True)
class SshCommands:
    """What a file of commands says.

    Attributes:
        file: it stands in.
        commands: by name; of forwardings ``forward.SERVICE.on`` and ``.off``.
        keys: the phone's names of keys by neutral ones; others are sent as they are.
        patterns: which read the output of ``state``, line by line.
    """

    file: Path
    commands: dict[str, str]
    keys: dict[str, str] = field(default_factory=dict)
    patterns: dict[str, re.Pattern[str]] = field(default_factory=dict)

    @property
    def capabilities(self) -> frozenset[PhoneCapability]:
        """What can be done by it; what is switched must be read, too."""
        found = {cap for name, cap in _CAPABILITIES.items() if name in self.commands}
        found |= {cap for name, cap in _READS.items() if name in self.patterns}
        if "dnd.on" in self.commands and PhoneCapability.READ_DND in found:
            found.add(PhoneCapability.SET_DND)
        switches = {f"forward.{service}.{word}" for service in SERVICES for word in ("on", "off")}
        if switches <= self.commands.keys() and PhoneCapability.READ_FORWARD in found:
            found.add(PhoneCapability.SET_FORWARD)
        return frozenset(found)

    def command(self, name: str, /, **values: str) -> str | None:
        """A command with its values as single words; None where the file has none."""
        found = self.commands.get(name)
        for place, value in values.items():
            found = found and found.replace("{" + place + "}", shlex.quote(value))
        return found


def load_commands(path: Path) -> SshCommands:
    """Read a file of commands.

    Args:
        path: of the YAML file.

    Raises:
        InputErrors: all faults of the file at once, with their lines.
    """
    faults = FaultList()
    reader = FieldReader(load_yaml(path), "file of commands", faults)
    commands: dict[str, str] = {}
    patterns: dict[str, re.Pattern[str]] = {}
    for name in (*_CAPABILITIES, "state"):
        part = reader.part(name, f"command {name}")
        if part is not None:
            commands[name] = part.parsed("run", _holding(_PLACES.get(name)), required=True) or ""
            if name == "state":
                patterns = {
                    word: pattern
                    for word, groups in _GROUPS.items()
                    if (pattern := part.parsed(word, _pattern(groups))) is not None
                }
            part.finish()
    _switches(reader, "dnd", "dnd", None, commands)
    forward = reader.part("forward", "command forward")
    if forward is not None:
        for service in SERVICES:
            _switches(forward, service, f"forward.{service}", "number", commands)
        forward.finish()
    keys = reader.part("keys", "list of keys")
    names = {} if keys is None else _texts(keys)
    reader.finish()
    if len(faults):
        raise InputErrors(faults.as_list())
    return SshCommands(path, commands, names, patterns)


def _switches(
    reader: FieldReader, key: str, name: str, place: str | None, commands: dict[str, str]
) -> None:
    part = reader.part(key, f"command {key}")
    if part is not None:
        commands[f"{name}.on"] = part.parsed("on", _holding(place), required=True) or ""
        commands[f"{name}.off"] = part.parsed("off", _holding(None), required=True) or ""
        part.finish()


def _texts(reader: FieldReader) -> dict[str, str]:
    found = {}
    for key in reader.keys:
        node = reader.node(key)
        if isinstance(node, YamlText):
            found[key] = reader.text(key)
    return found


def _holding(place: str | None) -> Callable[[str], str]:
    def check(text: str) -> str:
        if place is not None and "{" + place + "}" not in text:
            raise ValueError("a command that holds {" + place + "}, without quotes around it")
        return text

    return check


def _pattern(groups: set[str]) -> Callable[[str], re.Pattern[str]]:
    def check(text: str) -> re.Pattern[str]:
        try:
            found = re.compile(text)
        except re.error as error:
            raise ValueError(f"a regular expression ({error})") from None
        missing = groups - found.groupindex.keys()
        if missing:
            raise ValueError(f"a regular expression with groups named {', '.join(sorted(groups))}")
        return found

    return check
