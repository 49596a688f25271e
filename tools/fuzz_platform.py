"""Sends mutated SIP requests to an embedded platform of its own, as long as you like.

    .venv/bin/python tools/fuzz_platform.py --seed 7 --count 200000
    .venv/bin/python tools/fuzz_platform.py --seed 7 --only 4711     # one mutant again, and shown

Exit code 0: alive, nothing counted as an internal error, nothing left over. The CI test
(tests/fuzz/test_platform_mutations.py) does the same with one seed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fuzz.platform_campaign import Campaign, Child, NotAnswered
from fuzz.sip_mutants import mutant

STEP = 5_000


def main() -> int:
    """Run a campaign; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--only", type=int, help="number of the one mutant to send")
    wanted = parser.parse_args()
    begin = time.monotonic()
    with Child() as child:
        campaign = Campaign(child, wanted.seed)
        first = 0 if wanted.only is None else wanted.only
        end = wanted.count if wanted.only is None else first + 1
        print(f"seed {wanted.seed}: mutants {first} to {end - 1} to {child.sip_address}")
        code = 0
        try:
            for start in range(first, end, STEP):
                campaign.run(start, min(STEP, end - start))
                print(f"{start + STEP:8} {time.monotonic() - begin:6.0f} s  {child.rss_kib} KiB")
                if child.state()["internal_errors"]:
                    code = 1
                    break
        except NotAnswered as error:
            print(error)
            code = 1
        if wanted.only is not None:
            print(mutant(wanted.seed, first, campaign.around))
        if child.process.poll() is None:
            state = child.settled()
            print(state, dict(campaign.outcome.statuses))
            left = ("internal_errors", "calls", "transactions", "dialogs")
            code = code or int(any(state[name] for name in left))
        print(child.complaints(), end="")
        campaign.close()
    return code


if __name__ == "__main__":
    sys.exit(main())
