"""A clean run, kept as packets and events, so that single things in it can be made wrong.

Media are kept as the streams they were, because recognising prompts takes time; SIP goes through
the real correlator again after every change.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from rig.bench import Bench
from rig.bench_config import BenchConfig
from rig.capture.correlate import Correlator
from rig.capture.packet import CapturedPacket
from rig.demo_bench import demo_config
from rig.errors import RigError
from rig.report.record import ScenarioRecord
from rig.run import run_scenario
from rig.scenarios import scenarios
from rig.timeline import BadSipSeen, SipSeen, Timeline, TimelineEvent
from rig.verdict.evidence import Evidence, Expectation
from rig.verdict.finding import Verdict
from rig.verdict.judge import judge
from rig.verdict.outcome import Outcome
from rig.verdict.rig_health import STALL_LIMIT_S, stalled_s

T = TypeVar("T")
TRIES = 5
Alter = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Recording:
    """Everything that one clean scenario left behind.

    Attributes:
        name: of the scenario.
        packets: SIP packets of every tap.
        events: everything else on the timeline.
        evidence: what was judged.
    """

    name: str
    packets: tuple[CapturedPacket, ...]
    events: tuple[TimelineEvent, ...]
    evidence: Evidence

    @property
    def started_at(self) -> float:
        """When the scenario began."""
        return self.evidence.started_at

    @property
    def ended_at(self) -> float:
        """When it ended."""
        return self.evidence.ended_at

    def messages(self, start: str, *, body: bytes = b"") -> list[bytes]:
        """Payloads of the scenario whose first line matches, in order, each once."""
        found = {
            p.payload: None
            for p in self.packets
            if p.at >= self.started_at
            and re.match(start.encode(), p.payload)
            and body in p.payload
        }
        return list(found)

    def judged(
        self,
        packets: Iterable[CapturedPacket] | None = None,
        events: Iterable[TimelineEvent] | None = None,
        **changes: object,
    ) -> Verdict:
        """Judge the recording with other packets, events or evidence."""
        correlator = Correlator()
        chosen = self.packets if packets is None else packets
        correlator.feed_all(sorted(chosen, key=lambda p: p.at))
        timeline = Timeline(list(self.events if events is None else events))
        timeline.merge(*correlator.events())
        return judge(replace(self.evidence, timeline=timeline, **changes))  # type: ignore[arg-type]  # named by callers

    def altered(self, payload: bytes, alter: Alter) -> Verdict:
        """Judge as if one message had been another one, at every tap."""
        return self.judged(
            replace(p, payload=alter(payload)) if p.payload == payload else p for p in self.packets
        )


def with_body(head: bytes, body: bytes) -> bytes:
    """A message with a body and the length that goes with it."""
    pattern = rb"(?im)^(Content-Length|l)[ \t]*:[^\r\n]*"
    return re.sub(pattern, b"Content-Length: %d" % len(body), head) + b"\r\n\r\n" + body


def change_body(old: bytes, new: bytes) -> Alter:
    """Replace text in the body by a pattern; the length follows."""

    def alter(payload: bytes) -> bytes:
        head, _, body = payload.partition(b"\r\n\r\n")
        return with_body(head, re.sub(old, new, body))

    return alter


def change_head(old: bytes, new: bytes) -> Alter:
    """Replace text in the start line and headers by a pattern."""

    def alter(payload: bytes) -> bytes:
        head, mark, body = payload.partition(b"\r\n\r\n")
        return re.sub(old, new, head, flags=re.MULTILINE) + mark + body

    return alter


def _is_sip(packet: CapturedPacket) -> bool:
    return b"SIP/2.0" in packet.payload[:2000]


def keep(bench: Bench, name: str, evidence: Evidence) -> Recording:
    """Make a recording of the evidence that a scenario was judged by."""
    return Recording(
        name=name,
        packets=tuple(p for p in bench.recorder.packets if _is_sip(p)),
        events=tuple(
            e for e in evidence.timeline.events if not isinstance(e, SipSeen | BadSipSeen)
        ),
        evidence=evidence,
    )


async def undisturbed(
    run: Callable[[Path], Awaitable[T]], folder: Path, good: Callable[[T], bool]
) -> T:
    """Run on a new bench, and again if the rig itself says that its evidence is no good.

    Only the rig's own disturbance counts: its event loop stood still or its capture was blind
    because the machine was busy. Whatever it says of the product is taken the first time.

    Args:
        run: runs in a folder of its own.
        folder: has a folder for each try.
        good: whether the rig vouches for what was seen.

    Returns:
        The first good result; the last one when there is none.
    """
    result = await run(folder / "try1")
    for number in range(2, TRIES + 1):
        if good(result):
            break
        result = await run(folder / f"try{number}")
    return result


def vouched(kept: tuple[Recording, ScenarioRecord]) -> bool:
    """Whether the rig saw everything of a recorded run, and at its time."""
    recording, result = kept
    stall_s = stalled_s(recording.evidence, recording.started_at)
    return stall_s < STALL_LIMIT_S and result.outcome is not Outcome.INCONCLUSIVE


async def record_one(
    folder: Path, name: str, config: BenchConfig | None = None, capture: str = "tap"
) -> tuple[Recording, ScenarioRecord]:
    """Run one scenario on a bench of its own and keep everything."""
    kept: list[Evidence] = []
    config = config or replace(demo_config(folder / name, capture=capture), seconds_per_ring=0.6)
    async with Bench(config) as bench:
        gather = bench.evidence

        async def listen(started_at: float, expectations: list[Expectation]) -> Evidence:
            kept.append(await gather(started_at, expectations))
            return kept[-1]

        bench.evidence = listen  # type: ignore[method-assign]  # listens in, changes nothing
        record = await run_scenario(bench, scenarios()[name])
        return keep(bench, name, kept[-1]), record


def record(folder: Path, *names: str, capture: str = "tap") -> dict[str, Recording]:
    """Run scenarios side by side, each on its own bench.

    Raises:
        RigError: one did not pass, so it is no clean run.
    """

    async def run() -> list[tuple[Recording, ScenarioRecord]]:
        def one(name: str) -> Awaitable[tuple[Recording, ScenarioRecord]]:
            return undisturbed(
                lambda where: record_one(where, name, capture=capture), folder, vouched
            )

        return await asyncio.gather(*(one(name) for name in names))

    found = {}
    for recording, result in asyncio.run(run()):
        if result.outcome is not Outcome.PASS:
            raise RigError(f"{recording.name} is no clean run: {result.sentence}")
        found[recording.name] = recording
    return found
