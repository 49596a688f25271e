"""The namespace is empty but for loopback, children live in it, and the old one comes back."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest
from peers import require_root

from rig.errors import RigError
from rig.handset.netns import own_network_namespace


def namespace():
    """Which network namespace this thread is in."""
    return Path("/proc/thread-self/ns/net").readlink()


def links():
    """Names of the links that a child process sees."""
    done = subprocess.run(["ip", "-o", "link"], capture_output=True, check=True, text=True)
    return [line.split(":")[1].strip() for line in done.stdout.splitlines()]


def test_a_port_is_free_inside_although_it_is_taken_outside():
    require_root()
    before = namespace()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = taken.getsockname()
        with own_network_namespace():
            assert namespace() != before
            assert links() == ["lo"]
            with socket.socket() as inside:
                inside.bind(address)
                inside.listen()
                with socket.create_connection(address, 1) as client:
                    assert client.getpeername() == address
    assert namespace() == before


def test_an_error_inside_restores_the_namespace():
    require_root()
    before = namespace()
    with pytest.raises(KeyError), own_network_namespace():
        raise KeyError
    assert namespace() == before


def test_without_ip_the_missing_program_is_named(monkeypatch):
    require_root()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RigError, match="apt install iproute2"), own_network_namespace():
        pytest.fail("the body must not run")
