"""A file that may not be read, a host that nobody knows: what, where, and what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from provisioning import ssh
from rig.capture.analysis import analyse_capture
from rig.errors import RigError, UsageError


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.pcap"

    def refuse(self: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UsageError, match=r"secret\.pcap: you may not read it; .*chmod a\+r"):
        analyse_capture(path)


def test_a_host_that_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(ssh, "_log_in", unknown)
    host = ssh.SshHost.parse("root@pbx.invalid")
    with pytest.raises(RigError, match=r"pbx\.invalid: nobody knows this name .*spelling"):
        ssh.connect(host, ssh.SshLogin(known_hosts=tmp_path / "none"))
