"""Runs a verb that serves until it is told to stop, and stops it in good order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

from rig.commands.common import print_json, say, say_often

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run until it ends by itself, or Ctrl-C or SIGTERM ends it.

    A signal cancels the work, which then cleans up; a second one does not wait for that.

    Args:
        work: cleans up when cancelled.
    """
    asyncio.run(_supervise(work))


async def _supervise(work: Coroutine[Any, Any, None]) -> None:
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


async def forever() -> None:
    """Wait until cancelled."""
    await asyncio.Event().wait()


class EventLines:
    """Prints what happens as it happens: one line each, for people or as JSON.

    Args:
        as_json: one JSON object per line.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def tell(self, at: float, text: object, **data: object) -> None:
        """Print one event.

        Args:
            at: its instant, seconds of :mod:`rig.clock`.
            text: for people; made into text for them alone.
            data: the same as data; ``event`` is its kind.
        """
        if self._as_json:
            print_json({"at": at, **data}, indent=None)
        else:
            local = datetime.fromtimestamp(at, tz=UTC).astimezone()
            say_often(f"{local:%H:%M:%S}.{local.microsecond // 1000:03d} {text}")

    def note(self, text: str) -> None:
        """Print a line for people only."""
        if not self._as_json:
            say(text)
