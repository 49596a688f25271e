"""Real TFTP servers as child processes on loopback: atftpd, tftpd-hpa and dnsmasq."""

from __future__ import annotations

import contextlib
import itertools
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from peers import free_sip_port, require_peer, require_root

Address = tuple[str, int]

_READY_S = 10.0
_dnsmasq_hosts = (f"127.0.69.{number}" for number in itertools.count(1))


@contextlib.contextmanager
def real_server(program: str, folder: Path) -> Iterator[Address]:
    """Run a server on a folder until the block ends.

    Args:
        program: ``atftpd``, ``tftpd-hpa`` or ``dnsmasq``; the last always has port 69, on an
            address of its own.
        folder: what it serves; atftpd and tftpd-hpa also take files into it.
    """
    require_root()
    folder.chmod(0o777)
    address = ("127.0.0.1", free_sip_port())
    if program == "atftpd":
        words = [require_peer("atftpd"), "--daemon", "--no-fork", "--user", "root.root"]
        words += ["--bind-address", address[0], "--port", str(address[1]), "--logfile", "-"]
        words += [str(folder)]
    elif program == "tftpd-hpa":
        words = [require_peer("in.tftpd-hpa"), "--foreground", "--user", "root", "--create"]
        words += ["--secure", "--permissive", "--address", "{}:{}".format(*address), str(folder)]
    else:
        address = (next(_dnsmasq_hosts), 69)
        words = [require_peer("dnsmasq"), "--no-daemon", "--conf-file=/dev/null", "--port=0"]
        words += ["--bind-interfaces", f"--listen-address={address[0]}", "--user=root"]
        words += ["--quiet-tftp", "--enable-tftp", f"--tftp-root={folder}"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_until_it_answers(address, process)
            yield address
        finally:
            process.terminate()
            process.wait(10)


def _wait_until_it_answers(address: Address, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.1)
        while time.monotonic() < deadline and process.poll() is None:
            sock.sendto(b"\0\1nothing\0octet\0", address)
            with contextlib.suppress(OSError):
                sock.recv(600)
                return
    raise AssertionError(f"{process.args!r} does not answer at {address}")
