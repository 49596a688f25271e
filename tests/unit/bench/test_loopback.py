"""Whether a host is this computer: everything that needs no encryption hangs on it."""

from __future__ import annotations

import pytest

from rig.loopback import is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.83.12.2", "::1", "localhost", "LocalHost"])
def test_this_computer(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "10.0.0.1", "0.0.0.0", "::", "fe80::1", "localhost.example", "127.0.0.1.example"]
)
def test_others(host):
    assert not is_loopback(host)
