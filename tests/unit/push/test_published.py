"""Which files of a site are published encrypted, and which are not published at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_runner import write_site
from handset_lab import profiles
from typer.testing import CliRunner

from provisioning.config_encryption import decrypt
from provisioning.secret import Secret
from rig.cli import app

KEY = "Ab3456789012345F"


def site(tmp_path: Path, *, model: str = "T46U", key: str = KEY, has: str = "true") -> Path:
    path = write_site(tmp_path, model=model)
    wish = f'encryption: {{key: "demo:{key}", phones_have_key: {has}}}'
    url = 'url: "http://127.0.0.1"'
    path.write_text(path.read_text().replace(f"{url}}}", f"{url}, {wish}}}"))
    return path


def push(*arguments: object):
    return CliRunner().invoke(app, ["push", *map(str, arguments)])


def test_files_with_secrets_are_encrypted_and_their_diff_is_readable(tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    path = site(tmp_path)
    assert push(path, "--to", served).exit_code == 0
    content = (served / "805ec01a2b01.cfg").read_bytes()
    assert b"account.1" not in content
    how = profiles()["T46U"].encryption
    assert how is not None
    opened = decrypt(content, Secret(KEY), how)
    assert b"account.1.user_name = anna" in opened
    assert b"account.1" not in (served / "y000000000108.cfg").read_bytes()
    assert json.loads(push(path, "--to", served, "--json").stdout)["delivered"] == []
    path.write_text(path.read_text().replace("user: 101}]", "user: 101, label: Empfang}]"))
    diff = push(path, "--to", served, "--diff").stdout
    assert "+account.1.label = Empfang" in diff
    assert "quitte" not in diff


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"has": "false"}, "nothing says that the phones have the encryption key"),
        ({"key": "short"}, "the encryption key is none that these phones take"),
        ({"model": "D785"}, "D785 cannot decrypt its files"),
        ({"model": "CP-8841-3PCC"}, "CP-8841-3PCC would lose the key: Profile_Rule"),
    ],
)
def test_what_a_phone_could_not_decrypt_is_not_published(
    tmp_path: Path, wish: dict[str, str], says: str
) -> None:
    served = tmp_path / "served"
    served.mkdir()
    result = push(site(tmp_path, **wish), "--to", served)
    assert result.exit_code == 2
    assert says in result.stderr
    assert "site.yaml:" in result.stderr
    assert KEY not in result.stderr
    assert list(served.iterdir()) == []
