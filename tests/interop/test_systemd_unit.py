"""The packaged unit: systemd's own tools read it, and its command line does what it promises."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_runner import Service, write_site
from peers import require_peer

from rig.commands.service_manager import ServiceManager

UNIT = Path(__file__).parents[2] / "share/systemd/phonerig-serve.service"
MOST_EXPOSED = 2.0
"""Of 10, as systemd-analyze rates it; "OK" ends at 4."""


def sections() -> dict[str, dict[str, list[str]]]:
    """The unit's settings; a name may be given several times."""

    class Several(dict):
        def __setitem__(self, name: str, value: object) -> None:
            if isinstance(value, list) and isinstance(self.get(name), list):
                self[name].extend(value)
            else:
                super().__setitem__(name, value)

    reader = configparser.RawConfigParser(
        strict=False, dict_type=Several, interpolation=None, delimiters=("=",)
    )
    reader.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    reader.read(UNIT)
    return {
        name: {key: value.split("\n") for key, value in reader.items(name)}
        for name in reader.sections()
    }


def command() -> list[str]:
    """The words of ExecStart."""
    (line,) = sections()["Service"]["ExecStart"]
    return shlex.split(line)


@pytest.mark.interop("systemd-analyze")
def test_systemd_reads_the_unit_and_rates_it_as_closed(tmp_path: Path) -> None:
    program = require_peer("systemd-analyze")
    text = UNIT.read_text()
    assert "/opt/phonerig/bin/phonerig" in text
    unit = tmp_path / UNIT.name
    unit.write_text(text.replace("/opt/phonerig/bin/phonerig", sys.executable))
    verified = subprocess.run(
        [program, "verify", unit], capture_output=True, text=True, timeout=60, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    rated = subprocess.run(
        [program, "security", "--offline=yes", "--no-pager", unit],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", rated.stdout)
    assert level is not None, rated.stderr
    assert float(level[1]) <= MOST_EXPOSED


def test_the_unit_gives_one_right_and_no_secret() -> None:
    service = sections()["Service"]
    assert service["CapabilityBoundingSet"] == ["CAP_NET_BIND_SERVICE"]
    assert service["AmbientCapabilities"] == ["CAP_NET_BIND_SERVICE"]
    for name in ("DynamicUser", "NoNewPrivileges", "PrivateDevices", "MemoryDenyWriteExecute"):
        assert service[name] == ["yes"], name
    assert service["ProtectSystem"] == ["strict"]
    assert service["LoadCredential"] == ["secrets:/etc/phonerig/secrets"]
    stop_within = command()[command().index("--stop-within") + 1]
    assert float(service["TimeoutStopSec"][0]) > 2 * float(stop_within)


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A service manager that hears what a service tells."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hearing:
        hearing.bind(str(path))
        hearing.settimeout(90)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield hearing


def test_its_command_line_starts_reloads_and_stops_as_the_manager_expects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manager: socket.socket
) -> None:
    site = write_site(tmp_path)
    state = tmp_path / "state"
    monkeypatch.setenv("STATE_DIRECTORY", str(state))
    given = {
        "/etc/phonerig/site.yaml": str(site),
        "${PHONERIG_HOST}": "127.0.0.1",
        "69": "0",
        "80": "0",
        "9469": "0",
    }
    program, *words = command()
    assert program == "/opt/phonerig/bin/phonerig"
    assert {*given} <= {*words}
    assert words.pop() == "$PHONERIG_OPTIONS"
    words = [given.get(word, word) for word in words]
    with Service(*words, "--json") as service:
        assert manager.recv(4096) == b"READY=1"
        told = json.loads(service.wait_for('"serving"').string)
        assert told["log"] == str(state / "fetches.sqlite")
        urllib.request.urlopen(f"{told['http']}/805ec01a2b01.cfg", timeout=30).close()
        service.process.send_signal(signal.SIGHUP)
        assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=[0-9]+", manager.recv(4096))
        assert manager.recv(4096) == b"READY=1"
        service.process.send_signal(signal.SIGTERM)
        assert manager.recv(4096) == b"STOPPING=1"
        assert service.process.wait(60) == 0
    assert (state / "fetches.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_manager_may_listen_at_an_abstract_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is written with an "@", and no file (sd_notify(3))."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hearing:
        hearing.bind("")  # the system chooses one
        hearing.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + hearing.getsockname()[1:].decode())
        ServiceManager.of_environment().tell("READY=1")
        assert hearing.recv(4096) == b"READY=1"
    assert "NOTIFY_SOCKET" not in os.environ, "child processes do not speak for this one"
