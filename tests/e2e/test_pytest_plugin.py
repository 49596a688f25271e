"""The plugin in a pytest of its own: fixtures, skips, and the verdict of a failed test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(180)

PASSING = """
def test_busy(phonerig_verify):
    record = phonerig_verify("busy")
    assert record.measurements

def test_the_bench_is_shared(phonerig_bench):
    assert phonerig_bench.bench.handsets
"""

FAILING = """
from pathlib import Path
from dataclasses import replace
import pytest
from rig.demo_bench import demo_config
from rig.faults.catalogue import find_seed
from rig.scenarios import scenarios

ROLES = {"caller": "emil", "callee": "anna", "alias": "clara"}

@pytest.fixture(scope="module")
def phonerig_bench_config(tmp_path_factory):
    config = demo_config(tmp_path_factory.mktemp("x"), seeds=(find_seed("lamp-stuck-off"),))
    return replace(config, roles=ROLES, scenario_roles={})

def test_verified(phonerig_verify):
    phonerig_verify("busy")

def test_by_hand(phonerig_bench):
    assert phonerig_bench.run_scenario(scenarios()["busy"]).outcome == "pass"

def test_nobody_is_an_alias(phonerig_verify):
    phonerig_verify("alias_phone")

def test_the_fault_is_expected(phonerig_verify):
    phonerig_verify("busy", "fail")
"""


def run_pytest(folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_phones.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *arguments, "--junitxml=junit.xml", "test_phones.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


ON_A_BENCH_FILE = """
import pytest

@pytest.mark.parametrize("name", ["power_cut", "alias_phone"])
def test_verified(phonerig_verify, name):
    phonerig_verify(name)
"""


def test_a_bench_file_says_what_the_bench_is_made_of(tmp_path: Path) -> None:
    file = Path(__file__).parents[2] / "examples" / "bench" / "emulated.yaml"
    done = run_pytest(tmp_path, ON_A_BENCH_FILE, f"--phonerig-bench={file}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 1 skipped" in done.stdout
    assert "alias_phone: no handset plays alias" in done.stdout


def test_a_right_system_passes(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, PASSING)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    junit = (tmp_path / "junit.xml").read_text(encoding="utf-8")
    assert 'name="phonerig busy" value="everything measured is within its limits"' in junit


def test_a_wrong_one_fails_with_the_verdict_in_a_section(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, FAILING)
    assert "2 failed, 1 passed, 1 skipped" in done.stdout, done.stdout + done.stderr
    assert "ProductFailure: M9 lamp-contradicts-wire (handset)" in done.stdout
    by_hand = done.stdout.partition("test_by_hand")[2]
    assert "phonerig verdict of busy" in by_hand
    assert "fail: M9 lamp-contradicts-wire (handset): anna accepted" in by_hand
    assert "  proof: packet " in by_hand
    assert "  remedy: " in by_hand
    assert "alias_phone: clara (alias) is no alias of the mailbox of anna" in done.stdout


def test_a_wiring_file_of_lamp_boards_is_believed(tmp_path: Path) -> None:
    levels = "{dark: 20, lit: 600, on: 368, off: 252}"
    lamp = f"{{channel: 0, handset: anna, levels: {levels}}}"
    wiring = f"schema: 1\nboards:\n  - url: /dev/no-board\n    lamps: [{lamp}]\n"
    (tmp_path / "lamps.yaml").write_text(wiring, encoding="utf-8")
    done = run_pytest(tmp_path, PASSING, "--phonerig-lamps", "lamps.yaml")
    assert done.returncode == 1
    assert "lamp board /dev/no-board cannot be used" in done.stdout
