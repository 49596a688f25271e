"""Every example is run as a reader would run it, and says what it promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(150)

EXAMPLES = Path(__file__).parents[2] / "examples"
PROMISES = {
    "01_render_one_handset.py": ("snomD785-0004131A2B03.htm: ", "holds secrets"),
    "02_serve_and_fetch.py": ("anna fetched 805ec01a2b01.cfg by tftp", "it begins: #!version"),
    "03_leave_a_message_and_watch_the_lamp.py": (
        "Emil leaves a message:",
        "lamp_state[anna.message] = lit",
        "lamp_state[anna.message] = off",
        "pass: everything measured is within its limits",
    ),
    "04_verify_the_mwi_of_a_capture.py": (
        "anna.arndt: waiting yes, 1/0",
        "reason=user-busy",
        "rules broken: 0",
    ),
    "05_write_a_seeded_fault.py": ("M5 count-wrong (platform)", "  proof: packet "),
    "06_find_a_wrong_lamp.robot": ("2 tests, 2 passed, 0 failed",),
}


def test_every_example_has_a_promise() -> None:
    found = {path.name for path in EXAMPLES.iterdir() if path.is_file()}
    assert found == set(PROMISES)


@pytest.mark.parametrize("name", list(PROMISES))
def test_an_example_does_what_it_says(name: str, tmp_path: Path) -> None:
    path = EXAMPLES / name
    assert len(path.read_text(encoding="utf-8").splitlines()) < 60
    module = ["-m", "robot"] if path.suffix == ".robot" else []
    done = subprocess.run(
        [sys.executable, *module, path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for promise in PROMISES[name]:
        assert promise in done.stdout
