"""Every requirement of the guide has its tests; the map and its results cannot be fooled."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import requirement_map as rm

ROOT = Path(__file__).parents[3]
GUIDE = [f"R{n}" for n in range(1, 66)]
DATA = """
- group: All
  requirements:
    - {id: R1, text: a., quote: b, observed: c., mark: stated}
    - {id: R2, text: d., quote: e, observed: f., mark: inferred, choice: g.}
"""
SUITE = "*** Test Cases ***\nOne\n    [Tags]    R1    R2    quick\n    No Operation\n"
TESTS = """
import pytest

async def test_r1_something() -> None: ...

@pytest.mark.requirement("R2")
def test_more() -> None: ...
"""


def site(tmp_path: Path, *, data: str = DATA, tests: str = TESTS, suite: str = SUITE) -> Path:
    for name, text in (
        (rm.DATA, data), ("tests/e2e/test_a.py", tests), ("robot_tests/01_a.robot", suite),
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_every_requirement_has_a_test_over_real_sockets_and_a_robot_case() -> None:
    assert list(rm.faults()) == []


def test_the_data_hold_every_requirement_of_the_guide_once() -> None:
    found = [one.id for one in rm.load()]
    assert sorted(found) == sorted([*GUIDE, "R30a", "R30b", "R60a"])
    assert all(one.text[-1] == one.observed[-1] == "." for one in rm.load())
    assert {one.mark for one in rm.load()} == {"stated", "inferred"}


def test_a_whole_map_has_no_faults(tmp_path: Path) -> None:
    assert list(rm.faults(site(tmp_path))) == []


@pytest.mark.parametrize(
    ("tests", "suite", "fault"),
    [
        ("", SUITE, "R1: no pytest function"),
        (TESTS.replace("_r1_", "_x_"), SUITE, "R1: no pytest function"),
        (TESTS.replace("R2", "R3"), SUITE, "R3, which is not in"),
        (TESTS.replace("_r1_", "_r1_r99_"), SUITE, "R99, which is not in"),
        (TESTS, SUITE.replace("R2", "R2x"), "R2x, which is not in"),
        (TESTS, SUITE.replace("    R1", ""), "R1: no Robot case"),
    ],
)
def test_what_is_missing_or_unknown_is_said(
    tmp_path: Path, tests: str, suite: str, fault: str
) -> None:
    assert any(fault in one for one in rm.faults(site(tmp_path, tests=tests, suite=suite)))


def test_tests_of_other_folders_prove_nothing(tmp_path: Path) -> None:
    root = site(tmp_path, tests="")
    (root / "tests/unit").mkdir()
    (root / "tests/unit/test_a.py").write_text(TESTS, encoding="utf-8")
    assert rm.pytest_proofs(root) == {}


@pytest.mark.parametrize(
    "data",
    [
        DATA.replace("id: R2", "id: R1"),
        DATA.replace("id: R2", "id: two"),
        DATA.replace("quote: e, ", ""),
        DATA.replace("quote: e", "quote: ''"),
        DATA.replace("inferred", "guessed"),
        DATA.replace("choice", "chioce"),
    ],
)
def test_faulty_data_are_refused(tmp_path: Path, data: str) -> None:
    with pytest.raises(SystemExit):
        rm.load(site(tmp_path, data=data))


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("test_r28_a_call", ("R28",)),
        ("test_r30a_r30b_both", ("R30a", "R30b")),
        ("test_r7", ("R7",)),
        ("test_r2d2_flies", ()),
        ("test_ring_r7", ()),
        ("test_rfc3261", ()),
    ],
)
def test_which_names_name_a_requirement(name: str, ids: tuple[str, ...]) -> None:
    assert rm.named(name) == ids


JUNIT = (
    '<testsuites><testsuite><testcase classname="tests.e2e.test_a" name="test_r1_something[x]"/>'
    '<testcase classname="tests.e2e.test_a" name="test_r1_something[y]">{}</testcase>'
    '<testcase classname="tests.e2e.test_a" name="test_more"/></testsuite></testsuites>'
)
ONE = rm.Proof("robot_tests/01_a.robot", "One")


@pytest.mark.parametrize(
    ("inside", "robot", "outcomes", "good"),
    [
        ("", "pass", ("pass", "pass"), True),
        ("<failure/>", "pass", ("fail", "pass"), False),
        ("<error/>", "pass", ("fail", "pass"), False),
        ("<skipped/>", "pass", ("skipped", "pass"), False),
        ("", "skipped", ("pass", "skipped"), False),
        ("", "fail", ("pass", "fail"), False),
        ("", None, ("pass", "not run"), False),
    ],
)
def test_results_of_requirements(
    tmp_path: Path, inside: str, robot: str | None, outcomes: tuple[str, str], good: bool
) -> None:
    root = site(tmp_path)
    junit = tmp_path / "junit.xml"
    junit.write_text(JUNIT.format(inside), encoding="utf-8")
    cases = {} if robot is None else {ONE: robot}
    assert rm.report(tmp_path / "out", rm.junit_results([junit]), cases, root) == good
    first, second = json.loads((tmp_path / "out/requirements.json").read_text())
    assert (first["tests"], first["robot"]) == outcomes
    assert second["tests"] == "pass"
    page = (tmp_path / "out/requirements.html").read_text()
    assert f"{2 if good else int(outcomes[1] == 'pass')} of 2 are proven" in page


def test_results_of_robot_are_read(tmp_path: Path) -> None:
    root = site(tmp_path, suite=SUITE.replace("No Operation", "Fail"))
    subprocess.run(
        [Path(sys.executable).parent / "robot", "--log", "none", "--report", "none",
         "--outputdir", tmp_path, root / "robot_tests"],
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert rm.robot_results([tmp_path / "output.xml"], root.resolve()) == {ONE: "fail"}


SENDS = """
import socket

def test_r1_sends() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"x", ("127.0.0.1", 9))

def test_r1_only_computes() -> None:
    assert 1 + 1 == 2

def test_computes() -> None:
    assert 1 + 1 == 2
"""


def test_a_test_that_names_a_requirement_must_send_something(tmp_path: Path) -> None:
    """The hooks of the test suite, around three tests of which one only claims to prove R1."""
    folder = tmp_path / "tests" / "e2e"
    folder.mkdir(parents=True)
    (folder / "test_a.py").write_text(SENDS, encoding="utf-8")
    hooks = (ROOT / "tests/conftest.py").read_text(encoding="utf-8")
    paths = f"sys.path.append({str(ROOT / 'tools')!r})\n"
    (tmp_path / "tests/conftest.py").write_text(
        hooks.replace("from requirement_map", f"{paths}from requirement_map"), encoding="utf-8"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    requirement(*ids): x\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert "1 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert "test_r1_only_computes - Failed: this test names" in done.stdout
