"""``phonerig faults trial``: every seeded fault in turn, and what the verdicts made of it."""

from __future__ import annotations

import datetime as dt
import os
import platform
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rig.commands.common import clear_errors, make_folder, print_json, say

if TYPE_CHECKING:
    from rig.fault_trial.page import Trial
    from rig.fault_trial.score import Tally
    from rig.faults.seed import Seed

Result = dict[str, Any]

CLEAN_SCENARIOS = (
    "busy", "unanswered", "all_calls", "dnd", "forward_beats_mailbox", "heard_by_portal",
    "two_mailboxes", "reboot", "alias_phone", "missed_call",
)  # fmt: skip
RECORDED = ("busy", "unanswered", "dnd", "forward_beats_mailbox", "heard_by_portal", "reboot",
            "two_mailboxes", "missed_call")  # fmt: skip


def trial(
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only this seeded fault (name or number) or class; several times."),
    ] = None,
    clean: Annotated[int, typer.Option(help="Clean runs on benches, with legal oddities.")] = 0,
    replay: Annotated[int, typer.Option(help="Replays of recorded clean runs.")] = 0,
    pairs: Annotated[int, typer.Option(help="Pairs of faults at once.")] = 0,
    jobs: Annotated[int, typer.Option(help="Benches at once; 0 for three a core.")] = 0,
    number: Annotated[int, typer.Option(help="Random number of the runs.")] = 1,
    out_dir: Annotated[Path, typer.Option("--out", "-o", help="Folder for results.")] = Path(
        "phonerig-out"
    ),
    page_file: Annotated[
        Path | None, typer.Option("--page", help="Write the page here instead of in the folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Seed every fault in turn, with a healthy twin, and print a confusion matrix.

    Results are kept in OUT/trial.jsonl; begun again with the same state of the program, the trial
    goes on where it was ended; with another one it begins anew. Exit code 0 if every fault was
    named and no healthy run raised an alarm, 1 if not.
    """
    from rig.fault_trial.campaign import default_jobs
    from rig.fault_trial.page import page

    with clear_errors(as_json=as_json):
        make_folder(out_dir)
        chosen = _chosen(only or [])
        jobs = jobs or default_jobs()
        done = _run(chosen, clean, replay, pairs, jobs, number, out_dir, quiet=as_json)
        target = page_file or out_dir / "trial.md"
        target.write_text("\n".join(page(done)).rstrip("\n") + "\n", encoding="utf-8")
        if as_json:
            print_json(_data(done))
        else:
            _print(done, target)
        missed = [score for score in done.total.scores if not score.detected]
        raise typer.Exit(1 if missed or done.alarms else 0)


def _chosen(words: Sequence[str]) -> list[Seed]:
    from rig.faults.catalogue import find_seed, seeds
    from rig.verdict.fault_class import FaultClass

    classes = {fault.value for fault in FaultClass}
    chosen: dict[str, Seed] = {}
    for word in words:
        own = [s for s in seeds().values() if s.fault_class.value == word.upper()]
        for seed in own if word.upper() in classes else [find_seed(word)]:
            chosen[seed.name] = seed
    return list((chosen if words else seeds()).values())


def _run(
    seeds: list[Seed],
    clean: int,
    replay: int,
    pairs: int,
    jobs: int,
    number: int,
    out_dir: Path,
    *,
    quiet: bool,
) -> Trial:
    from rig.clock import now
    from rig.fault_trial.campaign import begin_log, run_shots, source_state
    from rig.fault_trial.pace import Pace
    from rig.fault_trial.page import Facts, Trial
    from rig.fault_trial.score import tally
    from rig.fault_trial.shot import Kind, clean_shots, fault_shots, pair_shots
    from rig.faults.oddities import oddities

    shots = [
        *fault_shots(seeds, number),
        *clean_shots(CLEAN_SCENARIOS, tuple(oddities()), clean),
        *pair_shots(seeds, pairs, number),
    ]

    pace = Pace(now())

    def progress(done: int, of: int, result: Result) -> None:
        left = pace.left(now(), of - done)
        if not quiet:
            named = ", ".join(f"{f['class']} {f['component']}" for f in result["findings"])
            say(f"[{done}/{of}, {left}] {result['key']}: {result['outcome']} {named}")

    log, state = out_dir / "trial.jsonl", source_state()
    taken_up = begin_log(log, state)
    results = run_shots(shots, log, jobs=jobs, progress=progress)
    minutes = (now() - pace.began_at) / 60
    total = tally(results, {seed.name: seed for seed in seeds})
    replays = _replays(replay, quiet=quiet) if replay else []
    return Trial(
        facts=Facts(
            command=_command(),
            date=dt.datetime.now(tz=dt.UTC).date().isoformat(),
            machine=f"{os.cpu_count()} cores, Python {platform.python_version()}, "
            f"{platform.system()} {platform.release()}",
            jobs=jobs,
            state=state,
            minutes=None if taken_up else minutes,
            stalled=sum(result["tries"] > 1 for result in results),
            slowest_s=max((result["stall_s"] for result in results), default=0.0),
        ),
        total=total,
        clean=[result for result in results if result["kind"] == Kind.CLEAN],
        replays=replays,
        pairs=_pair_rows(results, total),
    )


def _command() -> str:
    """The command that was given, without where its results go."""
    words = ["phonerig", *sys.argv[1:]]
    for option in ("--out", "-o", "--page"):
        while option in words:
            place = words.index(option)
            del words[place : place + 2]
    return shlex.join(words)


def _replays(count: int, *, quiet: bool) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    from rig.fault_trial.legal import replay
    from rig.fault_trial.recording import record

    if not quiet:
        say(f"recording {len(RECORDED)} clean runs, then replaying them {count} times")
    with tempfile.TemporaryDirectory(prefix="phonerig-") as folder:
        recordings = list(record(Path(folder), *RECORDED).values())
    rows = []
    for number in range(count):
        recording = recordings[number % len(recordings)]
        changes, verdict = replay(recording, number)
        found = [str(finding) for finding in verdict.findings]
        if not found and verdict.outcome != "pass":
            found = [f"{verdict.outcome}: {verdict.sentence}"]
        rows.append((recording.name, changes, tuple(found)))
    return rows


def _pair_rows(results: list[Result], total: Tally) -> list[Any]:
    from rig.fault_guide import rules
    from rig.fault_trial.score import score_pair

    links = {rule.id: f"{table.name}.{rule.link}" for rule, table in rules()}
    alone = {score.seed.name: links.get(score.rule, "") for score in total.scores}
    seeds = {score.seed.name: score.seed for score in total.scores}
    rows = []
    for result in results:
        if result["kind"] == "pair":
            one, two = result["names"]
            outcome = score_pair((seeds[one], seeds[two]), result, alone)
            said = ", ".join(f"{f['class']} {f['component']}" for f in result["findings"])
            rows.append(((one, two), outcome, said or result["outcome"]))
    return rows


def _data(done: Trial) -> dict[str, Any]:
    total = done.total
    return {
        "faults": len(total.scores),
        "points": total.points,
        "detected": total.share("detected"),
        "right": total.share("right"),
        "proven": total.share("proven"),
        "healthy": total.healthy,
        "replays": len(done.replays),
        "false_alarms": done.alarms,
        "undecided": len(total.undecided),
        "matrix": [[*cell, count] for cell, count in sorted(total.matrix.items())],
        "pairs": [[list(names), outcome.value] for names, outcome, _ in done.pairs],
        "scores": [
            {"name": s.seed.name, "seeded": s.seed.fault_class.value, "named": s.named,
             "component": s.component, "rule": s.rule, "proven": s.proven, "points": s.points}
            for s in total.scores
        ],
    }  # fmt: skip


def _print(done: Trial, target: Path) -> None:
    from rig.fault_trial.page import page

    lines = list(page(done))
    start, end = lines.index("| figure | value |"), lines.index("## By fault")
    for line in lines[start:end]:
        say(line)
    say(f"written: {target}")
