"""Runs a trial: several benches at once in processes of their own, with progress.

A bench mostly waits, so several fit on one core; each in a process of its own, so that none holds
up another's event loop. A run in which the rig was disturbed all the same is run again by itself.
A trial that was ended goes on where it was, as long as the program is the same: results of two
states are never put together.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

import provisioning
import rig
from rig.errors import RigError
from rig.fault_trial.play import play_shot
from rig.fault_trial.shot import Shot

Result = dict[str, Any]
Progress = Callable[[int, int, Result], None]
"""How many are done, of how many, and the newest result."""


def default_jobs() -> int:
    """How many benches at once: three for each core, see docs/reference/trial.md."""
    return 3 * (os.cpu_count() or 1)


def source_state() -> str:
    """Tells one state of the program from another: a digest of all that decides what it does."""
    digest = hashlib.sha256()
    for package in (rig, provisioning):
        folder = Path(package.__path__[0])
        for path in sorted(folder.rglob("*")):
            if path.suffix in {".py", ".yaml"}:
                digest.update(path.relative_to(folder).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def begin_log(log: Path, state: str) -> bool:
    """Make a log ready for results of one state of the program.

    Args:
        log: file of results; one that belongs to another state is begun anew.
        state: of :func:`source_state`.

    Returns:
        Whether results stand in it that need not be run again.

    Raises:
        RigError: it cannot be written, or it is no log of a trial.
    """
    head = json.dumps({"state": state}) + "\n"
    try:
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True) if log.exists() else []
        if lines and lines[0] == head:
            return len(lines) > 1
        if lines and not _is_result(lines[0]):
            raise _no_log(log, 1)
        log.write_text(head, encoding="utf-8")
    except OSError as error:
        raise RigError(f"{log}: cannot be written ({error.strerror}); choose --out") from error
    return False


def run_shots(shots: Sequence[Shot], log: Path, *, jobs: int, progress: Progress) -> list[Result]:
    """Run what has not been run yet.

    Args:
        shots: the trial.
        log: of :func:`begin_log`, one JSON object a line; what stands in it is not run again.
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
        if not _is_result(line):
            if number == len(lines) and not line.endswith("\n"):
                _cut(log, "".join(lines[:-1]))
                return
            raise _no_log(log, number)
        result = json.loads(line)
        if "state" not in result:
            yield result


def _is_result(line: str) -> bool:
    """Whether a line is the head of a log, or a result."""
    try:
        data = json.loads(line)
    except ValueError:
        return False
    return isinstance(data, dict) and (
        "state" in data or {"key", "kind", "findings"} <= data.keys()
    )


def _no_log(log: Path, number: int) -> RigError:
    return RigError(f"{log}:{number}: no result of a trial; delete the file to begin anew")


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
