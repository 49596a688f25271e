"""A longer campaign of kill -9: at a message store, or at ``phonerig serve`` amid its work.

    .venv/bin/python tools/crash.py store --cut-points 2000 --seed 7
    .venv/bin/python tools/crash.py serve --cut-points 200 --seed 7

Prints how often the program was killed at which system call. Ends with 1 at the first message
that is lost, half there or counted wrongly, and of the server at the first start that fails and
the first fetch that is lost from the log after it was in it, or stands there twice.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from importlib import import_module
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "e2e")]

WHOLE = {
    "store": "nothing lost, nothing half, no lamp wrong",
    "serve": "it started again each time, and its log was whole",
}


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("victim", choices=WHOLE)
    parser.add_argument("--cut-points", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    words = parser.parse_args()
    campaign = import_module(f"test_{words.victim}_kill").campaign
    with tempfile.TemporaryDirectory(prefix="phonerig-crash-") as folder:
        try:
            done = campaign(Path(folder), words.seed, words.cut_points)
        except AssertionError as error:
            print(f"seed {words.seed}: {error}")
            return 1
    for call, count in sorted(done.items()):
        print(f"{count:6} killed at {call}")
    print(f"{sum(done.values()):6} in all: {WHOLE[words.victim]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
