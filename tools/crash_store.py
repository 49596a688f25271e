"""A longer campaign of kill -9 at a message store: so many cut points, another seed.

    .venv/bin/python tools/crash_store.py --cut-points 2000 --seed 7

Prints how often the child was killed at which system call; ends with 1 at the first message
that is lost, half there or counted wrongly.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "e2e")]

from test_store_kill import campaign  # noqa: E402 - found by the path above


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cut-points", type=int, default=1000)
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
    print(f"{sum(done.values()):6} in all: nothing lost, nothing half, no lamp wrong")
    return 0


if __name__ == "__main__":
    sys.exit(main())
