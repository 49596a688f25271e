"""Runs lives of a store (:mod:`store_life`) under strace: kills, faults, and what was called."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from peers import require_peer
from store_life import Model, Step

TESTS = Path(__file__).parent
FILE_CALLS = (
    "openat", "write", "pwrite64", "pread64", "fsync", "fdatasync", "unlink", "ftruncate",
    "mkdir", "fallocate", "fcntl", "close", "newfstatat", "getdents64",
)  # fmt: skip
"""System calls by which a store touches its files."""


@dataclass
class Ended:
    """One life after its end.

    Attributes:
        events: what it said, in order.
        killed: whether a signal ended it.
    """

    events: list[dict[str, Any]]
    killed: bool

    def of(self, event: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one["event"] == event]

    def after(self, before: Model) -> tuple[Model, list[Step]]:
        """What was kept, and what was under way at the end."""
        under_way: list[Step] = []
        for event in self.events:
            if event["event"] == "try":
                under_way.append(event["step"])
            elif event["event"] == "kept":
                before.apply(event["step"])
                under_way = [one for one in under_way if one["n"] != event["step"]["n"]]
        return before, under_way


class Lives:
    """Makes lives, one after the other. Use as a context manager."""

    def __init__(self) -> None:
        self._strace = require_peer("strace")
        self._folder = Path(tempfile.mkdtemp(prefix="phonerig-lives-"))
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._folder / "s"))
        self._listener.listen()
        self._listener.settimeout(30)
        self._server = subprocess.Popen(
            [sys.executable, str(TESTS / "store_life.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(30)
        self._server.stdout.close()
        self._listener.close()
        for path in self._folder.iterdir():
            path.unlink()
        self._folder.rmdir()

    def live(self, folder: Path, seed: int, words: Sequence[str], **order: Any) -> Ended:
        """Let a child live under strace.

        Args:
            folder: of the store.
            seed: what it does.
            words: for strace.
            order: further wishes.
        """
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        order |= {"folder": str(folder), "seed": seed, "socket": str(self._folder / "s")}
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        pid = int(self._server.stdout.readline())
        wait_stopped(pid)
        tracer = subprocess.Popen(
            [self._strace, "-f", "-p", str(pid), *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert tracer.stderr is not None
        said = tracer.stderr.readline()
        assert "attached" in said, said
        os.kill(pid, signal.SIGCONT)
        try:
            events = self._listen()
        finally:
            status = int(self._server.stdout.readline())
            tracer.communicate(timeout=30)
        crashed = [one["error"] for one in events if one["event"] == "crash"]
        assert not crashed, crashed[0]
        return Ended(events, os.WIFSIGNALED(status))

    def _listen(self) -> list[dict[str, Any]]:
        connection, _ = self._listener.accept()
        connection.settimeout(30)
        with connection, connection.makefile() as lines:
            return [json.loads(line) for line in lines if line.endswith("\n")]

    def calls(self, folder: Path, seed: int, **order: Any) -> Counter[str]:
        """How often the busiest thread of a life makes each of :data:`FILE_CALLS`."""
        log = self._folder / "log"
        traced = f"trace={','.join(FILE_CALLS)}"
        self.live(folder, seed, ["-o", str(log), "-e", traced, "-e", "signal=none"], **order)
        by_thread: Counter[tuple[str, str]] = Counter()
        for line in log.read_text(errors="replace").splitlines():
            match = re.match(r"(\d+) +(\w+)\(", line)
            if match:
                by_thread[match[1], match[2]] += 1
        most: Counter[str] = Counter()
        for (_, call), count in by_thread.items():
            most[call] = max(most[call], count)
        return most


def wait_stopped(pid: int) -> None:
    """Wait until a process has stopped itself."""
    give_up_at = time.monotonic() + 30
    while time.monotonic() < give_up_at:
        stat = Path(f"/proc/{pid}/stat").read_text()
        if stat.rpartition(")")[2].split()[0] == "T":
            return
        time.sleep(0.001)
    raise AssertionError(f"{pid} does not stop")
