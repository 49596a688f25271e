"""A real SSH server of one test: own port, own keys, own configuration, nothing of the system's.

It runs in a mount namespace of its own, where /run is empty, because it wants a folder there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from peers import require_peer, require_root

CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
AllowTcpForwarding no
Subsystem sftp internal-sftp
"""


@dataclass
class SshServer:
    """Where it is, and who may come in.

    Attributes:
        port: on 127.0.0.1.
        folder: of its files.
        identity: private key that opens it.
        process: the server.
    """

    port: int
    folder: Path
    identity: Path
    process: subprocess.Popen[bytes]

    @property
    def target(self) -> str:
        return f"root@127.0.0.1:{self.port}"

    def known_hosts(self, *more_ports: int) -> Path:
        kind, key, *_ = (self.folder / "host_key.pub").read_text().split()
        path = self.folder / "known_hosts"
        lines = [f"[127.0.0.1]:{port} {kind} {key}\n" for port in (self.port, *more_ports)]
        path.write_text("".join(lines))
        return path

    def children(self) -> list[int]:
        """Processes below the server: sessions, guards, tcpdump."""
        found, todo = [], [self.process.pid]
        while todo:
            with contextlib.suppress(OSError):
                pid = todo.pop()
                for path in Path(f"/proc/{pid}/task").glob("*/children"):
                    below = [int(word) for word in path.read_text().split()]
                    found += below
                    todo += below
        return found

    def tcpdumps(self) -> list[int]:
        names = {}
        for pid in self.children():
            with contextlib.suppress(OSError):
                names[pid] = Path(f"/proc/{pid}/comm").read_text().strip()
        return [pid for pid, name in names.items() if name == "tcpdump"]


def make_key(path: Path) -> None:
    keygen = require_peer("ssh-keygen")
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)


@contextlib.contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    """Start a server and end it with everything below it."""
    require_root()
    sshd, unshare = require_peer("sshd"), require_peer("unshare")
    require_peer("tcpdump")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    make_key(folder / "host_key")
    make_key(folder / "identity")
    (folder / "authorized_keys").write_bytes((folder / "identity.pub").read_bytes())
    config = folder / "sshd_config"
    config.write_text(CONFIG.format(port=port, folder=folder))
    script = f"mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec {sshd} -D -e -f {config}"
    with (folder / "sshd.log").open("wb") as log:
        process = subprocess.Popen(
            [unshare, "--mount", "sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server = SshServer(port, folder, folder / "identity", process)
    try:
        _wait_until_it_answers(server)
        yield server
    finally:
        for pid in (*server.children(), process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_answers(server: SshServer) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(
            ("127.0.0.1", server.port), 1
        ) as sock:  # fmt: skip
            if sock.recv(4).startswith(b"SSH"):
                return
        assert server.process.poll() is None, (server.folder / "sshd.log").read_text()
        time.sleep(0.05)
    raise AssertionError((server.folder / "sshd.log").read_text())
