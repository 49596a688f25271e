"""What an agent does for others: now, once, for its own run, and nothing that was left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rig.agent.buffer import EventBuffer
from rig.agent.link import Broker
from rig.agent.protocol import ANSWER, ASK, AskDo, TellDone, read, write
from rig.agent.site_agent import SiteAgent


class Paper:
    """A connection on which some messages come in, and then nothing."""

    def __init__(self, *messages: tuple[bytes, bool]) -> None:
        self.comes_in = messages
        self.told: list[TellDone] = []

    async def messages(self) -> AsyncIterator[tuple[str, bytes, bool]]:
        for octets, kept in self.comes_in:
            yield "phonerig/1/hamburg/ask", octets, kept

    async def publish(self, topic: str, octets: bytes, *, retain: bool = False) -> None:
        assert (topic, retain) == ("phonerig/1/hamburg/answer", False)
        self.told.append(read(ANSWER, octets))


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[SiteAgent]:
    buffer = EventBuffer(tmp_path / "b.sqlite")
    done: list[str] = []

    async def press(name: str) -> None:
        done.append(name)

    made = SiteAgent("hamburg", Broker("127.0.0.1", 9), buffer, deeds={"press": press})
    made.done = done
    yield made
    await made.stop()
    buffer.close()


def wish(run: str, *, verb: str = "press", name: str = "w1") -> bytes:
    return write(ASK, AskDo("do", name, run, verb, "anna"))


async def hear(agent: SiteAgent, *messages: tuple[bytes, bool]) -> list[TellDone]:
    paper = Paper(*messages)
    await agent._hear(paper)
    while agent._work:
        await asyncio.wait(agent._work)
    return paper.told


async def test_a_wish_that_somebody_left_at_the_broker_is_not_heard(agent: SiteAgent) -> None:
    assert await hear(agent, (wish(agent.run), True)) == []
    assert agent.done == []
    assert await hear(agent, (wish(agent.run), False)) == [TellDone("done", "w1")]
    assert agent.done == ["anna"]


async def test_a_wish_is_done_once_and_answered_again(agent: SiteAgent) -> None:
    told = await hear(agent, (wish(agent.run), False))
    told += await hear(agent, (wish(agent.run), False))
    assert told == [TellDone("done", "w1")] * 2
    assert agent.done == ["anna"]


async def test_a_wish_for_another_run_or_that_is_not_allowed_is_refused(agent: SiteAgent) -> None:
    told = await hear(
        agent, (wish("before"), False), (wish(agent.run, verb="power", name="w2"), False)
    )
    whys = {each.id: each.why for each in told}
    assert whys["w1"] == "agent hamburg was restarted since this was asked"
    assert whys["w2"].startswith("agent hamburg does not allow power")
    assert agent.done == []
    assert agent.refused == 2
