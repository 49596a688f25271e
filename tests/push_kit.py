"""Real servers that take uploads, each of one test: own port, own folder, nothing of the system's.

And a relay that cuts a connection after so many octets, as a cable that is pulled does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Self

from peers import require_peer, require_root

from provisioning.push.deliver import Delivery, Outcome, PushedFile
from provisioning.push.target import PushTarget

NGINX = """\
daemon off;
master_process off;
user root;
error_log stderr;
pid {folder}/nginx.pid;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port};
    listen 127.0.0.1:{tls_port} ssl;
    ssl_certificate {folder}/cert.pem;
    ssl_certificate_key {folder}/key.pem;
    root {folder};
    location /dav/ {{ dav_methods PUT DELETE MKCOL MOVE; create_full_put_path on; }}
    location /put/ {{ dav_methods PUT; create_full_put_path on; }}
    location /closed/ {{ }}
    location /full/ {{ dav_methods PUT DELETE MOVE; }}
    location /small/ {{ dav_methods PUT DELETE MOVE; client_max_body_size 2k; }}
    location /moved/ {{ return 307 /dav/; }}
    location /basic/ {{
      dav_methods PUT DELETE MOVE; auth_basic r; auth_basic_user_file {folder}/users;
    }}
  }}
}}
"""

LIGHTTPD = """\
server.document-root = "{folder}"
server.port = {port}
server.bind = "127.0.0.1"
server.errorlog = "{folder}/lighttpd.log"
server.upload-dirs = ("{folder}")
server.modules = ("mod_auth", "mod_authn_file", "mod_webdav")
auth.backend = "plain"
auth.backend.plain.userfile = "{folder}/users"
auth.require = ("/" => ("method" => "digest", "realm" => "r", "require" => "valid-user"))
webdav.activate = "enable"
webdav.is-readonly = "disable"
"""


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(
    command: list[str], is_up: Callable[[], bool], log: Path, limit_s: float = 30.0
) -> Iterator[int]:
    """Run a server in the foreground; ends it, and only it, by its process id."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        deadline = time.monotonic() + limit_s
        while not is_up():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(port: int) -> Callable[[], bool]:
    def up() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    return up


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[tuple[int, int]]:
    """An nginx with folders of every kind; its ports for HTTP and HTTPS."""
    program, openssl = require_peer("nginx"), require_peer("openssl")
    for name in ("dav", "put", "closed", "full", "small", "basic", "body"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "users").write_text("anna:{PLAIN}quitte\n")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem",
         "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    port, tls_port = free_port(), free_port()
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, tls_port=tls_port))
    command = [program, "-p", str(folder), "-c", str(config)]
    with running(command, answers(port), folder / "nginx.log"):
        yield port, tls_port


@contextlib.contextmanager
def lighttpd(folder: Path) -> Iterator[int]:
    """A WebDAV server that wants Digest, account anna; its port."""
    program = require_peer("lighttpd")
    (folder / "dav").mkdir(exist_ok=True)
    (folder / "users").write_text("anna:quitte\n")
    port = free_port()
    config = folder / "lighttpd.conf"
    config.write_text(LIGHTTPD.format(folder=folder, port=port))
    with running([program, "-D", "-f", str(config)], answers(port), folder / "out.log"):
        yield port


@contextlib.contextmanager
def tftpd(name: str, folder: Path) -> Iterator[int]:
    """A TFTP server that takes uploads, ``atftpd`` or ``in.tftpd-hpa``; its port."""
    require_root()
    program = require_peer(name)
    port = free_port(socket.SOCK_DGRAM)
    folder.chmod(0o777)
    command = [program, "--foreground", "--secure", "--user", "root", "--permissive", "--create",
               "--address", f"127.0.0.1:{port}", str(folder)]  # fmt: skip
    if name == "atftpd":
        command = [program, "--daemon", "--no-fork", "--port", str(port), "--user", "root.root",
                   "--bind-address", "127.0.0.1", "--logfile", "-", str(folder)]  # fmt: skip

    def up() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.3)
            probe.sendto(b"\0\1nothing\0octet\0", ("127.0.0.1", port))
            with contextlib.suppress(OSError):
                return bool(probe.recv(600))
        return False

    with running(command, up, folder.parent / "tftpd.log"):
        yield port


@contextlib.contextmanager
def small_disk(folder: Path, kibibytes: int, seen_by: int = 0) -> Iterator[Path]:
    """A file system of a size, mounted on a folder as a process sees it; how to look at it."""
    require_root()
    pid = seen_by or os.getpid()
    inside = [require_peer("nsenter"), "--target", str(pid), "--mount"]
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", str(folder)]
    subprocess.run([*inside, *mount], check=True)
    try:
        yield Path(f"/proc/{pid}/root{folder}")
    finally:
        subprocess.run([*inside, "umount", "-l", str(folder)], check=True)


class CuttingRelay:
    """Passes TCP on to a port and cuts everything after so many octets from the client."""

    def __init__(self, to: int, after: int) -> None:
        self._to = to
        self._left = after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._open += [near, far]
                for source, sink, counts in ((near, far, True), (far, near, False)):
                    threading.Thread(
                        target=self._pass, args=(source, sink, counts), daemon=True
                    ).start()

    def _pass(self, source: socket.socket, sink: socket.socket, counts: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                if counts:
                    self._left -= len(data)
                    if self._left < 0:
                        break
                sink.sendall(data)
        self._cut()

    def _cut(self) -> None:
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


def push(
    target: PushTarget, files: Iterable[PushedFile], record: Path, *, prune: bool = False
) -> Outcome:
    """One push from begin to end."""

    async def run() -> Outcome:
        async with target:
            delivery = Delivery(target, files, record)
            await delivery.look()
            return await delivery.run(prune=prune)

    return asyncio.run(run())


def there(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def empty(folder: Path) -> None:
    """Remove what is in a folder."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
