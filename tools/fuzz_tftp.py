"""Fuzzes TFTP: the server's decisions and transfers, on sockets of paper, and our clients.

Run: ``python tools/fuzz_tftp.py [--executions N] [--seed N] [--seconds N]``; a million by
default. Ends with 1 and the seed at the first finding, and with 4 if the time was over first.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fuzz.tftp_fuzz import TftpFuzz

SLICE = 20_000


def main() -> int:
    """Run slices with seeds of their own until there have been enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1800.0, help="give up after these")
    said = parser.parse_args()
    seed, begin = said.seed, time.monotonic()
    outcomes: Counter[str] = Counter()
    while outcomes.total() < said.executions and time.monotonic() - begin < said.seconds:
        with tempfile.TemporaryDirectory(prefix="phonerig-fuzz-") as folder:
            fuzz = TftpFuzz(seed, Path(folder))
            try:
                for kind in fuzz.kinds:
                    fuzz.run(kind, SLICE)
            except Exception:
                print(f"seed {seed}, after {fuzz.outcomes.total()} of its executions:")
                raise
        outcomes += fuzz.outcomes
        seed += 1
    for outcome, number in sorted(outcomes.items()):
        print(f"{number:9} {outcome}")
    done = outcomes.total()
    print(f"{done:9} executions in {time.monotonic() - begin:.0f} s, nothing found")
    return 0 if done >= said.executions else 4


if __name__ == "__main__":
    sys.exit(main())
