"""Fuzzes what judges HTTP requests: targets, digest headers and certificate names.

Run: ``python tools/fuzz_http.py [--executions N] [--seed N]``; a million by default. Ends
with 1 and the seed at the first finding.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fuzz.http_fuzz import HttpFuzz

SLICE = 20_000


def main() -> int:
    """Run slices with seeds of their own until there have been enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    done, seed, begin = 0, said.seed, time.monotonic()
    outcomes: dict[str, int] = {}
    while done < said.executions:
        with tempfile.TemporaryDirectory() as folder:
            fuzz = HttpFuzz(seed, Path(folder))
            try:
                for kind in fuzz.kinds:
                    fuzz.run(kind, SLICE)
            except BaseException:
                print(f"seed {seed}, after {fuzz.outcomes.total()} of its executions:")
                raise
            done += fuzz.outcomes.total()
            for outcome, number in fuzz.outcomes.items():
                outcomes[outcome] = outcomes.get(outcome, 0) + number
        seed += 1
    for outcome, number in sorted(outcomes.items()):
        print(f"{number:9} {outcome}")
    print(f"{done:9} executions in {time.monotonic() - begin:.0f} s, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
