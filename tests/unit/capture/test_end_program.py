"""Ending the capture program: it may be gone already, or not want to go."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import pytest

from rig.capture.live import end_program

STUBBORN = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('up', flush=True); time.sleep(60)"
)


async def started(text: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-S", "-c", text, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"up\n"
    return process


async def test_a_program_that_ignores_the_signal_is_ended_by_force() -> None:
    process = await started(STUBBORN)
    await end_program(process, 0.05)
    assert process.returncode == -9
    await end_program(process, 0.05)


class Vanishing:
    """A process as asyncio shows it between its end and the news of it: signals find nobody."""

    def __init__(self, *, at: str) -> None:
        self.returncode: int | None = None
        self.told: list[str] = []
        self._at = at

    def _signal(self, name: str) -> None:
        self.told.append(name)
        if name == self._at:
            raise ProcessLookupError

    def terminate(self) -> None:
        self._signal("terminate")

    def kill(self) -> None:
        self._signal("kill")

    async def wait(self) -> int:
        if self._at not in self.told:
            await asyncio.Event().wait()
        self.returncode = 0
        return 0


@pytest.mark.parametrize(
    ("at", "told"), [("terminate", ["terminate"]), ("kill", ["terminate", "kill"])]
)
async def test_a_program_that_is_gone_at_either_signal_is_fine(at: str, told: list[str]) -> None:
    process = Vanishing(at=at)
    await end_program(cast("asyncio.subprocess.Process", process), 0.01)
    assert (process.told, process.returncode) == (told, 0)
