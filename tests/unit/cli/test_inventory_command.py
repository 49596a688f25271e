"""``phonerig inventory``: warnings that can be read, and secrets that may stand in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from provisioning.secret import SecretResolver
from rig.cli import app

SITE = """\
site:
  name: T
  domain: t.example
  provisioning: {{url: http://t.example/}}
  admin_password: "file:sip0"
users:
{users}
handsets: []
"""


def a_site_with_readable_secrets(folder: Path, count: int) -> Path:
    users = []
    for number in range(count):
        (folder / f"sip{number}").write_text("Wolke-12-Baum")
        (folder / f"sip{number}").chmod(0o644)
        users.append(
            f"  - {{name: U{number}, number: +49 30 23125 {100 + number}, "
            f'sip: {{user: u{number}, password: "file:sip{number}"}}}}'
        )
    path = folder / "site.yaml"
    path.write_text(SITE.format(users="\n".join(users)))
    return path


@pytest.mark.parametrize(("users", "lines"), [(4, 5), (40, 5)])
def test_many_warnings_of_one_kind_do_not_hide_the_rest(tmp_path, users, lines):
    site = a_site_with_readable_secrets(tmp_path, users)
    done = CliRunner().invoke(app, ["inventory", "check", str(site)])
    assert done.exit_code == 0
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == lines
    assert f"no fault, {users + 1} warnings" in done.stdout
    assert (f"{users + 1 - 4} more, up to {site}:46" in warnings[-1]) == (users == 40)
    listed = json.loads(
        CliRunner().invoke(app, ["inventory", "check", str(site), "--json"]).stdout
    )
    assert len(listed["warnings"]) == users + 1
    assert listed["warnings"][0]["fix"] == f"Run chmod o-rwx {tmp_path / 'sip0'}"


def test_a_secret_is_sealed_and_opens_again(tmp_path):
    key = CliRunner().invoke(app, ["inventory", "seal", "--new-key"]).stdout.strip()
    env = {"PHONERIG_SEAL_KEY": key}
    done = CliRunner().invoke(app, ["inventory", "seal"], input="Käse und Brot\r\n", env=env)
    assert done.exit_code == 0
    reference = done.stdout.strip()
    assert "Brot" not in reference
    assert SecretResolver(tmp_path, environ=env).resolve(reference).reveal() == "Käse und Brot"


@pytest.mark.parametrize(
    ("key", "secret", "complaint"),
    [
        (None, "Brot\n", "'phonerig inventory seal --new-key' makes a new key"),
        ("short", "Brot\n", "expected 32 bytes in URL-safe base64"),
        ("A" * 43 + "=", "\n", "there is no secret to seal"),
    ],
)
def test_what_cannot_be_sealed_says_what_is_missing(key, secret, complaint):
    env = {"PHONERIG_SEAL_KEY": key, "PHONERIG_SEAL_KEY_FILE": None}
    done = CliRunner().invoke(app, ["inventory", "seal"], input=secret, env=env)
    assert done.exit_code == 2
    assert complaint in done.stderr
    assert "Brot" not in done.output
