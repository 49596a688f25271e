"""A call of the blocking API that nobody waits for any more does not go on."""

from __future__ import annotations

import asyncio
import signal
import threading
from types import FrameType

import pytest

from rig.blocking import EventLoopThread
from rig.errors import RigError


class _CutOffError(Exception):
    """What Robot Framework raises in the middle of a keyword whose time is over."""


def _cut_off(number: int, frame: FrameType | None) -> None:
    raise _CutOffError


async def _forever(ended: threading.Event) -> None:
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.05)  # as one who still hangs up
        ended.set()


def test_a_call_that_is_cut_off_from_outside_is_cancelled() -> None:
    thread, ended = EventLoopThread(), threading.Event()
    before = signal.signal(signal.SIGALRM, _cut_off)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(_CutOffError):
            thread.call(_forever(ended), timeout_s=20)
        assert ended.is_set()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        thread.close()


def test_a_call_whose_own_time_is_over_is_cancelled() -> None:
    thread, ended = EventLoopThread(), threading.Event()
    try:
        with pytest.raises(RigError, match="did not finish within"):
            thread.call(_forever(ended), timeout_s=0.05)
        assert ended.is_set()
    finally:
        thread.close()


def test_what_still_runs_ends_before_the_loop_does() -> None:
    thread, ended = EventLoopThread(), threading.Event()
    tasks: list[asyncio.Task[None]] = []

    async def leave_running() -> None:
        tasks.append(asyncio.create_task(_forever(ended)))
        await asyncio.sleep(0)

    thread.call(leave_running())
    thread.close()
    assert ended.is_set()
    assert tasks[0].cancelled()


def test_its_own_error_is_handed_on() -> None:
    thread = EventLoopThread()

    async def fails() -> None:
        raise KeyError("its own")

    try:
        with pytest.raises(KeyError, match="its own"):
            thread.call(fails())
    finally:
        thread.close()
