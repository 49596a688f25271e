"""A place: what it began for others ends with it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from provisioning.device_profile import shipped_profiles
from rig.agent import site_agent
from rig.agent.config import AgentConfig, Verb
from rig.agent.link import Broker
from rig.agent.place import Place


class Desk:
    """A handset whose message key has been pressed, and the call that came of it."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def press_message_key(self) -> Desk:
        self.said.append("calls")
        return self

    async def hang_up(self) -> None:
        self.said.append("hangs up")

    async def shut_down(self) -> None:
        self.said.append("goes")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(site_agent, "keep_connected", lambda *_, **__: asyncio.sleep(3600))
    config = AgentConfig(
        "hamburg", Broker("127.0.0.1", 9), tmp_path / "b.sqlite", allow=(Verb.PRESS,)
    )
    return Place(config, None, shipped_profiles(), lambda _text: None)


async def test_a_call_by_the_message_key_ends_before_its_handset_goes(place: Place) -> None:
    desk = Desk()
    place._handsets["anna"] = desk
    place._stack.push_async_callback(desk.shut_down)
    async with place:
        await place.agent._deeds["press"]("anna")
        await asyncio.sleep(0)
        assert desk.said == ["calls"]
    assert desk.said == ["calls", "hangs up", "goes"]
    assert not place._calls
