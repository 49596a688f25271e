"""Tries to fool the rig with recorded clean runs, thoroughly; the test suite does a few of these.

``wire``: makes one thing wrong in the packets, in every way, and asks whether the passive oracles
name it. ``blind``: takes the rig's own sight away and asks whether it says so instead of passing.
Prints a table; exit code 1 when something was neither named nor legal, or a verdict was a lie.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit" / "verdict"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit" / "oracles"))

import blindness  # found by the lines above, like the next one
import wire_mutations

from rig.fault_trial.recording import Recording, record

SCENARIOS = (
    *("busy", "unanswered", "dnd", "forward_beats_mailbox", "heard_by_portal"),
    *("two_mailboxes", "reboot", "alias_phone", "missed_call"),
)


def wire(recordings: list[Recording], of_each: int, step: int) -> int:
    """Mutate the packets."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: Counter[str] = Counter()
    open_ones: list[str] = []
    for recording in recordings:
        clean = wire_mutations.judged(recording.packets)
        loud = [f for f in clean if f.severity is not wire_mutations.Severity.NOTE]
        open_ones += [f"{recording.name}, clean: {finding}" for finding in loud]
        for mutation in wire_mutations.generate(recording.packets, of_each=of_each)[::step]:
            result = wire_mutations.judge_mutation(mutation, clean)
            if result.named:
                table[mutation.kind][f"named, {result.named[0].severity}"] += 1
            elif result.legal:
                table[mutation.kind]["legal"] += 1
                reasons[result.legal] += 1
            else:
                table[mutation.kind]["unexplained"] += 1
                open_ones.append(f"{recording.name}: {mutation.label}")
    show(table, ("named, fault", "named, warning", "named, note", "legal", "unexplained"))
    print("legal because")
    for reason, count in reasons.most_common():
        print(f"  {count:5}  {reason}")
    print("\n".join(open_ones))
    return bool(open_ones)


def blind(recordings: list[Recording], step: int) -> int:
    """Take the sight away."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    lies: list[str] = []
    for recording in recordings:
        for case in blindness.generate(recording, step=step):
            complaint = case.complaint()
            table[case.family]["a lie" if complaint else "unsure, cause named"] += 1
            lies += [complaint] if complaint else []
    show(table, ("unsure, cause named", "a lie"))
    print("\n".join(lies))
    return bool(lies)


def show(table: dict[str, Counter[str]], heads: tuple[str, ...]) -> None:
    """Print the table and its sums."""
    print(f"{'':24}" + "".join(f"{head:>20}" for head in heads) + f"{'all':>8}")
    total: Counter[str] = Counter()
    for name, row in table.items():
        total += row
        cells = "".join(f"{row[head]:>20}" for head in heads)
        print(f"{name:24}{cells}{row.total():>8}")
    cells = "".join(f"{total[head]:>20}" for head in heads)
    print(f"{'all':24}{cells}{total.total():>8}")


def main() -> int:
    """Record, then try."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("wire", "blind"))
    parser.add_argument("--scenarios", nargs="*", default=SCENARIOS, metavar="NAME")
    parser.add_argument("--of-each", type=int, default=1, help="mutations of one family and run")
    parser.add_argument("--step", type=int, default=1, help="take every so-many-th case")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        recordings = list(record(Path(folder), *asked.scenarios).values())
    if asked.what == "wire":
        return wire(recordings, asked.of_each, asked.step)
    return blind(recordings, asked.step)


if __name__ == "__main__":
    sys.exit(main())
