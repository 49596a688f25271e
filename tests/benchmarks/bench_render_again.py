"""What does ``phonerig render --diff`` cost on ten thousand handsets when nothing has changed?

The program itself is run, once for each figure, on the inventory of ``bench_render_site.py``
(handsets of all models in turn). Measured:

- reading and checking the inventory alone: time, and growth of the resident set;
- a first ``phonerig render``, which renders, proves, writes and remembers everything;
- ``phonerig render --diff`` right after it, as a ratio to that one. Both are whole commands:
  start, inventory, profiles, answer. Processor time is that of the command and all its
  processes; the clock's time depends on how many processors are free;
- what ``--diff`` wrote: files and manifest that are other than before it (none).

Run: ``python tests/benchmarks/bench_render_again.py [--quick] [--handsets N] [--rounds N]``
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench_render_site import HANDSETS, QUICK_HANDSETS, site_text
from figures import arguments, report, report_median

from provisioning.device_profile import shipped_profiles

ROUNDS = 3
TARGET_UNCHANGED = 0.2
_READ = """
import resource, sys, time
from rig.commands.common import profiles, read_site
list(profiles().values())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begin = time.process_time()
site = read_site(sys.argv[1])
print(time.process_time() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


class Spent(NamedTuple):
    """What one run of a program cost.

    Attributes:
        cpu_s: processor time of it and its processes.
        clock_s: time by the clock.
        peak_mb: largest resident set of any of them.
    """

    cpu_s: float
    clock_s: float
    peak_mb: float


def run(*words: str, output: Path) -> Spent:
    """Run Python with some words; it must end well."""
    begin = time.perf_counter()
    with output.open("wb") as stream:
        process = os.posix_spawn(
            sys.executable,
            (sys.executable, *words),
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, stream.fileno(), number) for number in (1, 2)],
        )
        _, status, usage = os.wait4(process, 0)
    if status:
        raise SystemExit(f"{' '.join(words)}: {output.read_text(encoding='utf-8')[-2000:]}")
    cpu_s = usage.ru_utime + usage.ru_stime
    return Spent(cpu_s, time.perf_counter() - begin, usage.ru_maxrss * 1024 / 1e6)


def phonerig(*words: str, output: Path) -> Spent:
    """Run the program."""
    return run("-c", "from rig.cli import main; main()", *words, output=output)


def state_of(place: Path) -> dict[Path, tuple[int, int]]:
    """Every file below a folder, with its node and the time of its last change."""
    return {
        path: (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in place.rglob("*")
        if path.is_file()
    }


def read_cost(site: Path, output: Path) -> tuple[float, float]:
    """Processor seconds and growth of the resident set, MB, of reading the inventory."""
    run("-c", _READ, str(site), output=output)
    cpu_s, grown_kb = output.read_text(encoding="utf-8").split()
    return float(cpu_s), int(grown_kb) * 1024 / 1e6


def one_round(place: Path, site: Path, output: Path) -> tuple[Spent, Spent, int]:
    """A first run and one that finds nothing to do; and how many files that one changed."""
    folder = place / "out"
    full = phonerig("render", str(site), "-o", str(folder), output=output)
    before = state_of(place)
    again = phonerig("render", str(site), "-o", str(folder), "--diff", output=output)
    changed = dict(state_of(place).items() ^ before.items())
    for path in before:
        if path != site:
            path.unlink()
    return full, again, len(changed)


def main() -> None:
    """Measure and print the figures."""
    parser = arguments(__doc__)
    parser.add_argument("--handsets", type=int, help=f"default {HANDSETS}")
    parser.add_argument("--rounds", type=int, help=f"default {ROUNDS}")
    options = parser.parse_args()
    count = options.handsets or (QUICK_HANDSETS if options.quick else HANDSETS)
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as name:
        place, output = Path(name), Path(scratch) / "output"
        site = place / "site.yaml"
        site.write_text(site_text(count, shipped_profiles()), encoding="utf-8")
        report("handsets", count, "handsets")
        costs = [read_cost(site, output) for _ in range(rounds)]
        report_median("inventory_cpu_s", [cpu_s for cpu_s, _ in costs], "s")
        report_median("inventory_mb", [grown for _, grown in costs], "MB")
        taken = [one_round(place, site, output) for _ in range(rounds)]
    fulls, agains = [full for full, _, _ in taken], [again for _, again, _ in taken]
    report_median("full_cpu_s", [full.cpu_s for full in fulls], "s")
    report_median("diff_cpu_s", [again.cpu_s for again in agains], "s")
    report_median("full_s", [full.clock_s for full in fulls], "s", note="by the clock")
    report_median("diff_s", [again.clock_s for again in agains], "s", note="by the clock")
    ratios = [again.cpu_s / full.cpu_s for full, again, _ in taken]
    report_median("diff_vs_full", ratios, "x", at_most=TARGET_UNCHANGED, note="processor time")
    report_median("diff_vs_full_clock", [a.clock_s / f.clock_s for f, a, _ in taken], "x")
    report("diff_changed", sum(changed for _, _, changed in taken), "files", at_most=0)
    report("full_peak_mb", statistics.median(full.peak_mb for full in fulls), "MB")
    report("diff_peak_mb", statistics.median(again.peak_mb for again in agains), "MB")


if __name__ == "__main__":
    main()
