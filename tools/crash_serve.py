"""A longer campaign of kill -9 at ``phonerig serve``, amid fetches, uploads and reloads.

    .venv/bin/python tools/crash_serve.py --cut-points 200 --seed 7

Prints how often the server was killed at which system call; ends with 1 at the first start that
fails, and at the first fetch that is lost from the log after it was in it, or stands there twice.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "e2e")]

from test_serve_kill import campaign  # noqa: E402 - found by the path above


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cut-points", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="phonerig-crash-") as folder:
        try:
            done = campaign(Path(folder), words.seed, words.cut_points)
        except AssertionError as error:
            print(f"seed {words.seed}: {error}")
            return 1
    for call, count in sorted(done.items()):
        print(f"{count:6} killed at {call}")
    print(f"{sum(done.values()):6} in all: it started again each time, and its log was whole")
    return 0


if __name__ == "__main__":
    sys.exit(main())
