"""Where to push to, as it is written on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.errors import UsageError
from provisioning.push.address import Access, open_target
from provisioning.push.folder_target import FolderTarget
from provisioning.push.sftp_target import SftpTarget
from provisioning.push.tftp_target import TftpTarget
from provisioning.push.web_target import WebTarget
from provisioning.secret import Secret


@pytest.mark.parametrize(
    ("to", "kind", "where", "in_clear"),
    [
        ("/srv/tftp", FolderTarget, "/srv/tftp", False),
        (
            "sftp://root@pbx.example/srv/tftp",
            SftpTarget,
            "sftp://root@pbx.example/srv/tftp",
            False,
        ),
        ("sftp://pbx:2222/~/cfg", SftpTarget, "sftp://pbx:2222/~/cfg", False),
        ("sftp://[2001:db8::1]/a%20b", SftpTarget, "sftp://[2001:db8::1]/a b", False),
        ("https://pbx.example/cfg/", WebTarget, "https://pbx.example/cfg", False),
        ("http://pbx.example:8080/cfg", WebTarget, "http://pbx.example:8080/cfg", True),
        ("tftp://10.0.0.1", TftpTarget, "tftp://10.0.0.1:69", True),
        ("tftp://10.0.0.1:6969/cfg/", TftpTarget, "tftp://10.0.0.1:6969/cfg", True),
    ],
)
def test_targets(to: str, kind: type, where: str, in_clear: bool) -> None:
    target = open_target(to, Access())
    assert (type(target), target.where, target.in_clear) == (kind, where, in_clear)


@pytest.mark.parametrize(
    ("to", "says"),
    [
        ("", "is empty"),
        ("ftp://host/x", "unknown protocol 'ftp'"),
        ("http://host:99999/", "is no URL"),
        ("http:///x", "expected a folder"),
        ("https://host/x?y=1", "expected a folder"),
        ("http://anna@host/", "by --user"),
        ("sftp://root:PLANTED@host/", "--password env:NAME"),
        ("https://u:PLANTED@host/", "--password env:NAME"),
    ],
)
def test_what_is_no_target_is_refused_and_no_password_is_shown(to: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_target(to, Access())
    assert says in str(caught.value)
    assert "PLANTED" not in str(caught.value)


def test_no_target_shows_its_password() -> None:
    access = Access(user="anna", password=Secret("PLANTED"), ca=Path("x"))
    for to in ("sftp://h/x", "https://h/x"):
        assert "PLANTED" not in repr(vars(open_target(to, access)))
