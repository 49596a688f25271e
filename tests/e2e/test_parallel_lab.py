"""The example of a lab: Robot runs side by side, and no phone is used by two at once."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from robot.api import ExecutionResult

LAB = Path(__file__).parents[2] / "examples" / "parallel_lab"
PROCESSES = 3


def phones() -> dict[str, str]:
    """Phone by value set."""
    found = configparser.ConfigParser()
    found.read(LAB / "phones.ini")
    return {name: found[name]["phone"] for name in found.sections()}


def test_no_phone_is_used_by_two_tests_at_once(tmp_path: Path) -> None:
    """Three processes want two phones; the leases show who had which, on the machine's clock."""
    scripts = Path(sys.executable).parent
    leases = tmp_path / "leases.txt"
    done = subprocess.run(
        [
            scripts / "pabot", "--testlevelsplit", "--processes", str(PROCESSES),
            "--pabotlibport", "0", "--resourcefile", LAB / "phones.ini", "--artifacts", "pcapng",
            "--variable", f"LEASES:{leases}", "--outputdir", tmp_path / "out",
            LAB / "exclusive_phones.robot",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    tests = ExecutionResult(tmp_path / "out" / "output.xml").suite.all_tests
    assert [test.status for test in tests] == ["PASS"] * 4

    taken: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for line in leases.read_text().splitlines():
        at, name, what = line.split("\t")
        taken[name].append((float(at), what))
    assert set(taken) == set(phones())
    assert sum(len(each) for each in taken.values()) == 8
    for each in taken.values():
        # Never taken while it is taken, never given back while nobody has it.
        assert [what for _, what in sorted(each)] == ["taken", "given back"] * (len(each) // 2)
