"""A labgrid lab on loopback: coordinator, exporter with its ser2net, a power switch over HTTP."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lamp_board_kit import wait_until
from peers import free_sip_port, require_peer, unavailable

from rig.hardware.labgrid_place import LabgridPlace, PlaceAddress

ROOT = Path(__file__).parents[1]
PROGRAMS = ROOT / ".venv-labgrid" / "bin"
CLIENT = PROGRAMS / "labgrid-client"
INSTALL_LIMIT_S = 240

EXPORTER = """\
phone:
  NetworkPowerPort:
    model: rest
    host: 'http://127.0.0.1:{switch}/relay/{{index}}'
    index: 1
lamps:
  RawSerialPort: {{port: {device}, speed: 115200}}
"""
# The exporter lets ser2net listen on every interface; in a test it is to be loopback.
SER2NET = """\
#!/bin/bash
exec {program} "${{@//,tcp,/,tcp,127.0.0.1,}}"
"""


def require_labgrid() -> None:
    """Make labgrid's own environment, or say why it is not there."""
    done = subprocess.run(
        [ROOT / "tools" / "install_labgrid.sh"],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True, text=True, timeout=INSTALL_LIMIT_S, check=False,
    )  # fmt: skip
    if done.returncode or not CLIENT.exists():
        unavailable(f"labgrid was not installed: {done.stderr[-800:]}")


class Switch(ThreadingHTTPServer):
    """One contact, as labgrid's model ``rest`` wants it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Contact)
        self.on = True
        self.obeys = True
        self.told: list[str] = []


class _Contact(BaseHTTPRequestHandler):
    server: Switch

    def answer(self, body: bytes) -> None:
        self.send_response(200 if self.path == "/relay/1" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.answer(b"1" if self.server.on else b"0")

    def do_PUT(self) -> None:
        word = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.told.append(word)
        if self.server.obeys:
            self.server.on = word == "1"
        self.answer(b"")

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def switch() -> Iterator[Switch]:
    server = Switch()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class Coordinator:
    """Keeps its places in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.at = f"127.0.0.1:{free_sip_port()}"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.env = {**os.environ, "LG_COORDINATOR": self.at, "LG_USERNAME": "lab"}

    def launch(self, *command: object, until: str, **more: str) -> subprocess.Popen[bytes]:
        log = self.folder / f"{Path(str(command[0])).name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*map(str, command)], cwd=self.folder, env={**self.env, **more},
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)

        def up() -> bool:
            assert process.poll() is None, log.read_text()
            return until in log.read_text()

        wait_until(up)
        return process

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self.launch(PROGRAMS / "labgrid-coordinator", "-l", self.at, until="Coordinator ready")

    def stop(self) -> None:
        """An exporter first: it ends its ser2net."""
        while self.processes:
            process = self.processes.pop()
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)

    def client(self, place: str, *words: str, user: str = "lab") -> str:
        """Run labgrid's own client as somebody; what it prints, or complains."""
        done = subprocess.run(
            [CLIENT, "-p", place, *words], env={**self.env, "LG_USERNAME": user},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.stdout if done.returncode == 0 else done.stderr

    def address(self, place: str = "desk-7") -> PlaceAddress:
        return PlaceAddress("desk", self.at, place, str(CLIENT))

    def place(self, place: str = "desk-7") -> LabgridPlace:
        return LabgridPlace(self.address(place))


class Lab(Coordinator):
    """A place ``desk-7`` with a lamp board's serial line and a power switch."""

    def __init__(self, folder: Path, device: str, switch: Switch) -> None:
        super().__init__(folder)
        self.device = os.path.realpath(device)
        self.switch = switch

    def start(self) -> None:
        super().start()
        own = self.folder / "bin"
        own.mkdir()
        wrapper = own / "ser2net"
        wrapper.write_text(SER2NET.format(program=require_peer("ser2net")))
        wrapper.chmod(0o755)
        port = self.switch.server_address[1]
        (self.folder / "exporter.yaml").write_text(
            EXPORTER.format(switch=port, device=self.device)
        )
        self.launch(
            PROGRAMS / "labgrid-exporter", "-n", "site", "--hostname", "127.0.0.1",
            "exporter.yaml", until="Exporter ready", PATH=f"{own}:{os.environ['PATH']}",
        )  # fmt: skip
        assert self.client("desk-7", "create") == ""
        assert self.client("desk-7", "add-match", "site/*/*") == ""

    def ser2nets(self) -> list[str]:
        """Command lines of what serves this line now."""
        found = []
        for each in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                line = each.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if "ser2net" in line and f"{self.device}," in line:
                    found.append(line)
        return found
