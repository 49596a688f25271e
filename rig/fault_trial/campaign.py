"""Runs a trial: several benches at once in processes of their own, resumable, with progress.

A bench mostly waits, so several fit on one core; each in a process of its own, so that none holds
up another's event loop. A run in which the rig was disturbed all the same is run again by itself.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

from rig.errors import RigError
from rig.fault_trial.play import play_shot
from rig.fault_trial.shot import Shot

Result = dict[str, Any]
Progress = Callable[[int, int, Result], None]
"""How many are done, of how many, and the newest result."""


def default_jobs() -> int:
    """How many benches at once: three for each core, see docs/reference/trial.md."""
    return 3 * (os.cpu_count() or 1)


def run_shots(shots: Sequence[Shot], log: Path, *, jobs: int, progress: Progress) -> list[Result]:
    """Run what has not been run yet.

    Args:
        shots: the trial.
        log: file of results, one JSON object a line; what stands in it is not run again.
        jobs: how many benches at once.
        progress: called after each result.

    Returns:
        The result of every shot, in the order of the shots.

    Raises:
        RigError: the log cannot be read or written, or a process died.
    """
    wanted = {shot.key: shot for shot in shots}
    known = {result["key"]: result for result in read_log(log) if result["key"] in wanted}
    left = [shot for key, shot in wanted.items() if key not in known]
    try:
        with log.open("a", encoding="utf-8") as out:
            for result in _played(left, jobs):
                known[result["key"]] = result
                out.write(json.dumps(result, ensure_ascii=False) + "\n")
                out.flush()
                progress(len(known), len(wanted), result)
    except OSError as error:
        raise RigError(f"{log}: cannot be written ({error.strerror}); choose --out") from error
    return [known[key] for key in wanted]


def read_log(log: Path) -> Iterator[Result]:
    """Results that stand in a log; a last line that was cut off is left out.

    Raises:
        RigError: a line is no result.
    """
    if not log.is_file():
        return
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        try:
            result = json.loads(line)
            result["key"], result["kind"], result["findings"]
        except (ValueError, TypeError, KeyError) as error:
            if number == len(lines) and not line.endswith("\n"):
                _cut(log, "".join(lines[:-1]))
                return
            raise RigError(
                f"{log}:{number}: no result of a trial; delete the file to begin anew"
            ) from error
        yield result


def _cut(log: Path, whole: str) -> None:
    """Leave out the line that was being written when the trial was ended."""
    log.write_text(whole, encoding="utf-8")


def _leave_ctrl_c() -> None:
    """Ctrl-C is the parent's to heed: it lets the runs under way end and keeps their results."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _played(shots: Iterable[Shot], jobs: int) -> Iterator[Result]:
    """Results as they come; never more shots under way than there are processes."""
    queue = iter(shots)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn, initializer=_leave_ctrl_c) as pool:
        running: set[Future[Result]] = set()
        try:
            while True:
                while len(running) < jobs and (shot := next(queue, None)) is not None:
                    running.add(pool.submit(play_shot, shot))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
