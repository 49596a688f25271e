"""A switch with PoE ports for tests: snmpsim, a real SNMP agent in a process of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from peers import unavailable

from provisioning.secret import Secret
from rig.hardware.poe_snmp import PoeSwitch, PortIndex
from rig.hardware.power import PowerLimits
from rig.hardware.snmp_agent import (
    AuthProtocol,
    CommunityAccess,
    PrivProtocol,
    SnmpAgent,
    UserAccess,
)

COMMUNITY = "lab-writes"
USER, AUTH_KEY, PRIV_KEY = "rig", "auth-key-4711", "priv-key-0815"
PORT_KINDS = ("phone", "stuck", "empty", "broken", "late", "fixed")
"""Kinds of the ports 1, 2, ... of :func:`poe_switch`; ``poe_port.py`` says what each does."""
QUICK = PowerLimits(off_s=0.6, on_s=0.6, poll_s=0.02)
PATIENT = PowerLimits(off_s=5.0, on_s=5.0, poll_s=0.02)

_TABLE = "1.3.6.1.2.1.105.1.1.1"
_MODULES = Path(__file__).parent / "snmpsim_modules"


@dataclass
class SwitchProcess:
    """The agent.

    Attributes:
        port: UDP port on 127.0.0.1.
        process: of the agent.
    """

    port: int
    process: subprocess.Popen[bytes]

    def agent(self, access=None, **options) -> SnmpAgent:
        access = access or CommunityAccess(Secret(COMMUNITY))
        return SnmpAgent("sw1", "127.0.0.1", access, port=self.port, **options)

    def switch(self, access=None, *, limits=QUICK, uplinks=(), **options) -> PoeSwitch:
        ports = frozenset(PortIndex(1, n) for n in range(1, len(PORT_KINDS) + 2))
        return PoeSwitch(self.agent(access, **options), ports, frozenset(uplinks), limits)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def by_user(
    user=USER, auth=AUTH_KEY, priv=PRIV_KEY,
    auth_protocol=AuthProtocol.SHA256, priv_protocol=PrivProtocol.AES,
) -> UserAccess:  # fmt: skip
    return UserAccess(user, Secret(auth), Secret(priv), auth_protocol, priv_protocol)


@contextlib.contextmanager
def poe_switch(
    folder: Path, kinds: Mapping[int, str] | None = None, *, auth="SHA256", priv="AES"
) -> Iterator[SwitchProcess]:
    """Start an agent that serves v2c and v3, and end it."""
    if importlib.util.find_spec("snmpsim") is None:
        unavailable("snmpsim is not installed; pip install -e '.[dev]'")
    ports = kinds or dict(enumerate(PORT_KINDS, start=1))
    data = folder / "data"
    data.mkdir(parents=True)
    rows = [
        f"{_TABLE}.{column}.1.{port}|2:poe_port|{kind}\n"
        for column in (3, 6)
        for port, kind in sorted(ports.items())
    ]
    for context in (COMMUNITY, "self"):
        (data / f"{context}.snmprec").write_text("".join(rows))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [
        "--cache-dir", str(folder / "cache"), "--variation-modules-dir", str(_MODULES),
        "--v3-engine-id", "auto", "--data-dir", str(data),
        "--v3-user", USER, "--v3-auth-key", AUTH_KEY, "--v3-auth-proto", auth,
        "--v3-priv-key", PRIV_KEY, "--v3-priv-proto", priv,
        "--agent-udpv4-endpoint", f"127.0.0.1:{port}",
        "--logging-method", "stderr",
    ]  # fmt: skip
    run = "import sys; from snmpsim.commands.responder import main; sys.exit(main())"
    with (folder / "stderr").open("wb") as complaints:
        process = subprocess.Popen(
            [sys.executable, "-c", run, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=complaints,
            stderr=complaints,
            # Else it gives up root and cannot read Python's own files any more.
            env=os.environ | {"SNMPSIM_ALLOW_ROOT": "true"},
        )
    server = SwitchProcess(port, process)
    try:
        _wait_until_bound(server, folder)
        yield server
    finally:
        server.stop()


def _wait_until_bound(server: SwitchProcess, folder: Path) -> None:
    """Wait until somebody else has the port: before, it can be bound here."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert server.process.poll() is None, (folder / "stderr").read_text()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", server.port))
            except OSError:
                return
        time.sleep(0.05)
    raise AssertionError((folder / "stderr").read_text())


def open_files() -> int:
    """How many files and sockets this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
