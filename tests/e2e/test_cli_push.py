"""``phonerig push``: what a user sees, and the exit code. Run in this process, which is quick."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_runner import write_site
from typer.testing import CliRunner, Result

from rig.cli import app

SECRETS = ("Kirschbaum-27-Leiter", "quitte-4711-anna", "birne-0815-bert")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["push", *map(str, arguments)], env={"COLUMNS": "200"})


@pytest.fixture
def served(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir()
    return folder


def test_a_site_is_delivered_and_then_only_what_changed(tmp_path: Path, served: Path) -> None:
    site = write_site(tmp_path)
    dry = run(site, "--to", served, "--dry-run")
    assert dry.exit_code == 0
    assert "new: 805ec01a2b01.cfg" in dry.stdout
    assert list(served.iterdir()) == []
    assert run(site, "--to", served, "--check").exit_code == 1
    assert list(served.iterdir()) == []

    first = run(site, "--to", served)
    assert (first.exit_code, first.stderr) == (0, "")
    names = {path.name for path in served.iterdir()}
    assert {"805ec01a2b01.cfg", "805ec01a2b02.cfg"} < names
    assert f"{len(names)} files: {len(names)} new, 0 changed, 0 unchanged" in first.stdout
    assert b"quitte-4711-anna" in (served / "805ec01a2b01.cfg").read_bytes()
    assert run(site, "--to", served, "--check").exit_code == 0

    write_site(tmp_path, label="Empfang")
    diff = run(site, "--to", served, "--diff")
    assert "+account.1.label = Empfang" in diff.stdout
    assert not any(secret in diff.stdout + diff.stderr for secret in SECRETS)
    second = json.loads(run(site, "--to", served, "--json").stdout)
    assert second["changed"] == second["delivered"] == ["805ec01a2b01.cfg"]
    assert (second["complete"], second["atomic"], second["error"]) == (True, True, None)
    record = next((tmp_path / ".phonerig-push").glob("*.json"))
    assert not any(secret in record.read_text() for secret in SECRETS)


@pytest.mark.parametrize("to", ["tftp://127.0.0.1:9", "http://127.0.0.1:9/cfg"])
def test_secrets_do_not_travel_in_clear_unless_the_site_says_so(tmp_path: Path, to: str) -> None:
    site = write_site(tmp_path)
    text = site.read_text().replace("  demo: true\n", "")
    for number, secret in enumerate((*SECRETS, "748159")):
        (tmp_path / f"s{number}").write_text(secret)
        (tmp_path / f"s{number}").chmod(0o600)
        text = text.replace(f"demo:{secret}", f"file:s{number}")
    site.write_text(text)
    refused = run(site, "--to", to)
    assert refused.exit_code == 2
    assert "secrets_in_clear: true" in refused.stderr
    allowed = text.replace("http://127.0.0.1", "http://127.0.0.1/x").replace(
        'provisioning: {url: "http://127.0.0.1/x"}',
        'provisioning: {url: "http://127.0.0.1/x", secrets_in_clear: true}',
    )
    assert "secrets_in_clear" in allowed
    site.write_text(allowed)
    folder = tmp_path / "served"
    folder.mkdir()
    assert run(site, "--to", folder).exit_code == 0
    if to.startswith("http"):
        lost = run(site, "--to", to)  # nobody is there: it was tried
        assert lost.exit_code == 3
        said = " ".join(lost.stderr.split())
        assert "nobody answers: no connection to 127.0.0.1:9: Connection refused" in said


def test_errors_are_clear(tmp_path: Path, served: Path) -> None:
    site = write_site(tmp_path)
    for arguments, code, says in (
        (("--to", tmp_path / "nowhere"), 2, "is no folder"),
        (("--to", "sftp://root:PLANTED@h/"), 2, "--password env:NAME"),
        (
            ("--to", "https://127.0.0.1/x", "--password", "PLANTED"),
            2,
            "--password names where the secret is",
        ),
        (("--to", served, "--handset", "desk", "--prune"), 2, "--prune goes by the whole site"),
    ):
        result = run(site, *arguments)
        assert result.exit_code == code, result.stderr
        assert says in result.stderr
        assert "PLANTED" not in result.stdout + result.stderr


def test_a_target_that_stops_in_between_is_told_file_by_file(tmp_path: Path, served: Path) -> None:
    site = write_site(tmp_path)
    assert run(site, "--to", served).exit_code == 0
    (served / "805ec01a2b02.cfg").unlink()
    (served / "805ec01a2b02.cfg").mkdir()  # a folder where a file has to go
    site.write_text(site.read_text().replace("user: 102", "user: 102, label: Flur"))
    write_both = site.read_text().replace(
        "accounts: [{user: 101}]", "accounts: [{user: 101, label: A}]"
    )
    site.write_text(write_both)
    result = run(site, "--to", served)
    assert result.exit_code == 3
    assert "delivered: 805ec01a2b01.cfg" in result.stdout
    assert "not delivered, as it was: 805ec01a2b02.cfg" in result.stdout
    assert "1 delivered, 0 in doubt, 1 not delivered" in result.stderr
    (served / "805ec01a2b02.cfg").rmdir()
    again = json.loads(run(site, "--to", served, "--json").stdout)
    assert again["delivered"] == ["805ec01a2b02.cfg"]
    assert again["complete"] is True
