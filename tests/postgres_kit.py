"""A real PostgreSQL for tests: a cluster of its own in a temporary folder, ended by its id.

The server refuses to run as root, so it runs as ``nobody`` then. It listens on loopback at a
free port and asks for a password, so that what is tested is what a user has.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peers import unavailable

from provisioning.database_url import DatabaseUrl

PASSWORD = "s3cret-of-the-store"
USER = "mailbox"


def _program(name: str) -> Path:
    found = shutil.which(name)
    if found:
        return Path(found)
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not places:
        unavailable(f"peer program not installed: {name} (run 'make test-deps')")
    return places[-1]


class Cluster:
    """One server; databases by name.

    Attributes:
        port: where it listens on 127.0.0.1.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._names = 0
        self.port = 0
        self._server: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def _run(self, *words: str | Path) -> None:
        done = subprocess.run(
            [str(word) for word in words],
            cwd=self._folder,
            capture_output=True,
            timeout=60,
            check=False,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            **self._as,
        )
        assert done.returncode == 0, done.stderr.decode()

    def create(self) -> None:
        password = self._folder / "password"
        password.write_text(PASSWORD)
        if self._as:
            os.chown(password, self._as["user"], self._as["group"])
        self._run(
            _program("initdb"), "-D", self._data, "-U", USER, "-A", "scram-sha-256",
            f"--pwfile={password}", "-E", "UTF8", "--no-sync", "--no-instructions",
        )  # fmt: skip
        password.unlink()

    def start(self) -> None:
        """Start it and wait until it answers."""
        for _ in range(3):
            if not self.port:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", 0))
                    self.port = probe.getsockname()[1]
            log = (self._folder / "log").open("ab")
            self._server = subprocess.Popen(
                [
                    str(_program("postgres")), "-D", str(self._data), "-p", str(self.port),
                    "-c", "listen_addresses=127.0.0.1",
                    "-c", f"unix_socket_directories={self._folder}",
                    "-c", "max_connections=30", "-c", "shared_buffers=16MB",
                ],
                cwd=self._folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **self._as,
            )  # fmt: skip
            log.close()
            if self._answers():
                return
            self.port = 0
        raise AssertionError((self._folder / "log").read_text())

    def _answers(self) -> bool:
        import psycopg  # noqa: PLC0415 - without it there is nothing to test

        assert self._server is not None
        give_up_at = time.monotonic() + 30
        while time.monotonic() < give_up_at and self._server.poll() is None:
            try:
                psycopg.connect(self.url("postgres").secret.reveal(), connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return True
        return False

    def url(self, name: str, password: str = PASSWORD) -> DatabaseUrl:
        return DatabaseUrl(f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{name}")

    def database(self) -> DatabaseUrl:
        """A database with nothing in it."""
        self._names += 1
        name = f"store{self._names}"
        self.query("postgres", f"CREATE DATABASE {name}")
        return self.url(name)

    def query(self, name: str, text: str) -> list[tuple[Any, ...]]:
        import psycopg  # noqa: PLC0415 - optional

        with psycopg.connect(self.url(name).secret.reveal(), autocommit=True) as connection:
            cursor = connection.execute(text)
            return cursor.fetchall() if cursor.description else []

    def kill(self) -> None:
        """End it as a power cut would: no farewell to anybody."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(30)
            self._server = None


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A cluster for the time of the block; skips (in CI: fails) where there is no PostgreSQL."""
    try:
        import psycopg  # noqa: F401, PLC0415 - is it there?
    except ImportError:
        unavailable("psycopg is not installed (pip install 'phonerig[postgres]')")
    _program("initdb")
    folder = Path(tempfile.mkdtemp(prefix="phonerig-pg-"))
    cluster = Cluster(folder)
    try:
        cluster.create()
        cluster.start()
        yield cluster
    finally:
        cluster.kill()  # its folder goes with it: nothing needs to be tidied up
        shutil.rmtree(folder, ignore_errors=True)
