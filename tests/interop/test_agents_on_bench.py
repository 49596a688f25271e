"""A run whose lamp is seen at another place: it passes by that lamp, and never without it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from mosquitto_kit import Mosquitto

from provisioning.inventory import load_site
from provisioning.resources import demo_site_dir
from rig.agent.buffer import EventBuffer
from rig.agent.config import WatchConfig
from rig.agent.site_agent import SiteAgent
from rig.bench import Bench
from rig.bench_agents import AgentLamps, AgentPlace
from rig.bench_config import BenchConfig
from rig.clock import now
from rig.errors import RigError
from rig.lamp.virtual import VirtualLamp
from rig.run import run_scenario
from rig.scenarios import scenarios
from rig.timeline import LampSeen
from rig.verdict.outcome import Outcome

pytestmark = pytest.mark.interop("mosquitto")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    running = Mosquitto(tmp_path)
    running.start()
    yield running
    running.kill()


class Far:
    """An agent whose clock is two seconds ahead; its lamp shines as anna's does, or not."""

    def __init__(self, broker: Mosquitto) -> None:
        self.clock = lambda: now() + 2.0
        self.dead = False
        self.buffer = EventBuffer(broker.folder / "far.sqlite")
        self.agent = SiteAgent(
            "hamburg", broker.broker("hamburg"), self.buffer, clock=self.clock, sign_of_life_s=0.5
        )
        self.lamp = VirtualLamp("desk", clock=self.clock)
        self.agent.watch("desk", self.lamp)
        self.agent.start()

    def follow(self, seen: LampSeen) -> None:
        if seen.lamp == "message" and not self.dead:
            self.lamp.show("message", seen.state)

    async def close(self) -> None:
        await self.agent.stop()
        self.buffer.close()


@contextlib.asynccontextmanager
async def far_bench(broker: Mosquitto, folder: Path) -> AsyncIterator[tuple[Bench, Far]]:
    far = Far(broker)
    watch = WatchConfig(broker.broker("run"), ("hamburg",))
    config = BenchConfig(
        site=load_site(demo_site_dir()),
        out_dir=folder / "out",
        roles={"caller": "emil", "callee": "anna"},
        seconds_per_ring=0.3,
        agent_lamps=AgentLamps(watch, {"anna": AgentPlace("hamburg", "desk")}),
    )
    try:
        async with Bench(config) as bench:
            bench.role("callee").lamp.subscribe(far.follow)
            yield bench, far
    finally:
        await far.close()


async def test_a_run_passes_by_a_lamp_at_another_place(broker: Mosquitto, tmp_path: Path) -> None:
    async with far_bench(broker, tmp_path) as (bench, _far):
        assert bench.lamp_of("callee").name == "agent:hamburg:virtual"
        record = await run_scenario(bench, scenarios()["busy"])
        assert record.outcome is Outcome.PASS, record.sentence
        lit = [e for e in bench.events if isinstance(e, LampSeen) and e.state.lit]
    assert {event.sensor for event in lit if event.handset == "anna"} == {"agent:hamburg:virtual"}


async def test_a_dead_lamp_at_another_place_is_found(broker: Mosquitto, tmp_path: Path) -> None:
    """The phone believes that it shines; the agent sees that it does not."""
    async with far_bench(broker, tmp_path) as (bench, far):
        far.dead = True
        record = await run_scenario(bench, scenarios()["busy"])
    assert record.outcome is Outcome.FAIL, record.sentence
    assert any(finding["class"] == "M9" for finding in record.findings)


async def test_without_its_agent_a_run_neither_passes_nor_blames_the_phone(
    broker: Mosquitto, tmp_path: Path
) -> None:
    async with far_bench(broker, tmp_path) as (bench, far):
        await far.agent.stop()
        while not bench.lamp_of("callee").reason():  # type: ignore[attr-defined] # noqa: ASYNC110
            await asyncio.sleep(0.05)
        record = await run_scenario(bench, scenarios()["busy"])
    assert record.outcome in {Outcome.INCONCLUSIVE, Outcome.ERROR}, record.sentence
    assert "the agent is gone" in str(record)


async def test_a_bench_does_not_open_without_its_agents(
    broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rig.bench_agents.KNOWN_WITHIN_S", 1.0)
    broker.kill()
    with pytest.raises(RigError, match="hamburg: the broker is not reached"):
        async with far_bench(broker, tmp_path):
            pytest.fail("it opened")
