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
        ended.set()


def test_a_call_that_is_cut_off_from_outside_is_cancelled() -> None:
    thread, ended = EventLoopThread(), threading.Event()
    before = signal.signal(signal.SIGALRM, _cut_off)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(_CutOffError):
            thread.call(_forever(ended), timeout_s=20)
        assert ended.wait(5)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        thread.close()


def test_a_call_whose_own_time_is_over_is_cancelled() -> None:
    thread, ended = EventLoopThread(), threading.Event()
    try:
        with pytest.raises(RigError, match="did not finish within"):
            thread.call(_forever(ended), timeout_s=0.05)
        assert ended.wait(5)
    finally:
        thread.close()
