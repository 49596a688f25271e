"""After a test run that failed: says what failed in its last line, and may look a second time.

The tests of ``tests/interop`` and ``tests/e2e`` measure real time. Several run at once, and on a
shared machine one of them may be starved. So up to :data:`SECOND_LOOKS` of them are run again,
each alone: what fails again has failed; what passes alone is named, never hidden. Tests elsewhere
use simulated time and get no second look.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"
REAL_TIME = ("tests/interop/", "tests/e2e/")
SECOND_LOOKS = 3
TESTS_FAILED = 1
"""Exit code of pytest when it ran to its end and tests failed."""


def failed_tests() -> list[str]:
    """Node ids of what failed, from pytest's own cache."""
    return sorted(json.loads(CACHE.read_text())) if CACHE.exists() else []


def main(code: int) -> int:
    """Judge a failed run.

    Args:
        code: exit code of pytest.

    Returns:
        Exit code for the whole: 0 if everything that failed passes alone.
    """
    failed = failed_tests()
    again = failed
    real_time = all(test.startswith(REAL_TIME) for test in failed)
    if code == TESTS_FAILED and failed and real_time and len(failed) <= SECOND_LOOKS:
        again = [test for test in failed if not passes_alone(test)]
        unsteady = [test for test in failed if test not in again]
        if unsteady:
            print("failed beside other tests, passed alone:", *unsteady)
        if not again:
            return 0
    print("failed:", *(again or ["no test; see above"]))
    return code


def passes_alone(test: str) -> bool:
    """Run one test with nothing beside it."""
    print(f"a second look, alone: {test}", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
