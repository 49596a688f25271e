"""The program as a whole: versions, usage errors, seeded faults, captures, readers that leave."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

import pytest
from cli_runner import PROGRAM, environment, error_lines, run_cli, write_site

VERBS = (
    ("demo",),
    ("verify",),
    ("render",),
    ("serve",),
    ("inventory", "check"),
    ("profile", "list"),
    ("profile", "show"),
    ("profile", "lint"),
    ("capture", "analyze"),
    ("platform", "run"),
    ("handset", "run"),
    ("faults", "list"),
    ("faults", "run"),
)


def test_version_is_that_of_the_package():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    result = run_cli("--version")
    assert result.returncode == 0
    assert result.stdout == f"phonerig {project['version']}\n"


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_explains_itself_and_speaks_json(verb):
    result = run_cli(*verb, "--help")
    assert result.returncode == 0
    assert "--json" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("demo", "--nonsense"),
        ("serve", "demo", "--http-port", "99999"),
        ("demo", "--scenario", "nonsense"),
        ("demo", "--fault", "nonsense"),
        ("demo", "--fetch-by", "carrier-pigeon"),
        ("verify", "nonsense"),
        ("verify", "mwi", "demo", "--handset", "nobody"),
        ("profile", "show", "T46X"),
        ("faults", "run", "nonsense"),
        ("capture", "analyze", "nothing.pcap"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(tmp_path, arguments):
    result = run_cli(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert error_lines(result)


def test_a_missing_interface_is_a_rig_error_in_one_line(tmp_path):
    result = run_cli("demo", "--capture", "nosuch0", "-o", tmp_path / "out")
    assert result.returncode == 3
    assert len(error_lines(result)) == 1
    assert "nosuch0" in result.stderr


def test_profiles_are_listed_explained_and_judged():
    models = json.loads(run_cli("profile", "list", "--json").stdout)["models"]
    names = {row["model"] for row in models}
    assert {"T46U", "D785"} <= names
    shown = json.loads(run_cli("profile", "show", "T46U", "--json").stdout)
    assert shown["vendor"] == "yealink"
    explained = run_cli("profile", "show", "T46U", "--explain").stdout.splitlines()
    accounts = next(line for line in explained if line.startswith("limits.accounts = "))
    assert accounts.startswith(f"limits.accounts = {shown['limits']['accounts']}  (")
    assert "T46U.yaml:" in accounts
    lint = run_cli("profile", "lint", "--json")
    data = json.loads(lint.stdout)
    assert lint.returncode == (2 if data["faults"] else 0)
    assert data["models"] == len(models)


def test_a_seeded_fault_is_named_and_the_demo_fails_by_it(tmp_path):
    known = json.loads(run_cli("faults", "list", "--json").stdout)["faults"]
    assert "lamp-stuck-off" in {row["name"] for row in known}
    proof = run_cli("faults", "run", "lamp-stuck-off", "-o", tmp_path / "proof", "--json")
    data = json.loads(proof.stdout)
    assert proof.returncode == 0, proof.stderr
    assert data["named"] is True
    assert data["outcome"] == "fail"
    assert data["findings"][0]["class"] == data["fault"]["class"]
    demo = run_cli("demo", "--fault", "lamp-stuck-off", "-o", tmp_path / "demo", "--json")
    assert demo.returncode == 1
    analysis = run_cli("capture", "analyze", tmp_path / "proof" / "run.pcapng", "--json")
    assert json.loads(analysis.stdout)["methods"]["NOTIFY"] > 0


def test_one_scenario_of_the_demo_passes_and_leaves_reports(tmp_path):
    out = tmp_path / "out"
    result = run_cli("demo", "--scenario", "busy", "-o", out)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    assert {path.name for path in out.iterdir()} >= {"report.html", "record.json", "junit.xml"}
    assert str(out / "report.html") in result.stdout


def test_reports_that_have_nowhere_to_go_are_told_before_the_run(tmp_path):
    way = tmp_path / "way"
    way.write_text("x")
    for verb in (("demo",), ("faults", "run", "notify-lost")):
        result = run_cli(*verb, "-o", way / "out", timeout_s=20)
        assert result.returncode == 2
        assert len(error_lines(result)) == 1


def test_tracebacks_come_only_when_asked_for(tmp_path):
    assert "Traceback" not in run_cli("inventory", "check", "nothing", cwd=tmp_path).stderr
    for asked in (
        run_cli("inventory", "check", "nothing", "--debug", cwd=tmp_path),
        run_cli("--debug", "inventory", "check", "nothing", cwd=tmp_path),
        run_cli("inventory", "check", "nothing", cwd=tmp_path, PHONERIG_DEBUG="1"),
    ):
        assert "Traceback" in asked.stderr
        assert asked.returncode == 2


@pytest.mark.parametrize("verb", [("profile", "show", "T46U", "--json"), ("profile", "lint")])
def test_a_reader_that_leaves_changes_nothing(verb):
    with subprocess.Popen(
        [*PROGRAM, *verb],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.close()
        assert process.wait(30) == 0
        assert process.stderr.read() == b""


def test_a_terminal_without_unicode_gets_escapes(tmp_path):
    result = run_cli("platform", "run", "demo", "--host", "grün", PYTHONIOENCODING="ascii")
    assert result.returncode == 3
    assert "gr\\xfcn" in error_lines(result)[0]


def test_a_site_of_ones_own_is_verified(tmp_path):
    site, out = write_site(tmp_path), tmp_path / "out"
    result = run_cli("verify", "mwi", site, "--case", "busy", "-o", out)
    assert result.returncode == 0, result.stdout + result.stderr
    record = json.loads((out / "record.json").read_text())
    assert record["site"] == "Probe GmbH"
    assert [row["outcome"] for row in record["scenarios"]] == ["pass"]


SHARED = """\
site:
  name: Geteilt
  demo: true
  domain: geteilt.example
  registrar: {host: sip.geteilt.example, port: 5060}
  voice_portal_number: "*97"
  provisioning: {url: http://prov.geteilt.example}
  admin_password: demo:Kirsche-27
users:
  - name: Chefin
    number: +49 30 23125 101
    sip: {user: chefin, password: demo:a}
    mailbox: {pin: demo:748159, also_shows: ["+493023125102"]}
  - name: Vertrieb
    number: +49 30 23125 102
    sip: {user: vertrieb, password: demo:b}
    mailbox: {pin: demo:902764}
  - name: Empfang
    number: +49 30 23125 103
    sip: {user: empfang, password: demo:c}
handsets:
  - name: chef
    model: T46U
    mac: 805ec01a2b01
    accounts: [{user: "+493023125101", shared: true}, "+493023125102"]
  - {name: home, model: D785, mac: 0004131a2b02, accounts: [{user: "+493023125101", shared: true}]}
  - {name: desk, model: D785, mac: 0004131a2b03, accounts: ["+493023125103"]}
"""


def verified(folder, text, *more):
    (folder / "site.yaml").write_text(text)
    out = folder / "out"
    result = run_cli("verify", "mwi", folder / "site.yaml", *more, "-o", out)
    record = json.loads((out / "record.json").read_text())
    return result, {row["name"]: (row["outcome"], row["sentence"]) for row in record["scenarios"]}


def test_the_phone_that_shares_the_account_under_test_does_not_answer_for_it(tmp_path):
    cases = ("--case", "busy", "--case", "two_mailboxes")
    result, outcomes = verified(tmp_path, SHARED, *cases)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "under test: chef (T46U, emulated); desk calls\n" in result.stdout
    assert outcomes["busy"][0] == "pass"
    assert outcomes["two_mailboxes"] == (
        "skipped",
        "account 1 of chef (twin) shows the mailbox of account 2 too",
    )
    result = run_cli("verify", "mwi", tmp_path / "site.yaml", "--caller", "home")
    assert result.returncode == 2
    assert "--caller home has an account of chef too" in error_lines(result)[0]


def test_a_phone_that_diverts_by_itself_is_not_blamed_for_it(tmp_path):
    busy = "    forwarding: {busy: {target: mailbox, at: handset}}\n"
    text = SHARED.replace("password: demo:a}\n", f"password: demo:a}}\n{busy}")
    result, outcomes = verified(tmp_path, text, "--case", "busy", "--case", "missed_call")
    assert result.returncode == 0, result.stdout + result.stderr
    assert outcomes["busy"] == (
        "skipped",
        "chef (callee) diverts calls while busy by itself, as the inventory says",
    )
    assert outcomes["missed_call"][0] == "pass"


def test_a_case_that_is_not_there_says_which_are():
    result = run_cli("verify", "diversion", "demo", "--case", "bussy")
    assert result.returncode == 2
    assert "verify diversion has busy, unanswered, all_calls, dnd" in error_lines(result)[0]
