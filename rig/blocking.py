"""The same API for callers that do not use asyncio: Robot Framework, pytest, a shell.

One event loop in one thread; a call is handed over and waited for. Everything that is true of
:class:`rig.bench.Bench` is true here.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from rig.bench import Bench, Progress
from rig.bench_config import BenchConfig
from rig.errors import RigError
from rig.report.record import RunRecord, ScenarioRecord
from rig.run import run_scenario, run_scenarios
from rig.scenario import Scenario

T = TypeVar("T")

START_LIMIT_S = 90.0
CALL_LIMIT_S = 120.0
ENDING_S = 15.0
"""What is cancelled has so long to undo what it has begun."""
KEPT_RECORDS = 32


class EventLoopThread:
    """An event loop that runs in a thread of its own until closed."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self.loop.run_forever, name="phonerig loop", daemon=True
        )
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T], *, timeout_s: float = CALL_LIMIT_S) -> T:
        """Run a coroutine on the loop and wait for its result.

        Who is cut off from outside, by Ctrl-C or by the limit of a test framework, leaves nothing
        going on: the coroutine is cancelled, and what it undoes then is waited for.

        Raises:
            RigError: it did not finish in time; it is cancelled.
        """
        begun, over = threading.Event(), threading.Event()

        async def watched() -> T:
            begun.set()
            try:
                return await coroutine
            finally:
                over.set()

        future = asyncio.run_coroutine_threadsafe(watched(), self.loop)
        try:
            return future.result(timeout_s)
        except BaseException as error:
            if not future.done():
                future.cancel()
                if begun.is_set():
                    over.wait(ENDING_S)
            if isinstance(error, TimeoutError):
                raise RigError(f"the rig did not finish within {timeout_s:g} s") from error
            raise

    def close(self) -> None:
        """End what still runs, stop the loop and its thread."""
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(_end_all(), self.loop).result(ENDING_S)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=10)
        if not self.loop.is_running():
            self.loop.close()


async def _end_all() -> None:
    """Cancel every other task of this loop, and let each undo what it has to."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=ENDING_S)


class BlockingBench:
    """A bench whose methods wait.

    Attributes:
        bench: the asynchronous bench behind it.
        records: the last scenarios that :meth:`run_scenario` ran, for test frameworks to show.
    """

    def __init__(self, config: BenchConfig, *, progress: Progress | None = None) -> None:
        self._thread = EventLoopThread()
        self.bench = Bench(config, progress=progress)
        self.records: deque[ScenarioRecord] = deque(maxlen=KEPT_RECORDS)
        self._open = False

    def __enter__(self) -> Self:
        """Bring the bench up."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bench down."""
        self.stop()

    def start(self) -> None:
        """Bring the bench up.

        Raises:
            RigError: a part could not start.
        """
        try:
            self.call(self.bench.__aenter__(), timeout_s=START_LIMIT_S)
        except BaseException:
            self._thread.close()
            raise
        self._open = True

    def stop(self) -> None:
        """Take the bench down; safe to call twice."""
        if self._open:
            self._open = False
            self.call(self.bench.__aexit__(None, None, None))
            self._thread.close()

    def call(self, coroutine: Coroutine[Any, Any, T], *, timeout_s: float = CALL_LIMIT_S) -> T:
        """Run any coroutine of the bench and wait."""
        return self._thread.call(coroutine, timeout_s=timeout_s)

    def run_scenario(self, scenario: Scenario) -> ScenarioRecord:
        """Run and judge one scenario."""
        record = self.call(run_scenario(self.bench, scenario))
        self.records.append(record)
        return record

    def run(self, scenarios: list[Scenario], *, title: str) -> RunRecord:
        """Run and judge scenarios."""
        return self.call(run_scenarios(self.bench, scenarios, title=title), timeout_s=600)
