"""Finds the real programs that interop tests run, and says plainly when one is missing."""

from __future__ import annotations

import os
import shutil
import socket
from typing import NoReturn

import pytest


def unavailable(reason: str) -> NoReturn:
    """Skip with a reason; in CI, where everything must be there, fail."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def require_peer(*names: str) -> str:
    """Return the path of the first installed program of ``names``.

    In CI a missing peer fails the test; on a developer's machine it skips, with the reason.
    """
    for name in names:
        path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")
        if path:
            return path
    unavailable(f"peer program not installed: {' or '.join(names)} (run 'make test-deps')")


def require_root() -> None:
    """Skip (fail in CI) unless the test runs as root."""
    if os.geteuid() == 0:
        return
    unavailable("needs root (raw sockets or network namespaces)")


def free_sip_port(host: str = "127.0.0.1") -> int:
    """A port that is free for UDP and TCP at this moment, for a program that wants a number."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind((host, 0))
            port: int = udp.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
                try:
                    tcp.bind((host, port))
                except OSError:
                    continue
                return port
