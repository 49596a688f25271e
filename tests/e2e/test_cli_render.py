"""``phonerig render``: files, diffs, losses, and nothing at all after an error."""

from __future__ import annotations

import json
import stat
import subprocess
import sys

import pytest
from cli_runner import environment, error_lines, run_cli, write_site


def snapshot(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_demo_site_is_rendered_and_then_unchanged(tmp_path):
    out = tmp_path / "out"
    first = run_cli("render", "demo", "-o", out, "--json")
    data = json.loads(first.stdout)
    assert first.returncode == 0
    assert data["written"] is True
    assert {path.name for path in out.iterdir()} == {file["path"] for file in data["files"]}
    assert all(file["state"] == "new" for file in data["files"])
    again = run_cli("render", "demo", "-o", out, "--check")
    assert again.returncode == 0
    assert "0 new, 0 changed" in again.stdout


def test_files_with_secrets_are_for_their_owner_only(tmp_path):
    out = tmp_path / "out"
    files = json.loads(run_cli("render", "demo", "-o", out, "--json").stdout)["files"]
    secret = [out / file["path"] for file in files if file["secret"]]
    secret[0].chmod(0o644)
    assert run_cli("render", "demo", "-o", out).returncode == 0
    assert secret
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}


def test_losses_are_told_and_strict_refuses_them(tmp_path):
    out = tmp_path / "out"
    result = run_cli("render", "demo", "-o", out, "--strict")
    *faults, _ = error_lines(result)
    assert result.returncode == 2
    assert faults
    assert all("cannot express" in fault for fault in faults)
    assert not out.exists()
    relaxed = run_cli("render", "demo", "-o", out, "--json")
    losses = json.loads(relaxed.stdout)["losses"]
    assert sum(len(items) for items in losses.values()) == len(faults)


def test_check_finds_a_change_and_writes_nothing(tmp_path):
    site, out = write_site(tmp_path), tmp_path / "out"
    assert run_cli("render", site, "-o", out).returncode == 0
    before = snapshot(out)
    write_site(tmp_path, name="Annette")
    result = run_cli("render", site, "-o", out, "--check")
    assert result.returncode == 1
    assert "changed: 805ec01a2b01.cfg" in result.stdout.splitlines()
    assert snapshot(out) == before


def test_diff_shows_the_change_without_secrets(tmp_path):
    site, out = write_site(tmp_path), tmp_path / "out"
    run_cli("render", site, "-o", out)
    before = snapshot(out)
    write_site(tmp_path, name="Annette")
    result = run_cli("render", site, "-o", out, "--diff")
    assert result.returncode == 0
    assert "-account.1.display_name = Anna" in result.stdout.splitlines()
    assert "+account.1.display_name = Annette" in result.stdout.splitlines()
    assert "quitte" not in result.stdout
    assert snapshot(out) == before
    text = site.read_text().replace("quitte-4711-anna", "quitte-4712-anna")
    site.write_text(text.replace("Annette", "Anna"))
    secret_only = run_cli("render", site, "-o", out, "--diff", "--check")
    assert secret_only.returncode == 1
    assert "805ec01a2b01.cfg: only secrets change" in secret_only.stdout
    assert "4712" not in secret_only.stdout


def test_one_handset_alone(tmp_path):
    out = tmp_path / "out"
    assert run_cli("render", write_site(tmp_path), "-o", out, "--handset", "hall").returncode == 0
    names = {path.name for path in out.iterdir()}
    assert "805ec01a2b02.cfg" in names
    assert "805ec01a2b01.cfg" not in names
    result = run_cli("render", tmp_path, "-o", out, "--handset", "hal")
    assert result.returncode == 2
    assert "hall" in error_lines(result)[0]


@pytest.mark.parametrize(
    ("label", "model", "shown"),
    [
        ('"Anna\\nmalicious.key = 1"', "T46U", "label"),
        ('"x]]><evil/>\\u0001"', "D785", "label"),
        (f'"{"A" * 5000}"', "T46U", "label"),
    ],
)
def test_a_hostile_value_is_refused_with_its_field(tmp_path, label, model, shown):
    out = tmp_path / "out"
    result = run_cli("render", write_site(tmp_path, label=label, model=model), "-o", out)
    lines = error_lines(result)
    assert result.returncode == 2
    assert any(shown in line and "site.yaml:" in line for line in lines)
    assert max(map(len, lines)) < 500
    assert not out.exists()


@pytest.mark.parametrize("model", ["T46U", "D785", "VVX450", "GRP2614"])
def test_markup_in_a_name_stays_text(tmp_path, model):
    out = tmp_path / "out"
    site = write_site(tmp_path, name='"Anna <b>&amp; {{ 7*7 }} Grün"', model=model)
    result = run_cli("render", site, "-o", out)
    content = b"".join(snapshot(out).values()).decode()
    assert result.returncode == 0
    assert "<b>" not in content or model == "T46U"
    assert "49 Gr" not in content


def test_a_file_in_the_way(tmp_path):
    way = tmp_path / "way"
    way.write_text("x")
    result = run_cli("render", "demo", "-o", way)
    assert result.returncode == 2
    assert error_lines(result) == [
        f"{way} is a file; expected a folder, which is made if it is missing"
    ]
    assert way.read_text() == "x"


def test_render_needs_a_folder():
    result = run_cli("render", "demo")
    assert result.returncode == 2
    assert "--out" in result.stderr


def test_an_unchanged_site_is_not_rendered_again_unless_wished(tmp_path):
    site, out = write_site(tmp_path), tmp_path / "out"
    assert run_cli("render", site, "-o", out).returncode == 0
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    first = json.loads(run_cli("render", site, "-o", out, "--diff", "--all", "--json").stdout)
    second = json.loads(run_cli("render", site, "-o", out, "--diff", "--json").stdout)
    assert first == second
    assert {file["state"] for file in second["files"]} == {"same"}
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


def test_a_file_that_somebody_changed_is_put_right(tmp_path):
    site, out = write_site(tmp_path), tmp_path / "out"
    assert run_cli("render", site, "-o", out).returncode == 0
    right = snapshot(out)
    (out / "805ec01a2b01.cfg").write_text("tampered")
    assert run_cli("render", site, "-o", out, "--check").returncode == 1
    assert run_cli("render", site, "-o", out).returncode == 0
    assert snapshot(out) == right


def test_one_handset_alone_leaves_what_is_known_of_the_others(tmp_path):
    out = tmp_path / "out"
    assert run_cli("render", "demo", "-o", out).returncode == 0
    shared = run_cli("render", "demo", "-o", out, "--handset", "anna", "--json")
    assert {file["state"] for file in json.loads(shared.stdout)["files"]} == {"same"}
    again = run_cli("render", "demo", "-o", out, "--check")
    assert "0 new, 0 changed" in again.stdout


# ---- the site is not even read --------------------------------------------------------------

READS = """
import sys
from rig.cli import main
try:
    main()
finally:
    print("READ" if "provisioning.inventory" in sys.modules else "NOT READ", file=sys.stderr)
"""


def render(site, out, *options, **variables):
    """Run ``phonerig render``; its result, and whether it read the site."""
    result = subprocess.run(
        [sys.executable, "-c", READS, "render", str(site), "-o", str(out), *options],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    *_, last = error_lines(result)
    return result, last == "READ"


def state(folder):
    return {
        path: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("options", [["--diff"], ["--json"]])
def test_an_unchanged_site_is_not_even_read_and_nothing_is_written(tmp_path, options):
    out = tmp_path / "out"
    assert render("demo", out)[1]
    before = state(tmp_path)
    again, read = render("demo", out, *options)
    assert again.returncode == 0
    assert not read
    assert state(tmp_path) == before
    whole, read = render("demo", out, *options, "--all")
    assert read
    # The words are those of a run that did everything.
    assert again.stdout == whole.stdout
    assert error_lines(again)[:-1] == error_lines(whole)[:-1]


def test_whatever_is_not_as_it_was_makes_the_site_be_read(tmp_path):
    site, out = write_site(tmp_path), tmp_path / "out"
    site.write_text(site.read_text().replace("demo:quitte-4711-anna", "env:PROBE_SIP"))
    file, manifest = out / "805ec01a2b01.cfg", tmp_path / ".out.phonerig.json"

    def check(*options, secret="quitte-4711-anna"):
        result, read = render(site, out, "--check", *options, PROBE_SIP=secret)
        return result.returncode, read

    assert render(site, out, PROBE_SIP="quitte-4711-anna")[0].returncode == 0
    (out / "notes.txt").write_text("a file of somebody else")
    assert check() == (0, False)
    assert check(secret="quitte-4712-anna") == (1, True)
    right = file.read_bytes()
    file.write_bytes(right.replace(b"Anna", b"Anne"))
    assert check() == (1, True)
    file.unlink()
    assert check() == (1, True)
    file.write_bytes(right)
    file.chmod(0o600)
    assert check() == (0, False)
    assert check("--handset", "desk") == (0, True)
    whole = manifest.read_bytes()
    manifest.write_bytes(whole.replace(b'"desk"', b'"disk"'))
    assert check() == (0, True)
    manifest.write_bytes(whole)
    site.write_text(site.read_text() + "# more\n")
    assert check() == (0, True)


def test_strict_is_as_strict_on_an_unchanged_site(tmp_path):
    out = tmp_path / "out"
    assert render("demo", out)[0].returncode == 0
    result, read = render("demo", out, "--check", "--strict")
    assert read
    assert result.returncode == 2
    assert "cannot express" in error_lines(result)[0]
