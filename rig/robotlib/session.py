"""What all keywords share: the open bench, the test under way, and how it ended.

No rule lives here; it starts and stops things and keeps what the listener needs.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from robot.api import SkipExecution, logger
from robot.libraries.BuiltIn import BuiltIn, RobotNotRunningError

from rig.assertion import RigFaultError, demand, demand_sight
from rig.bench import Bench
from rig.bench_config import BenchConfig
from rig.blocking import CALL_LIMIT_S, BlockingBench
from rig.capture.export import export_packets
from rig.errors import RigError
from rig.report.record import ScenarioRecord
from rig.trial import Trial
from rig.verdict.outcome import Outcome
from rig.verdict.rig_health import unhealthy

T = TypeVar("T")
NAME_LENGTH = 120


def slug(text: str) -> str:
    """A file name made of a test's long name; what it cannot hold counts in a sum at its end.

    Two tests whose names differ by an umlaut alone must not write into one file.
    """
    words = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()
    if text.isascii() and len(words) <= NAME_LENGTH:
        return words
    digest = f"{zlib.crc32(text.encode()):08x}"
    return f"{words[-(NAME_LENGTH - len(digest) - 1) :].strip('-')}-{digest}".lstrip("-")


class Session:
    """The bench of one Robot run and the test that uses it.

    Attributes:
        blocking: the open bench, or None.
        trial: the test under way, or None.
        record: verdict of the scenario that ran in this test, or None.
        asserted: somebody asked for that verdict.
        failed: verdict of the last assertion that failed in this test, or None.
    """

    def __init__(self) -> None:
        self.blocking: BlockingBench | None = None
        self.record: ScenarioRecord | None = None
        self.asserted = False
        self.failed: ScenarioRecord | None = None
        self._undo: list[Callable[[], Coroutine[Any, Any, object]]] = []
        self._trial: Trial | None = None
        self._settings: object = None
        self._work: Path | None = None
        self._test: tuple[str, str, tuple[str, ...]] = ("test", "test", ())

    # -- life cycle ---------------------------------------------------------------------

    def open(self, config: BenchConfig, settings: object) -> None:
        """Bring a bench up; one with the same settings that is up and sees already stays.

        Args:
            config: its ``out_dir`` is replaced by a folder that lives as long as the bench.
            settings: what the user asked for, to be compared with the next request.
        """
        if self._settings == settings and self.blocking is not None:
            blind = self.capture_stopped()
            if not blind:
                return
            logger.warn(f"the bench is brought up anew: {blind}")
        self.close()
        self._work = Path(tempfile.mkdtemp(prefix="phonerig-robot-"))
        bench = BlockingBench(replace(config, out_dir=self._work))
        try:
            bench.start()
        except BaseException:
            shutil.rmtree(self._work, ignore_errors=True)
            raise
        self.blocking, self._settings = bench, settings
        self.begin(*self._test)

    def close(self) -> None:
        """Take the bench down; nothing happens if none is up."""
        bench, self.blocking, self._settings, self._trial = self.blocking, None, None, None
        try:
            if bench is not None:
                bench.stop()
        finally:
            if self._work is not None:
                shutil.rmtree(self._work, ignore_errors=True)
                self._work = None

    def begin(self, name: str, title: str, requirements: tuple[str, ...]) -> None:
        """Start the window of a test: its packets, its lamps, its expectations."""
        self._test = (name, title, requirements)
        self.record, self.asserted, self.failed, self._trial = None, False, None, None
        if self.blocking is not None:
            self._trial = self.run(self._new_trial(self.blocking.bench))

    async def _new_trial(self, bench: Bench) -> Trial:
        name, title, requirements = self._test
        trial = Trial(bench, name, title=title, requirements=requirements)
        await bench.read_lamps()
        return trial

    # -- use ----------------------------------------------------------------------------

    @property
    def bench(self) -> Bench:
        """The bench that is up.

        Raises:
            RigFaultError: none is.
        """
        return self._blocking.bench

    @property
    def trial(self) -> Trial:
        """The test under way.

        Raises:
            RigFaultError: no bench is up.
        """
        if self._trial is None:
            raise RigFaultError("no bench is open: use Open Bench in the suite's setup")
        return self._trial

    @property
    def _blocking(self) -> BlockingBench:
        if self.blocking is None:
            raise RigFaultError("no bench is open: use Open Bench in the suite's setup")
        return self.blocking

    def run(self, coroutine: Coroutine[Any, Any, T], *, takes_s: float = 0.0) -> T:
        """Run something of the bench and wait for it.

        Args:
            coroutine: of the bench.
            takes_s: how long the test itself wants it to last, beside what the rig may need.
        """
        try:
            blocking = self._blocking
        except RigFaultError:
            coroutine.close()
            raise
        return blocking.call(coroutine, timeout_s=CALL_LIMIT_S + takes_s)

    def take(self, record: ScenarioRecord) -> ScenarioRecord:
        """Keep the record of a scenario for the assertion and for the log.

        Raises:
            SkipExecution: the bench cannot do it, and nothing was tried.
        """
        if record.outcome is Outcome.SKIPPED:
            raise SkipExecution(f"{record.name}: {record.sentence}")
        self.record, self.asserted = record, False
        logger.info(f"{record.name}: {record.outcome.value}: {record.sentence}")
        _log(record, logger.debug)
        return record

    def verdict(self) -> ScenarioRecord:
        """The verdict of the scenario that ran, else of all that this test expected."""
        if self.record is None:
            self.record = self.run(self.trial.record())
        self.asserted = True
        return self.record

    def demand(self, record: ScenarioRecord) -> None:
        """Pass on a judged expectation: log what was measured, raise what is wrong."""
        _log(record, logger.info)
        if record.outcome is not Outcome.PASS:
            self.failed = record
        demand(record)

    def demand_sight(self) -> None:
        """Raise if the capture of this test was not whole: what was asked of the wire is void.

        Raises:
            RigFaultError: it stopped or saw nothing.
            InconclusiveError: it has a hole.
        """
        demand_sight(self.run(self.trial.wire_faults()))

    def capture_stopped(self) -> str:
        """Why the bench's capture has stopped; empty if it runs, or if no bench is up."""
        if self.blocking is None:
            return ""
        bench = self.blocking.bench
        faults = unhealthy(bench.taps, self.run(bench.capture_health()))
        return "; ".join(f.sentence for f in faults if f.outcome is Outcome.ERROR)

    def at_the_end(self, undo: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Have something undone when the test ends: what owners set outlives a reset."""
        self._undo.append(undo)

    def undo(self) -> None:
        """Undo what the test has set, the last first; what cannot be undone is told."""
        while self._undo:
            coroutine = self._undo.pop()()
            try:
                self.run(coroutine)
            except RigError as error:
                logger.warn(f"could not undo what this test has set: {error}")

    # -- what the listener writes -------------------------------------------------------

    def final_record(self, message: str) -> ScenarioRecord | None:
        """What there is to show of a failed test, or None: what failed, else all it expected.

        Args:
            message: of the test; a failure that it expected is not in it.
        """
        failed = self.failed is not None and self.failed.sentence in message
        if self.record is None and failed:
            return self.failed
        if self.record is None and self._trial is not None and self.blocking is not None:
            return self.run(self._trial.record())
        return self.record

    def write_capture(self) -> Path | None:
        """Write the packets of this test into Robot's output folder.

        Returns:
            The file, or None if there is nothing to write or nowhere to write it.
        """
        folder = output_dir()
        if folder is None or self._trial is None or self.blocking is None:
            return None
        packets = self.blocking.bench.recorder.packets[self._trial.first_packet :]
        if not packets:
            return None
        path = folder / "captures" / f"{self._test[0]}.pcapng"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            export_packets(path, packets)
        except BaseException:
            path.unlink(missing_ok=True)  # half a capture would look like a whole one
            raise
        return path


def _log(record: ScenarioRecord, write: Callable[[str], None]) -> None:
    for measurement in record.measurements:
        value = "missing" if measurement["value"] is None else measurement["value"]
        write(f"{measurement['name']} = {value} {measurement['unit']}".rstrip())


def output_dir() -> Path | None:
    """Robot's output folder; None outside a run."""
    with contextlib.suppress(RobotNotRunningError):
        folder = BuiltIn().get_variable_value("${OUTPUT DIR}")
        return Path(folder) if folder else None
    return None
