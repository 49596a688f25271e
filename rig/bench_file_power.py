"""Reads the switches and relays of a bench file, and which of their ports feed whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from provisioning.errors import UsageError
from provisioning.inventory_fields import FieldReader, parse_text
from provisioning.inventory_reading import HOST, HOST_FORM, NO_SECRET, Reading
from provisioning.known_names import known_names
from provisioning.secret import Secret
from provisioning.yaml_source import YamlMap
from rig.bench_parts import PowerSource
from rig.hardware.http_relay import HttpRelayPort, RelayDevice, check_url
from rig.hardware.poe_snmp import PoePort, PoeSwitch, PortIndex, parse_ports
from rig.hardware.power import PowerPort
from rig.hardware.relay_board import CHANNEL, RelayBoard, read_board, shipped_boards
from rig.hardware.snmp_agent import (
    MIN_KEY_CHARS,
    SNMP_PORT,
    AuthProtocol,
    CommunityAccess,
    PrivProtocol,
    SnmpAgent,
    UserAccess,
)

USER = r"[!-9;-~]{1,32}"
USER_FORM = "up to 32 printable characters without space or colon"


@dataclass(frozen=True, slots=True)
class SwitchSource:
    """A switch of the file.

    Attributes:
        name: for messages.
        switch: itself.
    """

    name: str
    switch: PoeSwitch

    def port(self, part: FieldReader) -> tuple[str, PowerPort] | None:
        """Make the port that a handset hangs on."""

        def allowed(text: str) -> PortIndex:
            index = PortIndex.parse(text)
            if reason := self.switch.why_not(index):
                raise ValueError(f"a port that may be switched: {reason}")
            return index

        index = part.parsed("port", allowed, required=True)
        return None if index is None else (f"port {index}", PoePort(self.switch, index))


@dataclass(frozen=True, slots=True)
class RelaySource:
    """A relay board of the file.

    Attributes:
        name: for messages.
        device: itself.
    """

    name: str
    device: RelayDevice

    def port(self, part: FieldReader) -> tuple[str, PowerPort] | None:
        """Make the contact that feeds a handset."""
        channel = part.text("channel", required=True, pattern=CHANNEL, form="a channel such as 0")
        closed = part.flag("normally_closed", default=False)
        if not channel:
            return None
        port = HttpRelayPort(self.device, channel, normally_closed=closed)
        return f"channel {channel}", port


def read_switches(
    parts: Iterable[tuple[str, FieldReader]], reading: Reading
) -> dict[str, PowerSource]:
    """Read every switch.

    Args:
        parts: name and mapping of each.
        reading: opens secrets and takes faults.
    """
    found = {f"switch {name}": _switch(name, part, reading) for name, part in parts}
    return {name: SwitchSource(name, one) for name, one in found.items() if one is not None}


def _switch(name: str, part: FieldReader, reading: Reading) -> PoeSwitch | None:
    host = part.text("host", required=True, pattern=HOST, form=HOST_FORM)
    port = part.integer("snmp_port", SNMP_PORT, low=1, high=65535)
    timeout_s = part.number("timeout_s", 1.0, low=0.05, high=30)
    retries = part.integer("retries", 2, low=0, high=10)
    ports, uplinks = _ports(part, "ports", reading), _ports(part, "uplinks", reading)
    if part.usable and not part.items("ports"):
        part.faults.add(
            part.position, f"switch {name!r} has no 'ports'", expected="ports: [1-24]",
            fix="List the ports that phones hang on; no other port is ever switched.",
        )  # fmt: skip
    access = _access(part, reading)
    part.finish()
    if not host or access is None:
        return None
    agent = SnmpAgent(
        name, host.strip("[]"), access, port=port, timeout_s=timeout_s, retries=retries
    )
    return PoeSwitch(agent, ports, uplinks)


def _ports(part: FieldReader, key: str, reading: Reading) -> frozenset[PortIndex]:
    found: set[PortIndex] = set()
    for node in part.items(key):
        ports = parse_text(node, f"{key!r} of the {part.what}", parse_ports, reading.faults)
        found |= ports or set()
    return frozenset(found)


def _access(part: FieldReader, reading: Reading) -> CommunityAccess | UserAccess | None:
    user = part.text("user", pattern=USER, form=USER_FORM)
    if not user:
        community = reading.secret(part, "community", required=True)
        return None if community is None else CommunityAccess(community)
    before = len(reading.faults)
    auth = part.choice("auth", AuthProtocol) or AuthProtocol.SHA256
    priv = part.choice("priv", PrivProtocol) or PrivProtocol.AES
    keys = []
    for key in ("auth_key", "priv_key"):
        secret = reading.secret(part, key)
        if secret is not None and len(secret.reveal()) < MIN_KEY_CHARS:
            reading.faults.add(
                part.position_of(key), f"{key!r} of the {part.what} is too short",
                expected=f"at least {MIN_KEY_CHARS} characters (RFC 3414 section 11.2)",
                fix="Give the switch's user a longer one.",
            )  # fmt: skip
        keys.append(secret or NO_SECRET)
    if len(reading.faults) > before:
        return None
    return UserAccess(user, keys[0], keys[1], auth, priv)


def read_relays(
    parts: Iterable[tuple[str, FieldReader]], reading: Reading
) -> dict[str, PowerSource]:
    """Read every relay board.

    Args:
        parts: name and mapping of each.
        reading: opens secrets and takes faults.
    """
    found = {f"relay {name}": _relay(name, part, reading) for name, part in parts}
    return {name: RelaySource(name, one) for name, one in found.items() if one is not None}


def _relay(name: str, part: FieldReader, reading: Reading) -> RelayDevice | None:
    url = part.parsed("url", check_url, required=True)
    board = _board(name, part, reading)
    user = part.text("user", pattern=USER, form=USER_FORM)
    password = reading.secret(part, "password", required=bool(user)) or Secret("")
    timeout_s = part.number("timeout_s", 4.0, low=0.05, high=30)
    part.finish()
    if url is None or board is None:
        return None
    device = RelayDevice(name, url, board, user, password, timeout_s=timeout_s)
    try:
        HttpRelayPort(device, "0")
    except UsageError as error:
        reading.faults.add(
            part.position_of("user"),
            str(error),
            expected="no user",
            fix="Remove user and password.",
        )
        return None
    return device


def _board(name: str, part: FieldReader, reading: Reading) -> RelayBoard | None:
    node = part.node("board", required=True)
    if node is None:
        return None
    if isinstance(node, YamlMap):
        return read_board(node, name, reading.faults)

    def shipped(text: str) -> RelayBoard:
        boards = shipped_boards()
        if text not in boards:
            raise ValueError(
                f"a relay board that is known, or its description; {known_names(text, boards)}"
            )
        return boards[text]

    return part.parsed("board", shipped)
