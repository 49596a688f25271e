"""An own network namespace for the calling thread, so that ports never collide.

Machines are shared: fixed ports collide, and a loopback capture shows strangers' packets. Inside
the namespace only ``lo`` is up. Sockets opened and children started by the thread live in it; the
kernel removes it with its last member, so nothing is left behind after a crash.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rig.errors import RigError

_CLONE_NEWNET = 0x40000000
_OWN = Path("/proc/thread-self/ns/net")
_START_S = 10.0


@contextmanager
def own_network_namespace() -> Iterator[None]:
    """Run the body of a ``with`` in a fresh network namespace with loopback up.

    Only the calling thread moves; an event loop that runs in it moves along. Leaving restores
    the namespace from before.

    Raises:
        RigError: no privilege (it needs root), or loopback could not be brought up.

    Source: namespaces(7), unshare(2), setns(2).
    """
    before = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("unshare", _CLONE_NEWNET)
        try:
            _bring_loopback_up()
            yield
        finally:
            _call("setns", before, _CLONE_NEWNET)
    finally:
        os.close(before)


def _call(function: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise RigError(f"network namespace: {function} failed: {reason}; run as root")


def _bring_loopback_up() -> None:
    try:
        done = subprocess.run(
            ["ip", "link", "set", "lo", "up"],  # noqa: S607 - found by PATH on every distribution
            capture_output=True,
            check=False,
            timeout=_START_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise RigError(
            f"network namespace: cannot run ip: {error}; apt install iproute2"
        ) from None
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip()
        raise RigError(f"network namespace: lo stays down: {reason}")
