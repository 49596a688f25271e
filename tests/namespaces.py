"""A wire of its own between two network namespaces, for what must not reach any real network."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator

from peers import require_peer, require_root


@contextlib.contextmanager
def two_namespaces(far_address: str = "") -> Iterator[tuple[str, str, str, str]]:
    """A wire between two namespaces, the near end with the address 10.77.0.1.

    Args:
        far_address: of the far end; empty leaves it without one.

    Yields:
        Namespace and interface of the near end, then of the far one.
    """
    require_root()
    ip, names = require_peer("ip"), [f"pr{os.getpid()}{side}" for side in "sc"]
    far = f"v{os.getpid()}c"[:15]
    near = f"v{os.getpid()}s"[:15]
    commands = [
        f"netns add {names[0]}", f"netns add {names[1]}",
        f"link add {near} netns {names[0]} type veth peer name {far} netns {names[1]}",
        f"-n {names[0]} addr add 10.77.0.1/24 dev {near}", f"-n {names[0]} link set {near} up",
        f"-n {names[1]} link set {far} up",
        *([f"-n {names[1]} addr add {far_address}/24 dev {far}"] if far_address else []),
    ]  # fmt: skip
    try:
        for command in commands:
            subprocess.run([ip, *command.split()], check=True, capture_output=True)
        yield names[0], near, names[1], far
    finally:
        for name in names:
            subprocess.run([ip, "netns", "del", name], check=False, capture_output=True)
