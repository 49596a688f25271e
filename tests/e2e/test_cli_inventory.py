"""``phonerig inventory check`` and ``render`` on right and wrong inventories."""

from __future__ import annotations

import json
import re

import pytest
from cli_runner import error_lines, run_cli, write_site

FAULTY = """\
site:
  name: Falsch GmbH
  demo: true
  domain: falsch.example
  registrar: {host: 127.0.0.1, port: viele}  # FAULT wrong type
  registrat: {host: 127.0.0.1}  # FAULT unknown key
  voice_portal_number: +49 30 23125 900
  provisioning: {url: "http://127.0.0.1"}
  admin_password: demo:Kirschbaum-27-Leiter
users:
  - name: Anna
    number: +49 30 23125 101
    name: Anna Zwei  # FAULT duplicate key
    extension: 101
    sip: {user: anna, password: demo:quitte-4711-anna}
    mailbox:
      pin: demo:123456  # FAULT weak PIN
      aliases:
        - "0049 30 23125 105"  # FAULT alias with 00
        - "49+211"  # FAULT alias with a plus inside
  - name: Bert
    number: +49 30 23125 102
    extension: 102
    sip: {user: bert, password: demo:birne-0815-bert}
handsets:
  - name: desk
    model: T46X  # FAULT unknown model
    mac: 80:5E:C0:1A:2B:01
    accounts: [{user: 101}]
  - name: hall
    model: T46U
    mac: 80:5E:C0:1A:2B:01  # FAULT two handsets one MAC
    accounts: [{user: 102}]
  - name: attic
    model: T46U
    mac: 80:5E:C0:1A:2B:03
    accounts:
      - user: 102  # FAULT account used twice
"""

FAULT_LINES = [number for number, line in enumerate(FAULTY.splitlines(), 1) if "# FAULT" in line]


@pytest.fixture
def faulty(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(FAULTY, encoding="utf-8")
    return path


def test_every_fault_is_told_at_once_each_with_its_line(faulty):
    result = run_cli("inventory", "check", faulty)
    *faults, last = error_lines(result)
    lines = [int(re.match(rf"{re.escape(str(faulty))}:(\d+):\d+: ", line)[1]) for line in faults]
    assert result.returncode == 2
    assert lines == FAULT_LINES
    assert last == f"{len(FAULT_LINES)} faults; nothing was written"
    assert all("expected" in line for line in faults)
    assert result.stdout == ""


def test_faults_as_json(faulty):
    result = run_cli("inventory", "check", faulty, "--json")
    found = json.loads(result.stdout)["faults"]
    assert result.returncode == 2
    assert [fault["line"] for fault in found] == FAULT_LINES
    assert {fault["file"] for fault in found} == {str(faulty)}
    assert all(fault["column"] > 0 and fault["what"] and fault["fix"] for fault in found)
    model = next(fault for fault in found if fault["got"].strip("'") == "T46X")
    assert "T46U" in model["fix"] + model["expected"]


def test_secrets_are_in_no_complaint(faulty):
    result = run_cli("inventory", "check", faulty, "--json")
    for secret in ("123456", "quitte", "birne", "Kirschbaum"):
        assert secret not in result.stdout + result.stderr


def test_nothing_is_rendered_from_a_faulty_inventory(faulty, tmp_path):
    out = tmp_path / "out"
    result = run_cli("render", faulty, "-o", out)
    assert result.returncode == 2
    assert len(error_lines(result)) == len(FAULT_LINES) + 1
    assert not out.exists()


def test_a_right_inventory_is_summed_up(tmp_path):
    path = write_site(tmp_path)
    result = run_cli("inventory", "check", path)
    assert result.returncode == 0
    assert result.stdout.splitlines() == [
        "Probe GmbH: 2 users, 1 mailbox with 0 aliases, 2 handsets (2 T46U)",
        "no fault, 0 warnings",
    ]
    data = json.loads(run_cli("inventory", "check", tmp_path, "--json").stdout)
    assert (data["users"], data["mailboxes"], data["handsets"]) == (2, 1, {"T46U": 2})
    assert data["faults"] == []


def test_the_built_in_site_is_right():
    data = json.loads(run_cli("inventory", "check", "demo", "--json").stdout)
    assert data["faults"] == []
    assert sum(data["handsets"].values()) >= 4


@pytest.mark.parametrize("name", ["nothing.yaml", "."])
def test_no_inventory_there(tmp_path, name):
    result = run_cli("inventory", "check", name, cwd=tmp_path)
    assert result.returncode == 2
    assert "cannot be read" in error_lines(result)[0]
    assert len(error_lines(result)) == 2


def test_names_are_printed_as_they_are_not_as_markup(tmp_path):
    write_site(tmp_path)
    path = tmp_path / "site.yaml"
    path.write_text(path.read_text().replace("Probe GmbH", '"[red]Probe[/red] :bomb: GmbH"'))
    result = run_cli("inventory", "check", path, FORCE_COLOR="1")
    assert result.returncode == 0
    assert "[red]Probe[/red] :bomb: GmbH" in result.stdout


def test_control_characters_of_an_argument_do_not_reach_the_terminal():
    for arguments in (
        ["inventory", "check", "\x1b[2Jx.yaml"],
        ["\x1b[2Jx"],
        ["capture", "analyze", "\x1b[2Jx.pcap"],
        ["handset", "run", "demo", "\x1b[2Jx"],
        ["faults", "run", "\x1b[2Jx"],
        ["profile", "show", "\x1b[2Jx"],
        ["render", "demo", "-o", "x", "--handset", "\x1b[2Jx"],
    ):
        result = run_cli(*arguments)
        assert result.returncode == 2, arguments
        assert "\x1b" not in result.stdout + result.stderr, arguments
        assert "[2J" in result.stderr, arguments
