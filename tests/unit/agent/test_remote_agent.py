"""What is known of one agent: why it is not believed, and since when its events are stuck."""

from __future__ import annotations

import pytest

from rig.agent.protocol import Event, FetchData, Status
from rig.agent.remote_agent import SILENT_AFTER_S, RemoteAgent
from rig.agent.remote_lamp import ON_ITS_WAY_S


class Watched:
    """An agent that is here, with a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.agent = RemoteAgent("hamburg", lambda: self.now)
        self.agent.status = Status("here", "run", "e", self.now, last_seq=1)
        self.agent.seen_at = self.now
        self.agent.meter.take(self.now - 0.01, self.now, self.now)
        self.comes(1)

    def comes(self, seq: int) -> None:
        self.agent.order.take(Event("e", seq, self.now, FetchData("fetch", {})))


def test_an_agent_that_says_nothing_for_long_is_not_believed() -> None:
    watched = Watched()
    watched.now += SILENT_AFTER_S
    assert watched.agent.doubt("") == ""
    watched.now += 0.1
    assert watched.agent.doubt("") == "no sign of life of the agent for 15 s"
    watched.agent.seen_at = watched.now
    assert watched.agent.doubt("") == ""


def test_events_are_missing_from_the_first_and_stuck_while_none_comes() -> None:
    watched = Watched()
    agent = watched.agent
    agent.status = Status("here", "run", "e", watched.now, last_seq=3)
    agent.look_behind()
    assert agent.doubt("") == ""
    watched.now += ON_ITS_WAY_S + 0.1
    agent.look_behind()
    assert agent.doubt("") == "events of the agent are missing"
    assert agent.stuck_since == pytest.approx(100.0)
    watched.comes(2)  # they are on their way
    agent.look_behind()
    assert agent.stuck_since == watched.now
    assert agent.behind_since == pytest.approx(100.0)
    watched.comes(3)
    agent.look_behind()
    assert (agent.behind_since, agent.stuck_since) == (None, None)
    assert agent.doubt("") == ""


def test_an_agent_that_cannot_keep_what_happens_is_not_believed() -> None:
    watched = Watched()
    watched.agent.status = Status("here", "run", "e", watched.now, last_seq=1, trouble="disk full")
    assert watched.agent.doubt("") == "the agent is in trouble: disk full"
    assert watched.agent.doubt("gone") == "the broker is not reached: gone"
