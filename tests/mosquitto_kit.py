"""A real Mosquitto with TLS and client certificates, that can be killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from certificate_kit import Issued, issue
from peers import require_peer

from rig.agent.link import Broker

ACL = Path(__file__).parents[1] / "examples" / "agents" / "mosquitto.acl"
CONF = Path(__file__).parents[1] / "examples" / "agents" / "mosquitto.conf"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Mosquitto:
    """A broker on loopback, as the example configures it; nothing of it outlives a kill."""

    def __init__(self, folder: Path) -> None:
        self._program = require_peer("mosquitto")
        self.folder = folder
        self.port = free_port()
        self.root = issue(folder, "root of the tests")
        self._server = issue(folder, "broker", self.root, alternative="localhost")
        text = CONF.read_text()
        for line, ours in (
            ("listener 8883", f"listener {self.port} 127.0.0.1\nuser root"),
            ("cafile /etc/mosquitto/certs/roots.pem", f"cafile {self.root.path}"),
            ("certfile /etc/mosquitto/certs/broker.pem", f"certfile {self._server.path}"),
            ("keyfile /etc/mosquitto/certs/broker.key", f"keyfile {self._server.path}"),
            ("acl_file /etc/mosquitto/phonerig.acl", f"acl_file {ACL}"),
        ):
            assert line in text, line
            text = text.replace(line, ours)
        self._conf = folder / "mosquitto.conf"
        self._conf.write_text(text)
        self.log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None

    def certificate(self, name: str, by: Issued | None = None) -> Path:
        """PEM file with certificate and key of a client."""
        return issue(self.folder, name, by or self.root, file=f"{name}-{time.monotonic_ns()}").path

    def broker(self, name: str, by: Issued | None = None) -> Broker:
        """How a client of a name reaches it."""
        pem = self.certificate(name, by)
        return Broker("localhost", self.port, self.root.path, pem, pem)

    def start(self) -> None:
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [self._program, "-c", str(self._conf)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert self._process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """As a power failure does; safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
