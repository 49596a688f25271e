"""An agent that was started anew has another clock: what came before is not dated by it."""

from __future__ import annotations

from rig.agent.link import Broker
from rig.agent.protocol import Event, LampData, Status
from rig.agent.remote import RemoteSites
from rig.timeline import LampState


class Asked:
    """A connection that takes every question."""

    def __init__(self) -> None:
        self.topics: list[str] = []

    async def publish(self, topic: str, octets: bytes, *, retain: bool = False) -> None:
        assert octets
        assert not retain
        self.topics.append(topic)


async def test_what_could_not_be_dated_by_the_old_clock_is_lost_and_counted() -> None:
    sites, session = RemoteSites(Broker("127.0.0.1", 9), ["hamburg"], clock=lambda: 50.0), Asked()
    agent = sites.agents["hamburg"]
    await sites._status(session, agent, Status("here", "first", "e", 1.0, last_seq=1))
    seen = LampData("lamp", "anna", "message", LampState.STEADY, "virtual")
    sites._event(agent, agent.order.take(Event("e", 1, 900.0, seen)))
    assert len(agent.held) == 1
    agent.clocks_asked = 5
    await sites._status(session, agent, Status("here", "second", "e", 1.0, last_seq=1))
    assert agent.held == []
    assert agent.order.lost == 1
    assert agent.clocks_asked == 0
    # The same run again forgets nothing.
    agent.meter.take(49.9, 1000.0, 50.0)
    await sites._status(session, agent, Status("here", "second", "e", 1.0, last_seq=1))
    assert agent.offset is not None
    await sites._status(session, agent, Status("here", "third", "e", 1.0, last_seq=1))
    assert agent.offset is None
    assert set(session.topics) == {"phonerig/1/hamburg/ask"}
